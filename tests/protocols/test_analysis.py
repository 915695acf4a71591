"""What a search says of positions, and one tree computed by several threads."""

from __future__ import annotations

import pytest

from engine import _core
from engine.config import EvaluatorConfig, NetworkConfig
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.protocols.analysis import SIMULATIONS_A_LEAF, Analyst
from engine.registry import load_game

GAME = load_game("connect4")
POSITIONS = ["", "4455", "41424", "444331"]


def evaluator(streams: int = 1) -> NetworkEvaluator:
    config = NetworkConfig(channels=8, blocks=1)
    network = PolicyValueNetwork(GAME.planes_shape, GAME.num_actions, config, seed=5).eval()
    return NetworkEvaluator(GAME, network, EvaluatorConfig(backend="openvino", precision="f32"), streams)


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
    alone = Analyst(GAME, _core.SearchParams(), evaluator()).analyze(states, 60)
    shared = Analyst(GAME, _core.SearchParams(), evaluator(3)).analyze(states, 60)
    assert shared == alone


def test_one_tree_with_several_streams_is_the_same_every_time() -> None:
    answers = []
    for _ in range(3):
        shared = evaluator(2)
        analyst = Analyst(GAME, _core.SearchParams(proofs=False), shared, in_flight=8 * shared.depth)
        answers.append(analyst.analyze([GAME.initial()], 1500))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0]["simulations"] == 1500


@pytest.mark.parametrize("simulations", [1, SIMULATIONS_A_LEAF, 8 * SIMULATIONS_A_LEAF, 1000])
def test_a_lone_tree_fills_the_batch_as_far_as_its_simulations_allow(simulations: int) -> None:
    evaluate = Counting(evaluator())
    analyst = Analyst(GAME, _core.SearchParams(proofs=False), evaluate, in_flight=16)
    answer = analyst.analyze([GAME.initial()], simulations)[0]
    assert answer["simulations"] == simulations
    assert max(evaluate.sizes) <= max(1, min(16, simulations // SIMULATIONS_A_LEAF))
    if simulations >= 1000:
        assert sum(evaluate.sizes) / len(evaluate.sizes) > 10
    evaluate.sizes.clear()
    analyst.analyze([GAME.parse(position) for position in POSITIONS], simulations)
    assert max(evaluate.sizes) <= 16


def test_leaves_in_flight_are_at_least_one() -> None:
    trees = _core.Trees(GAME, _core.SearchParams())
    with pytest.raises(ValueError, match="max_in_flight is 0; give 1 to"):
        trees.max_in_flight = 0
