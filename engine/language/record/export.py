"""Episodes as the data sets that other trainers read: JSON lines or Parquet with the columns of TRL.

Columns come as in TRL's "Dataset formats and types", standard format:

    sft          prompt, completion               real data and what the filter kept
    preference   prompt, chosen, rejected         of each problem the best and the worst, where they differ
    unpaired     prompt, completion, label        everything, with whether it is right
    stepwise     prompt, completions, labels      everything, cut into steps

and behind them where each text came from, which trainers leave aside. Of a game of two a row of the first and
third kind is one step, by its own player's result: `sft` has those of the winner, and of both after a draw.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import UserError
from engine.language.episode import Episode, played_steps, result_of
from engine.language.task import Task
from engine.plugin import suggest
from engine.run.storage import Digest, atomic_write

Labels = Callable[[Episode, Sequence[str]], Sequence[bool]]
"""(episode, its steps) to whether each step is right."""

_ORIGIN = {
    "task": pa.string(),
    "key": pa.string(),
    "score": pa.float64(),
    "verifier": pa.string(),
    "source": pa.string(),
    "model": pa.string(),
    "iteration": pa.int32(),
    "seed": pa.string(),
    "temperature": pa.float64(),
    "logprob": pa.float64(),
    "tokens": pa.int64(),
    "visits": pa.int64(),
}

_TOLD = 3
"""Verdicts that a refusal counts, the commonest."""

_TEXT, _TEXTS, _LABELS = pa.string(), pa.list_(pa.string()), pa.list_(pa.bool_())
_PAIR_ORIGIN = {f"{side}_{name}": kind for side in ("chosen", "rejected") for name, kind in _ORIGIN.items()}

COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "sft": {"prompt": _TEXT, "completion": _TEXT, **_ORIGIN},
    "preference": {"prompt": _TEXT, "chosen": _TEXT, "rejected": _TEXT, **_PAIR_ORIGIN},
    "unpaired": {"prompt": _TEXT, "completion": _TEXT, "label": pa.bool_(), **_ORIGIN},
    "stepwise": {"prompt": _TEXT, "completions": _TEXTS, "labels": _LABELS, **_ORIGIN},
}
"""By kind of data set; the last columns are the origin of each text."""


def export(
    path: Path, kind: str, episodes: Iterable[Episode], task: Task, step_labels: Labels | None = None
) -> Digest:
    """Write a data set, whole or not at all; the ending says how: .jsonl or .parquet.

    Raises UserError for another kind or ending, and where there is nothing to write, saying why.
    """
    if kind not in COLUMNS:
        raise UserError(f"there is no export '{kind}'; {suggest(kind, COLUMNS)}")
    if path.suffix not in (".jsonl", ".parquet"):
        raise UserError(f"cannot export to '{path}'; end the name with .jsonl or .parquet")
    read = list(episodes)
    found = list(rows(kind, read, task, step_labels))
    if not found:
        why = why_nothing(kind, read, task)
        raise UserError(f"no episode makes a row of '{kind}', so '{path}' was not written: {why}")
    try:
        data = _json_lines(found) if path.suffix == ".jsonl" else _parquet(kind, found)
    except UnicodeEncodeError as error:
        raise UserError(f"an episode has text that UTF-8 cannot hold: {error.object[:40]!r}") from error
    return atomic_write(path, data)


def rows(
    kind: str, episodes: Iterable[Episode], task: Task, step_labels: Labels | None = None
) -> Iterator[dict[str, Any]]:
    """Rows with the columns of COLUMNS[kind]."""
    if task.num_players == 2:
        yield from _played(kind, episodes, task, step_labels)
        return
    if kind == "preference":
        yield from _pairs(episodes, task)
        return
    for episode in episodes:
        if kind == "sft" and not (episode.kept or episode.source == "real"):
            continue
        row: dict[str, Any] = {"prompt": episode.prompt.text}
        if kind == "stepwise":
            steps = [step.text for step in episode.steps] or task.steps(episode.completion)
            if not steps:
                continue
            labels = (step_labels or outcome_labels)(episode, steps)
            row |= {"completions": steps, "labels": [bool(label) for label in labels]}
        else:
            row["completion"] = episode.completion
        if kind == "unpaired":
            row["label"] = episode.result.score == 1
        yield row | _origin(episode, task)


def why_nothing(kind: str, episodes: Sequence[Episode], task: Task) -> str:
    """Why none of these makes a row of `kind`, counted by reason, and what to do; one line."""
    if not episodes:
        return "the run has written no completions; take a method that samples, or one more iteration"
    if kind == "preference":
        return _why_no_pairs(episodes)
    if kind == "stepwise" and task.num_players == 1:
        return f"all {len(episodes)} completions are empty, which have no steps; try --format unpaired"
    reasons = Counter(_why_left_out(episode, task) for episode in episodes)
    counts = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    verdicts = Counter(episode.result.reason for episode in episodes if _is_faulted(episode))
    del verdicts[""]
    told = ", ".join(f"{reason[:40]!r} {count}" for reason, count in verdicts.most_common(_TOLD))
    remedy = "train longer"
    if task.num_players == 1:
        remedy += " or lower filter.thresholds, or take them all by --format unpaired"
    return f"of {len(episodes)} completions {counts}{f' (verdicts: {told})' if told else ''}; {remedy}"


def _is_faulted(episode: Episode) -> bool:
    return episode.result.score < 1 or episode.result.is_forfeit


def _why_left_out(episode: Episode, task: Task) -> str:
    if task.num_players == 2:
        if episode.result.is_forfeit:
            return "forfeited, of which nothing is learnt"
        return "without a step" if not episode.completion else "left out (not kept by the filter)"
    if not episode.ended:
        return "cut at the limit of tokens"
    if episode.result.score < 1:
        return "wrong" if episode.result.score == 0 else "partly right"
    if episode.source == "hint" and task.leaks(episode.prompt, episode.completion):
        return "right by a hint that leaks"
    return "right but left out (repeats, over filter.per_prompt, or like evaluation items)"


def _why_no_pairs(episodes: Sequence[Episode]) -> str:
    scores: dict[str, list[float]] = {}
    for episode in episodes:
        scores.setdefault(episode.prompt.text, []).append(episode.result.score)
    kinds = Counter(
        "with one completion"
        if len(each) == 1
        else "all right"
        if min(each) == 1
        else "all wrong"
        if max(each) == 0
        else "all scored alike"
        for each in scores.values()
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return (
        "a pair needs two completions of one problem with different scores, and of "
        f"{len(scores)} problems {counts}; raise sample.samples, or try --format unpaired"
    )


def outcome_labels(episode: Episode, steps: Sequence[str]) -> list[bool]:
    """A step is right where the search thinks its player more likely to win than not; without a search all
    steps are what the verdict is (the hard label of Math-Shepherd, 2312.08935, from one completion)."""
    right = episode.result.score == 1
    if len(episode.steps) != len(steps):
        return [right] * len(steps)
    labels = []
    for step in episode.steps:
        found = dict(zip(step.proposals, step.q, strict=True)).get(step.text, float("nan"))
        labels.append(right if found != found else found > 0)
    return labels


def _played(
    kind: str, episodes: Iterable[Episode], task: Task, step_labels: Labels | None
) -> Iterator[dict[str, Any]]:
    """Rows of a game of two: each side's own steps with its own result, nothing of a forfeit."""
    if kind == "preference":
        raise UserError(f"task '{task.name}' is a game of two, which makes no pairs; export sft or unpaired")
    for episode in episodes:
        if episode.result.is_forfeit or (kind == "sft" and not (episode.kept or episode.source == "real")):
            continue
        played = list(played_steps(task, episode.prompt, episode.completion))
        own = [result_of(episode.result, player) for _, _, player in played]
        if kind == "stepwise" and played:
            steps = [step for _, step, _ in played]
            searched = step_labels or (outcome_labels if len(episode.steps) == len(steps) else None)
            labels = searched(episode, steps) if searched else [result == 1 for result in own]
            row = {"prompt": episode.prompt.text, "completions": steps, "labels": [bool(x) for x in labels]}
            yield row | _origin(episode, task)
        elif kind != "stepwise":
            for (before, step, _), result in zip(played, own, strict=True):
                if kind == "unpaired" or result >= 0.5:
                    row = {"prompt": episode.prompt.text + before, "completion": step}
                    label = {"label": result == 1} if kind == "unpaired" else {}
                    yield row | label | _origin(episode, task)


def _pairs(episodes: Iterable[Episode], task: Task) -> Iterator[dict[str, Any]]:
    """The earliest of the best and of the worst of each problem, in the order in which problems come."""
    best: dict[str, Episode] = {}
    worst: dict[str, Episode] = {}
    for episode in episodes:
        problem = episode.prompt.text
        if problem not in best or episode.result.score > best[problem].result.score:
            best[problem] = episode
        if problem not in worst or episode.result.score < worst[problem].result.score:
            worst[problem] = episode
    for problem, chosen in best.items():
        rejected = worst[problem]
        if chosen.result.score > rejected.result.score:
            pair = {"prompt": problem, "chosen": chosen.completion, "rejected": rejected.completion}
            for side, episode in (("chosen", chosen), ("rejected", rejected)):
                pair |= {f"{side}_{name}": value for name, value in _origin(episode, task).items()}
            yield pair


def _origin(episode: Episode, task: Task) -> dict[str, Any]:
    """Values of _ORIGIN."""
    return {
        "task": task.name,
        "key": episode.prompt.key,
        "score": episode.result.score,
        "verifier": episode.result.kind,
        "source": episode.source,
        "model": episode.model,
        "iteration": episode.iteration,
        "seed": str(episode.seed),  # JSON readers take 64 bits without a sign for a float
        "temperature": episode.temperature,
        "logprob": episode.logprob if abs(episode.logprob) < float("inf") else None,
        "tokens": episode.tokens,
        "visits": sum(sum(step.visits) for step in episode.steps),
    }


def _json_lines(found: Sequence[dict[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in found)
    return "".join(lines).encode()


def _parquet(kind: str, found: Sequence[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pylist(list(found), schema=pa.schema(list(COLUMNS[kind].items())))
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()
