"""Games side by side: who waits for whom, who is stopped, and whose clock runs."""

import threading
from collections.abc import Iterator, Sequence

import pytest
from engine_games import fake, match, running

from engine._core import Game, State
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.opening import random_openings
from engine.arena.runner import Runner
from engine.errors import UserError
from engine.player import load_player
from engine.player.plain_player import RandomPlayer
from engine.registry import load_game


@pytest.fixture(scope="module")
def game() -> Game:
    return load_game("connect4")


def orders(count: int, seats: tuple[int, int] = (0, 1)) -> list[GameOrder]:
    return [GameOrder(number, 0, seats) for number in range(count)]


class CountingPlayer(RandomPlayer):
    """Keeps how many positions it is asked about at a time; its twins are itself."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.batches: list[int] = []

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        self.batches.append(len(states))
        return super().choose(states, seeds)

    def twin(self, seed: int) -> "CountingPlayer":
        return self


def test_positions_of_one_player_come_in_batches(game: Game) -> None:
    player = CountingPlayer(game)
    ended: list[ArenaGame] = []
    with Runner(game, [game.initial()], [player, RandomPlayer(game)], callers=1) as runner:
        runner.play(orders(10), ended.append)
    assert len(ended) == 10
    assert player.batches[0] == 10


def test_the_next_game_begins_as_soon_as_there_is_room(game: Game) -> None:
    """With room for four games an order is asked for when the first of them has ended, not the last."""
    asked: list[int] = []
    ended: list[int] = []

    def one_by_one() -> Iterator[GameOrder]:
        for order in orders(12):
            asked.append(len(ended))
            yield order

    players = [load_player(fake("json"), game), RandomPlayer(game)]
    with Runner(game, [game.initial()], players, callers=1, conduct=Conduct(engines=4)) as runner:
        runner.play(one_by_one(), lambda one: ended.append(one.number))
    assert sorted(ended) == list(range(12))
    assert asked[:5] == [0] * 5
    assert asked[5:] == sorted(asked[5:])
    assert 1 <= asked[5] <= 4


def test_a_slow_engine_holds_nobody_up(game: Game) -> None:
    players = [load_player(fake("json", "late"), game), RandomPlayer(game), load_player("mcts:5", game)]
    dealt = [*orders(1, (0, 1)), *(GameOrder(2 * k, 0, (1, 2)) for k in range(1, 30))]
    ended: list[int] = []
    with Runner(game, [game.initial()], players, callers=1) as runner:
        runner.play(dealt, lambda one: ended.append(one.number))
    # Each of its moves takes a second; the others have been played by the first of them.
    assert ended[-1] == 0
    assert len(ended) == 30


def test_games_under_way_are_left_and_others_played_later(game: Game) -> None:
    players = [load_player(fake("json", "hang"), game), RandomPlayer(game), load_player(fake("json"), game)]
    ended: list[int] = []
    with Runner(game, [game.initial()], players, callers=1) as runner:

        def stop_after_three(one: ArenaGame) -> None:
            ended.append(one.number)
            if len(ended) == 3:
                runner.stop()

        dealt = [GameOrder(0, 0, (0, 1)), *(GameOrder(2 * k, 0, (2, 1)) for k in range(1, 9))]
        runner.play(dealt, stop_after_three)
        assert 0 not in ended
        assert 3 <= len(ended) < 9
        del ended[:]
        runner.play([GameOrder(2 * k, 0, (2, 1)) for k in range(3)], lambda one: ended.append(one.number))
        assert sorted(ended) == [0, 2, 4]
    assert not running("fake_engine.py json hang")


def test_an_error_of_who_is_told_ends_all_games(game: Game) -> None:
    """The other thread, whose engine never answers, is not waited for."""

    def fail(one: ArenaGame) -> None:
        raise ArithmeticError(f"game {one.number}")

    players = [load_player(fake("json", "hang"), game), RandomPlayer(game)]
    dealt = [GameOrder(0, 0, (0, 1)), GameOrder(2, 0, (1, 1))]
    with (
        Runner(game, [game.initial()], players, callers=2) as runner,
        pytest.raises(ArithmeticError, match="game 2"),
    ):
        runner.play(dealt, fail)


def test_ours_think_by_the_clock(game: Game) -> None:
    players = [
        load_player(f"{who}; time={time}", game)
        for who, time in (("mcts:1000000", "5+0.01"), ("random", "60"))
    ]
    games = match(players, 4, Conduct(margin_s=60.0))
    for one in games:
        assert one.forfeit is None
        ours = one.seats.index(0)
        assert one.nodes[ours] > 100
        assert one.seconds[ours] > one.seconds[1 - ours] > 0


def test_simulations_and_time_bound_together(game: Game) -> None:
    players = [load_player(f"mcts:{count}; time=600", game) for count in (7, 9)]
    for one in match(players, 2, Conduct(margin_s=60.0)):
        for color in (0, 1):
            moves = (len(one.actions) + 1 - color) // 2
            assert one.nodes[color] <= (7, 9)[one.seats[color]] * moves
            assert one.nodes[color] >= (7, 9)[one.seats[color]] * (moves - 2)


def test_a_flag_that_falls_loses(game: Game) -> None:
    """No move is in time where there is none: a nanosecond, and no margin."""
    players = [load_player("mcts:50; time=0.000000001", game), RandomPlayer(game)]
    for one in match(players, 2, Conduct(margin_s=0.0)):
        assert one.forfeit is not None
        assert (one.forfeit.kind, one.seats[one.forfeit.colour]) == ("time", 0)
        assert "there were 0.000 s" in one.forfeit.reason


def test_openings_that_an_engine_cannot_be_told_are_refused_at_once() -> None:
    game = load_game("chess")
    fen = "4k3/8/8/8/8/8/P7/4K3 w - - 0 1"
    players = [RandomPlayer(game), load_player(fake("gtp"), game)]
    with (
        Runner(game, [game.initial(), game.parse(fen)], players) as runner,
        pytest.raises(UserError, match=r"gtp sound.*cannot be set up in GTP"),
    ):
        runner.check()
    assert not running("fake_engine.py gtp sound")


def test_what_fails_at_the_check_is_told() -> None:
    game = load_game("connect4")
    players = [load_player(fake("gtp", "crash at start"), game), load_player(fake("gtp"), game)]
    with Runner(game, random_openings(game, 2, 2, 1), players) as runner:
        (complaint,) = runner.check()
        assert runner.check() == []
    assert complaint.startswith("gtp crash at start: ")
    assert "no network file" in complaint


def test_who_is_told_is_told_one_at_a_time(game: Game) -> None:
    lock = threading.Lock()

    def told(one: ArenaGame) -> None:
        assert lock.acquire(blocking=False)
        assert one.outcome is not None
        lock.release()

    with Runner(game, [game.initial()], [RandomPlayer(game)] * 2, callers=4) as runner:
        runner.play(orders(200), told)
