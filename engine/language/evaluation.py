"""What a model can do on problems it has not learnt from: greedy, by samples, by vote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.monitor.statistics import Paired, bootstrap, paired_bootstrap, pass_at_k
from engine.language.rollout import Draw, Policy, Verify, sample
from engine.language.task import Prompt, Task


@dataclass(frozen=True)
class Result:
    """How one model did on a list of problems.

    Args:
        keys: [N] the key of each problem; problems of one key count as one cluster.
        greedy: float32 [N] score of the greedy completion.
        scores: float32 [N, k] of the samples at temperature 1, k may be 0.
        majority: float32 [N] score of the most frequent solution among the samples.
    """

    keys: tuple[str, ...]
    greedy: NDArray[np.float32]
    scores: NDArray[np.float32]
    majority: NDArray[np.float32]

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
) -> Result:
    """Measure a model; the same seed gives the same samples. `on_rows` is told how many are written."""

    def drawn_with(draw: Draw, count: int, before: int) -> list[Episode]:
        return sample(
            task, [policy], prompts, count, draw, verify, seed=seed, iteration=-1,
            on_rows=None if on_rows is None else lambda done: on_rows(before + done),
        )  # fmt: skip

    greedy = drawn_with(Draw(0.0, rows=rows), 1, 0)
    drawn = drawn_with(Draw(rows=rows), samples, len(greedy))
    scores = np.array([e.result.score for e in drawn], np.float32).reshape(len(prompts), samples)
    groups = [drawn[i * samples : (i + 1) * samples] for i in range(len(prompts))] if samples else []
    return Result(
        tuple(prompt.key for prompt in prompts),
        np.array([episode.result.score for episode in greedy], np.float32),
        scores,
        np.array([majority(group) for group in groups], np.float32),
    )


def majority(episodes: Sequence[Episode]) -> float:
    """Score of the solution that most completions of one problem have; the first of them on ties.

    Completions that cannot be read do not vote (Wang et al. 2023, 2203.11171).
    """
    votes: dict[str, int] = {}
    score: dict[str, float] = {}
    for episode in episodes:
        solution = episode.result.parsed
        if solution:
            votes[solution] = votes.get(solution, 0) + 1
            score.setdefault(solution, episode.result.score)
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
    for other, reference in (others or {}).items():
        gain = difference(result, reference)
        text = f"{100 * gain.difference:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
        row[f"less {other}"] = text
    return row
