"""Evaluators: from a batch of requests to priors and values for the player to move."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from engine import _core
from engine.config.network import EvaluatorConfig
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.evaluator.choice import BackendChoice
    from engine.evaluator.network import PolicyValueNetwork


class Evaluator(Protocol):
    """Whatever answers EVALUATE requests."""

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        """One answer a request, in their order and orientation."""


class Proposer(Protocol):
    """Whatever answers the requests of trees of proposed moves."""

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        """One answer a request, in their order."""


AnswerLater = Callable[[], _core.DenseReply]
"""Waits for the answer to a batch."""


@runtime_checkable
class Judge(Proposer, Protocol):
    """A proposer that may answer VALUE requests without its model."""

    judges: bool
    """Whether it does. Then these are answered first, so that their trees go on and fill the next batch."""


@runtime_checkable
class Pipeline(Evaluator, Protocol):
    """An evaluator that computes while its caller goes on."""

    depth: int
    """Batches that it likes to have in flight."""

    def submit(self, requests: _core.Requests) -> AnswerLater:
        """Begin a batch. Its reply is good until `depth` more have begun; wait for them in order."""


class UniformEvaluator:
    """Equal priors and a draw everywhere."""

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        """Answer without reading the positions."""
        return _core.uniform(requests)


class RolloutEvaluator:
    """Equal priors and the result of one uniformly random game from each position.

    The games of the k-th batch are a function of `seed` and k; where `tree_seeds` has a seed for each tree,
    those of a tree are a function of its own, whatever is searched beside it.
    """

    tree_seeds: Sequence[int] | None = None

    def __init__(self, seed: int) -> None:
        self._seeds = np.random.SeedSequence(seed)
        self._calls = 0

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        """Play one game from each position."""
        sequence = np.random.SeedSequence(self._seeds.entropy, spawn_key=(self._calls,))
        self._calls += 1
        seed = int(sequence.generate_state(1, np.uint64)[0])
        return _core.rollout(requests, seed, self.tree_seeds)


class NetworkEvaluator:
    """A network on the backend that fits this machine; a pipeline where the backend is one.

    The GIL is released while the network is computed. One evaluator serves one thread at a time.

    Args:
        game: whose planes and actions the network must fit; UserError where it does not.
        network: the weights; kept as they are at this moment.
        config: backend, device and precision.
        streams: threads of the processor, each of which computes a batch of its own.
    """

    def __init__(
        self, game: _core.Game, network: PolicyValueNetwork, config: EvaluatorConfig, streams: int = 1
    ) -> None:
        from engine.evaluator.calibration import random_positions
        from engine.evaluator.choice import create_backend, resolve_backend

        check_fit(game, network)
        self.game = game
        self.choice: BackendChoice = resolve_backend(config)
        calibration = random_positions(game) if self.choice.precision == "int8" else None
        self.backend = create_backend(self.choice, network, streams, calibration)
        self.depth = self.backend.depth

    def load(self, network: PolicyValueNetwork) -> None:
        """Play on with new weights of the same architecture."""
        check_fit(self.game, network)
        self.backend.load(network)

    def submit(self, requests: _core.Requests) -> AnswerLater:
        """Begin to compute the network on the planes of the requests."""
        answer = self.backend.submit(requests.planes)
        return lambda: _core.DenseReply(*answer())

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        """Compute the network on the planes of the requests; the reply is good until the next batch."""
        return self.submit(requests)()

    def bare_rate(self, batch: int, seconds: float = 0.5) -> float:
        """Positions a second of inference alone on one batch: the best of five equal stretches."""
        generator = np.random.default_rng(0)
        planes = generator.integers(0, 2, size=(batch, *self.game.planes_shape)).astype(np.float32)
        compute = self.backend.bind(planes)
        compute()
        return max(_rate(compute, batch, seconds / 5) for _ in range(5))


def _rate(compute: Callable[[], None], batch: int, seconds: float) -> float:
    start, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds or count == 0:
        compute()
        count += batch
    return count / elapsed


def check_fit(game: _core.Game, network: PolicyValueNetwork) -> None:
    """Raise UserError where a network has other planes or actions than a game."""
    ours, theirs = (tuple(game.planes_shape), game.num_actions), (network.planes_shape, network.num_actions)
    if ours != theirs:
        raise UserError(
            f"network takes planes {theirs[0]} and gives {theirs[1]} actions, but {game.name} has "
            f"{ours[0]} and {ours[1]}; use a checkpoint of {game.name}"
        )
