"""Thinking: what is told of a position, limits that change, and what a thinker refuses."""

import threading
import time

import pytest
from counting_thinker import CountingEvaluator, check_report, finish, forest

from engine.errors import InputError
from engine.player import Player, load_player
from engine.player.thinking import NOT_PROVEN, Query, Report, Restriction
from engine.player.thought.background import BackgroundThought
from engine.player.thought.batch_time import BatchTime
from engine.player.thought.thinker import SIDE_BY_SIDE
from engine.registry import load_game

NAMES = ["random", "solver", "mcts:50", "connect4:pretrained"]


def player_of(name: str, game: str = "connect4") -> Player:
    return load_player(name, load_game(game), simulations=50)


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


def test_many_thoughts_share_batches_and_find_what_each_alone_does() -> None:
    game = load_game("connect4")
    starts = ["", "4", "44", "4455", "123", "7654", "1122", "3434"]
    evaluator = CountingEvaluator()
    thinker = forest(evaluator, game)
    counts = [40 + 5 * index for index in range(len(starts))]
    thoughts = [
        thinker.begin(Query(game.parse(start), simulations=count))
        for start, count in zip(starts, counts, strict=True)
    ]
    finish(thinker)
    assert max(evaluator.sizes) == len(starts)
    for start, count, thought in zip(starts, counts, thoughts, strict=True):
        report = thought.report()
        check_report(report)
        assert report.simulations == count or report.proof != NOT_PROVEN
        single = forest(CountingEvaluator(), game)
        alone = single.begin(Query(game.parse(start), simulations=count))
        finish(single)
        assert [move.visits for move in alone.report().moves] == [move.visits for move in report.moves]
        assert sum(move.visits for move in report.moves) == report.simulations - 1


def test_a_thinker_plays_what_its_player_chooses() -> None:
    player = player_of("connect4:pretrained")
    states = [player.game.parse(start) for start in ("", "4", "4455", "12345", "777")]
    thinker = player.thinker()
    thoughts = [thinker.begin(Query(state, simulations=player.simulations)) for state in states]
    finish(thinker)
    assert [thought.report().best for thought in thoughts] == player.choose(states, [0] * len(states))
    analyses = player.analyze(states)
    for thought, analysis in zip(thoughts, analyses, strict=True):
        report = thought.report()
        assert report.value == pytest.approx(analysis["value"], abs=1e-4)
        assert [report.state.action_text(action) for action in report.moves[0].pv][:3] == analysis["pv"][:3]


def test_the_highest_priority_goes_first() -> None:
    game = load_game("connect4")
    thinker = forest(CountingEvaluator(), game)
    many = [thinker.begin(Query(game.initial(), simulations=10**6)) for _ in range(SIDE_BY_SIDE)]
    thinker.step()
    urgent = thinker.begin(Query(game.parse("44"), simulations=30, priority=1))
    late = thinker.begin(Query(game.parse("4"), simulations=30))
    for _ in range(200):
        thinker.step()
        if urgent.ended:
            break
    assert urgent.report().simulations == 30
    assert late.report().simulations == 0
    for thought in many:
        thought.query.stop()
    finish(thinker)
    assert late.report().simulations == 30


def test_a_position_that_goes_on_from_a_searched_one_keeps_its_tree() -> None:
    game = load_game("connect4")
    thinker = forest(CountingEvaluator(), game)
    first = thinker.begin(Query(game.initial(), simulations=2000))
    finish(thinker)
    before = first.report()
    state = game.initial()
    for action in before.moves[0].pv[:2]:
        state.play(action)
    second = thinker.begin(Query(state, simulations=100))
    finish(thinker)
    report = second.report()
    check_report(report)
    assert report.simulations == 100
    assert report.visits == before.moves[0].pv_visits[1] + 100
    assert first.report() == before  # what has been told stays
    again = thinker.begin(Query(state, simulations=100))
    finish(thinker)
    assert again.report().visits == report.visits + 100
    fresh = thinker.begin(Query(state, simulations=100, is_fresh=True))
    finish(thinker)
    assert fresh.report().visits == 100
    thinker.forget()
    anew = thinker.begin(Query(state, simulations=100))
    finish(thinker)
    assert anew.report().visits == 100
    other = thinker.begin(Query(game.parse("1"), simulations=100))
    finish(thinker)
    assert other.report().visits == 100


@pytest.mark.parametrize("rule", ["puct", "uct", "gumbel", "gumbel-full"])
def test_every_rule_thinks_without_a_limit(rule: str) -> None:
    game = load_game("connect4")
    thinker = forest(CountingEvaluator(), game, rule=rule, gumbel_scale=0)
    thought = thinker.begin(Query(game.initial()))
    while thought.report().simulations < 500:
        assert thinker.step()
    check_report(thought.report())
    thought.query.simulations = 600
    finish(thinker)
    assert 600 <= thought.report().simulations <= 4000
    check_report(thought.report())


def test_restrictions_are_kept_and_prove_nothing() -> None:
    game = load_game("connect4")
    state = game.parse("33445")  # lost: both ends of three in a row are open
    mover = state.player()
    thinker = forest(CountingEvaluator(), game, transpositions=True)
    only = Restriction(player=mover, actions=frozenset({0, 6}), allowed=True)
    restricted = thinker.begin(Query(state, simulations=3000, restrictions=[only]))
    free = thinker.begin(Query(state, simulations=3000))
    finish(thinker)
    report = restricted.report()
    check_report(report)
    assert {move.action for move in report.moves} == {0, 6}
    assert [move.proof for move in report.moves] == [-1, -1]
    assert report.proof == NOT_PROVEN
    assert free.report().proof == -1
    assert {move.plies for move in free.report().moves} == {2}


def test_a_win_is_told_with_its_plies() -> None:
    game = load_game("connect4")
    thinker = forest(CountingEvaluator(), game)
    thought = thinker.begin(Query(game.parse("3344"), simulations=20_000))
    finish(thinker)
    report = thought.report()
    check_report(report)
    assert report.proof == 1
    assert report.moves[0].proof == 1
    assert report.moves[0].plies == 3
    assert len(report.moves[0].pv) == 3


@pytest.mark.parametrize("game", ["tictactoe", "othello", "go:size=5", "chess"])
def test_every_kind_of_game_is_thought_about(game: str) -> None:
    for name in ("mcts:30", f"{game}:untrained"):
        player = load_player(name, load_game(game), simulations=30)
        thinker = player.thinker(memory_mb=8)
        thoughts = [thinker.begin(Query(player.game.initial(), simulations=30)) for _ in range(3)]
        finish(thinker)
        for thought in thoughts:
            check_report(thought.report())
            owners = thought.ownership()
            assert (owners is None) == (not player.game.has_score)


def test_batch_times_foresee_what_fits() -> None:
    times = BatchTime()
    assert times.size(10.0) >= 1
    assert times.seconds(5) == 0
    times.add(16, 0.016)
    assert times.seconds(16) == pytest.approx(0.016)
    assert times.size(0.008) == 8
    assert times.size(1e9) == 64  # no more than four times what has been measured
    assert times.size(0.0) == 1
