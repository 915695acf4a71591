"""Completions that guards ask a person to judge: committed with a run, shown by a sheet, answered by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.errors import CorruptFileError
from engine.language.episode import Episode
from engine.language.monitor.metric.probe import shapes
from engine.report.sample import Sample, Verdict, draw_samples


@dataclass(frozen=True)
class Request:
    """Samples to be judged, and the iteration whose alarms ask for it."""

    iteration: int
    samples: tuple[Sample, ...]

    def to_json(self) -> dict[str, Any]:
        """What a commit carries; `from_json` reads it."""
        return {"iteration": self.iteration, "samples": [asdict(sample) for sample in self.samples]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Request:
        """What `to_json` made; CorruptFileError where it is nothing of the kind."""
        try:
            rows = [{**row, "flags": tuple(row["flags"])} for row in content["samples"]]
            return cls(int(content["iteration"]), tuple(Sample(**row) for row in rows))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"the commit holds no request for verdicts: {error!r}") from error

    def num_answered(self, verdicts: Sequence[Verdict]) -> int:
        """How many of the samples have a verdict."""
        return len({sample.id for sample in self.samples} & {verdict.sample for verdict in verdicts})


def to_judge(
    generated: Sequence[Episode], probe: Sequence[Episode], count: int, seed: int
) -> tuple[Sample, ...]:
    """`count` completions, or all that differ: as many kept as rejected ones, then those of the probe.

    Each kind goes round strata and scores, so that rare ones are seen as well as common ones.
    """
    drawn = draw_samples(generated, [], {}, shapes, count=count, seed=seed)
    kept, rejected = ([each for each in drawn if each.group == group] for group in ("kept", "rejected"))
    most = max(len(kept), len(rejected))
    mixed = [part[place] for place in range(most) for part in (kept, rejected) if place < len(part)]
    mixed += draw_samples(probe, [], {}, shapes, count=count, seed=seed)
    return tuple({sample.id: sample for sample in reversed(mixed)}.values())[::-1][:count]
