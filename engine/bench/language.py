"""Speed of writing text, by sampling and by tree search, beside decoding alone."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from engine.bench.bench import one_core
from engine.bench.row import Row, make_row
from engine.config.play import ProposalConfig
from engine.language.first_model import new_model
from engine.language.learner.filter import mix
from engine.language.learner.training import learn
from engine.language.material import real_data
from engine.language.method.registry import build_text_config
from engine.language.model.codec import Tokens
from engine.language.model.generation import generation
from engine.language.model.generation.sampling import Noise, Sampling, draw
from engine.language.model.model import LanguageModel
from engine.language.problem.task_registry import load_task
from engine.language.problem.verifier import InlineVerifier
from engine.language.rollout import Draw, Policy, sample
from engine.language.search.tree_search import Plan, search_completions
from engine.language.settings import TextConfig
from engine.language.task import Prompt

TASK = "countdown"

SETTINGS = {
    "model": {"size": "0.2M", "steps": 200, "demonstrations": 3500},
    "learner": {"batch_tokens": 512, "warmup_steps": 10},
    "measure": {"validation": 64, "test": 64, "holdout": 0},
}
"""A few seconds of training, after which most steps are well formed and as long as those of a good model."""

PROBLEMS = 64
"""Searched side by side."""

ALONE = 4
"""Problems searched one after another."""

SIMULATIONS = 32
"""New visits a step."""

SEARCHES = {
    "text_search": ProposalConfig(),
    "text_wide_search": ProposalConfig(
        initial_proposals=4,
        more_proposals=2,
        widening_factor=2,
        widening_exponent=0.5,
        max_proposals=16,
        distinct=False,
    ),
}
"""By stage: the defaults, which ask for one new step at a time, and steps sampled by fours."""

SAMPLES = 8
"""Completions a problem, where no tree is searched."""

Batch = tuple[Sequence[Tokens], NDArray[np.int64]]
"""Prompts of rows decoded together, and the tokens that each was given."""


@dataclass(frozen=True)
class Stretch:
    """Some writing, and decoding alone of the same rows in the same batches."""

    tokens: int
    seconds: float
    bare_seconds: float

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    @property
    def share(self) -> float:
        """Of decoding alone in the time."""
        return self.bare_seconds / self.seconds


class TextBench:
    """A small model of Countdown, trained for a few seconds, which writes while what it decodes is noted."""

    def __init__(self) -> None:
        self.task = load_task(TASK)
        config = build_text_config("rft", TASK, SETTINGS)
        self.config: TextConfig = config
        self.model = _trained(config)
        self.policy = Policy(self.model, "")
        self.verify = InlineVerifier(self.task)
        self.prompts = self.task.prompts("test", PROBLEMS, 0)
        device = self.model.device.type
        self.clock = time.process_time if device == "cpu" else time.perf_counter
        self.unit = "1/cpu_s" if device == "cpu" else "1/s"
        self.backend = f"torch f32 on {device}"

    def measure_search(self, stage: str, proposals: ProposalConfig, seconds: float) -> list[Row]:
        """Tokens a second of a batched search, over decoding alone and over one problem at a time."""
        work = partial(self._search, proposals)
        alone = [self._stretch(partial(work, [prompt]), 0) for prompt in self.prompts[:ALONE]]
        rate_alone = sum(each.tokens for each in alone) / sum(each.seconds for each in alone)
        found = self._stretches(partial(work, self.prompts), seconds)
        rate, share = (
            statistics.median(values) for values in zip(*((s.rate, s.share) for s in found), strict=True)
        )
        return [
            self._row(stage, "tokens", rate, self.unit, rate / share),
            self._row(stage, f"problems_{PROBLEMS}_at_once", rate / rate_alone, "times one"),
        ]

    def measure_sampling(self, seconds: float) -> list[Row]:
        """Tokens a second of plain sampling with verdicts, and the share of its time outside of decoding."""
        found = self._stretches(self._sample, seconds)
        rate, share = (
            statistics.median(values) for values in zip(*((s.rate, s.share) for s in found), strict=True)
        )
        return [
            self._row("text_sampling", "tokens", rate, self.unit, rate / share),
            self._row("text_sampling", "outside_decoding", 1 - share, "of time"),
        ]

    def _search(self, proposals: ProposalConfig, prompts: Sequence[Prompt], seed: int) -> None:
        search_completions(
            self.task, self.policy, prompts, Plan(SIMULATIONS, judge=True), self.config.search,
            proposals, self.verify, seed=seed,
        )  # fmt: skip

    def _sample(self, seed: int) -> None:
        sample(self.task, [self.policy], self.prompts, SAMPLES, Draw(), self.verify, seed=seed, iteration=0)

    def _stretches(self, work: Callable[[int], None], seconds: float) -> list[Stretch]:
        """Three or more, each of new completions, after one that is not counted."""
        start = time.perf_counter()
        found: list[Stretch] = []
        while len(found) < 4 or time.perf_counter() - start < seconds:
            found.append(self._stretch(work, len(found)))
        return found[1:]

    def _stretch(self, work: Callable[[int], None], seed: int) -> Stretch:
        with _noted() as batches:
            start = self.clock()
            work(seed)
            seconds = self.clock() - start
        start = self.clock()
        decode(self.model, batches)
        bare_seconds = self.clock() - start
        return Stretch(sum(int(lengths.sum()) for _, lengths in batches), seconds, bare_seconds)

    def _row(self, stage: str, name: str, ours: float, unit: str, ceiling: float | None = None) -> Row:
        return make_row(self.task, stage, name, ours, unit, self.backend, ceiling)


def run(seconds: float, report: Callable[[str], None] | None = None) -> list[Row]:
    """Measure in about `seconds`; `report` is told each stage as it starts."""
    tell = report or (lambda _: None)
    with one_core(), _one_thread():
        start = time.perf_counter()
        tell(f"{TASK}: training a small model")
        bench = TextBench()
        left = max(0.0, seconds - (time.perf_counter() - start))
        tell(f"{TASK}: sampling")
        rows = bench.measure_sampling(left * 0.4)
        for stage, proposals in SEARCHES.items():
            tell(f"{TASK}: {stage.replace('_', ' ')}")
            rows += bench.measure_search(stage, proposals, left * 0.3)
        return rows


@torch.no_grad()
def decode(model: LanguageModel, batches: Sequence[Batch]) -> None:
    """Decoding alone: draw as many tokens after each prompt, whatever they are."""
    for prompts, lengths in batches:
        noise = Noise(range(len(prompts)))
        decoder, logits = generation.start_decoder(model, prompts, int(lengths.max()))
        rows = np.arange(len(prompts))
        for position in range(int(lengths.max())):
            uniform = torch.from_numpy(noise.uniform(rows, position)).to(logits.device)
            tokens = draw(logits, uniform, Sampling())[0]
            live = lengths[rows] > position + 1
            if not live.any():
                break
            if np.count_nonzero(live) < generation.SHRINK_AT * len(live):
                chosen = torch.from_numpy(np.flatnonzero(live)).to(logits.device)
                decoder.select(chosen)
                rows, tokens = rows[live], tokens[chosen]
            logits = decoder.step(tokens)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def _noted() -> Iterator[list[Batch]]:
    """What is decoded meanwhile."""
    batches: list[Batch] = []

    def note(prompts: Sequence[Tokens], lengths: NDArray[np.int64]) -> None:
        batches.append((prompts, lengths.copy()))

    generation.watchers.append(note)
    try:
        yield batches
    finally:
        generation.watchers.remove(note)


def _trained(config: TextConfig) -> LanguageModel:
    task = load_task(TASK)
    real, _ = real_data(task, config)
    model = new_model(task, config, real)
    learn(model, config, mix([], real, config.mix, 0, task=task), config.model.steps, ("bench",))
    return model
