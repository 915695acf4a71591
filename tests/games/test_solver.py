"""The exact solver against plain search, known results and itself."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine._core import Connect4Solver, State
from engine.errors import InputError
from games.connect4 import Connect4

GAME = Connect4()


@pytest.fixture(scope="module")
def solver() -> Connect4Solver:
    return GAME.solver()


def random_position(seed: int, plies: int) -> str:
    source = random.Random(seed)
    while True:
        state = GAME.initial()
        while state.outcome() is None and state.ply() < plies:
            state.play(source.choice(state.legal_actions()))
        if state.outcome() is None:
            return "".join(str(action + 1) for action in state.position()[1])


def full_search(state: State, known: dict[int, int]) -> int:
    """Score by every line to its end."""
    outcome = state.outcome()
    if outcome is not None:
        return 0 if outcome == 0 else -(22 - (state.ply() + 1) // 2)
    if state.key() not in known:
        children = [state.clone() for _ in state.legal_actions()]
        for child, action in zip(children, state.legal_actions(), strict=True):
            child.play(action)
        known[state.key()] = max(-full_search(child, known) for child in children)
    return known[state.key()]


def sign(score: int | None) -> int | None:
    return None if score is None else (score > 0) - (score < 0)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), plies=st.integers(28, 41))
def test_late_positions_match_full_search(solver: Connect4Solver, seed: int, plies: int) -> None:
    position = random_position(seed, plies)
    assert solver.score(position) == full_search(GAME.parse(position), {})


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), plies=st.integers(12, 41))
def test_columns_agree_with_the_score_and_the_mirror(solver: Connect4Solver, seed: int, plies: int) -> None:
    position = random_position(seed, plies)
    scores = solver.scores(position)
    legal = GAME.parse(position).legal_actions()
    assert [column for column, score in enumerate(scores) if score is not None] == legal
    assert max(score for score in scores if score is not None) == solver.score(position)
    assert solver.outcomes(position) == [sign(score) for score in scores]
    mirrored = "".join(str(8 - int(column)) for column in position)
    assert solver.scores(mirrored) == scores[::-1]


def test_a_score_counts_the_stones_of_the_winner(solver: Connect4Solver) -> None:
    assert solver.score("112233") == 22 - 4
    assert solver.scores("112233")[3] == 18
    # 3 4 5 in the lowest row, both ends open: whatever the answer, four on the next stone.
    assert solver.score("44335") == -(22 - 4)
    assert solver.scores("4433")[4] == 22 - 4


def test_ctrl_c_stops_a_long_search() -> None:
    code = (
        "from engine._core import Connect4Solver\n"
        "try:\n    print('ready', flush=True)\n    Connect4Solver().score('')\n"
        "except KeyboardInterrupt:\n    print('stopped')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == "stopped\n"
    assert process.returncode == 0


def test_threads_take_turns(solver: Connect4Solver) -> None:
    positions = [random_position(seed, 16) for seed in range(16)]
    expected = [Connect4Solver(1).scores(position) for position in positions]
    found: dict[int, list[list[int | None]]] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: [solver.scores(p) for p in positions]}))
        for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(3), expected)


def test_nodes_count_and_clear() -> None:
    solver = Connect4Solver(table_mb=1)
    assert solver.nodes == 0
    solver.score(random_position(5, 16))
    first = solver.nodes
    assert first > 0
    solver.score(random_position(5, 16))
    assert solver.nodes - first < first
    solver.clear()
    assert solver.nodes == 0


@pytest.mark.parametrize(
    ("position", "message"),
    [
        ("448", "move '8' is not a column from 1 to 7"),
        ("1111111", "ply 7: move '1' is illegal: the column is full"),
        ("1122334", "position '1122334' is over; give one that still runs"),
        ("4" * 50, "Connect Four has at most 42"),
    ],
)
def test_bad_positions_are_named(solver: Connect4Solver, position: str, message: str) -> None:
    for question in (solver.score, solver.scores, solver.outcomes):
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            question(position)


@pytest.mark.parametrize("size", [0, -1, 70_000])
def test_table_size_is_checked(size: int) -> None:
    with pytest.raises(ValueError, match=f"table of {size} MB: give 1 to 65536"):
        Connect4Solver(size)


@pytest.mark.slow
def test_first_player_wins_from_the_centre_alone(solver: Connect4Solver) -> None:
    """The game's known result (Allis 1988): 1 2 … 7 score -2 -1 0 1 0 -1 -2."""
    assert solver.scores("") == [-2, -1, 0, 1, 0, -1, -2]
    assert solver.score("") == 1
