"""Samples for people to look at: drawn from all kinds, written to a sheet, their verdicts read back."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.monitor.metric.probe import Modes
from engine.report.visible import cell
from engine.run.storage import atomic_write

Group = Literal["kept", "rejected", "new-mode", "lost-mode"]
"""Learnt from; not learnt from; of a kind that the first iteration had not; of a kind that is gone since."""
Opinion = Literal["right", "wrong", "unsure"]
OPINIONS: dict[str, Opinion] = {"right": "right", "wrong": "wrong", "unsure": "unsure"}

COLUMNS = ("id", "group", "stratum", "score", "prompt", "completion", "reason", "flags", "verdict", "comment")
SHEET_CHARACTERS = 4000
MAX_SHEET_BYTES = 64_000_000


@dataclass(frozen=True)
class Sample:
    """One completion to look at."""

    group: Group
    prompt: str
    completion: str
    stratum: str = ""
    score: float | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()
    mode: str = ""

    @property
    def id(self) -> str:
        """Names the pair of prompt and completion."""
        text = f"{len(self.prompt)} {self.prompt}{self.completion}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Verdict:
    """What a human said of a sample."""

    sample: str
    opinion: Opinion
    comment: str = ""


def draw_samples(
    generated: Sequence[Episode],
    probe: Sequence[Episode],
    examples: Mapping[str, tuple[str, str]],
    modes: Modes,
    *,
    count: int = 20,
    seed: int = 0,
) -> list[Sample]:
    """Up to `count` samples of each group: kept and rejected of `generated`, new and lost modes of `probe`.

    `examples` has prompt and completion of each mode of the first iteration. Draws go round strata, then
    scores, so that rare ones are seen as well as common ones; the same seed draws the same.
    """
    rng = np.random.default_rng(seed)
    own = [episode for episode in generated if episode.source != "real"]
    kept, rejected = ([e for e in own if bool(e.kept) == is_kept] for is_kept in (True, False))
    drawn = [_sample("kept", episode) for episode in _stratified(kept, count, rng)]
    drawn += [_sample("rejected", episode) for episode in _stratified(rejected, count, rng)]
    fresh: dict[str, Episode] = {}
    seen = set()
    for episode in probe:
        for mode in modes(episode):
            seen.add(mode)
            if mode not in examples:
                fresh.setdefault(mode, episode)
    lost = sorted(mode for mode in examples if mode not in seen)
    drawn += [_sample("new-mode", fresh[mode], mode) for mode in _some(sorted(fresh), count, rng)]
    drawn += [Sample("lost-mode", *examples[mode], mode=mode) for mode in _some(lost, count, rng)]
    return drawn


def write_sheet(path: Path, samples: Iterable[Sample]) -> None:
    """A CSV with an empty column `verdict` for right, wrong or unsure; UserError where it cannot be."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for sample in samples:
        long = [cell(part, SHEET_CHARACTERS) for part in (sample.prompt, sample.completion, sample.reason)]
        score = "" if sample.score is None else f"{sample.score:.4g}"
        flags = cell(" ".join(sample.flags))
        writer.writerow([sample.id, sample.group, cell(sample.stratum), score, *long, flags, "", ""])
    atomic_write(path, text.getvalue().encode())


def read_verdicts(path: Path) -> list[Verdict]:
    """Verdicts of a sheet that was filled in, rows without one left out.

    UserError naming the line where the file is no such sheet or a verdict is another word.
    """
    try:
        if path.stat().st_size > MAX_SHEET_BYTES:
            raise UserError(f"'{path}' has more than {MAX_SHEET_BYTES} bytes; give a sheet of samples")
        rows = list(
            csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
        )
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror}; name a sheet of samples") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"'{path}' is no CSV in UTF-8: {error}; save the sheet as CSV") from error
    verdicts: dict[str, Verdict] = {}
    for line, row in enumerate(rows, start=2):
        if row.get("id") is None or row.get("verdict") is None:
            raise UserError(f"'{path}', row {line}: no id or verdict; keep the columns of the sheet")
        word = row["verdict"].strip().lower()
        if not word:
            continue
        if word not in OPINIONS:
            raise UserError(f"'{path}', row {line}: verdict {word[:40]!a}; write right, wrong or unsure")
        opinion = OPINIONS[word]
        verdict = Verdict(row["id"], opinion, (row.get("comment") or "").strip())
        if verdicts.setdefault(row["id"], verdict).opinion != opinion:
            raise UserError(
                f"'{path}', row {line}: another verdict on {row['id'][:40]!a} than above; leave one"
            )
    return list(verdicts.values())


def _stratified(episodes: Sequence[Episode], count: int, rng: np.random.Generator) -> list[Episode]:
    """Round by round one of each cell of stratum and score, cells and their members in random order."""
    cells: dict[tuple[str, float], list[Episode]] = {}
    known = set()
    for number in rng.permutation(len(episodes)):
        episode = episodes[number]
        what = episode.prompt.text, episode.completion
        if what not in known:
            known.add(what)
            cells.setdefault((episode.prompt.stratum, round(episode.result.score, 1)), []).append(episode)
    drawn: list[Episode] = []
    queues = list(cells.values())
    while queues and len(drawn) < count:
        drawn += [queue.pop() for queue in queues][: count - len(drawn)]
        queues = [queue for queue in queues if queue]
    return drawn


def _some(names: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    return [names[number] for number in rng.permutation(len(names))[:count]]


def _sample(group: Group, episode: Episode, mode: str = "") -> Sample:
    result = episode.result
    prompt = episode.prompt
    return Sample(
        group,
        prompt.text,
        episode.completion,
        prompt.stratum,
        result.score,
        result.reason,
        result.flags,
        mode,
    )
