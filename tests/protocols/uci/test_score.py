"""Scores, wins in thousandths, and mates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.player.thinking import NOT_PROVEN, MoveReport
from engine.protocols.uci.option import SCORE_TYPES
from engine.protocols.uci.score import MOST, per_mille, score_text, settled
from engine.registry import load_game

CHESS = load_game("chess")
START = CHESS.initial()
MOVE = MoveReport(0, 10, 0.5, 0.0, (0.3, 0.4, 0.3), 0.0, NOT_PROVEN, (0,))
FOOLS_MATE = CHESS.parse("rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2")


@pytest.mark.parametrize(("value", "score"), [(0.0, 0), (0.5, 191), (-0.5, -191), (0.9, 512), (1.0, 3720)])
def test_a_value_is_a_lead_in_rating(value: float, score: int) -> None:
    assert score_text(START, replace(MOVE, value=value)) == f"cp {score}"


@given(st.floats(-1, 1), st.tuples(st.floats(0, 1), st.floats(0, 1)), st.sampled_from(SCORE_TYPES))
def test_every_value_has_a_score_within_bounds(value: float, shares: tuple[float, float], kind: str) -> None:
    win, loss = shares[0], shares[1] * (1 - shares[0])
    text = score_text(START, replace(MOVE, value=value, wdl=(win, 1 - win - loss, loss)), kind)
    assert -MOST <= int(text.removeprefix("cp ")) <= MOST


@pytest.mark.parametrize(
    ("proof", "plies", "text"),
    [(1, 1, "mate 1"), (1, 3, "mate 2"), (1, 5, "mate 3"), (-1, 2, "mate -1"), (-1, 4, "mate -2"),
     (0, 7, "cp 0"), (1, None, "cp 3720"), (-1, None, "cp -3720")],
)  # fmt: skip
def test_a_proof_is_a_mate_where_its_length_is_known(proof: int, plies: int | None, text: str) -> None:
    assert score_text(START, replace(MOVE, proof=proof, plies=plies)) == text


def test_the_length_is_found_along_the_line() -> None:
    mate = FOOLS_MATE.parse_action("d8h4")
    assert score_text(FOOLS_MATE, replace(MOVE, action=mate, pv=(mate,), proof=1)) == "mate 1"


def test_a_move_that_ends_the_game_is_proven_by_that() -> None:
    mate = FOOLS_MATE.parse_action("d8h4")
    found = settled(FOOLS_MATE, replace(MOVE, action=mate, pv=(mate,), value=1.0))
    assert (found.proof, found.plies) == (1, 1)
    assert score_text(FOOLS_MATE, found) == "mate 1"
    for move in (
        replace(MOVE, action=mate, pv=(mate,), value=0.5),
        replace(MOVE, action=(quiet := FOOLS_MATE.parse_action("a7a6")), pv=(quiet,), value=1.0),
    ):
        assert settled(FOOLS_MATE, move) is move


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_thousandths_add_up(shares: tuple[float, float]) -> None:
    win, loss = shares[0], shares[1] * (1 - shares[0])
    told = [int(share) for share in per_mille((win, 1 - win - loss, loss)).split()]
    assert sum(told) == 1000
    assert min(told) >= 0
