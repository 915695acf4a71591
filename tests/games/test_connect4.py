"""Connect Four's rules, with the boards drawn."""

from __future__ import annotations

import random

import numpy as np
import pytest

from engine._core import State, rollout_moves
from engine.errors import InputError
from engine.registry import load_game
from games.connect4 import Connect4

GAME = Connect4()

RISING = """
. . . . . . .
. . . . . . .
. . . X . . .
. . X X . . .
. X O O . . .
X O O X . O .
1 2 3 4 5 6 7
"""

FULL_COLUMN = """
. . . O . . .
. . . X . . .
. . . O . . .
. . . X . . .
. . . O . . .
. . . X . . .
1 2 3 4 5 6 7
"""


def drawing(state: State) -> str:
    return "\n" + state.text()


def random_game(seed: int) -> str:
    source, state = random.Random(seed), GAME.initial()
    while actions := state.legal_actions():
        state.play(source.choice(actions))
    return "".join(str(action + 1) for action in state.position()[1])


def perft(state: State, depth: int) -> int:
    if depth == 0:
        return 1
    nodes = 0
    for action in state.legal_actions():
        child = state.clone()
        child.play(action)
        nodes += perft(child, depth - 1)
    return nodes


def test_registered_by_its_name() -> None:
    assert isinstance(load_game("connect4"), Connect4)
    assert (GAME.name, GAME.num_actions, GAME.planes_shape, GAME.max_plies) == ("connect4", 7, (5, 6, 7), 42)


def test_perft() -> None:
    assert [perft(GAME.initial(), depth) for depth in range(6)] == [1, 7, 49, 343, 2401, 16807]


def test_a_diagonal_wins() -> None:
    state = GAME.parse("12233434464"[:-1])
    assert state.outcome() is None
    state = GAME.parse("12234334464")
    assert drawing(state) == RISING
    assert state.outcome() == -1
    assert state.legal_actions() == []
    assert state.player() == 1


def test_a_full_column_is_closed() -> None:
    state = GAME.parse("444444")
    assert drawing(state) == FULL_COLUMN
    assert state.legal_actions() == [0, 1, 2, 4, 5, 6]
    with pytest.raises(InputError, match="'4' is illegal: the column is full"):
        state.parse_action("4")
    with pytest.raises(InputError, match="3"):
        state.play(3)


def test_planes_are_seen_by_the_player_to_move() -> None:
    own, theirs, playable, own_threats, their_threats = GAME.parse("443").encode()
    assert own.sum() == 1
    assert own[4, 3] == 1
    assert theirs.sum() == 2
    assert theirs[5, 2] == theirs[5, 3] == 1
    assert list(zip(*np.nonzero(playable), strict=True)) == [
        (3, 3),
        (4, 2),
        (5, 0),
        (5, 1),
        (5, 4),
        (5, 5),
        (5, 6),
    ]
    assert not own_threats.any()
    assert not their_threats.any()


def test_threats_are_the_cells_that_complete_four() -> None:
    own, theirs = GAME.parse("44352535").encode()[3:]
    assert list(zip(*np.nonzero(own), strict=True)) == [(5, 0)]  # beside three in the bottom row
    assert list(zip(*np.nonzero(theirs), strict=True)) == [(2, 4)]  # above three in column 5


@pytest.mark.parametrize("seed", range(20))
def test_the_mirror_is_the_same_position_turned(seed: int) -> None:
    moves = random_game(seed)
    for ply in range(len(moves) + 1):
        state = GAME.parse(moves[:ply])
        mirror = GAME.parse("".join(str(8 - int(column)) for column in moves[:ply]))
        assert np.array_equal(state.encode()[:, :, ::-1], mirror.encode())
        assert state.outcome() == mirror.outcome()
        assert state.canonical()[0] == mirror.canonical()[0]
        symmetric = np.array_equal(state.encode(), mirror.encode())
        assert (state.canonical()[1] != mirror.canonical()[1]) != symmetric
        assert (state.key() == mirror.key()) == symmetric


@pytest.mark.parametrize(
    ("position", "message"),
    [
        ("4\u00e9" * 30, "moves; Connect Four has at most 42"),
        ("8", "'8' is not a column from 1 to 7"),
        ("0", "'0'"),
        ("4x", "ply 2: move 'x'"),
        ("4444444", "ply 7: move '4' is illegal: the column is full"),
        ("11223344", "ply 8: move '4' comes after the end"),
        ("1" * 1_000_000, "has 1000000 moves; Connect Four has at most 42"),
        (" 4", "' '"),
        ("4\uff14", "ply 2: move '\uff14'"),
    ],
)
def test_a_bad_position_is_named(position: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        GAME.parse(position)
    assert len(str(caught.value)) < 300


def test_a_state_outlives_the_names_of_its_game() -> None:
    state = Connect4().parse("4")
    clone = state.clone()
    del state
    clone.play(3)
    assert clone.ply() == 2


def test_the_winning_action_is_the_lowest_that_wins_at_once() -> None:
    found = 0
    for seed in range(400):
        state = GAME.initial()
        for action in rollout_moves(GAME, seed, 42):
            wins = []
            for candidate in state.legal_actions():
                child = state.clone()
                child.play(candidate)
                if child.outcome() == -1:
                    wins.append(candidate)
            assert state.winning_action() == (wins[0] if wins else -1), state.text()
            found += bool(wins)
            state.play(action)
        assert state.winning_action() == -1 or state.outcome() is None
    assert found > 500
