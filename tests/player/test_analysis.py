"""What a search says of positions, and one tree computed by several threads."""

from __future__ import annotations

import pytest

from engine import _core
from engine.config.network import EvaluatorConfig, NetworkConfig
from engine.evaluator.evaluator import Evaluator, NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.player.tree_player import SIMULATIONS_A_LEAF, TreePlayer
from engine.registry import load_game

GAME = load_game("connect4")
POSITIONS = ["", "4455", "41424", "444331"]


def evaluator(streams: int = 1) -> NetworkEvaluator:
    config = NetworkConfig(channels=8, blocks=1)
    network = PolicyValueNetwork(GAME.planes_shape, GAME.num_actions, config, seed=5).eval()
    return NetworkEvaluator(GAME, network, EvaluatorConfig(backend="openvino", precision="f32"), streams)


def player(evaluate: Evaluator, in_flight: int = 1, *, proofs: bool = True) -> TreePlayer:
    params = _core.SearchParams(proofs=proofs)
    return TreePlayer("mine", GAME, params, lambda _: evaluate, 60, in_flight=lambda _: in_flight)


class Counting:
    """Passes batches on and keeps their sizes."""

    def __init__(self, evaluate: NetworkEvaluator) -> None:
        self.evaluate = evaluate
        self.sizes: list[int] = []

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        self.sizes.append(len(requests))
        return self.evaluate(requests)


@pytest.fixture(autouse=True)
def _needs_openvino() -> None:
    pytest.importorskip("openvino", reason="answers that do not depend on the batch need the extra cpu")


def test_several_trees_are_the_same_with_several_streams() -> None:
    states = [GAME.parse(position) for position in POSITIONS]
    alone = player(evaluator()).analyze(states)
    shared = player(evaluator(3)).analyze(states)
    assert shared == alone


def test_one_tree_with_several_streams_is_the_same_every_time() -> None:
    answers = []
    for _ in range(3):
        shared = evaluator(2)
        one = player(shared, 8 * shared.depth, proofs=False)
        answers.append(one.analyze([GAME.initial()], 1500))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0]["simulations"] == 1500


@pytest.mark.parametrize("simulations", [1, SIMULATIONS_A_LEAF, 8 * SIMULATIONS_A_LEAF, 1000])
def test_a_lone_tree_fills_the_batch_as_far_as_its_simulations_allow(simulations: int) -> None:
    evaluate = Counting(evaluator())
    one = player(evaluate, 16, proofs=False)
    answer = one.analyze([GAME.initial()], simulations)[0]
    assert answer["simulations"] == simulations
    assert max(evaluate.sizes) <= max(1, min(16, simulations // SIMULATIONS_A_LEAF))
    if simulations >= 1000:
        assert sum(evaluate.sizes) / len(evaluate.sizes) > 10
    evaluate.sizes.clear()
    one.analyze([GAME.parse(position) for position in POSITIONS], simulations)
    assert max(evaluate.sizes) <= 16


def test_leaves_in_flight_are_at_least_one() -> None:
    trees = _core.Trees(GAME, _core.SearchParams())
    with pytest.raises(ValueError, match="max_in_flight is 0; give 1 to"):
        trees.max_in_flight = 0
