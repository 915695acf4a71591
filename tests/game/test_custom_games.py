"""Games in plain Python and in Numba: the same search, the same records, the same laws as those in C++."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from custom_connect4 import DESCRIPTION, NumbaConnect4, PythonConnect4, PythonConnect4State
from numba import njit
from pseudo import even_handed

from engine import _core
from engine.config import build_config
from engine.errors import InputError, UserError
from engine.evaluator.evaluator import UniformEvaluator
from engine.game.laws import LawError, check_laws
from engine.game.python_game import PythonGame, PythonState, board_symmetries
from engine.numba_game import NumbaGame, Rules
from engine.search import search
from engine.selfplay.caller import Caller
from games.othello import Othello
from games.tictactoe import TicTacToe

GAMES = {"python": PythonConnect4, "numba": NumbaConnect4}


@pytest.fixture(scope="module", params=sorted(GAMES))
def twin(request: pytest.FixtureRequest) -> _core.Game:
    """Connect Four not in C++."""
    return GAMES[request.param]()


def visits(game: _core.Game, position: str, simulations: int, cache_mb: float = 0) -> dict[int, int]:
    trees = _core.Trees(game, _core.SearchParams(), cache_mb=cache_mb)
    trees.add(game.parse(position))
    search(trees, even_handed, simulations)
    root = trees.root(0)
    return dict(zip(root["actions"].tolist(), root["visits"].tolist(), strict=True))


@pytest.mark.parametrize("position", ["", "44", "4455", "43344", "171717", "4444447"])
@pytest.mark.parametrize("cache_mb", [0, 4])
def test_the_search_makes_the_visits_of_the_game_in_cpp(
    twin: _core.Game, position: str, cache_mb: float
) -> None:
    assert visits(twin, position, 300, cache_mb) == visits(_core.Connect4(), position, 300)


def test_a_custom_game_keeps_the_laws(twin: _core.Game) -> None:
    assert check_laws(twin, walks=3, seed=3) > 20


def test_a_custom_game_encodes_the_planes_of_the_game_in_cpp(twin: _core.Game) -> None:
    for position in ("", "4", "4435253", "1234567712345"):
        np.testing.assert_array_equal(
            twin.parse(position).encode(), _core.Connect4().parse(position).encode()
        )


def test_games_are_played_and_read_back(twin: _core.Game) -> None:
    config = build_config({"selfplay": {"games": 4, "simulations": 8}})
    window = _core.ReplayWindow(twin)

    caller = Caller(twin, config, UniformEvaluator(), 0, 1)
    games = caller.play(120, threading.Event())
    window.append(games)
    samples = window.sample(32, seed=1)
    assert samples["planes"].shape == (32, 5, 6, 7)
    assert samples["policy"].sum(1) == pytest.approx(np.ones(32), abs=1e-5)


def test_notation(twin: _core.Game) -> None:
    state = twin.parse("44 5")
    assert twin.position_text(state) == "445"  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"'9' is not one of .*-connect4"):
        twin.parse("449")
    with pytest.raises(InputError, match=r"ply 7: move '4' is illegal"):
        twin.parse("4444444")
    with pytest.raises(InputError, match="after the end"):
        twin.parse("11223344")


def test_names_of_several_letters_are_written_with_spaces() -> None:
    game = Othello()
    state = game.parse("d3 c5")
    assert game.position_text(state) == "d3 c5"
    with pytest.raises(InputError, match=r"'d3c5' is not one of othello"):
        game.parse("d3c5")


def test_a_game_is_freed_with_its_positions() -> None:
    class Counted(TicTacToe):
        pass

    game = Counted()
    state = game.initial()
    watched = weakref.ref(game)
    del game
    assert watched() is not None  # the position keeps it
    del state
    gc.collect()
    assert watched() is None


class Endless(PythonState):
    """Never over."""

    def player(self) -> int:
        return 0

    def legal_actions(self) -> list[int]:
        return [0]

    def play(self, action: int) -> None:
        pass

    def outcome(self) -> None:
        return None

    def encode(self) -> np.ndarray:
        return np.zeros((1, 1, 1), np.float32)


def game_of(state: type[PythonState], **changes: Any) -> PythonGame:
    class Game(PythonGame):
        def start(self) -> PythonState:
            return state()

    description = {"name": "mine", "num_actions": 1, "planes_shape": (1, 1, 1), "max_plies": 30}
    return Game(**{**description, **changes})


def test_a_game_without_end_is_refused_with_the_line_of_its_moves() -> None:
    with pytest.raises(
        LawError, match=r"plies left.*after 30 plies; moves are made at .*test_custom_games\.py:\d+"
    ):
        check_laws(game_of(Endless), walks=1)


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        (
            "legal_actions",
            [1, 0],
            r"legal_actions\(\) gives \[1, 0\]; expected ascending actions from 0 to 6",
        ),
        ("legal_actions", [7], r"gives \[7\]"),
        ("legal_actions", ["a"], r"gives \['a'\]"),
        ("player", 0.5, r"player\(\) gives 0\.5"),
        ("outcome", "won", r"outcome\(\) gives 'won'"),
        ("encode", np.zeros((2, 2)), r"encode\(\) gives \(2, 2\); expected an array of shape \(5, 6, 7\)"),
    ],
)
def test_a_wrong_answer_of_a_position_is_named(method: str, result: Any, message: str) -> None:
    class Wrong(PythonConnect4State):
        pass

    setattr(Wrong, method, lambda _: result)
    game = game_of(Wrong, **DESCRIPTION)
    with pytest.raises(InputError, match=message):
        check_laws(game, walks=1)


def test_an_error_in_the_rules_comes_through_the_search() -> None:
    class Failing(PythonConnect4State):
        def play(self, action: int) -> None:
            if self.plies == 3:
                raise ZeroDivisionError("in my rules")
            super().play(action)

        def clone(self) -> Failing:
            copy = Failing()
            copy.board, copy.plies, copy.lost = self.board.copy(), self.plies, self.lost
            return copy

    with pytest.raises(ZeroDivisionError, match="in my rules"):
        visits(game_of(Failing, **DESCRIPTION), "", 300)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_actions": 0}, "num_actions is 0"),
        ({"planes_shape": (0, 6, 7)}, "planes_shape"),
        ({"max_plies": 0}, "max_plies is 0"),
        ({"action_names": ["1"]}, "1 action names for 7 actions"),
        ({"action_names": ["1"] * 7}, "two actions are named '1'"),
        ({"action_names": ["a b", *"123456"]}, "'a b' is empty or holds a space"),
        ({"symmetries": [([0] * 42, list(range(7)))]}, "cells of a symmetry"),
        ({"symmetries": [(list(range(42)), [0] * 7)]}, "actions of a symmetry"),
    ],
)
def test_a_wrong_description_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        game_of(PythonConnect4State, **{**DESCRIPTION, **changes})


def test_a_function_that_does_not_compile_is_named() -> None:
    @njit
    def broken(state: Any) -> Any:
        return state + "x"

    rules = NumbaConnect4()._rules
    with pytest.raises(
        UserError, match=r"game 'mine': player \(.*test_custom_games\.py:\d+\) does not compile"
    ):
        NumbaGame(
            name="mine",
            state_bytes=44,
            rules=Rules(rules.start, rules.legal_actions, rules.play, broken, rules.outcome, rules.encode),
            **DESCRIPTION,
        )


@pytest.mark.parametrize(("height", "width", "count"), [(3, 3, 7), (8, 8, 7), (6, 7, 3), (1, 1, 7)])
def test_board_symmetries(height: int, width: int, count: int) -> None:
    found = board_symmetries(height, width, other_actions=1)
    assert len(found) == count
    cells = np.arange(height * width)
    for source, actions in found:
        np.testing.assert_array_equal(np.array(actions)[:-1][source], cells)  # a stone moves with its cell
        assert actions[-1] == height * width
    if height == width == 3:
        assert len({tuple(source) for source, _ in found}) == 7


def test_a_strangers_game_is_checked_and_trained(tmp_path: Path, selfplay: Any) -> None:
    source = Path(__file__).resolve().parents[2] / "games" / "tictactoe.py"
    (tmp_path / "mygame.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    done = selfplay("check", "mygame:TicTacToe", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = selfplay(
        "train", "mygame:TicTacToe", "--run", "run", "--iterations", "1",
        "--set", "loop.positions=64", "--set", "selfplay.games=8", "--set", "loop.callers=2",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


ENDLESS = """
import numpy as np
from engine.game.python_game import PythonGame, PythonState

class State(PythonState):
    turn = 0
    def player(self): return self.turn
    def legal_actions(self): return [0, 1]
    def play(self, action): self.turn = 1 - self.turn
    def outcome(self): return None
    def encode(self): return np.full((1, 1, 1), self.turn, np.float32)

class Endless(PythonGame):
    def __init__(self):
        super().__init__(name="endless", num_actions=2, planes_shape=(1, 1, 1), max_plies=50)
    def start(self): return State()
"""


def test_training_refuses_a_game_without_end(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS, encoding="utf-8")
    error = refused("train", "endless:Endless", "--run", "run", "--iterations", "1", cwd=tmp_path)
    assert "moves are made at" in error
    assert "endless.py:9" in error
    assert not (tmp_path / "run").exists()
