"""Copies and pickles of positions, games and settings."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from custom_connect4 import PythonConnect4

from engine import _core
from engine.errors import InputError
from engine.plugin import import_file
from engine.registry import load_game
from games.othello import Othello
from games.tictactoe import TicTacToe

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "core"

POSITIONS = {
    "connect4": "4433",
    "chess": "r3k2r/pppppppp/8/8/8/8/PPPPPPPP/R3K2R w Kq - 3 20 moves e1g1 e8c8",
    "chess:draws=fide,history=3,max_plies=200": "moves g1f3 g8f6 f3g1 f6g8",
    "chess960:start=5": "moves a2a4",
    "gardner": "moves a2a3",
    "go:size=5x7,rules=japanese,komi=3.5,ko=positional": "C3 D4 pass",
    "go:size=9,handicap=4": "E5",
    "othello": "",
    "tictactoe": "5 1 9",
    "nim": "",
}
"""A position of every game with options and, where it may, a start of its own."""


def pickled(thing: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol))  # noqa: S301


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": partial(pickled, protocol=p) for p in range(6)},
}


def random_game(state: _core.State, plies: int) -> _core.State:
    random = np.random.default_rng(1)
    while plies > 0 and (legal := state.legal_actions()):
        state.play(int(random.choice(legal)))
        plies -= 1
    return state


def assert_same(one: _core.State, other: _core.State) -> None:
    assert type(one) is type(other)
    assert (one.key(), one.canonical(), one.player()) == (other.key(), other.canonical(), other.player())
    assert (one.position(), one.outcome(), one.text()) == (other.position(), other.outcome(), other.text())
    assert one.legal_actions() == other.legal_actions()
    assert (one.encode() == other.encode()).all()


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", POSITIONS)
def test_a_position_comes_back_and_shares_nothing(name: str, how: str) -> None:
    for plies in (0, 3, 10_000):
        state = random_game(load_game(name).parse(POSITIONS[name].replace("5 1 9", "519")), plies)
        twin = COPIES[how](state)
        assert_same(twin, state)
        if legal := twin.legal_actions():
            twin.play(legal[0])
            assert twin.ply() == state.ply() + 1
            del state
            twin.text()


@pytest.mark.parametrize("name", POSITIONS)
def test_a_game_comes_back_with_its_options(name: str) -> None:
    game = load_game(name)
    assert copy.copy(game) is copy.deepcopy(game) is game
    twin = pickled(game)
    assert type(twin) is type(game)
    assert (twin.name, twin.num_actions, twin.planes_shape) == (
        game.name,
        game.num_actions,
        game.planes_shape,
    )
    assert_same(twin.parse(""), game.initial())


def test_positions_of_one_game_keep_one_game() -> None:
    game = TicTacToe()
    states = [game.parse("5"), game.parse("51"), game]
    first, second, twin = pickled(states)
    trees = _core.Trees(twin, _core.SearchParams())
    assert [trees.add(first), trees.add(second)] == [0, 1]
    copied = copy.deepcopy(states)
    assert copied[2] is game


def test_replay_refuses_what_is_illegal() -> None:
    game = load_game("connect4")
    assert game.replay("44", [3, 2]).position() == game.parse("4443").position()
    for moves in ([7], [-1], [3] * 7, [0, 10**6]):
        with pytest.raises(InputError, match="is not legal"):
            game.replay("", moves)


CHILD = """
import pickle, sys
states = pickle.load(open(sys.argv[1], "rb"))
print([state.key() for state in states])
"""


def test_another_process_reads_positions_of_every_kind_of_game(tmp_path: Path) -> None:
    games: list[_core.Game] = [load_game("connect4"), load_game("go:size=5"), Othello(), TicTacToe()]
    games.append(PythonConnect4())
    states = [random_game(game.initial(), 4) for game in games]
    (tmp_path / "states").write_bytes(pickle.dumps(states))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "states"],
        capture_output=True, text=True, timeout=300, cwd=FIXTURES,
    )  # fmt: skip
    assert done.stdout.strip() == str([state.key() for state in states]), done.stderr


def test_a_class_that_nobody_could_import_is_refused() -> None:
    class Local(TicTacToe):
        pass

    state = Local().initial()
    assert_same(copy.deepcopy(state), state)
    with pytest.raises(InputError, match=r"Local of .* cannot be pickled.*define it at the top of a module"):
        pickle.dumps(state)


FILED = """
from games.tictactoe import TicTacToe

class Filed(TicTacToe):
    def __init__(self, handicap=0):
        super().__init__()
        self.handicap = handicap
"""


def test_a_game_of_a_file_comes_back_where_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "filed.py"
    path.write_text(FILED, encoding="utf-8")
    game = vars(import_file(path))["Filed"](handicap=3)
    (tmp_path / "states").write_bytes(pickle.dumps([game.parse("159")]))
    command = [sys.executable, "-c", CHILD, tmp_path / "states"]
    there = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert there.stdout.strip() == str([game.parse("159").key()]), there.stderr
    assert pickled(game).handicap == 3
    path.unlink()
    gone = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert f"UserError: there is no file '{path}'" in gone.stderr


MAIN = """
import copy, pickle
from games.tictactoe import TicTacToe
class Mine(TicTacToe): pass
state = Mine().parse("5")
assert copy.deepcopy(state).key() == state.key()
print(pickle.loads(pickle.dumps(state)).key() == state.key())
"""


def test_a_class_of_a_script_pickles_and_one_of_a_prompt_does_not(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(MAIN, encoding="utf-8")
    of_file, of_text = (
        subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300)
        for words in ([tmp_path / "script.py"], ["-c", MAIN])
    )
    assert of_file.stdout == "True\n", of_file.stderr
    assert "InputError: game class Mine of __main__ cannot be pickled" in of_text.stderr


def test_settings_pickle_as_their_fields() -> None:
    search = pickled(_core.SearchParams(rule="gumbel", c_puct=3, fruitless_requests=7))
    assert (search.rule, search.c_puct, search.fruitless_requests) == ("gumbel", 3, 7)
    assert copy.deepcopy(_core.PlayParams(simulations=7)).simulations == 7


@pytest.mark.parametrize("how", COPIES)
def test_what_is_tied_to_its_process_says_so(how: str) -> None:
    game = load_game("connect4")
    trees = _core.Trees(game, _core.SearchParams())
    trees.add(game.initial())
    pool = _core.Pool(game, _core.SearchParams(), _core.PlayParams(), seed=1, games=1)
    requests = trees.select(1)
    solver = _core.Connect4Solver(1)
    for thing in (trees, pool, requests, _core.uniform(requests), _core.ReplayWindow(game), solver):
        with pytest.raises(TypeError, match="cannot pickle or copy"):
            COPIES[how](thing)
