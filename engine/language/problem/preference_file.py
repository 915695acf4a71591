"""Preferences of people, or of anyone, from a file: JSON lines, JSON, CSV or Parquet with trl's columns."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from engine.errors import UserError
from engine.language.problem import row_file, table_file
from engine.language.problem.contamination import EvaluationIndex
from engine.language.problem.preference_row import UNREAD, Compared, UnfitError, compared, labelled
from engine.language.spelling import spaced_once
from engine.language.task import Prompt, Task

READ = f"{row_file.READ}, {table_file.READ}"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Preference:
    """Two responses to a prompt."""

    prompt: str
    chosen: str
    rejected: str
    share: float = 1.0
    """The probability that the chosen one is the better, at least 1/2."""
    key: str = ""
    """Of the problem; by default the prompt."""


@dataclass(frozen=True)
class Labelled:
    """One response to a prompt, wanted or not (KTO)."""

    prompt: str
    completion: str
    label: bool
    key: str = ""


@dataclass
class _Reading:
    """A file as it is read."""

    path: Path
    end: str
    """That no response may hold."""
    problems: Mapping[str, Prompt]
    """Of the task, by their text."""
    index: EvaluationIndex | None
    out: Counter[str]
    """Rows left out, by reason."""
    total: int = 0

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        read = table_file.table_rows if table_file.is_table(self.path) else row_file.read_rows
        for where, row in read(self.path):
            self.total += 1
            yield where, row

    def response(self, text: str) -> str:
        """A response as the task writes it; UnfitError for one that it never would."""
        text = text.removesuffix(self.end) if self.end else text
        if self.end and self.end in text:
            raise UnfitError(f"with {self.end!r} inside, which ends a response of this task")
        return text

    def key(self, prompt: str, *responses: str) -> str:
        """Of the problem; UnfitError for one that models are measured on."""
        known = self.problems.get(prompt)
        key = known.key if known else prompt
        problem = Prompt(hashlib.sha256(prompt.encode()).hexdigest()[:16], prompt, key)
        if self.index is not None:
            for response in responses:
                if self.index.find(_Record(problem, response)):
                    raise UnfitError("that are, or hold, evaluation items")
        return key

    def close(self, kept: int, what: str, tell: Tell) -> None:
        """Say what was left out; UserError where nothing is left."""
        out = +self.out
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(out.items()))
        if not kept:
            raise UserError(
                f"'{self.path}' has no {what} that can be learnt from"
                + (f": {told}" if told else "")
                + f"; give {READ}" * (not self.total)
            )
        if told:
            tell(f"'{self.path}': {out.total()} of {self.total} rows are left out: {told}")


@dataclass(frozen=True)
class _Record:
    prompt: Prompt
    completion: str


def read_preferences(
    path: Path,
    task: Task | None = None,
    *,
    problems: Sequence[Prompt] = (),
    index: EvaluationIndex | None = None,
    tell: Tell = lambda _: None,
) -> list[Preference]:
    """The comparisons of a file, in its order, each two responses of a prompt once.

    Where the same two are compared several times, the share is the mean; where that is exactly one half of
    votes for either, they cancel. The first of a pair is the one that is preferred.

    Args:
        path: of the file; `preference_row` has the columns. Optional ones: `share` or `probability`, how
            surely the chosen one is better, and a score of each (`score_chosen`, `score_rejected`), which
            has to agree.
        task: whose `end` no response may hold; one at the end of a response is taken off.
        problems: of the task, for their keys, and for responses that begin with the prompt.
        index: of the items that models are measured on; comparisons on them are left out.
        tell: is told in one line what was left out, by reason and number.

    Raises:
        UserError: for a file that cannot be read, a row without the columns, with what they cannot hold, and
            where nothing is left.
    """
    reading = _Reading(path, task.end if task else "", _by_text(problems), index, Counter())
    texts = sorted(reading.problems, key=len, reverse=True)
    found: dict[tuple[str, ...], list[Preference]] = defaultdict(list)
    for where, row in reading.rows():
        _refuse_other(where, row, "pairs")
        try:
            pair = _checked(reading, compared(where, row, texts))
        except UnfitError as reason:
            reading.out[str(reason)] += 1
            continue
        if reading.total == 1:
            _tell_unread(row, path, tell)
        ways = sorted((spaced_once(pair.chosen), spaced_once(pair.rejected)))
        found[(spaced_once(pair.prompt), *ways)].append(pair)
    kept = [pair for votes in found.values() for pair in _verdict(votes, reading.out)]
    reading.close(len(kept), "comparison", tell)
    return kept


def read_labelled(
    path: Path,
    task: Task | None = None,
    *,
    problems: Sequence[Prompt] = (),
    index: EvaluationIndex | None = None,
    tell: Tell = lambda _: None,
) -> list[Labelled]:
    """Responses that are wanted or not: trl's unpaired rows, or each side of its pairs.

    Arguments and errors are those of `read_preferences`. A response that is labelled both ways is left out,
    one that repeats counts once.
    """
    if form(path) == "pairs":
        pairs = read_preferences(path, task, problems=problems, index=index, tell=tell)
        sides = [
            (pair, text, label)
            for pair in pairs
            for text, label in ((pair.chosen, True), (pair.rejected, False))
        ]
        return [Labelled(pair.prompt, text, label, pair.key) for pair, text, label in sides]
    reading = _Reading(path, task.end if task else "", _by_text(problems), index, Counter())
    found: dict[tuple[str, str], list[Labelled]] = defaultdict(list)
    for where, row in reading.rows():
        try:
            prompt, completion, label = labelled(where, row)
            completion = reading.response(completion)
            one = Labelled(prompt, completion, label, reading.key(prompt, completion))
        except UnfitError as reason:
            reading.out[str(reason)] += 1
            continue
        found[spaced_once(prompt), spaced_once(completion)].append(one)
    kept = []
    for same in found.values():
        if len({each.label for each in same}) == 2:
            reading.out["labelled both ways"] += len(same)
        else:
            kept.append(same[0])
            reading.out["that repeat another"] += len(same) - 1
    reading.close(len(kept), "labelled response", tell)
    return kept


def form(path: Path) -> Literal["pairs", "labels"]:
    """Whether a file holds pairs, or single responses with labels, by its first row."""
    read = table_file.table_rows if table_file.is_table(path) else row_file.read_rows
    for _, row in read(path):
        return "labels" if "label" in row and "chosen" not in row else "pairs"
    raise UserError(f"'{path}' is empty; give {READ}")


def _checked(reading: _Reading, row: Compared) -> Preference:
    chosen, rejected = reading.response(row.chosen), reading.response(row.rejected)
    if not chosen.strip() or not rejected.strip():
        raise UnfitError("with an empty text")
    key = reading.key(row.prompt, chosen, rejected)
    if row.share < 0.5:
        return Preference(row.prompt, rejected, chosen, 1 - row.share, key)
    return Preference(row.prompt, chosen, rejected, row.share, key)


def _verdict(votes: Sequence[Preference], out: Counter[str]) -> Iterator[Preference]:
    """What comparisons of the same two responses say together."""
    first = votes[0]
    shares = [
        vote.share if spaced_once(vote.chosen) == spaced_once(first.chosen) else 1 - vote.share
        for vote in votes
    ]
    share = sum(shares) / len(shares)
    ways = {spaced_once(vote.chosen) for vote in votes}
    if len(ways) == 2 and abs(share - 0.5) < 1e-9:
        out["preferred both ways"] += len(votes)
        return
    out["that join another of the same two" if len(ways) == 2 else "that repeat another"] += len(votes) - 1
    if share < 0.5:
        first, share = replace(first, chosen=first.rejected, rejected=first.chosen), 1 - share
    yield replace(first, share=share)


def _by_text(problems: Sequence[Prompt]) -> dict[str, Prompt]:
    return {prompt.text: prompt for prompt in problems}


def _refuse_other(where: str, row: Mapping[str, Any], wanted: str) -> None:
    if "label" in row and "chosen" not in row:
        raise UserError(
            f"{where}: single responses with labels, where {wanted} are needed; give chosen and rejected, or "
            "learn from labels by the loss 'kto'"
        )


def _tell_unread(row: Mapping[str, Any], path: Path, tell: Tell) -> None:
    if unread := [name for name in UNREAD if row.get(name)]:
        tell(f"'{path}': columns that have no effect: {', '.join(unread)}")
