"""The learner: gradient steps on positions drawn from the replay window; the weights' average plays."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from engine import _core
from engine.config import Config
from engine.config.learning import LearnerConfig
from engine.errors import CorruptFileError
from engine.evaluator.device import resolve_device, resolve_precision
from engine.evaluator.network import PolicyValueNetwork
from engine.learner.losses import TrainingBatch, losses, summarise
from engine.learner.optimizer import AdamW, Muon, create_optimizers
from engine.learner.replicas import Replicas
from engine.learner.stability import Skips, is_finite, update_average
from engine.learner.target.model import LearningModel

NOT_FINITE = "lower learner.learning_rate or set learner.precision to 'f32', and resume"
"""What to do about steps that are not finite."""


class SampleWindow(Protocol):
    """Where samples come from; `_core.ReplayWindow` is one."""

    def sample(self, count: int, seed: int, value_mix: float = 0.0) -> dict[str, Any]:
        """Draw and decode `count` positions, the same for the same seed.

        Targets that are switched on are asked for by the other arguments of `_core.ReplayWindow.sample`.
        """


@dataclass(frozen=True)
class LearnerState:
    """Everything that training goes on from: tensors by name, and numbers that fit in JSON."""

    model: dict[str, Tensor]  # averaged weights and BatchNorm statistics
    learner: dict[str, Tensor]  # the weights that gradient steps change, heads of targets as `heads.*`
    optimizer: dict[str, Tensor]  # `momentum.NAME` of Muon, `exp_avg.NAME` and `exp_avg_sq.NAME` of AdamW
    numbers: dict[str, int | float]


class Learner:
    """A network in training: float32 weights, Muon and AdamW, and their moving average, which plays.

    Args:
        game: whose planes and actions the network takes.
        config: sections `network`, `learner`, targets of `replay` and `evaluator.device`.
        seed: of the first weights and of the samples; step t draws by (seed, t) alone.
    """

    def __init__(self, game: _core.Game, config: Config, seed: int) -> None:
        self.config: LearnerConfig = config.learner
        self.seed = seed
        self.device = torch.device(resolve_device(config.evaluator.device))
        self.precision = resolve_precision(config.learner.precision, self.device.type)
        network = PolicyValueNetwork(
            game.planes_shape, game.num_actions, config.network, seed, has_score=game.has_score
        )
        self.network = to_channels_last(network.to(self.device))
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self._averaged = list(
            zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        )
        self.model = LearningModel(self.network, config, seed).to(self.device)
        self.optimizers = create_optimizers(self.model.named_weights(), self.config)
        self.replicas = Replicas(self.model, num_threads(self.config) if self.device.type == "cpu" else 1)
        self.value_mix = config.replay.value_mix
        self.asked = _asked(self.model, config)
        self.step = 0
        self.skips = Skips(NOT_FINITE)
        self._owed_steps = 0.0

    def playing_network(self) -> PolicyValueNetwork:
        """The averaged network in evaluation mode; `train` goes on changing it."""
        return self.average

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Train on from `weights`, averaged ones; raise CorruptFileError where they are another network's."""
        load_weights(self.average, weights)
        load_weights(self.network, weights)

    def plan_steps(self, new_positions: int) -> int:
        """Steps that `new_positions` call for, so that each is drawn `samples_per_position` times on average.

        What does not fill a batch is carried over to the next call.
        """
        self.owe(new_positions)
        steps = int(self._owed_steps)
        self._owed_steps -= steps
        return steps

    def owe(self, new_positions: int) -> None:
        """Have the next plan count `new_positions`, too."""
        self._owed_steps += new_positions * self.config.samples_per_position / self.config.batch_size

    def train(
        self, window: SampleWindow, steps: int, go_on: Callable[[int], bool] | None = None
    ) -> dict[str, float]:
        """Take `steps` gradient steps; means over them by metrics tag, nothing for no steps.

        `go_on` is called before each with how many are taken; where it says no, those left are owed to the
        next plan. Raises UserError after MAX_SKIPPED steps in a row whose loss or gradient was not finite.
        """
        if steps == 0:
            return {}
        if go_on is not None and not go_on(0):
            self._owed_steps += steps
            return {}
        torch.set_num_threads(1)
        totals: dict[str, Tensor] = {}
        first, finite, waited, start = self.step, 0, 0.0, time.perf_counter()
        for samples, wait in self._samples(window, steps):
            waited += wait
            sums = self._train_step(samples)
            if sums is not None:
                finite += 1
                totals = {name: totals[name] + value if totals else value for name, value in sums.items()}
            if go_on is not None and not go_on(self.step - first):
                break
        taken = self.step - first
        self._owed_steps += steps - taken
        means = summarise(totals, finite)
        seconds = time.perf_counter() - start
        return means | {
            "loss/learning_rate": self.config.learning_rate * self._schedule(self.step - 1),
            "loss/steps": self.step,
            "loss/skipped_steps": self.skips.total,
            "speed/samples_per_s": taken * self.config.batch_size / seconds,
            "speed/sample_wait_share": waited / seconds,
        }

    def state(self) -> LearnerState:
        """A copy of everything that training goes on from."""
        moments = {
            f"{moment}.{name}": optimizer.state[parameter][moment]
            for optimizer in self.optimizers
            for name, parameter in self._trained_by(optimizer)
            for moment in optimizer.moments
            if parameter in optimizer.state
        }
        return LearnerState(
            model=_copies(self.average.state_dict()),
            learner=_copies(self.model.weights()),
            optimizer=_copies(moments),
            numbers={
                "step": self.step,
                "skipped": self.skips.total,
                "skipped_in_row": self.skips.in_row,
                "owed_steps": self._owed_steps,
            },
        )

    def load_state(self, state: LearnerState) -> None:
        """Go on from `state`; raise CorruptFileError where it belongs to another network."""
        load_weights(self.average, state.model)
        load_weights(self.model.weights(), state.learner)
        self.step = int(state.numbers["step"])
        self.skips.total = int(state.numbers["skipped"])
        self.skips.in_row = int(state.numbers["skipped_in_row"])
        self._owed_steps = float(state.numbers["owed_steps"])
        self._load_moments(state.optimizer)

    def _samples(self, window: SampleWindow, steps: int) -> Iterator[tuple[dict[str, Any], float]]:
        """Each step's samples and the seconds waited for them; the next are decoded during the step."""
        size = self.config.batch_size
        seeds = [sample_seed(self.seed, self.step + index) for index in range(steps)]
        with ThreadPoolExecutor(1, "sampler") as executor:
            future = executor.submit(self._draw, window, size, seeds[0])
            for following in [*seeds[1:], None]:
                start = time.perf_counter()
                samples = future.result()
                wait = time.perf_counter() - start
                if following is not None:
                    future = executor.submit(self._draw, window, size, following)
                yield samples, wait

    def _draw(self, window: SampleWindow, count: int, seed: int) -> dict[str, Any]:
        return window.sample(count, seed, self.value_mix, **self.asked)

    def _train_step(self, samples: Mapping[str, Any]) -> dict[str, Tensor] | None:
        statistics = [buffer.clone() for buffer in self.model.buffers()]
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * self._schedule(self.step)
        self.step += 1
        loss, sums = self.replicas.backward(samples, self._forward)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        finite = is_finite(loss, norm)
        if not finite:
            self._restore(statistics)
        self.skips.count(finite=finite, step=self.step)
        if not finite:
            return None
        for optimizer in self.optimizers:
            optimizer.step()
        update_average(self._averaged, self.config.ema_decay, self.step - self.skips.total)
        return sums | {"loss/gradient_norm": norm.detach()}

    def _forward(self, model: LearningModel, samples: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        return self._loss(model, TrainingBatch.from_samples(samples, self.device))

    def _loss(self, model: LearningModel, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            prediction, said = model.predict(batch.planes)
        total, sums = losses(prediction, batch, self.config)
        for name, target in model.targets():
            loss = target.loss(said[name], batch)
            total = total + target.weight * loss
            sums[f"loss/{name}"] = loss.detach()
        return total, sums | {"loss/total": total.detach()}

    def _restore(self, statistics: list[Tensor]) -> None:
        for buffer, before in zip(self.model.buffers(), statistics, strict=True):
            buffer.copy_(before)

    def _schedule(self, step: int) -> float:
        warmup = min(1.0, (step + 1) / (self.config.warmup_steps + 1))
        return warmup / math.sqrt(1 + step / self.config.decay_steps)

    def _trained_by(self, optimizer: Muon | AdamW) -> list[tuple[str, nn.Parameter]]:
        trained = {parameter for group in optimizer.param_groups for parameter in group["params"]}
        return [
            (name, parameter)
            for name, parameter in self.model.named_weights().items()
            if parameter in trained
        ]

    def _load_moments(self, tensors: Mapping[str, Tensor]) -> None:
        updates = self.step - self.skips.total
        for optimizer in self.optimizers:
            optimizer.state.clear()
            for name, parameter in self._trained_by(optimizer) if updates else ():
                moments = {key: _moment(tensors, f"{key}.{name}", parameter) for key in optimizer.moments}
                steps = torch.tensor(float(updates), device=self.device)
                optimizer.state[parameter] = {"step": steps, **moments}


def num_threads(config: LearnerConfig) -> int:
    """Threads of a training step on the processor: one a core by default, two positions each at least."""
    return min(config.threads or len(os.sched_getaffinity(0)), config.batch_size // 2)


def sample_seed(seed: int, step: int) -> int:
    """Seed below 2**63 of the samples of one step."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def load_weights(network: nn.Module | Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy saved weights into `network`; raise CorruptFileError naming the first that does not fit."""
    own = network.state_dict() if isinstance(network, nn.Module) else network
    for name in sorted(own.keys() | tensors.keys()):
        ours, theirs = (tuple(table[name].shape) if name in table else None for table in (own, tensors))
        if ours != theirs:
            raise CorruptFileError(f"weights of another network: '{name}' is {theirs}, expected {ours}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def _asked(model: LearningModel, config: Config) -> dict[str, Any]:
    """What a window is asked for beside the usual; nothing for the settings that it begins with."""
    replay = config.replay
    asked: dict[str, Any] = dict(model.asked)
    if replay.proven_values:
        asked["proven_values"] = True
    if replay.policy_temperature != 1:
        asked["policy_temperature"] = replay.policy_temperature
    return asked


def to_channels_last(network: PolicyValueNetwork) -> PolicyValueNetwork:
    """Lay the weights of convolutions out as the processor wants them."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def _moment(tensors: Mapping[str, Tensor], name: str, parameter: Tensor) -> Tensor:
    saved = tensors.get(name)
    if saved is None or saved.shape != parameter.shape:
        raise CorruptFileError(f"optimizer state lacks '{name}' {tuple(parameter.shape)}")
    return torch.empty_like(parameter).copy_(saved)


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
