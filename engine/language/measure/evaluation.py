"""What a model can do on problems it has not learnt from: greedy, by samples, by vote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.rollout import Draw, Policy, Verify, sample
from engine.language.round_trip import values_as_read
from engine.language.task import Prompt, Task
from engine.statistics import (
    Paired,
    area_under_curve,
    areas_within,
    bootstrap,
    paired_bootstrap,
    pass_at_k,
)

if TYPE_CHECKING:
    from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Result:
    """How one model did on a list of problems.

    Args:
        keys: [N] the key of each problem; problems of one key count as one cluster.
        greedy: float32 [N] score of the greedy completion; that of a forfeited game is 0, whoever forfeits.
        scores: float32 [N, k] of the samples at temperature 1, k may be 0.
        majority: float32 [N] score of the most frequent solution among the samples.
        best: float32 [N] score of the sample that the value head likes best; None without one.
        vote: float32 [N] score of the solution whose samples have the greatest sum of values; likewise.
        values: float32 [N, k] what the value head says of the samples; likewise.
        figures: what else is told of the greedy completions, by metrics tag.
    """

    keys: tuple[str, ...]
    greedy: NDArray[np.float32]
    scores: NDArray[np.float32]
    majority: NDArray[np.float32]
    best: NDArray[np.float32] | None = None
    vote: NDArray[np.float32] | None = None
    values: NDArray[np.float32] | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, float]:
        """Means, and the 95 % interval of the greedy one."""
        greedy = bootstrap(self.greedy, self.keys)
        values = {"greedy": greedy.value, "greedy_low": greedy.low, "greedy_high": greedy.high}
        k = self.scores.shape[1]
        if k:
            right = (self.scores >= 1).sum(axis=1)
            values["pass@1"] = float(pass_at_k(k, right, 1).mean())
            values[f"pass@{k}"] = float(pass_at_k(k, right, k).mean())
            values[f"majority@{k}"] = float(self.majority.mean())
            if self.best is not None and self.vote is not None and self.values is not None:
                values[f"best@{k} by value"] = float(self.best.mean())
                values[f"vote@{k} by value"] = float(self.vote.mean())
                values |= told_apart(self.scores, self.values)
        return values


def evaluate(
    task: Task,
    policy: Policy,
    prompts: Sequence[Prompt],
    verify: Verify,
    *,
    samples: int = 0,
    rows: int = 512,
    seed: int = 0,
    on_rows: Callable[[int], None] | None = None,
    critic: LanguageModel | None = None,
    figures: Callable[[Sequence[Episode]], Mapping[str, float]] = lambda _: {},
) -> Result:
    """Measure a model; the same seed gives the same samples. `on_rows` is told how many are written.

    `figures` is asked what else is to be told of the greedy completions.

    The samples are valued by `critic`, by default by the model's own value head.
    """

    def drawn_with(draw: Draw, count: int, before: int) -> list[Episode]:
        return sample(
            task, [policy], prompts, count, draw, verify, seed=seed, iteration=-1,
            on_rows=None if on_rows is None else lambda done: on_rows(before + done),
        )  # fmt: skip

    greedy = drawn_with(Draw(0.0, rows=rows), 1, 0)
    drawn = drawn_with(Draw(rows=rows), samples, len(greedy))
    scores = np.array([e.worth for e in drawn], np.float32).reshape(len(prompts), samples)
    groups = [drawn[i * samples : (i + 1) * samples] for i in range(len(prompts))] if samples else []
    best = vote = liked = None
    judge = critic or policy.model
    if samples and judge.value_head is not None:
        liked = values_of(judge, drawn).reshape(scores.shape)
        best = best_by_value(scores, liked)
        vote = np.array([majority(group, row) for group, row in zip(groups, liked, strict=True)], np.float32)
    return Result(
        tuple(prompt.key for prompt in prompts),
        np.array([episode.worth for episode in greedy], np.float32),
        scores,
        np.array([majority(group) for group in groups], np.float32),
        best,
        vote,
        liked,
        figures(greedy),
    )


def values_of(model: LanguageModel, episodes: Sequence[Episode]) -> NDArray[np.float32]:
    """What the model's value head says of whole completions, float32 [N]; 0 of one that it cannot read."""
    found = values_as_read(model, [e.prompt.text for e in episodes], [e.completion for e in episodes])
    return np.nan_to_num(found, nan=0.0)


def best_by_value(scores: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The score [N] of each problem's sample of the highest value, the first on ties; both [N, k]."""
    best: NDArray[np.float32] = scores[np.arange(len(scores)), values.argmax(axis=1)]
    return best


def told_apart(scores: NDArray[np.float32], values: NDArray[np.float32]) -> dict[str, float]:
    """How well values tell right samples from wrong ones, both [N, k] of N problems.

    `AUC`: the chance that a right one has more value than a wrong one; `AUC within`: that of the same
    problem, a mean over the problems with both kinds; `Brier`: mean squared difference of value and score.
    What cannot be told is left out.
    """
    found = {"Brier": float(np.square(values - scores).mean())}
    right = scores >= 1
    if right.any() and not right.all():
        found["AUC"] = area_under_curve(values[right], values[~right])
    within = areas_within(right, values)
    if np.isfinite(within).any():
        found["AUC within"] = float(np.nanmean(within))
    return found


def majority(
    episodes: Sequence[Episode], weights: Sequence[float] | NDArray[np.float32] | None = None
) -> float:
    """Score of the solution that most completions of one problem have; the first of them on ties.

    Self-consistency (Wang et al. 2023, 2203.11171). What the verifier cannot read votes for its own text, so
    that the vote does not know what is wrong. With `weights` a vote counts as much (Cobbe et al. 2021,
    section 4.3).
    """
    votes: dict[str, float] = {}
    score: dict[str, float] = {}
    for index, episode in enumerate(episodes):
        solution = episode.result.parsed or episode.completion
        votes[solution] = votes.get(solution, 0) + (1 if weights is None else float(weights[index]))
        score.setdefault(solution, episode.worth)
    return score[max(votes, key=lambda solution: votes[solution])] if votes else 0.0


def difference(new: Result, old: Result) -> Paired:
    """Greedy score of `new` less that of `old` on the same problems, with its clustered 95 % interval."""
    assert new.keys == old.keys, "measured on different problems"
    return paired_bootstrap(new.greedy, old.greedy, new.keys)


def table_row(name: str, result: Result, others: Mapping[str, Result] | None = None) -> dict[str, Any]:
    """A row of the final table, in percent; with how much better it is than each of `others`."""
    values = result.summary()
    row: dict[str, Any] = {"model": name, "greedy %": round(100 * values["greedy"], 1)}
    row["95 %"] = f"{100 * values['greedy_low']:.1f} to {100 * values['greedy_high']:.1f}"
    row |= {f"{k} %": round(100 * v, 1) for k, v in values.items() if "@" in k}
    row |= {name: round(values[name], 3) for name in ("AUC", "AUC within", "Brier") if name in values}
    row |= {tag.rpartition("/")[2]: round(value, 3) for tag, value in result.figures.items()}
    for other, reference in (others or {}).items():
        gain = difference(result, reference)
        text = f"{100 * gain.difference:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
        row[f"less {other}"] = text
    return row


def aligned(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the columns of the longest, None where one has no such figure: a value head is new."""
    longest: Mapping[str, Any] = {}
    for row in rows:
        longest = row if len(row) > len(longest) else longest
    columns = list(longest)
    assert all(set(row) <= set(columns) for row in rows), rows
    return [{column: row.get(column) for column in columns} for row in rows]
