"""Truth: the shipped positions are what they say, and the measure counts what it should."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import _core
from engine.config.play import SearchConfig
from engine.evaluator.evaluator import UniformEvaluator
from engine.game.inquiry import truth_sets
from engine.search import search_params
from engine.truth import ILLEGAL, TruthSet
from engine.truth.truth import BATCH, measure, truth_table
from games.connect4 import Connect4

GAME = Connect4()
PARAMS = search_params(SearchConfig())
NAMES = [
    "End-Easy",
    "Middle-Easy",
    "Middle-Medium",
    "Beginning-Easy",
    "Beginning-Medium",
    "Beginning-Hard",
]


class ColumnEvaluator:
    """Prefers one column of the planes it is shown, and says 0.25 of every position."""

    def __init__(self, column: int) -> None:
        self._column = column

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        batch = len(requests.planes)
        logits = np.zeros((batch, 7), np.float32)
        logits[:, self._column] = 1
        return _core.DenseReply(np.tile(np.array([0.5, 0.25, 0.25], np.float32), (batch, 1)), logits)


class FailingEvaluator:
    """Counts its calls and raises."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        self.calls += 1
        raise RuntimeError(f"no device for {len(requests)} positions")


def make_set(rows: list[tuple[str, list[int]]], scores: bool = True) -> TruthSet:
    table = np.array([row for _, row in rows], np.int16)
    outcomes = np.sign(table).astype(np.int8)
    return TruthSet("made", [moves for moves, _ in rows], outcomes, table if scores else None)


# Five columns err, column 4 wins soonest, column 1 wins late; the board is its own mirror.
SYMMETRIC = ("44", [1, -1, -1, 5, -1, -1, -1])


@pytest.mark.parametrize(
    ("column", "mistakes", "optimal"), [(3, 0.0, 1.0), (0, 0.0, 0.0), (1, 1.0, 0.0), (6, 1.0, 0.0)]
)
def test_the_network_alone_plays_its_highest_prior(column: int, mistakes: float, optimal: float) -> None:
    [score] = measure(GAME, [make_set([SYMMETRIC])], [ColumnEvaluator(column)], [0], search_params=PARAMS)
    assert (score.set, score.simulations, score.positions) == ("made", 0, 1)
    assert (score.mistakes, score.optimal) == (mistakes, optimal)
    assert score.value_error == pytest.approx(0.75)  # says 0.25, the truth is 1


def test_turned_positions_are_turned_back() -> None:
    """A position and its mirror are asked about as one; the choice comes back in each one's own columns."""
    rows = [("1", [0, -1, -1, -1, -1, -1, -1]), ("7", [-1, -1, -1, -1, -1, -1, 0])]
    shares = [
        measure(GAME, [make_set(rows)], [ColumnEvaluator(column)], [0], search_params=PARAMS)[0].mistakes
        for column in range(7)
    ]
    assert sorted(shares) == [0, 1, 1, 1, 1, 1, 1]
    assert shares[0] == 0 or shares[6] == 0


def test_search_finds_what_the_network_misses() -> None:
    rows = [("112233", [-1, -1, -1, 18, -1, -1, -1])]
    scores = measure(GAME, [make_set(rows)], [ColumnEvaluator(0)], [0, 100], search_params=PARAMS)
    assert [score.mistakes for score in scores] == [1, 0]
    assert scores[1].value_error == 0  # proven


def test_optimal_is_unknown_without_scores() -> None:
    [score] = measure(
        GAME, [make_set([SYMMETRIC], scores=False)], [UniformEvaluator()], [0], search_params=PARAMS
    )
    assert score.optimal is None
    assert "optimal" not in " ".join(truth_table([("net", [score])])[0])


def test_results_do_not_depend_on_the_number_of_evaluators() -> None:
    sets = [max(truth_sets(GAME), key=lambda truth: len(truth.positions)), make_set([SYMMETRIC] * 3)]
    assert len(sets[0].positions) > BATCH
    runs = [
        measure(GAME, sets, [UniformEvaluator() for _ in range(count)], [0, 4], search_params=PARAMS)
        for count in (1, 3)
    ]
    assert runs[0] == runs[1]
    assert [score.wrong for score in runs[0]] == [score.wrong for score in runs[1]]
    assert [sum(score.wrong) / len(score.wrong) for score in runs[0]] == [each.mistakes for each in runs[0]]
    assert [(score.set, score.simulations) for score in runs[0]] == [
        (sets[0].name, 0),
        (sets[0].name, 4),
        ("made", 0),
        ("made", 4),
    ]


def test_positions_limits_each_set() -> None:
    scores = measure(GAME, truth_sets(GAME), [UniformEvaluator()], [0], search_params=PARAMS, positions=7)
    assert [score.positions for score in scores] == [7] * 6


def test_an_evaluator_that_fails_stops_the_measure() -> None:
    evaluator = FailingEvaluator()
    with pytest.raises(RuntimeError, match="no device"):
        measure(GAME, truth_sets(GAME), [evaluator, evaluator], [0], search_params=PARAMS)
    assert evaluator.calls <= 2


def test_the_table_has_a_row_a_set_and_number_of_simulations() -> None:
    scores = measure(GAME, truth_sets(GAME), [UniformEvaluator()], [0, 2], search_params=PARAMS, positions=4)
    rows = truth_table([("a", scores), ("b", scores)])
    assert [row["positions"] for row in rows[::2]] == NAMES
    assert {row["simulations"] for row in rows} == {"network alone", 2}
    assert all(row["a"] == row["b"] for row in rows)
    assert scores[0].to_json()["mistakes"] == scores[0].mistakes
    assert "wrong" not in scores[0].to_json()


def test_a_game_without_truth_has_no_sets() -> None:
    assert truth_sets(_core.Connect4()) == []


def test_sets_shipped() -> None:
    sets = truth_sets(GAME)
    assert [truth.name for truth in sets] == NAMES
    keys = [GAME.parse(moves).canonical()[0] for truth in sets for moves in truth.positions]
    assert len(set(keys)) == len(keys)
    for truth in sets:
        assert len(truth.positions) >= 300
        assert truth.scores is not None
        assert truth.outcomes.shape == truth.scores.shape == (len(truth.positions), 7)


def test_columns_are_marked_as_the_rules_have_it() -> None:
    for truth in truth_sets(GAME):
        for moves, outcomes in zip(truth.positions, truth.outcomes, strict=True):
            legal = GAME.parse(moves).legal_actions()
            assert legal == [column for column in range(7) if outcomes[column] != ILLEGAL]


def test_scores_shipped_are_the_solvers() -> None:
    solver, source = GAME.solver(table_mb=16), random.Random(1)
    for truth in truth_sets(GAME):
        late = [index for index, moves in enumerate(truth.positions) if len(moves) >= 11]
        assert truth.scores is not None
        for index in source.sample(late, min(len(late), 6)):
            found = solver.scores(truth.positions[index])
            assert [0 if score is None else score for score in found] == truth.scores[index].tolist()


def test_sets_are_named_by_length_and_difficulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "scripts"))
    script = importlib.import_module("make_connect4_truth")
    for truth in truth_sets(GAME):
        assert truth.scores is not None
        for moves, scores, outcomes in zip(truth.positions, truth.scores, truth.outcomes, strict=True):
            best = int(scores[outcomes != ILLEGAL].max())
            assert script.set_name(len(moves), best) == truth.name
    sys.modules.pop("make_connect4_truth")
