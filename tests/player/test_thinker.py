"""Thinking: what is told of a position, limits that change, and what a thinker refuses."""

import threading
import time

import pytest

from engine.errors import InputError
from engine.player import Player, load_player
from engine.player.background import BackgroundThought
from engine.player.thinking import Query, Report, Restriction, Thinker, Thought
from engine.registry import load_game

NAMES = ["random", "solver", "mcts:50", "connect4:pretrained"]


def player_of(name: str, game: str = "connect4") -> Player:
    return load_player(name, load_game(game), simulations=50)


def think(thinker: Thinker, query: Query) -> Thought:
    thought = thinker.begin(query)
    for _ in range(100_000):
        if not thinker.step() or thought.ended:
            break
    return thought


def check_report(report: Report) -> None:
    """Every line is legal to its end; numbers are in their ranges; the best comes first."""
    legal = set(report.state.legal_actions())
    assert {move.action for move in report.moves} <= legal
    assert report.best == report.moves[0].action
    assert sum(report.wdl) == pytest.approx(1, abs=1e-5)
    assert report.wdl[0] - report.wdl[2] == pytest.approx(report.value, abs=1e-5)
    for move in report.moves:
        assert move.pv[0] == move.action
        assert -1 <= move.lcb <= move.value <= 1
        assert sum(move.wdl) == pytest.approx(1, abs=1e-5)
        walker = report.state.clone()
        for action in move.pv:
            assert action in walker.legal_actions()
            walker.play(action)


@pytest.mark.parametrize("name", NAMES)
def test_reports_are_whole_before_and_after(name: str) -> None:
    player = player_of(name)
    state = player.game.parse("44455554221")
    thinker = player.thinker()
    thought = thinker.begin(Query(state, simulations=50))
    check_report(thought.report())
    while thinker.step():
        check_report(thought.report())
    assert thought.ended
    check_report(thought.report())
    assert len(thought.report().moves) == len(state.legal_actions())


@pytest.mark.parametrize("name", NAMES)
def test_a_thought_is_told_in_the_background(name: str) -> None:
    player = player_of(name)
    ends: list[Report] = []
    query = Query(player.game.parse("44455554221"), simulations=20)
    thought = BackgroundThought(player.thinker(), query, None, check_report, ends.append, pytest.fail)
    thought.wait()
    assert not thought.is_running
    assert len(ends) == 1
    check_report(ends[0])


def test_what_has_no_limit_runs_until_it_is_stopped() -> None:
    player = player_of("mcts:50")
    reports: list[Report] = []
    ends: list[Report] = []
    seen = threading.Event()

    def report(found: Report) -> None:
        reports.append(found)
        seen.set()

    query = Query(player.game.initial())
    thought = BackgroundThought(player.thinker(), query, 0.0, report, ends.append, pytest.fail)
    assert seen.wait(60)
    assert thought.is_running
    thought.stop()
    assert len(ends) == 1
    assert ends[0].simulations >= reports[-1].simulations


def test_a_limit_that_is_set_later_ends_it() -> None:
    player = player_of("mcts:50")
    ends: list[Report] = []
    query = Query(player.game.initial())
    thought = BackgroundThought(player.thinker(), query, None, check_report, ends.append, pytest.fail)
    query.deadline = time.monotonic()
    thought.wait()
    check_report(ends[0])


@pytest.mark.parametrize("name", NAMES)
def test_what_no_player_can_think_about_is_refused(name: str) -> None:
    thinker = player_of(name).thinker()
    game = load_game("connect4")
    with pytest.raises(InputError, match="over"):
        thinker.begin(Query(game.parse("1212121")))
    with pytest.raises(InputError, match="in trees of"):
        thinker.begin(Query(load_game("tictactoe").initial()))
    nothing = Restriction(player=0, actions=frozenset(range(7)))
    with pytest.raises(InputError, match="no legal move"):
        thinker.begin(Query(game.initial(), restrictions=[nothing]))
