"""The core called from Python with what it was not made for: typed errors, and the process lives on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from proposers import Sampler

from engine import _core
from engine.errors import InputError
from engine.game.python_game import PythonGame
from engine.registry import load_game
from games.tictactoe import TicTacToe, TicTacToeState

CONNECT4 = load_game("connect4")


def run_hostile(*words: object) -> list[str]:
    """Calls that ended their process, each with what it said; the others go on in the next process."""
    script = Path(__file__).parents[1] / "fixtures" / "core" / "hostile_core.py"
    ended: list[str] = []
    start = int(str(words[-1])) if words[0] == "calls" else 0
    while len(ended) < 10:
        command = (
            [sys.executable, script, *words[:-1], start]
            if words[0] == "calls"
            else [sys.executable, script, *words]
        )
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=1200,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        lines = done.stdout.splitlines()
        if done.returncode == 0 and lines[-1:] == ["SURVIVED"]:
            return ended
        calls = [line for line in lines if re.match(r"\d+ ", line)]
        ended.append(
            "\n".join([*calls[-1:], *lines[-1:], f"exit code {done.returncode}", done.stderr[-2000:]])
        )
        if words[0] != "calls" or not calls:
            return ended
        start = int(calls[-1].split()[0]) + 1
    return ended


def test_no_call_ends_the_process_and_every_error_is_typed() -> None:
    assert run_hostile("calls", 0) == []


@pytest.mark.parametrize("seed", range(2))
def test_no_walk_of_calls_ends_the_process(seed: int) -> None:
    assert run_hostile("walks", seed, 8000) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_no_long_walk_of_calls_ends_the_process(seed: int) -> None:
    assert run_hostile("walks", seed, 60_000) == []


@pytest.mark.parametrize("name", ["chess", "gardner", "connect4", "go:size=5", "tictactoe", "nim", "othello"])
@pytest.mark.parametrize("action", [10**6, -1, 2**31 - 1, -(2**31)])
def test_actions_that_a_game_does_not_have_are_named(name: str, action: int) -> None:
    state = load_game(name).initial()
    for call in (
        state.action_text,
        state.play,
        *([state.san] if isinstance(state, _core.ChessState) else []),
    ):
        with pytest.raises(InputError, match=f"action {action} "):
            call(action)
    for action in range(load_game(name).num_actions):
        state.action_text(action)


def test_the_move_of_an_illegal_action_has_no_san() -> None:
    state = load_game("chess").initial()
    assert isinstance(state, _core.ChessState)
    assert {state.san(action) for action in state.legal_actions()} >= {"e4", "Nf3"}
    illegal = sorted(set(range(load_game("chess").num_actions)) - set(state.legal_actions()))
    for action in illegal:
        with pytest.raises(InputError, match="is not legal here"):
            state.san(action)


def test_proposed_trees_have_no_uniform_answer() -> None:
    trees = _core.Trees(None, _core.SearchParams())
    trees.add_proposed()
    requests = trees.select(1)
    for call in (_core.uniform, lambda asked: _core.rollout(asked, 1)):
        with pytest.raises(ValueError, match="proposed tree has no positions"):
            call(requests)
    trees.backup(requests, Sampler()(requests))


class SizedGame(PythonGame):
    """A Python game of any size, always by the same name."""

    def __init__(self, actions: int, symmetric: bool = False) -> None:
        turned = [(list(range(9)), list(range(actions)))] if symmetric else []
        super().__init__(
            name="tictactoe", num_actions=actions, planes_shape=(2, 3, 3), max_plies=9, symmetries=turned
        )

    def start(self) -> TicTacToeState:
        return TicTacToeState()


@pytest.mark.parametrize("other", [SizedGame(10), SizedGame(20), SizedGame(9, symmetric=True), CONNECT4])
def test_positions_of_another_game_of_one_name_are_refused(other: _core.Game) -> None:
    trees = _core.Trees(SizedGame(9), _core.SearchParams())
    with pytest.raises(ValueError, match="in trees of tictactoe"):
        trees.add(other.initial())
    assert trees.add(SizedGame(9).initial()) == 0


BOUND = [kind for kind in vars(_core).values() if isinstance(kind, type) and not issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", BOUND)
def test_an_object_without_a_value_says_so(kind: Any) -> None:
    thing = kind.__new__(kind)
    for name in dir(kind):
        attribute = getattr(kind, name)
        if name.startswith("_") or not isinstance(attribute, property):
            continue
        with pytest.raises(TypeError, match=f"this .*{kind.__name__} has no value: call its __init__ first"):
            getattr(thing, name)


def test_a_game_that_is_used_before_its_own_constructor_says_so() -> None:
    class Early(TicTacToe):
        def __init__(self) -> None:
            print(self.num_actions)

    with pytest.raises(TypeError, match=r"Early has no value: .*super\(\).__init__ first in there"):
        Early()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trees_of(cache_mb=1e18), r"cache_mb is 1e\+18 MB; give 0 to"),
        (lambda: trees_of(cache_mb=np.nan), "cache_mb is"),
        (lambda: trees_of(max_in_flight=2**31 - 1), "max_in_flight is 2147483647"),
        (lambda: trees_of(c_puct=np.nan), "c_puct is -?nan; give 0 to"),
        (lambda: trees_of(policy_temperature=0), "policy_temperature is 0"),
        (lambda: trees_of().select(2**32 - 1), "simulations is 4294967295"),
        (lambda: pool_of(games=2**31 - 1), "games is 2147483647; give 1 to 65536"),
        (lambda: pool_of(games=0), "games is 0"),
        (lambda: pool_of(first_id=-5), "first_id is -5"),
        (lambda: pool_of(stride=0), "stride is 0"),
        (lambda: pool_of(temperature_half_life=0), "temperature_half_life is 0"),
        (lambda: pool_of(max_opening_plies=2**31 - 1), "max_opening_plies is 2147483647"),
        (lambda: pool_of().new_weights(1, np.nan), "resign_below is -?nan"),
        (lambda: _core.Connect4Solver(2**31 - 1), "table of 2147483647 MB: give 1 to 65536"),
        (lambda: _core.ReplayWindow(CONNECT4).sample(2**31 - 1, 1), "count is 2147483647"),
        (lambda: _core.ReplayWindow(CONNECT4).sample(-1, 1), "count is -1"),
        (lambda: CONNECT4.initial().perft(10**6), "depth is 1000000; give 0 to 42"),
        (lambda: load_game("go", size=10**6), "1000000"),
    ],
)  # fmt: skip
def test_sizes_out_of_range_are_refused_before_anything_is_made(make: Any, message: str) -> None:
    with pytest.raises(Exception, match=message) as raised:
        make()
    assert isinstance(raised.value, ValueError) or type(raised.value).__name__ == "UserError"


def trees_of(cache_mb: float = 0, **search: Any) -> _core.Trees:
    return _core.Trees(CONNECT4, _core.SearchParams(**search), cache_mb=cache_mb)


def pool_of(games: int = 1, first_id: int = 0, stride: int = 1, **play: Any) -> _core.Pool:
    search, params = _core.SearchParams(), _core.PlayParams(**play)
    return _core.Pool(CONNECT4, search, params, seed=1, games=games, first_id=first_id, stride=stride)


def test_requests_are_answered_where_they_came_from() -> None:
    one, other = (_core.Trees(CONNECT4, _core.SearchParams()) for _ in range(2))
    one.add(CONNECT4.initial())
    requests = one.select(5)
    with pytest.raises(InputError, match="these requests come from elsewhere"):
        other.backup(requests, _core.uniform(requests))
    one.backup(requests, _core.uniform(requests))


class Endless(PythonGame):
    """A game that does not keep its word about its length."""

    def __init__(self) -> None:
        super().__init__(name="endless", num_actions=2, planes_shape=(1, 1, 1), max_plies=50)

    def start(self) -> Any:
        return EndlessState()


class EndlessState(TicTacToeState):
    def legal_actions(self) -> list[int]:
        return [0, 1]

    def play(self, action: int) -> None:
        self.plies += 1

    def outcome(self) -> None:
        return None

    def encode(self) -> Any:
        return np.zeros((1, 1, 1), np.float32)

    def clone(self) -> EndlessState:
        copy = EndlessState()
        copy.plies = self.plies
        return copy


def test_a_game_without_an_end_plays_no_random_games() -> None:
    trees = _core.Trees(Endless(), _core.SearchParams())
    trees.add(Endless().initial())
    with pytest.raises(InputError, match="goes on after max_plies, which is 50"):
        _core.play_random_games(Endless(), 1, 1)
    with pytest.raises(InputError, match="goes on after max_plies, which is 50"):
        _core.rollout(trees.select(1), 1)
    assert len(_core.rollout_moves(Endless(), 1, 2**31 - 1)) == 50


class ManyMoves(PythonGame):
    """A game of more moves than a search has room for at a node."""

    def __init__(self) -> None:
        super().__init__(name="many", num_actions=70_000, planes_shape=(2, 3, 3), max_plies=9)

    def start(self) -> Any:
        return ManyState()


class ManyState(TicTacToeState):
    def legal_actions(self) -> list[int]:
        return list(range(70_000))

    def clone(self) -> ManyState:
        return ManyState()


def test_more_moves_than_a_node_has_room_for_are_refused() -> None:
    trees = _core.Trees(ManyMoves(), _core.SearchParams())
    trees.add(ManyMoves().initial())
    with pytest.raises(InputError, match="a position of 70000 legal actions; a search takes 65528"):
        trees.select(1)


def test_addresses_of_no_functions_are_refused() -> None:
    description: dict[str, Any] = {
        "name": "x", "num_actions": 1, "planes_shape": (1, 1, 1), "max_plies": 1, "action_names": ["a"],
        "symmetries": [([0], [0])], "has_score": False, "state_bytes": 8, "text": None,
    }  # fmt: skip
    for address in (1, 10**6, id(CONNECT4), 2**63):
        with pytest.raises(InputError, match=f"address {address} of start is that of no function"):
            _core.FunctionGame(**description, addresses={"start": address})
