"""What is learnt beside texts to write: the visits of searches, values of texts, which of two is better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from engine.language.episode import Episode
from engine.language.learner.filter import Example
from engine.language.learner.label import Label, starts
from engine.language.learner.objective.text import Supervised, Text, texts
from engine.language.learner.objective.value import Judged, Ranked, Ranks, Values
from engine.language.learner.objective.visits import Visited, Visits
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.task import Task

Lesson = Text | Visited | Judged | Ranked


class Mixed:
    """The losses of all kinds of lessons in one batch, each by its share of the lessons.

    Args:
        value_weight: of what the value head learns.
        anchor: see `Values`.
        anchor_weight: likewise.
    """

    def __init__(self, value_weight: float, anchor: LanguageModel | None, anchor_weight: float) -> None:
        self._losses = {
            Text: Supervised(),
            Visited: Visits(),
            Judged: Values(anchor, anchor_weight),
            Ranked: Ranks(),
        }
        self._weights = {Text: 1.0, Visited: 1.0, Judged: value_weight, Ranked: value_weight}

    def rows(self, example: Lesson) -> list[Tokens]:
        """What the network reads of it."""
        return self._losses[type(example)].rows(example)  # type: ignore[attr-defined, no-any-return]

    def __call__(self, model: LanguageModel, examples: Sequence[Lesson]) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the means of each kind."""
        kinds: dict[type, list[Lesson]] = defaultdict(list)
        for example in examples:
            kinds[type(example)].append(example)
        total, numbers = torch.zeros((), device=model.device), dict[str, Tensor]()
        for kind, members in kinds.items():
            loss, found = self._losses[kind](model, members)  # type: ignore[operator]
            total = total + self._weights[kind] * len(members) / len(examples) * loss
            numbers |= found
        return total, numbers


def real_lessons(model: LanguageModel, examples: Sequence[Example]) -> list[Lesson]:
    """Texts to go on writing."""
    return list(
        texts(
            model,
            [e.prompt for e in examples],
            [e.completion for e in examples],
            spans=[e.spans for e in examples],
            keys=[e.key for e in examples],
        )
    )


def visit_lessons(model: LanguageModel, task: Task, episodes: Iterable[Episode]) -> list[Lesson]:
    """The shares of a search's visits among the steps proposed at each place that its completion passed.

    A place with one proposal teaches that one, one without visits nothing. Steps are spelt as the search that
    goes on from their text reads them, whatever tokens they were drawn as.
    """
    lessons: list[Lesson] = []
    for episode in episodes:
        before, prompt = "", episode.prompt.text
        for step in episode.steps:
            seen = [i for i, visits in enumerate(step.visits) if visits > 0]
            if seen:
                total = sum(step.visits[i] for i in seen)
                head = model.encode_texts([prompt], [before])[0]
                tails = tuple(_step_tokens(model, task, prompt + before, step.proposals[i]) for i in seen)
                shares = tuple(step.visits[i] / total for i in seen)
                lessons.append(Visited(head, tails, shares, episode.prompt.key))
            before += step.text
    return lessons


def value_lessons(model: LanguageModel, task: Task, labels: Sequence[Label]) -> list[Lesson]:
    """Labels as marks on the fewest texts: a start of a longer labelled text is a mark on it."""
    by_problem: dict[str, dict[str, Label]] = defaultdict(dict)
    for label in labels:
        by_problem[label.prompt.id][label.text] = label
    lessons: list[Lesson] = []
    for table in by_problem.values():
        left = dict(table)
        longest_first = sorted(table, key=lambda text: (-len(text), text))
        lessons += [_marked(model, task, left, left[text]) for text in longest_first if text in left]
    return lessons


def rank_lessons(model: LanguageModel, labels: Sequence[Label], margin: float = 0.1) -> list[Lesson]:
    """Of the steps after one text, the two best against the two worst, where they differ by `margin`.

    rStar-Math (Guan et al. 2025, 2501.04519, section 3.3).
    """
    families: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for label in labels:
        if label.text != label.parent:
            families[label.prompt.id, label.parent].append(label)
    lessons: list[Lesson] = []
    for family in families.values():
        ordered = sorted(family, key=lambda label: (-label.value, label.text))
        best, worst = ordered[:2], ordered[2:][-2:] or ordered[1:]
        lessons += [
            _ranked(model, better, other)
            for better in best
            for other in worst
            if better.value > 0 and better.value - other.value >= margin
        ]
    return lessons


def anchor_lessons(model: LanguageModel, episodes: Iterable[Episode]) -> list[Lesson]:
    """Completions on which the policy is to stay what it was."""
    found = list(episodes)
    prompts = [episode.prompt.text for episode in found]
    rows = model.encode_texts(prompts, [episode.completion for episode in found])
    heads = model.encode_prompts(prompts)
    return [
        Judged(row, (), len(head), episode.prompt.key)
        for row, head, episode in zip(rows, heads, found, strict=True)
    ]


def _ranked(model: LanguageModel, better: Label, worse: Label) -> Ranked:
    text = better.prompt.text
    first, second = model.encode_texts([text] * 2, [better.text, worse.text])
    return Ranked(first, second, len(model.encode_prompts([text])[0]), better.prompt.key)


def _marked(model: LanguageModel, task: Task, left: dict[str, Label], label: Label) -> Judged:
    """The row of a label, with marks for all labels of its starts; those are taken out of `left`."""
    inner = [text for _, text in starts(task, label.text) if text in left and text != label.text]
    cuts = [*inner, label.text]
    rows = model.encode_texts([label.prompt.text] * len(cuts), cuts)
    whole, marks = rows[-1], []
    for text, row in zip(cuts, rows, strict=True):
        if whole[: len(row)] == row:  # else a tokenizer joins the characters at this cut
            marks.append((len(row), left.pop(text).value))
    head = model.encode_prompts([label.prompt.text])[0]
    return Judged(whole, tuple(marks), len(head), label.prompt.key)


def _step_tokens(model: LanguageModel, task: Task, before: str, step: str) -> Tokens:
    """A proposed step; one that is not ended by `step_end` has ended the completion."""
    tokens = model.codec.encode_completions([before], [step])[0]
    return tokens if step.endswith(task.step_end) else [*tokens, model.codec.end]
