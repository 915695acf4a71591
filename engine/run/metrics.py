"""What a run tells about itself: `metrics.jsonl`, one object an iteration, and the same in TensorBoard.

A tag is `group/name`. TensorBoard, which sorts by name, shows it as `3 games/search/cache_hits`: in numbered
sections, see engine.run.tensorboard, what matters most first. The groups, in the order of the data's path:

    selfplay/  games as they are played: length, results, how many distinct
    search/    visits, priors against targets, proofs, cache
    replay/    the window and how often a position is drawn
    loss/      what the learner minimises
    policy/    the network's move probabilities: entropy, agreement with the search
    value/     the network's win, draw and loss: calibration against outcomes
    truth/     mistakes and optimal moves where the exact value is known
    arena/     results of matches
    speed/     positions, evaluations and samples a second
    time/      seconds of wall time an iteration by what they went on; the parts come to time/total_s; beside
               them time/reference_minutes, of the whole run so far, see engine.evaluator.reference_rate
    machine/   memory of the process

and of a run on text:

    result/    the final table
    accuracy/  greedy on held-out problems, in all and by skill
    pass/      the chance that one of k samples is right
    gate/      the new model against the old
    preference/ completions preferred against those rejected, as the learner sees them
    data/      what was sampled and kept, how much is real, what overlaps evaluation items
    coverage/  what of the known solutions is found
    diversity/ entropy and variety of samples
    length/    of samples, in tokens
    drift/     from the first model and from real data
    hacking/   signs of a score won without the work; hacking/gold, the score itself, stands with the result
    judge/     a learned verifier asked twice
    oversight/ iterations since a person has judged
    alarm/     alerts of each level
    guard/     what guards would have done, where they only observe
"""

from __future__ import annotations

import bisect
import io
import json
import math
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.run import storage
from engine.run.layout import EVENTS, METRICS
from engine.run.tensorboard import EventFile


def resident_mb() -> float:
    """Memory of this process in MB; its peak where the system does not tell the present."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class Metrics:
    """The writer of a run's metrics; a context manager.

    `run_path`/metrics.jsonl is the record: a line is on disk when `write` returns. `run_path`/tb is a view
    of it: where it cannot be written there is one warning on stderr and the run goes on.
    `iteration` is the last one to keep: later lines, from before a resume, are cut off.
    """

    def __init__(
        self,
        run_path: Path,
        iteration: int = 0,
        *,
        tensorboard: bool = True,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.path = run_path / METRICS
        cut_back(self.path, iteration, warn)
        storage.append(self.path, b"")
        self._events: EventFile | None = None
        if tensorboard:
            self._try_events(lambda: self._open_events(run_path / EVENTS, iteration + 1))

    def write(self, iteration: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Append one line and show its numbers; returns the line.

        Nested mappings become tags with slashes; NaN and infinities become null. Raises UserError where
        the file cannot be written.
        """
        line = {"iteration": iteration, **_flatten(values)}
        text = json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n"
        storage.append(self.path, text.encode())
        self._show(lambda events: events.scalars(iteration, line))
        return line

    def text(self, iteration: int, tag: str, markdown: str) -> None:
        """Show a text (a sample game, the settings) in TensorBoard."""
        self._show(lambda events: events.text(iteration, tag, markdown))

    def close(self) -> None:
        """Close the file of events."""
        self._show(lambda events: events.close())

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_events(self, folder: Path, first_step: int) -> None:
        self._events = EventFile(folder, first_step)

    def _show(self, show: Any) -> None:
        events = self._events
        if events is not None:
            self._try_events(lambda: show(events))

    def _try_events(self, action: Any) -> None:
        try:
            action()
        except OSError as error:
            if self._events is not None:
                self._events.close()
                self._events = None
            where = error.filename or self.path.with_name(EVENTS)
            print(f"warning: TensorBoard is off: '{where}': {error.strerror}", file=sys.stderr)


def read_metrics(path: Path, warn: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """Read the lines of a metrics.jsonl; those that are damaged are passed over, and `warn` is told of them.

    By default it is said on stderr. A last line without its end is one that is being written.
    """
    raw = _split(path)
    lines = _fitting([_parse(line) for line in raw])
    if raw and lines[-1] is None and not raw[-1].endswith(b"\n"):
        lines.pop()
    _tell(path, lines, warn)
    return [line for line in lines if line is not None]


def last_iteration(path: Path) -> int | None:
    """The last iteration that a metrics.jsonl tells of; None where it is not there or tells of none."""
    if not storage.is_file(path):
        return None
    return max((line["iteration"] for line in read_metrics(path, lambda _: None)), default=None)


def cut_back(path: Path, iteration: int, warn: Callable[[str], None] | None = None) -> None:
    """Cut off the lines after `iteration`, and a line at the end that a kill has torn.

    Damaged lines that others follow are kept as they are, and `warn` is told of them, by default stderr.
    """
    if not storage.is_file(path):
        return
    raw = _split(path)
    lines = _fitting([_parse(line) if line.endswith(b"\n") else None for line in raw])
    kept = _length_kept(lines, iteration, is_torn=bool(raw) and raw[-1].count(b'"iteration"') < 2)
    storage.truncate(path, sum(map(len, raw[:kept])))
    _tell(path, lines[:kept], warn)


def _split(path: Path) -> list[bytes]:
    return io.BytesIO(storage.read_checked(path)).readlines()


def _length_kept(lines: Sequence[dict[str, Any] | None], iteration: int, is_torn: bool) -> int:
    """How many lines are not after `iteration`; a bad one at the end counts unless it is torn.

    It is not where two lines have run together, as they do when the end of one is damaged.
    """
    kept, last = 0, 0
    for number, line in enumerate(lines, start=1):
        if line is not None and line["iteration"] <= iteration:
            kept, last = number, line["iteration"]
    while kept < len(lines) - is_torn and lines[kept] is None and last < iteration:  # an iteration a line
        kept, last = kept + 1, last + 1
    return kept


def _fitting(lines: Sequence[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    """The lines, None for as few as can be, so that the iterations of the others rise."""
    ends: list[int] = []  # of the longest rising series of each length, the one whose last number is least
    places: list[int] = []
    before: dict[int, int | None] = {}
    for place, line in enumerate(lines):
        if line is None:
            continue
        length = bisect.bisect_left(ends, line["iteration"])
        before[place] = places[length - 1] if length else None
        ends[length:], places[length:] = (
            [line["iteration"], *ends[length + 1 :]],
            [place, *places[length + 1 :]],
        )
    fitting: set[int] = set()
    place_or_none = places[-1] if places else None
    while place_or_none is not None:
        fitting.add(place_or_none)
        place_or_none = before[place_or_none]
    return [line if place in fitting else None for place, line in enumerate(lines)]


def _tell(path: Path, lines: Sequence[Any], warn: Callable[[str], None] | None) -> None:
    damaged = [number for number, line in enumerate(lines, start=1) if line is None]
    if not damaged:
        return
    shown = ", ".join(map(str, damaged[:5])) + (f" and {len(damaged) - 5} more" if len(damaged) > 5 else "")
    text = f"'{path}', line{'s' * (len(damaged) > 1)} {shown}: damaged, passed over"
    if warn is not None:
        warn(text)
    else:
        print(f"warning: {text}", file=sys.stderr)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}/"))
        else:
            flat[prefix + key] = _to_json(value)
    return flat


def _to_json(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy and torch
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_metrics = isinstance(parsed, dict) and isinstance(parsed.get("iteration"), int)
    return parsed if is_metrics else None
