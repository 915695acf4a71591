"""The stages that a network takes part in, on the fastest backend of this machine."""

from __future__ import annotations

import copy
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from engine import _core
from engine.bench.rate import Clock, Work, median_rate, rate
from engine.bench.row import Row, make_row
from engine.checkpoint import load_network
from engine.config import Config, build_config
from engine.config.network import EvaluatorConfig, NetworkConfig
from engine.evaluator.backend import FloatArray
from engine.evaluator.choice import create_backend
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork, forward_flops
from engine.game.inquiry import bench_checkpoint
from engine.learner.learner import Learner
from engine.learner.losses import TrainingBatch
from engine.learner.optimizer import create_optimizers
from engine.registry import preset
from engine.search import batch_size
from engine.selfplay.caller import Caller, Games

SETTINGS: dict[str, Any] = {
    "network": {"channels": 64, "blocks": 5},
    "selfplay": {"simulations": 64, "full_search_fraction": 1.0},
    "learner": {"threads": 1},
    "loop": {"callers": 1},
}
"""Over the game's default preset."""

WIDE_NETWORK = NetworkConfig(channels=192, blocks=2)
WIDE_PLANES = (8, 16, 16)
"""Arithmetic alone limits a network so wide on a board so large."""

MATRIX_SIZE = 1024


@dataclass(frozen=True)
class Stretch:
    """Some self-play: its time, what was counted, and the bare rate of inference just before."""

    seconds: float
    counts: dict[str, float]
    batches: int
    bare_rate: float

    def rate(self, count: str) -> float:
        """One of the counts a second."""
        return self.counts[count] / self.seconds


class NetworkBench:
    """Inference, self-play and learner of one game; self-play fills the window that the learner reads.

    `changes` are settings over SETTINGS; with them the network is a seeded one.
    """

    def __init__(self, game: _core.Game, changes: Mapping[str, Any] | None = None) -> None:
        self.game = game
        self.config: Config = build_config(
            preset(game, "default"), {"game": game.name}, SETTINGS, dict(changes or {})
        )
        self.learner = Learner(game, self.config, seed=0)
        self.network, self.label = playing_network(game, self.config, ships=not changes)
        self.evaluators = _evaluators(game, self.network, self.config.evaluator)
        on_processor = self.evaluators[0].choice.device == "cpu"
        self.clock: Clock = time.process_time if on_processor else time.perf_counter
        self.unit = "1/cpu_s" if on_processor else "1/s"
        self.window = _core.ReplayWindow(game)

    def measure_inference(self, seconds: float) -> list[Row]:
        """The bare rates; their ceiling is the peak of the number type, see `_peak_rate`."""
        batches = sorted({64, self.config.selfplay.games})
        share = seconds / (len(batches) + 1) / len(self.evaluators)
        rows = []
        for evaluator in self.evaluators:
            ceiling = self._peak_rate(evaluator, share)
            for batch in batches:
                value = median_rate(self._inference(evaluator, batch), self.clock, share)
                rows.append(self._row(evaluator, "inference", f"positions_batch_{batch}", value, ceiling))
        return rows

    def measure_selfplay(self, seconds: float) -> list[Row]:
        """Evaluations a second inside self-play over the bare rate at its batch, and what they come to."""
        share = seconds / len(self.evaluators)
        return [row for evaluator in self.evaluators for row in self._measure_play(evaluator, share)]

    def measure_learner(self, seconds: float) -> list[Row]:
        """Samples a second of the learner, everything included, over the bare training step."""
        start = time.perf_counter()
        batch_size = self.config.learner.batch_size
        bare = _bare_training(self.learner, self.window.sample(batch_size, 0))

        def train() -> int:
            steps = 4
            self.learner.train(self.window, steps)
            return steps * batch_size

        pairs: list[tuple[float, float]] = []
        train()
        while len(pairs) < 2 or time.perf_counter() - start < seconds:
            pairs.append((rate(train, self.clock, 0.4), rate(bare, self.clock, 0.4)))
        value = statistics.median(whole for whole, _ in pairs)
        ratio = statistics.median(whole / part for whole, part in pairs)
        backend = f"torch {self.learner.precision} on {self.learner.device.type}"
        return [make_row(self.game, "learner", "samples", value, self.unit, backend, value / ratio)]

    def _measure_play(self, evaluator: NetworkEvaluator, seconds: float) -> list[Row]:
        start = time.perf_counter()
        caller, slots = self._staggered_caller(evaluator), self.config.selfplay.games
        caller.play(2 * slots, threading.Event())  # fills the cache
        stretches: list[Stretch] = []
        moves: list[tuple[int, ...]] = []
        while len(stretches) < 3 or time.perf_counter() - start < seconds:
            stretch, games = self._play(evaluator, caller, 2 * slots)
            stretches.append(stretch)
            moves += _move_lists(games)
            self.window.append(games)
        return self._selfplay_rows(evaluator, stretches, moves)

    def _play(self, evaluator: NetworkEvaluator, caller: Caller, positions: int) -> tuple[Stretch, Games]:
        batch = batch_size(evaluator, self.config.selfplay.games)
        bare_rate = rate(self._inference(evaluator, batch), self.clock, 0.2)
        before, batches, start = caller.pool.stats(), caller.batches, self.clock()
        games = caller.play(positions, threading.Event())
        seconds = self.clock() - start
        counts = {key: value - before[key] for key, value in caller.pool.stats().items()}
        return Stretch(seconds, counts, caller.batches - batches, bare_rate), games

    def _selfplay_rows(
        self, evaluator: NetworkEvaluator, stretches: list[Stretch], moves: list[tuple[int, ...]]
    ) -> list[Row]:
        evaluations, positions, ratio = (
            statistics.median(values)
            for values in (
                [stretch.rate("evaluations") for stretch in stretches],
                [stretch.rate("positions") for stretch in stretches],
                [stretch.rate("evaluations") / stretch.bare_rate for stretch in stretches],
            )
        )
        totals = {key: sum(stretch.counts[key] for stretch in stretches) for key in stretches[0].counts}
        room = sum(stretch.batches for stretch in stretches) * batch_size(
            evaluator, self.config.selfplay.games
        )
        shares = {
            "evaluations_per_position": totals["evaluations"] / totals["positions"],
            "cache_hits_per_simulation": totals["cache_hits"] / totals["simulations"],
            "batch_fill": totals["evaluations"] / room,
            "distinct_games": len(set(moves)) / max(len(moves), 1),
        }
        return [
            self._row(evaluator, "selfplay", f"evaluations{self.label}", evaluations, evaluations / ratio),
            self._row(evaluator, "selfplay", f"positions{self.label}", positions),
            *(self._row(evaluator, "selfplay", name, share, unit="1") for name, share in shares.items()),
        ]

    def _staggered_caller(self, evaluator: NetworkEvaluator) -> Caller:
        """A caller whose games stand at all stages; searches of two simulations got them there."""
        play = self.config.selfplay.model_copy(update={"simulations": 2})
        hurried = Caller(self.game, self.config.model_copy(update={"selfplay": play}), evaluator, 0, 1)
        self.window.append(hurried.play(min(self.game.max_plies, 60) * play.games, threading.Event()))
        caller = Caller(self.game, self.config, evaluator, 0, 1)
        under_way = hurried.pool.snapshot()
        caller.pool.restore(under_way, hurried.pool.next_id)
        # Games of hundreds of plies do not end in so short a time: here they are samples as they stand.
        self.window.append({**under_way, "outcome": np.zeros_like(under_way["outcome"])})
        return caller

    def _inference(self, evaluator: NetworkEvaluator, batch: int) -> Work:
        compute = evaluator.backend.bind(_random_planes(batch, self.game.planes_shape))

        def work() -> int:
            compute()
            return batch

        return work

    def _peak_rate(self, evaluator: NetworkEvaluator, seconds: float) -> float:
        """Positions a second if this network's sums were done at the peak of the backend's number type.

        That is the faster of the backend on a wide network and of a plain product of matrices.
        """
        batch, actions = 16, self.game.num_actions
        wide = PolicyValueNetwork(WIDE_PLANES, actions, WIDE_NETWORK)
        planes = _random_planes(batch, WIDE_PLANES)
        compute = create_backend(evaluator.choice, wide, 1, planes).bind(planes)

        def work() -> int:
            compute()
            return batch

        sums = forward_flops(self.game.planes_shape, actions, self.config.network)
        scale = forward_flops(WIDE_PLANES, actions, WIDE_NETWORK) / sums
        wide_rate = median_rate(work, self.clock, seconds / 2) * scale
        return max(wide_rate, self._matmul_flops(evaluator, seconds / 2) / sums)

    def _matmul_flops(self, evaluator: NetworkEvaluator, seconds: float) -> float:
        """Operations a second of torch's product of two square matrices; 0 in int8, which it has none for."""
        number = {"f32": torch.float32, "bf16": torch.bfloat16}.get(evaluator.choice.precision)
        if number is None:
            return 0.0
        matrix = torch.ones(MATRIX_SIZE, MATRIX_SIZE, dtype=number, device=evaluator.choice.device)

        def work() -> int:
            torch.mm(matrix, matrix)
            if matrix.is_cuda:
                torch.cuda.synchronize()
            return 2 * MATRIX_SIZE**3

        return median_rate(work, self.clock, seconds)

    def _row(
        self,
        evaluator: NetworkEvaluator,
        stage: str,
        metric: str,
        value: float,
        ceiling: float | None = None,
        unit: str = "",
    ) -> Row:
        return make_row(self.game, stage, metric, value, unit or self.unit, str(evaluator.choice), ceiling)


def _evaluators(
    game: _core.Game, network: PolicyValueNetwork, config: EvaluatorConfig
) -> list[NetworkEvaluator]:
    """What plays by default, and int8 where that is OpenVINO."""
    default = NetworkEvaluator(game, network, config)
    if default.choice.name != "openvino":
        return [default]
    return [default, NetworkEvaluator(game, network, config.model_copy(update={"precision": "int8"}))]


def playing_network(
    game: _core.Game, config: Config, *, ships: bool = True
) -> tuple[PolicyValueNetwork, str]:
    """The network that the game `ships` for this, else a seeded one; and what to add to a row's name."""
    folder = bench_checkpoint(game) if ships else None
    if folder is None:
        network = PolicyValueNetwork(game.planes_shape, game.num_actions, config.network, seed=0)
        return network.eval(), " (seeded network)"
    return load_network(folder)[2], ""


def _bare_training(learner: Learner, samples: dict[str, Any]) -> Work:
    """Forward pass, cross entropies, backward pass and optimizers on one batch that stays where it is."""
    network = copy.deepcopy(learner.network).train()
    optimizers = create_optimizers(dict(network.named_parameters()), learner.config)
    batch = TrainingBatch.from_samples(samples, learner.device)

    def work() -> int:
        network.zero_grad()
        with torch.autocast(learner.device.type, torch.bfloat16, enabled=learner.precision == "bf16"):
            policy, wdl = network(batch.planes)
        loss = F.cross_entropy(policy.float(), batch.policy) + F.cross_entropy(wdl.float(), batch.wdl)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
        if learner.device.type == "cuda":
            torch.cuda.synchronize(learner.device)
        return len(batch.planes)

    return work


def _random_planes(batch: int, shape: Sequence[int]) -> FloatArray:
    return np.random.default_rng(0).integers(0, 2, size=(batch, *shape)).astype(np.float32)


def _move_lists(games: Games) -> list[tuple[int, ...]]:
    return [tuple(games["moves"][start:end].tolist()) for start, end in pairwise(games["move_offsets"])]
