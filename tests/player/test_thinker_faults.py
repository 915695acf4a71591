"""Thinking that meets evaluators and rules that fail, memory that ends, and time that is over."""

import time
from collections.abc import Callable

import pytest
from counting_thinker import CountingEvaluator, check_report, finish, forest
from rigged_game import RiggedGame

from engine import _core
from engine.player import load_player
from engine.player.thinking import Query, Report
from engine.player.thought.background import BackgroundThought
from engine.player.thought.ownership import Owners
from engine.player.thought.thinker import TreeThinker
from engine.registry import load_game


def test_an_evaluator_that_raises_ends_the_thought_alone() -> None:
    game = load_game("connect4")
    evaluator = CountingEvaluator()
    thinker = forest(evaluator, game, in_flight=4)
    thought = thinker.begin(Query(game.initial()))
    thinker.step()
    evaluator.fails = True
    with pytest.raises(RuntimeError, match="device"):
        thinker.step()
    assert thought.ended
    check_report(thought.report())
    evaluator.fails = False
    assert not thinker.step()
    again = thinker.begin(Query(game.initial(), simulations=50))
    finish(thinker)
    assert again.report().simulations == 50
    check_report(again.report())
    errors: list[Exception] = []
    evaluator.fails = True
    background = BackgroundThought(
        thinker,
        Query(game.parse("4")),
        None,
        check_report,
        lambda _: pytest.fail("it has found something"),
        errors.append,
    )
    background.wait()
    assert [str(error) for error in errors] == ["the device is gone"]


@pytest.mark.parametrize("method", ["play", "player", "legal_actions", "outcome", "clone", "key"])
def test_rules_that_raise_end_the_thought_alone(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = RiggedGame()
    thinker = TreeThinker(
        game, _core.SearchParams(transpositions=True), _core.uniform, lambda trees: Owners(game, trees, None)
    )
    before = thinker.begin(Query(game.initial(), simulations=30))
    finish(thinker)
    state = game.initial()
    state.play(4)
    thought = thinker.begin(Query(state))
    thinker.step()

    def spoil(name: str, honest: Callable[[], object]) -> object:
        if name == method:
            raise OSError(f"{name} has failed")
        return honest()

    with monkeypatch.context() as rigged:
        rigged.setattr(game, "spoil", spoil)
        with pytest.raises(OSError, match=f"{method} has failed"):
            finish(thinker)
        assert thought.ended
    check_report(thought.report())
    check_report(before.report())
    again = thinker.begin(Query(state, simulations=50))
    finish(thinker)
    assert again.report().simulations == 50
    check_report(again.report())


def test_rules_that_raise_are_told_in_the_background() -> None:
    game = RiggedGame()
    thinker = TreeThinker(game, _core.SearchParams(), _core.uniform, lambda trees: Owners(game, trees, None))
    errors: list[str] = []
    query = Query(game.initial())

    def break_rules(_: Report) -> None:
        game.once = ("legal_actions", None)

    thought = BackgroundThought(
        thinker,
        query,
        0.0,
        break_rules,
        lambda _: pytest.fail("the rules were whole"),
        lambda error: errors.append(str(error)),
    )
    thought.wait()
    assert len(errors) == 1
    assert "legal_actions() gives None" in errors[0]
    game.once = None
    again = thinker.begin(Query(game.initial(), simulations=50))
    finish(thinker)
    assert again.report().simulations == 50


def test_rules_that_leave_the_program_are_told_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    game = RiggedGame()
    thinker = TreeThinker(game, _core.SearchParams(), _core.uniform, lambda trees: Owners(game, trees, None))
    kept = [thinker.begin(Query(game.parse(text), simulations=200)) for text in ("1", "2", "3")]
    finish(thinker)
    before = kept[0].report().memory

    def spoil(name: str, honest: Callable[[], object]) -> object:
        if name == "play":
            raise SystemExit("gone")
        return honest()

    errors: list[str] = []
    state = game.initial()
    state.play(4)
    with monkeypatch.context() as rigged:
        rigged.setattr(game, "spoil", spoil)
        ended = lambda _: pytest.fail("the rules were whole")  # noqa: E731
        told = lambda error: errors.append(str(error))  # noqa: E731
        BackgroundThought(thinker, Query(state), None, check_report, ended, told).wait()
    assert len(errors) == 1
    assert errors[0].startswith("SystemExit: gone")
    after = thinker.begin(Query(game.parse("5"), simulations=1))
    finish(thinker)
    assert after.report().memory < before / 2  # what was forgotten does not count


def test_a_network_of_nan_thinks_on() -> None:
    game = load_game("connect4")
    evaluator = CountingEvaluator()
    evaluator.is_nan = True
    thinker = forest(evaluator, game)
    thought = thinker.begin(Query(game.initial(), simulations=100))
    finish(thinker)
    check_report(thought.report())
    assert thought.report().simulations == 100


def test_memory_ends_a_search() -> None:
    game = load_game("go:size=9")
    thinker = forest(CountingEvaluator(), game, memory_mb=0.5, in_flight=16)
    thought = thinker.begin(Query(game.initial(), simulations=10**7))
    finish(thinker)
    report = thought.report()
    check_report(report)
    assert 0.8 < report.memory <= 1
    assert report.nodes * 1000 < 0.5 * 2**20
    other = thinker.begin(Query(game.parse("C3"), simulations=10**7))  # makes room for itself
    finish(thinker)
    check_report(other.report())
    assert other.report().simulations > report.simulations / 2


def test_what_is_stopped_at_once_says_its_legal_moves() -> None:
    game = load_game("connect4")
    thinker = forest(CountingEvaluator(), game)
    thought = thinker.begin(Query(game.initial()))
    thought.query.stop()
    assert not thinker.step()
    assert thought.ended
    check_report(thought.report())
    assert thought.report().simulations == 0
    nothing = thinker.begin(Query(game.initial(), simulations=0))
    assert not thinker.step()
    assert nothing.ended


def test_a_deadline_that_has_passed_leaves_the_network_its_say() -> None:
    player = load_player("connect4:pretrained")
    thinker = player.thinker()
    thought = thinker.begin(Query(player.game.initial(), deadline=time.monotonic() - 1))
    finish(thinker)
    report = thought.report()
    assert 1 <= report.simulations <= 100
    assert report.best == 3
