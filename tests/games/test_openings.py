"""The openings that games bring: legal, distinct under every symmetry, and as balanced as can be known."""

from __future__ import annotations

import pytest

from engine._core import State
from engine.game import inquiry
from engine.registry import game_names, load_game

SIZES = {
    "chess": 50, "chess960": 48, "gardner": 30, "connect4": 20, "othello": 30, "tictactoe": 8,
    "go:size=5": 15, "go:size=7": 15, "go:size=9": 50, "go:size=13": 70, "go:size=19": 70,
    "go:size=7x5": 50, "go:size=2": 1,
}  # fmt: skip
"""How many at least."""

WITHOUT = ["nim", "go:size=9,handicap=2", "go:size=5,max_plies=1"]
"""Of which no balanced position is known, or none is left."""


def test_every_game_has_a_suite_or_says_why_not() -> None:
    assert {name.partition(":")[0] for name in {*SIZES, *WITHOUT}} == set(game_names())


@pytest.mark.parametrize("spec", SIZES)
def test_a_suite_is_legal_and_distinct(spec: str) -> None:
    game = load_game(spec)
    states = inquiry.openings(game)  # raises for one that is illegal, over, or there twice
    assert len(states) >= SIZES[spec]
    assert len({state.canonical()[0] for state in states}) == len(states)
    assert all(state.legal_actions() for state in states)
    assert max(state.ply() for state in states) <= 14


@pytest.mark.parametrize("spec", WITHOUT)
def test_where_nothing_is_balanced_there_is_none(spec: str) -> None:
    assert inquiry.openings(load_game(spec)) == []


@pytest.mark.parametrize("spec", ["chess:draws=fide,history=3", "gardner:draws=fide", "go:size=9,komi=0.5"])
def test_options_do_not_change_the_suite(spec: str) -> None:
    plain = {"chess": "chess", "gardner": "gardner", "go": "go:size=9"}[spec.partition(":")[0]]
    ours, theirs = (inquiry.openings(load_game(each)) for each in (spec, plain))
    assert [state.text() for state in ours] == [state.text() for state in theirs]


def value(state: State, known: dict[int, float]) -> float:
    """Exact, for the player to move."""
    if state.key() not in known:
        found = state.outcome()
        if found is None:
            best = -2.0
            for action in state.legal_actions():
                child = state.clone()
                child.play(action)
                best = max(best, -value(child, known))
            found = best
        known[state.key()] = found
    return known[state.key()]


def test_tic_tac_toe_begins_with_every_short_draw() -> None:
    game, known = load_game("tictactoe"), {}
    ours = {state.canonical()[0] for state in inquiry.openings(game)}
    drawn = set()
    for first in game.initial().legal_actions():
        one = game.initial()
        one.play(first)
        drawn |= {one.canonical()[0]} if value(one, known) == 0 else set()
        for second in one.legal_actions():
            two = one.clone()
            two.play(second)
            drawn |= {two.canonical()[0]} if value(two, known) == 0 else set()
    assert ours == drawn


def test_connect_four_begins_with_draws_that_can_be_lost() -> None:
    """By the exact solver, for those that it knows quickly."""
    game = load_game("connect4")
    solver = inquiry.solver(game)
    late = [state for state in inquiry.openings(game) if state.ply() >= 12]
    assert len(late) >= 5
    for state in late[:5]:
        moves = "".join(str(action + 1) for action in state.position()[1])
        outcomes = [outcome for outcome in solver.outcomes(moves) if outcome is not None]
        assert max(outcomes) == 0
        assert outcomes.count(0) >= 2
        assert outcomes.count(-1) >= 2


def test_chess960_begins_with_starts_alone() -> None:
    for state in inquiry.openings(load_game("chess960")):
        assert state.ply() == 0
        rows = state.text().splitlines()
        assert rows[0].replace(" ", "").lower()[1:] == rows[7].replace(" ", "").lower()[1:]


def test_go_begins_away_from_the_edge() -> None:
    for state in inquiry.openings(load_game("go:size=9")):
        assert state.ply() in (1, 2)
        planes = state.encode()
        stones = planes[0] + planes[1]
        assert stones[[0, 1, 7, 8], :].sum() == stones[:, [0, 1, 7, 8]].sum() == 0
