import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from engine._core import Game
from engine.arena.event.event import Event, Told, Watch
from engine.arena.event.log import GameLog
from engine.arena.event.result import GameResult
from engine.arena.event.schedule import Schedule
from engine.arena.event.standing import describe_match, describe_strengths
from engine.arena.game import ArenaGame, Forfeit, GameOrder
from engine.arena.opening import random_openings
from engine.arena.runner import Runner
from engine.arena.sprt import LOOK_EVERY, Sprt
from engine.player import Player, load_player
from engine.registry import load_game


@pytest.fixture(scope="module")
def game() -> Game:
    return load_game("connect4")


def result(
    number: int, points: float, forfeit: int | None = None, players: tuple[int, int] = (0, 1)
) -> GameResult:
    """Of the first player; `forfeit`: the colour that forfeited."""
    seats = players if number % 2 == 0 else players[::-1]
    outcome = 2 * points - 1 if number % 2 == 0 else 1 - 2 * points
    failure = None if forfeit is None else Forfeit(forfeit, "crash", "it crashed")
    termination = "rules" if failure is None else "forfeit"
    order = GameOrder(number, number // 2, seats)
    return GameResult(order, "", (number,), outcome, termination, failure, (), (0.0, 0.0), (0, 0))


def test_an_event_goes_on_from_its_log_to_the_same_games(game: Game, tmp_path: Path) -> None:
    players: list[Player] = [load_player(name, game) for name in ("random", "mcts:10", "mcts:20")]
    openings = random_openings(game, 6, 4, 1)
    schedule = Schedule.parse("round-robin", 3, 6, 1)

    def play(log: GameLog | None, callers: int, told: Told = lambda _: None) -> list[GameResult]:
        with Runner(game, openings, players, 1, callers) as runner:
            return Event(runner, schedule, log, told=told).play()

    whole = play(None, 2)
    assert [each.number for each in whole] == list(range(36))
    assert play(None, 1) == whole
    kept = random.Random(1).sample(whole, 17)
    with GameLog(tmp_path / "log", {"x": 1}) as log:
        for each in kept:
            log.add(each)
    played: list[int] = []
    with GameLog(tmp_path / "log", {"x": 1}) as log:
        assert play(log, 2, lambda each: played.append(each.number)) == whole
    assert sorted(played) == sorted({each.number for each in whole} - {each.number for each in kept})


class Scripted:
    """A runner that plays nothing: the first player wins, and games end in an order of their own."""

    def __init__(self, seed: int, game: Game) -> None:
        self._source, self._game = random.Random(seed), game
        self.stopped = False

    def play(self, orders: Iterable[GameOrder], ended: Callable[[ArenaGame], None]) -> None:
        shuffled = list(orders)
        self._source.shuffle(shuffled)
        for order in shuffled:
            if not self.stopped:
                one = ArenaGame(order, "", self._game.initial())
                won = order.number % 7 != 0
                one.end(1.0 if (order.seats[0] == 0) == won else -1.0, "rules")
                ended(one)

    def stop(self) -> None:
        self.stopped = True


def test_a_test_is_decided_alike_whichever_game_ends_first(game: Game) -> None:
    sprt = Sprt(0, 200)
    found = []
    for seed in range(6):
        runner = Scripted(seed, game)
        event = Event(runner, Schedule.parse("round-robin", 2, 60), None, sprt)  # type: ignore[arg-type]
        found.append(event.play())
        assert runner.stopped
    assert all(each == found[0] for each in found)
    numbers = [each.number for each in found[0]]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) % (2 * LOOK_EVERY) == 0
    assert len(numbers) < 120


def test_forfeited_pairs_decide_nothing_unless_they_count() -> None:
    games = {number: result(number, 1.0, forfeit=1 - number % 2) for number in range(200)}
    assert Watch(Sprt(0, 100), with_forfeits=False).look(games) is None
    assert Watch(Sprt(0, 100), with_forfeits=True).look(games) is not None
    sound = {number: result(number, 1.0) for number in range(200)}
    mixed = Watch(Sprt(0, 100), with_forfeits=False)
    alone = Watch(Sprt(0, 100), with_forfeits=False)
    pairs = alone.look(sound)
    assert pairs is not None
    between = {**{n: games[n] for n in range(10)}, **{n + 10: result(n + 10, 1.0) for n in range(190)}}
    assert mixed.look(between) == pairs + 5


def test_a_test_of_games_looks_at_games() -> None:
    watch = Watch(Sprt(0, 100, model="cutechess"), with_forfeits=False)
    watch.look({number: result(number, points) for number, points in enumerate([1, 0.5, 0, 1, 1, 1])})
    assert watch.counts == [1, 1, 2]  # a look is at every fourth


def test_forfeits_leave_the_ratings_of_others_as_they_were() -> None:
    names = ["a", "b", "c", "bad"]
    source = random.Random(3)
    games = [
        result(number, source.choice([0.0, 0.5, 1.0]), players=two)
        for index, two in enumerate([(0, 1), (0, 2), (1, 2)])
        for number in range(20 * index, 20 * index + 20)
    ]
    failed = [
        result(60 + number, 1.0, forfeit=1 - number % 2, players=(number // 2 % 3, 3)) for number in range(60)
    ]
    without = describe_strengths(names[:3], games)
    beside = describe_strengths(names, games + failed)
    rows = {row["player"]: row for row in beside["ratings"]}
    assert rows["bad"]["elo"] is None
    assert rows["bad"]["forfeits"] == {"crash": 60}
    for row in without["ratings"]:
        assert rows[row["player"]]["elo"] == pytest.approx(row["elo"], abs=1e-9)
        assert rows[row["player"]]["elo_high"] == pytest.approx(row["elo_high"], abs=1e-9)
        assert rows[row["player"]]["bootstrap_low"] == pytest.approx(row["bootstrap_low"], abs=1e-9)
    counted = describe_strengths(names, games + failed, with_forfeits=True)
    assert {row["player"]: row for row in counted["ratings"]}["bad"]["elo"] < -200


def test_a_match_tells_points_pairs_and_forfeits_apart() -> None:
    games = [result(n, p) for n, p in enumerate([1, 1, 1, 0, 0.5, 1, 0, 0])]
    games += [result(8, 1.0, forfeit=1), result(9, 0.0)]
    match = describe_match(["a", "b"], (0, 1), games)
    assert (match["games"], match["wins"], match["draws"], match["losses"]) == (10, 4, 1, 4)
    assert match["pentanomial"] == [1, 0, 1, 1, 1]
    assert match["score"] == pytest.approx(4.5 / 9)
    (forfeit,) = match["forfeits"]
    assert (forfeit["player"], forfeit["game"], forfeit["kind"]) == ("b", 8, "crash")
    counted = describe_match(["a", "b"], (0, 1), games, with_forfeits=True)
    assert (counted["wins"], counted["pentanomial"]) == (5, [1, 0, 2, 1, 1])
    turned = describe_match(["a", "b"], (1, 0), games)
    assert (turned["first"], turned["wins"], turned["losses"]) == ("b", 4, 4)
    assert turned["pentanomial"] == [1, 1, 1, 0, 1]
    empty = describe_match(["a", "b"], (0, 1), [])
    assert (empty["score"], empty["elo_low"], empty["los"]) == (None, None, 0.5)
