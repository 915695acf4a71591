"""The learner on text: AdamW on batches filled by tokens, exactly repeatable, exactly resumable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from engine.checkpoint import read_tensors
from engine.errors import CorruptFileError, UserError
from engine.evaluator.device import computes_bf16
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.objective.objective import Objective
from engine.language.learner.optimizer import create_optimizer
from engine.language.model.model import LanguageModel
from engine.learner.learner import sample_seed
from engine.learner.stability import Skips, is_finite, update_average
from engine.run.manifest import digest_json, read_digest, read_sealed, write_sealed
from engine.run.storage import atomic_write, make_folder

STATE, TENSORS = "text_learner.json", "text_learner.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
NOT_FINITE = "lower learner.learning_rate"
"""What to do about steps that are not finite."""
_LONG = 8
"""Batches are drawn from runs of this many batches' worth of shuffled texts, sorted by length."""

Example = TypeVar("Example")


class TextLearner:
    """A language model in training.

    A fit is a function of the weights, the examples and the seed: the batches of step t depend on them and
    on t alone. A state taken during a fit goes on when `fit` is called again with the same arguments.

    Args:
        model: whose weights change in place; with an adapter, the adapter's alone.
        config: of the learner.
        seed: of the order of examples and of dropout.
        head_rate: learning rate of the value head's weights; None: that of all others.
    """

    def __init__(
        self, model: LanguageModel, config: TextLearnerConfig, seed: int, *, head_rate: float | None = None
    ) -> None:
        self.model = model
        self.config = config
        self.seed = seed
        self.step = 0
        """Steps taken in all fits."""
        self._done = 0  # in this fit
        self._updates = 0  # steps whose gradient was finite
        self._skips = Skips(NOT_FINITE)
        self._best_loss, self._best_step, self._worse = math.inf, 0, 0
        self._best: dict[str, Tensor] = {}
        self._named = dict(model.parameters())
        self._average = _copies(self._named) if config.ema_decay else {}
        self._optimizer = create_optimizer(self._named, config, head_rate)

    def fit(
        self,
        examples: Sequence[Example],
        objective: Objective[Example],
        *,
        steps: int | None = None,
        epochs: float | None = None,
        held_out: Sequence[Example] = (),
        on_step: Callable[[int], None] | None = None,
    ) -> dict[str, float]:
        """Take `steps` gradient steps, or as many as `epochs` passes need; means by metrics tag, skipped
        steps left out.

        The model ends with the best weights where there were looks at `held_out`, else with the average
        where `ema_decay` keeps one, else with the last. The looks are at the average, too.

        Args:
            examples: to learn from.
            objective: their loss.
            steps: as many, over and over the examples, or fewer where `held_out` stops them.
            epochs: in place of `steps`.
            held_out: examples whose loss stops training early, where `patience` is set; the least one is
                `loss/held_out`, the step of it `loss/best_step`.
            on_step: called after each step with the steps done in this fit.

        Raises:
            UserError: without examples, for one that is longer than the context, and after MAX_SKIPPED
                steps in a row whose loss or gradient was not finite.
        """
        assert (steps is None) != (epochs is None)
        if not examples:
            raise UserError("there are no examples to learn from; loosen the filter or give real data")
        sizes = self._sizes(examples, objective)
        if steps is None:
            assert epochs is not None
            steps = max(1, round(epochs * len(self._epoch(sizes, 0))))
        torch.set_num_threads(self.config.threads)
        self.model.network.train()
        totals: dict[str, float] = {}
        first, skipped = self._done, self._skips.total
        try:
            for batch in self._batches(sizes, first, steps):
                if self.config.patience and self._worse >= self.config.patience:
                    break
                numbers = self._step([[examples[place] for place in batch]], objective, steps)
                for name, number in numbers.items():
                    totals[name] = totals.get(name, 0.0) + float(number)
                if self._done % self.config.look_every == 0 or self._done == steps:
                    self._look(held_out, objective)
                if on_step is not None:
                    on_step(self._done)
        finally:
            self.model.network.eval()
        looked = self.config.patience and held_out
        found = {"loss/held_out": self._best_loss, "loss/best_step": self._best_step} if looked else {}
        self._end_fit()
        taken, self._done = self._done - first, 0
        counted = max(1, taken - (self._skips.total - skipped))
        means = {name: total / counted for name, total in totals.items()}
        return means | {"loss/steps": self.step, "loss/skipped_steps": self._skips.total} | found

    def update(
        self, examples: Sequence[Example], objective: Objective[Example], *, steps: int
    ) -> dict[str, float]:
        """Take one gradient step on all of the examples; its numbers by metrics tag, none if it was skipped.

        Losses and numbers of the objective on parts of `batch_tokens` are added up. Updates are steps of one
        fit of `steps`, which `end_updates` ends. Dropout is off: ratios are of one function.

        Raises:
            UserError: as `fit`.
        """
        sizes = self._sizes(examples, objective)
        torch.set_num_threads(self.config.threads)
        parts = [
            [examples[place] for place in part]
            for part in self._filled(np.argsort(sizes, kind="stable"), sizes)
        ]
        numbers = self._step(parts, objective, steps)
        return {name: float(number) for name, number in numbers.items()}

    def end_updates(self) -> dict[str, float]:
        """End the fit that updates are steps of: the model gets the average where `ema_decay` keeps one."""
        self._end_fit()
        self._done = 0
        return {"loss/steps": self.step, "loss/skipped_steps": self._skips.total}

    def loss(self, examples: Sequence[Example], objective: Objective[Example]) -> float:
        """Mean loss over examples, by tokens of their batches; weights stay as they are."""
        sizes = self._sizes(examples, objective)
        training = self.model.network.training
        self.model.network.eval()
        total = 0.0
        with torch.no_grad():
            for batch in self._filled(np.argsort(sizes, kind="stable"), sizes):
                loss, _ = objective(self.model, [examples[place] for place in batch])
                total += float(loss) * float(sizes[batch].sum())
        self.model.network.train(training)
        return total / float(sizes.sum())

    def save_state(self, folder: Path) -> None:
        """Write everything that training goes on from."""
        moments = {
            f"{moment}.{name}": self._optimizer.state[weight][moment]
            for name, weight in self._named.items()
            for moment in _MOMENTS
            if weight in self._optimizer.state
        }
        tables: dict[str, Mapping[str, Tensor]] = {
            "weight": self._named,
            "average": self._average,
            "best": self._best,
        }
        tensors = {f"{kind}.{name}": each for kind, table in tables.items() for name, each in table.items()}
        make_folder(folder)
        digest = atomic_write(folder / TENSORS, safetensors.torch.save(_copies(tensors | moments)))
        best = None if math.isinf(self._best_loss) else self._best_loss
        write_sealed(
            folder / STATE,
            {"counts": self._counts(), "seed": self.seed, "best_loss": best, "tensors": digest_json(digest)},
        )

    def load_state(self, folder: Path) -> None:
        """Go on from what `save_state` wrote; raise CorruptFileError where it is of another model."""
        content = read_sealed(folder / STATE)
        try:
            counts = {name: int(content["counts"][name]) for name in self._counts()}
            best, digest, seed = content["best_loss"], read_digest(content["tensors"]), int(content["seed"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"'{folder / STATE}' is no state of a learner: {error!r}") from error
        tensors = read_tensors(folder / TENSORS, digest)
        weights = self._saved(folder, tensors, "weight")
        self._put(weights)
        if self._average:
            self._average = self._saved(folder, tensors, "average")
        has_best = any(name.startswith("best.") for name in tensors)
        self._best = self._saved(folder, tensors, "best") if has_best else {}
        self.step, self._done, self._updates = counts["step"], counts["done"], counts["updates"]
        self._skips.total, self._skips.in_row = counts["skipped"], counts["skipped_in_row"]
        self._worse, self._best_step = counts["worse"], counts["best_step"]
        self._best_loss, self.seed = math.inf if best is None else float(best), seed
        self._load_moments(folder, tensors)

    def _counts(self) -> dict[str, int]:
        return {
            "step": self.step,
            "done": self._done,
            "updates": self._updates,
            "skipped": self._skips.total,
            "skipped_in_row": self._skips.in_row,
            "worse": self._worse,
            "best_step": self._best_step,
        }

    def _sizes(self, examples: Sequence[Example], objective: Objective[Example]) -> Any:
        """Longest row of each example times its rows, int64 [N]."""
        rows = [objective.rows(example) for example in examples]
        longest = max(len(row) for each in rows for row in each)
        if longest > self.model.context:
            raise UserError(
                f"an example has {longest} tokens, the model's context {self.model.context}; "
                "leave it out or take another model"
            )
        return np.array([max(map(len, each)) * len(each) for each in rows], np.int64)

    def _batches(self, sizes: Any, first: int, steps: int) -> Iterator[list[int]]:
        """Examples of the batches of steps `first` to `steps` of this fit."""
        position = epoch = 0
        while position < steps:
            for batch in self._epoch(sizes, epoch):
                if first <= position < steps:
                    yield batch
                position += 1
            epoch += 1

    def _epoch(self, sizes: Any, epoch: int) -> list[list[int]]:
        """Every example once: shuffled, sorted by length within runs of batches, batches shuffled."""
        start = self.step - self._done
        source = np.random.Generator(np.random.PCG64(np.random.SeedSequence((self.seed, start, epoch))))
        order = source.permutation(len(sizes))
        run = max(1, int(_LONG * self.config.batch_tokens / sizes.mean()))
        batches = [
            batch
            for place in range(0, len(order), run)
            for batch in self._filled(_by_length(order[place : place + run], sizes), sizes)
        ]
        return [batches[place] for place in source.permutation(len(batches))]

    def _filled(self, order: Any, sizes: Any) -> Iterator[list[int]]:
        batch: list[int] = []
        longest = 0
        for place in order.tolist():
            longest = max(longest, int(sizes[place]))
            if batch and longest * (len(batch) + 1) > self.config.batch_tokens:
                yield batch
                batch, longest = [], int(sizes[place])
            batch.append(place)
        if batch:
            yield batch

    def _step(
        self, parts: Sequence[Sequence[Example]], objective: Objective[Example], steps: int
    ) -> dict[str, Tensor | float]:
        """One step on parts whose losses add up."""
        schedule = self._schedule(steps)
        for group in self._optimizer.param_groups:
            group["lr"] = group["rate"] * schedule
        device, losses, numbers = self.model.device, list[Tensor](), dict[str, Tensor]()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(sample_seed(self.seed, self.step))
            for part in parts:
                with torch.autocast(device.type, torch.bfloat16, enabled=self.computes_bf16):
                    loss, found = objective(self.model, part)
                torch.autograd.backward(loss)
                losses.append(loss.detach())
                numbers |= {n: numbers[n] + each if n in numbers else each for n, each in found.items()}
        loss = torch.stack(losses).sum() if len(losses) > 1 else losses[0]
        self.step += 1
        self._done += 1
        norm = nn.utils.clip_grad_norm_(self._named.values(), self.config.gradient_clip)
        finite = is_finite(loss, norm)
        self._skips.count(finite=finite, step=self.step)
        if not finite:
            return {}
        self._optimizer.step()
        self._updates += 1
        pairs = ((mean, self._named[name]) for name, mean in self._average.items())
        update_average(pairs, self.config.ema_decay, self._updates)
        return {
            **numbers,
            "loss/gradient_norm": norm.detach(),
            "loss/learning_rate": self.config.learning_rate * schedule,
        }

    @property
    def computes_bf16(self) -> bool:
        """Whether steps compute in bf16; else in what the weights are."""
        if self.config.precision == "auto":
            return self.model.device.type == "cuda" and computes_bf16("cuda")
        return self.config.precision == "bf16"

    def _schedule(self, steps: int) -> float:
        warmup = min(self.config.warmup_steps, steps // 10)
        if self._done < warmup:
            return (self._done + 1) / (warmup + 1)
        if self.config.schedule == "constant":
            return 1.0
        progress = (self._done - warmup) / max(1, steps - warmup)
        floor = self.config.final_rate
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))

    def _look(self, held_out: Sequence[Example], objective: Objective[Example]) -> None:
        if not self.config.patience or not held_out:
            return
        with self._averaged():
            loss = self.loss(held_out, objective)
        if loss < self._best_loss:
            self._best_loss, self._best_step, self._worse = loss, self.step, 0
            self._best = _copies(self._average or self._named)
        else:
            self._worse += 1

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The model with the averaged weights, where there are any."""
        last = _copies(self._named) if self._average else {}
        self._put(self._average)
        try:
            yield
        finally:
            self._put(last)

    def _end_fit(self) -> None:
        self._put(self._best or self._average)
        if self._average:
            self._average = _copies(self._named)
        self._best_loss, self._best_step, self._worse, self._best = math.inf, 0, 0, {}

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, weight in weights.items():
            self._named[name].copy_(weight)

    def _saved(self, folder: Path, tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
        return {
            name: _of_shape(folder, tensors, f"{kind}.{name}", tuple(weight.shape)).to(weight.device)
            for name, weight in self._named.items()
        }

    def _load_moments(self, folder: Path, tensors: Mapping[str, Tensor]) -> None:
        self._optimizer.state.clear()
        for name, weight in self._named.items():
            if f"step.{name}" in tensors:  # others have had no gradient yet
                shapes = {moment: () if moment == "step" else tuple(weight.shape) for moment in _MOMENTS}
                self._optimizer.state[weight] = {
                    moment: _of_shape(folder, tensors, f"{moment}.{name}", shape).to(weight.device)
                    for moment, shape in shapes.items()
                }


def _of_shape(folder: Path, tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    saved = tensors.get(name)
    if saved is None or tuple(saved.shape) != shape:
        raise CorruptFileError(f"'{folder}' lacks '{name}' {shape}; it is the state of another model")
    return saved


def _by_length(order: Any, sizes: Any) -> Any:
    return order[np.argsort(sizes[order], kind="stable")]


def _copies(tensors: dict[str, Any]) -> dict[str, Tensor]:
    return {
        name: each.detach().clone(memory_format=torch.contiguous_format) for name, each in tensors.items()
    }
