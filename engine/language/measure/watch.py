"""What the monitors are shown of a model: samples, held-out accuracy, real data, variations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.language.episode import Episode
from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.metric.measure import Instruments
from engine.language.monitor.metric.observation import Holdout, Items, Judge, Observation
from engine.language.problem.problems import (
    gold,
    leaks,
    modes,
    problems,
    second_score,
    solutions,
    variations,
)
from engine.language.rollout import Draw, Policy, Verify, sample
from engine.language.task import Demonstration, Prompt, Task

if TYPE_CHECKING:
    from engine.language.model.model import LanguageModel
    from engine.language.settings import TextConfig


HALF = 0.5
"""Score from which a verifier that is not exact says right."""


@dataclass(frozen=True)
class Panel:
    """Who judges what a look writes."""

    verify: Verify
    agrees: Callable[[Sequence[Episode]], list[bool | None]] | None = None
    """Whether its judge says the same of samples when asked otherwise, None where it says nothing; without
    one a verifier that is not exact is asked once more."""
    spread: Callable[[Sequence[Episode]], list[float]] | None = None
    """How far its judges differ about samples, where there are several."""
    gate_on: Literal["gold", "judge"] = "gold"
    """Which score held-out problems count by, where both are known."""


@dataclass(frozen=True)
class Look:
    """One model as the monitors see it."""

    probe: list[Episode]
    accuracy: Items
    variations: Items | None
    holdout: Holdout | None
    kl: list[float]
    entropy: list[list[float]]
    tokens: int
    gold: list[float] | None = None
    """True scores of the probe, NaN where the task does not know them; None: it knows none."""
    second: list[float] | None = None
    """Scores of it from an independent verifier, likewise."""
    judge: Judge | None = None
    """A verifier that may be fooled, asked twice; None where it is exact."""
    greedy: Sequence[Episode] = ()
    """Greedy completions of the validation problems."""


def watched(task: Task, config: TextConfig) -> MonitorConfig:
    """The monitor's settings, with no more problems than the validation split has."""
    count = len(problems(task, "validation", config.monitor.prompts, 0))
    return config.monitor.model_copy(update={"prompts": count})


def instruments(task: Task, judge_prompts: Sequence[str] = ()) -> Instruments:
    """What the monitors know of a task, and of the texts that a judge of the method's asks with."""
    return Instruments(
        solutions=partial(solutions, task),
        leaks=partial(leaks, task),
        modes=lambda episode: modes(task, episode.prompt, episode.completion),
        judge_prompts=(*task.judge_prompts, *judge_prompts),
    )


class Watch:
    """Looks at the models of one run with the same problems and seeds each time.

    Args:
        holdout: real data that no model of the run learns from.
        base: what drift is measured from, until `rebase` names another; None: each model from itself.
    """

    def __init__(
        self,
        task: Task,
        config: TextConfig,
        holdout: Sequence[Demonstration],
        base: LanguageModel | None,
        verify: Verify,
    ) -> None:
        self._task, self._config, self._panel = task, config, Panel(verify)
        self.holdout = list(holdout)
        self.validation = problems(task, "validation", config.measure.validation, 0)
        self._probe = problems(task, "validation", config.monitor.prompts, 0)
        self._variations = variations(task, self.validation, 0)
        self.rebase(base)

    def rebase(self, base: LanguageModel | None) -> None:
        """Measure drift from `base` from now on."""
        self._base = base
        self._base_nats = self._nats(base) if base is not None else []

    @property
    def rows(self) -> int:
        """Completions that a look writes."""
        samples = self._config.monitor.samples
        return len(self._probe) * samples + len(self.validation) + len(self._variations)

    def look(
        self,
        model: LanguageModel,
        on_rows: Callable[[int], None] = lambda _: None,
        panel: Panel | None = None,
    ) -> Look:
        """Measure a model; `on_rows` is called with the completions written so far.

        `panel` judges; by default the verifier that the watch was made with.
        """
        panel, done = panel or self._panel, 0

        def sampled(prompts: Sequence[Prompt], samples: int, temperature: float) -> list[Episode]:
            nonlocal done
            found = self._sample(
                Policy(model, ""), prompts, samples, temperature, lambda more: on_rows(done + more), panel
            )
            done += len(found)
            return found

        probe = sampled(self._probe, self._config.monitor.samples, 1.0)
        kl, entropy = self._divergence(model, probe)
        greedy, varied = sampled(self.validation, 1, 0.0), sampled(self._variations, 1, 0.0)
        tokens = sum(episode.tokens for part in (probe, greedy, varied) for episode in part)
        return Look(
            probe,
            _items(greedy, panel.gate_on),
            _items(varied, panel.gate_on) if varied else None,
            self._real(model),
            kl,
            entropy,
            tokens,
            *self._trust(probe, panel),
            greedy=greedy,
        )

    def _trust(
        self, probe: Sequence[Episode], panel: Panel
    ) -> tuple[list[float] | None, list[float] | None, Judge | None]:
        """What else says how far the probe's scores can be trusted: truth, a second verifier, asking again.

        A judge agrees with itself where both scores are on the same side of a half.
        """
        task, pairs = self._task, [(episode.prompt, episode.completion) for episode in probe]
        truth = [gold_of(task, each) for each in probe]
        second = [second_score(task, *pair) for pair in pairs]
        known = truth if np.isfinite(truth).any() else None
        judge = None
        if any(episode.result.kind != "exact" for episode in probe):
            scores = [episode.worth if panel.agrees else episode.result.score for episode in probe]
            agrees: Sequence[bool | None] = (
                panel.agrees(probe)
                if panel.agrees
                else [
                    (score >= HALF) == (again.score >= HALF)
                    for score, again in zip(scores, panel.verify(pairs), strict=True)
                ]
            )
            everywhere = np.isfinite(truth).all()
            right = [each >= self._config.monitor.right_score for each in truth] if everywhere else None
            keys = [episode.prompt.key for episode in probe]
            missing = [episode.result.is_missing for episode in probe] if panel.agrees else None
            spread = panel.spread(probe) if panel.spread else None
            judge = Judge(keys, agrees, None if right is None else scores, right, spread, missing)
        return known, second if np.isfinite(second).any() else None, judge

    def _sample(
        self,
        policy: Policy,
        prompts: Sequence[Prompt],
        samples: int,
        temperature: float,
        on_rows: Callable[[int], None],
        panel: Panel,
    ) -> list[Episode]:
        draw = Draw(temperature, rows=self._config.loop.rows)
        return sample(
            self._task, [policy], prompts, samples, draw, panel.verify,
            seed=self._config.seed, iteration=-1, on_rows=on_rows,
        )  # fmt: skip

    def _real(self, model: LanguageModel) -> Holdout | None:
        if not self.holdout:
            return None
        nats = self._nats(model)
        return Holdout(
            [d.prompt.key for d in self.holdout],
            nats,
            [len(d.completion) + 1 for d in self.holdout],
            [new - old for new, old in zip(nats, self._base_nats or nats, strict=True)],
        )

    def _nats(self, model: LanguageModel) -> list[float]:
        """Of completions of real data with their end token; they are text, whose tokens nobody has drawn."""
        from engine.language.model.scoring import score

        prompts, texts = [d.prompt.text for d in self.holdout], [d.completion for d in self.holdout]
        return [-float(row.sum(dtype=float)) for row in score(model, prompts, texts, ended=True)]

    def _divergence(
        self, model: LanguageModel, probe: Sequence[Episode]
    ) -> tuple[list[float], list[list[float]]]:
        """ln p - ln p_base of each sample and the entropies at its tokens, in nats, on the tokens as drawn.

        Both models read the same rows in the same batches: a model and itself differ by exactly 0.
        """
        from engine.language.model.scoring import score_and_entropy, score_tokens

        heads = model.encode_prompts([episode.prompt.text for episode in probe])
        tails = [drawn_tokens(episode) for episode in probe]
        own = score_and_entropy(model, heads, tails)
        base = score_tokens(self._base or model, heads, tails)
        kl = [float((row[:, 0] - other).sum(dtype=float)) for row, other in zip(own, base, strict=True)]
        return kl, [row[:, 1].tolist() for row in own]


def drawn_tokens(episode: Episode) -> list[int]:
    """Of a sample that was drawn in this process."""
    assert episode.ids is not None, "an episode that was read back has no tokens"
    tokens: list[int] = episode.ids.tolist()
    return tokens


def observation(
    look: Look,
    values: Sequence[float] | None,
    iteration: int,
    generated: Sequence[Episode],
    real_fraction: float,
    overlap: int,
) -> Observation:
    """A look, the `values` that a value head gives its probe, and what the iteration did, for the monitor."""
    return Observation(
        iteration=iteration,
        probe=look.probe,
        generated=generated,
        real_fraction=real_fraction,
        values=values,
        kl=look.kl,
        entropy=look.entropy,
        gold=look.gold,
        second=look.second,
        judge=look.judge,
        holdout=look.holdout,
        accuracy=look.accuracy,
        variations=look.variations,
        overlap=overlap,
    )


def gold_of(task: Task, episode: Episode) -> float:
    """The true score of a completion, NaN where it is not known."""
    if episode.result.gold is not None:
        return episode.result.gold
    return gold(task, episode.prompt, episode.completion)


def _items(episodes: Sequence[Episode], count_by: Literal["gold", "judge"]) -> Items:
    """Held-out problems, by their audited gold where all have one."""
    golds = [e.result.gold for e in episodes]
    known = count_by == "gold" and None not in golds
    return Items(
        [e.prompt.key for e in episodes],
        [gold for gold in golds if gold is not None] if known else [e.worth for e in episodes],
        [e.prompt.stratum for e in episodes],
    )
