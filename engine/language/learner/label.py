"""What starts of completions are worth: labels by outcome, by finishing them, by a search, or by a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import UserError
from engine.json_object import parse_object
from engine.language.episode import Episode
from engine.language.problem.problems import demonstrations
from engine.language.rollout import Draw, Policy, Verify, finish
from engine.language.task import Prompt, Task

if TYPE_CHECKING:
    from engine.language.settings import ValueConfig

MIN_VISITS = 2
"""Of a proposed step, for the search's value of it to be a label."""


@dataclass(frozen=True)
class Label:
    """The value of a completion as far as it is written."""

    prompt: Prompt
    parent: str
    """What was written before the last step."""
    text: str
    value: float
    """In [0, 1], for the first player."""


def outcome_labels(task: Task, episodes: Iterable[Episode]) -> list[Label]:
    """Every start of a completion has the whole one's score (Cobbe et al. 2021, 2110.14168, section 4.2).

    Here and below a forfeited game says nothing of the positions before it.
    """
    return [
        Label(episode.prompt, parent, text, episode.result.score)
        for episode in episodes
        if not episode.result.is_forfeit
        for parent, text in starts(task, episode.completion)
    ]


def rollout_labels(
    policy: Policy,
    task: Task,
    episodes: Sequence[Episode],
    samples: int,
    draw: Draw,
    verify: Verify,
    *,
    seed: int,
    iteration: int,
) -> tuple[list[Label], int]:
    """Each start of a completion is finished `samples` times and has the mean score; and the tokens it took.

    Math-Shepherd (Wang et al. 2024, 2312.08935, section 3.3). The empty start has the mean score of its
    problem's completions, a whole completion its own score, and equal starts are finished once.
    """
    whole: dict[tuple[str, str], Label] = {}
    open_starts: dict[tuple[str, str], Label] = {}
    scores: dict[str, list[float]] = {}
    for episode in episodes:
        if episode.result.is_forfeit:
            continue
        prompt = episode.prompt
        scores.setdefault(prompt.id, []).append(episode.result.score)
        for parent, text in starts(task, episode.completion):
            if text == episode.completion:
                whole[prompt.id, text] = Label(prompt, parent, text, episode.result.score)
            elif text:
                open_starts.setdefault((prompt.id, text), Label(prompt, parent, text, 0.0))
    asked = [label for key, label in open_starts.items() if key not in whole]
    made = finish(
        task, policy, [(label.prompt, label.text) for label in asked], samples, draw, verify,
        seed=seed, iteration=iteration,
    )  # fmt: skip
    played = _played_scores(made, samples)
    first = {episode.prompt.id: episode.prompt for episode in episodes}
    roots = [Label(first[name], "", "", float(np.mean(found))) for name, found in scores.items()]
    finished = [
        Label(label.prompt, label.parent, label.text, float(np.mean(found)))
        for label, found in zip(asked, played, strict=True)
        if found
    ]
    return roots + finished + list(whole.values()), sum(episode.tokens for episode in made)


def _played_scores(made: Sequence[Episode], samples: int) -> list[list[float]]:
    """The scores of each `samples` episodes, without those of forfeits."""
    groups = [made[place : place + samples] for place in range(0, len(made), samples)]
    return [[each.result.score for each in group if not each.result.is_forfeit] for group in groups]


def search_labels(episodes: Iterable[Episode], mix: float) -> list[Label]:
    """What a search thinks of where it stood and of each step that it visited MIN_VISITS times.

    Where the written completion went, the label is `mix` of the search's value, and the outcome for the rest
    (Willemsen et al. 2020); for other steps it is the search's value (ReST-MCTS*, rStar-Math).
    """
    labels = []
    for episode in episodes:
        if episode.result.is_forfeit:
            continue
        before, parent = "", ""
        for step in episode.steps:
            value = _share(step.value, step.player)
            labels.append(
                Label(episode.prompt, parent, before, mix * value + (1 - mix) * episode.result.score)
            )
            for text, visits, q in zip(step.proposals, step.visits, step.q, strict=True):
                if text != step.text and visits >= MIN_VISITS and q == q:
                    labels.append(Label(episode.prompt, before, before + text, _share(q, step.player)))
            before, parent = before + step.text, before
        labels.append(Label(episode.prompt, parent, before, episode.result.score))
    return labels


def file_labels(path: Path, task: Task) -> list[Label]:
    """A person's labels of steps: JSON lines with `prompt`, `completions` (the steps) and `labels` (0 to 1).

    The columns are trl's of stepwise supervision, whose steps have no ends of their own: each gets the
    task's `step_end` where it lacks it, the last one where the task's own completions end with it. Raises
    UserError naming the line that is none, or has a step that the task cannot have.
    """
    ends_whole = any(each.completion.endswith(task.step_end) for each in demonstrations(task, 8, 0))
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read labels from '{path}': {error}; give JSON lines") from error
    labels: list[Label] = []
    for number, line in enumerate(lines, start=1):
        try:
            labels += _of_line(parse_object(line), task, ends_whole) if line.strip() else []
        except (KeyError, ValueError) as error:
            raise UserError(
                f"'{path}', line {number}: {error}; needs prompt, completions and labels from 0 to 1"
            ) from error
    if not labels:
        raise UserError(f"'{path}' has no labels; give JSON lines with prompt, completions and labels")
    return labels


def make_hard(labels: Iterable[Label]) -> list[Label]:
    """1 where the value is above 0: some way of going on was right (Wang et al. 2024, equation 3)."""
    return [Label(label.prompt, label.parent, label.text, float(label.value > 0)) for label in labels]


def merged(labels: Iterable[Label]) -> list[Label]:
    """One label of each start of each problem, the mean of those there are."""
    found: dict[tuple[str, str], list[Label]] = {}
    for label in labels:
        found.setdefault((label.prompt.id, label.text), []).append(label)
    return [
        Label(same[0].prompt, same[0].parent, same[0].text, float(np.mean([label.value for label in same])))
        for same in found.values()
    ]


def read_labels(
    source: ValueConfig,
    policy: Policy,
    task: Task,
    episodes: Sequence[Episode],
    draw: Draw,
    verify: Verify,
    *,
    seed: int,
    iteration: int,
) -> tuple[list[Label], int]:
    """The labels that the settings ask for, merged; and the tokens that it took to make them."""
    tokens = 0
    if source.labels == "outcome":
        labels = outcome_labels(task, episodes)
    elif source.labels == "search":
        labels = search_labels(episodes, source.mix)
    elif source.labels == "file":
        labels = file_labels(Path(source.path), task)
    else:
        labels, tokens = rollout_labels(
            policy, task, episodes, source.completions, draw, verify, seed=seed, iteration=iteration
        )
    return merged(make_hard(labels) if source.kind == "hard" else labels), tokens


def starts(task: Task, completion: str) -> Iterator[tuple[str, str]]:
    """(before the last step, text) of the empty start, and of the completion cut after each of its steps."""
    parent = text = ""
    yield parent, text
    for step in task.steps(completion):
        parent, text = text, text + step
        yield parent, text


def _of_line(row: dict[str, object], task: Task, ends_whole: bool) -> list[Label]:
    text, steps, marks = row["prompt"], row["completions"], row["labels"]
    if not isinstance(text, str) or not isinstance(steps, list) or not isinstance(marks, list):
        raise ValueError("prompt must be a text, completions and labels lists")
    if len(steps) != len(marks):
        raise ValueError(f"{len(steps)} steps and {len(marks)} labels")
    prompt, before, labels = Prompt(text, text, text), "", []
    for number, (step, mark) in enumerate(zip(steps, marks, strict=True), start=1):
        step = _ended(step, task, ends_whole or number < len(steps))
        if not isinstance(mark, bool | int | float) or not 0 <= mark <= 1:
            raise ValueError(f"label {mark!r} is not from 0 to 1")
        labels.append(Label(prompt, before, before + step, float(mark)))
        before += step
    return labels


def _ended(step: object, task: Task, with_end: bool) -> str:
    """A step as the task writes it."""
    if not isinstance(step, str) or not step.strip():
        raise ValueError(f"step {step!r} is no text")
    if not step.endswith(task.step_end):
        if with_end and step != step.rstrip():
            raise ValueError(f"step {step!r} ends with space, and the task's steps with {task.step_end!r}")
        step += task.step_end if with_end else ""
    elif not with_end and task.end in task.step_end:
        step = step.removesuffix(task.step_end)
    if task.end in step.removesuffix(task.step_end):
        raise ValueError(f"step {step!r} holds {task.end!r}, which ends a completion of this task")
    return step


def _share(value: float, player: int) -> float:
    """A value in [-1, 1] for `player` as the first player's score in [0, 1]."""
    return float(np.clip((1 + (value if player == 0 else -value)) / 2, 0, 1))
