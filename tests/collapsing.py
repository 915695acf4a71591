"""A toy language model with known solutions whose health can be set: for tests of the monitors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.measure import Instruments
from engine.language.monitor.observation import Holdout, Items, Observation
from engine.language.record.episode import Episode
from engine.language.task import Prompt, VerifyResult

OPERATORS = "+-*/"


@dataclass(frozen=True)
class Health:
    """State of the model."""

    skill: float = 0.0
    """Added to the logit of being right."""
    sharpness: float = 1.0
    """Power on the shares of the solutions of a problem: 1 as the base, large is collapse on one."""
    bloat: float = 0.0
    """Share of samples that are right to the judge only, and long."""
    nll: float = 1.0
    """Factor of bits a character on real data."""
    kl: float = 0.0
    entropy: float = 1.2
    flag_rate: float = 0.0


class World:
    """Problems with 1 to 8 known solutions each, some of them rare in kind."""

    def __init__(
        self, num_prompts: int = 256, num_samples: int = 16, num_items: int = 1000, seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        self.num_samples = num_samples
        self.prompts = [
            Prompt(f"p{n:04d}", f"make {n}: ", f"k{n // 2 if n < 40 else n:04d}", OPERATORS[n % 3])
            for n in range(num_prompts)
        ]
        self.answers = {prompt.id: self._answers(n, rng) for n, prompt in enumerate(self.prompts)}
        self.wrong = [f"{a}+{b}={c};{c}*2={d}" for a, b, c, d in rng.integers(1, 60, (400, 4))]
        self.shares = {
            prompt.id: rng.dirichlet(np.full(len(self.answers[prompt.id]), 0.7)) for prompt in self.prompts
        }
        self.logit = rng.normal(-1.2, 1.2, num_prompts)
        self.item_logit = rng.normal(-1.2, 2.0, num_items)
        self.item_keys = [f"i{n // 2:04d}" for n in range(num_items)]
        self.item_strata = [OPERATORS[n % 4] for n in range(num_items)]

    def solutions(self, prompt: Prompt) -> frozenset[str]:
        return frozenset(self.answers[prompt.id])

    def tools(self) -> Instruments:
        return Instruments(solutions=self.solutions)

    def settings(self, **changes: object) -> MonitorConfig:
        size = {"prompts": len(self.prompts), "samples": self.num_samples}
        return MonitorConfig.model_validate({**size, **changes})

    def gold(self, health: Health) -> float:
        """True chance that a sample is right, over the problems."""
        return float(((1 - health.bloat) * _chance(self.logit + health.skill)).mean())

    def observe(self, iteration: int, health: Health, seed: int, *, learned: bool = False) -> Observation:
        rng = np.random.default_rng([seed, iteration])
        probe, gold = self._probe(iteration, health, rng, learned)
        lengths = [len(episode.completion) for episode in probe]
        entropy = [rng.gamma(4.0, health.entropy / 4, size) for size in lengths]
        items = (
            rng.random(len(self.item_logit)) < _chance(self.item_logit + health.skill - 3 * health.bloat)
        ).astype(float)
        again = (
            rng.random(len(self.item_logit)) < _chance(self.item_logit + health.skill - 3 * health.bloat)
        ).astype(float)
        characters = np.random.default_rng(5).integers(15, 40, 300)
        base_nats = np.random.default_rng(6).gamma(20, 0.05, 300) * characters
        nats = base_nats * health.nll * rng.normal(1, 0.01, 300)
        return Observation(
            iteration,
            probe,
            generated=[replace(episode, kept=episode.result.score == 1) for episode in probe],
            real_fraction=0.5,
            entropy=entropy,
            gold=gold if learned else None,
            kl=list(rng.gamma(2.0, max(health.kl, 0.01) / 2, len(probe))),
            holdout=Holdout([f"h{n}" for n in range(300)], list(nats), list(characters)),
            accuracy=Items(self.item_keys, list(items), self.item_strata),
            variations=Items([key + "v" for key in self.item_keys], list(again)),
            human=True,
        )

    def _answers(self, n: int, rng: np.random.Generator) -> list[str]:
        count = int(rng.integers(1, 9))
        rare = [OPERATORS[3]] if n % 9 == 0 else []
        texts = []
        for number in range(count):
            first, second = rng.integers(1, 30, 2)
            signs = [*rare, *rng.choice(list(OPERATORS[:3]), 2)][:2]
            texts.append(f"{first}{signs[0]}{second}={number};{n}{signs[1]}{number}={n}")
        return sorted(set(texts))

    def _probe(
        self, iteration: int, health: Health, rng: np.random.Generator, learned: bool
    ) -> tuple[list[Episode], list[float]]:
        episodes, gold = [], []
        for prompt, chance in zip(self.prompts, _chance(self.logit + health.skill), strict=True):
            answers = self.answers[prompt.id]
            share = self.shares[prompt.id] ** health.sharpness
            picks = rng.choice(len(answers), self.num_samples, p=share / share.sum())
            right = rng.random(self.num_samples) < chance
            bloated = rng.random(self.num_samples) < health.bloat
            flagged = rng.random(self.num_samples) < health.flag_rate
            misses = rng.integers(0, max(1, int(len(self.wrong) / health.sharpness**2)), self.num_samples)
            for pick, hit, fat, flag, miss in zip(picks, right, bloated, flagged, misses, strict=True):
                text = answers[pick] if hit else self.wrong[miss]
                text += ";so it is surely right as you can see" if fat else ""
                true = float(hit and not fat)
                score = min(1.0, true + 0.9 * fat) if learned else true
                result = VerifyResult(
                    score, text, "", ("timeout",) if flag else (), "learned" if learned else "exact"
                )
                episodes.append(
                    Episode(prompt, text, result, "model", iteration, "0" * 64, 0, 1.0, -10.0, len(text))
                )
                gold.append(true)
        return episodes, gold


def _chance(logit: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.asarray(logit))))
