"""KaTrain's own client code, without its windows: a whole game, pondering, restricted and terminated queries.

Its package needs a display and is not among the development tools: `scripts/test --all` installs what
is asked for here, by `pip install --no-deps katrain==1.20.0 pysgf "chardet<6"`.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("katrain", "pysgf", "chardet")),
    reason="needs the packages katrain, pysgf and chardet, which scripts/test --all installs",
)

MOVES = "E5 C3 G7 C6 G3 pass D4"
PATIENCE_S = 120


class Program:
    """What its engine and its game ask of the rest of KaTrain."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.update_state: Callable[[], None] | None = None

    def log(self, message: Any, level: int = 0) -> None:
        self.logged.append(str(message))

    def __call__(self, *message: Any) -> None:
        self.logged.append(str(message))

    def config(self, name: str, default: Any = None) -> Any:
        return {"game/size": 9, "game/komi": 6.5, "game/rules": "japanese", "game/handicap": 0}.get(
            name, default
        )


@pytest.fixture
def katrain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its modules, with stand-ins for the two names that they take from Kivy."""
    kivy, utils, event = ModuleType("kivy"), ModuleType("kivy.utils"), ModuleType("kivy._event")
    utils.platform = "linux"  # type: ignore[attr-defined]
    event.Observable = object  # type: ignore[attr-defined]
    for name, module in {"kivy": kivy, "kivy.utils": utils, "kivy._event": event}.items():
        monkeypatch.setitem(sys.modules, name, module)
    import katrain.core.engine
    import katrain.core.game

    return katrain.core


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def engine(katrain: Any, program: Program) -> Iterator[Any]:
    words = "analyze mcts:30 --game go:size=9 --protocol katago"
    config = {
        "backend": "custom", "altcommand": f"exec {sys.executable} -m engine.cli {words}",
        "max_visits": 40, "fast_visits": 10, "max_time": 1000.0, "wide_root_noise": 0.04,
        "_enable_ownership": True, "allow_recovery": True,
    }  # fmt: skip
    made = katrain.engine.KataGoEngine(program, config)
    yield made
    process = made.katago_process
    made.shutdown(finish=False)
    process.wait(timeout=60)
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()


def wait(condition: Callable[[], bool], program: Program) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "\n".join(program.logged[-5:])
        time.sleep(0.02)


@pytest.fixture
def nodes(katrain: Any, program: Program) -> list[Any]:
    """Positions of a game, the first one before any move."""
    game = katrain.game.BaseGame(program)
    for number, place in enumerate(MOVES.split()):
        game.play(katrain.game.Move.from_gtp(place, player="BW"[number % 2]))
    found: list[Any] = game.current_node.nodes_from_root
    return found


def no_complaint(program: Program) -> None:
    assert [line for line in program.logged if "rror" in line or "Traceback" in line] == []


def test_a_whole_game_is_analyzed(engine: Any, nodes: list[Any], program: Program) -> None:
    for node in nodes:
        node.analyze(engine, analyze_fast=True)
    wait(lambda: all(node.analysis_complete for node in nodes), program)
    wait(engine.is_idle, program)
    for node in nodes:
        assert node.root_visits >= 10
        assert 0 <= node.winrate <= 1
        assert isinstance(node.score, float)
        assert len(node.ownership) == 81
        assert len(node.policy) == 82
        best = node.candidate_moves[0]
        assert best["order"] == 0
        assert best["pv"][0] == best["move"]
    assert nodes[3].points_lost is not None
    no_complaint(program)


def test_pondering_goes_on_until_it_is_stopped(engine: Any, nodes: list[Any], program: Program) -> None:
    node = nodes[-1]
    node.analyze(engine, ponder=True, time_limit=False)
    wait(lambda: node.root_visits > 0, program)
    before = node.root_visits
    wait(lambda: node.root_visits > before, program)
    assert not node.analysis_complete
    engine.stop_pondering()
    wait(lambda: node.analysis_complete, program)
    wait(engine.is_idle, program)
    no_complaint(program)


def test_queries_are_terminated_when_a_new_game_begins(
    engine: Any, nodes: list[Any], program: Program
) -> None:
    for node in nodes:
        node.analyze(engine, visits=10_000_000, time_limit=False)
    wait(lambda: any(node.root_visits > 0 for node in nodes), program)
    engine.on_new_game()
    wait(engine.is_idle, program)
    nodes[2].analyze(engine, visits=20)
    wait(lambda: bool(nodes[2].analysis_complete), program)
    no_complaint(program)


def test_alternatives_and_a_region_are_searched_alone(
    engine: Any, nodes: list[Any], program: Program
) -> None:
    node = nodes[1]
    node.analyze(engine, visits=30)
    wait(lambda: bool(node.analysis_complete), program)
    known = set(node.analysis["moves"])
    node.analyze(engine, visits=60, find_alternatives=True)
    wait(engine.is_idle, program)
    assert set(node.analysis["moves"]) > known
    region = nodes[2]
    region.analyze(engine, visits=40, region_of_interest=[0, 2, 0, 2])
    wait(engine.is_idle, program)
    inside = {f"{column}{row}" for column in "ABC" for row in "123"} | {"pass"}
    assert region.analysis["moves"].keys() <= inside
    no_complaint(program)


def test_a_played_move_is_looked_at_from_before_it(
    katrain: Any, engine: Any, nodes: list[Any], program: Program
) -> None:
    node = nodes[1]
    move = katrain.game.Move.from_gtp("A1", player=node.next_player)
    node.analyze(engine, visits=20, refine_move=move)
    wait(lambda: "A1" in node.analysis["moves"], program)
    assert node.analysis["moves"]["A1"]["visits"] >= 20
    assert node.analysis["moves"]["A1"]["pv"][0] == "A1"
    wait(engine.is_idle, program)
    no_complaint(program)
