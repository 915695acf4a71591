import itertools

import numpy as np
import pytest

from engine.arena.event.result import GameResult
from engine.arena.event.schedule import Schedule
from engine.arena.game import GameOrder
from engine.errors import UserError


def orders(schedule: Schedule) -> list[GameOrder]:
    (round_,) = schedule.rounds([])
    return round_


def result(order: GameOrder, outcome: float) -> GameResult:
    return GameResult(order, "", (), outcome, "rules", None, (), (0.0, 0.0), (0, 0))


@pytest.mark.parametrize(
    ("text", "pairings"),
    [
        ("round-robin", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
        ("gauntlet", [(0, 1), (0, 2), (0, 3)]),
        ("gauntlet:2", [(0, 2), (0, 3), (1, 2), (1, 3)]),
        ("ladder", [(0, 1), (1, 2), (2, 3)]),
        ("ladder:2", [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]),
    ],
)
def test_who_meets_whom(text: str, pairings: list[tuple[int, int]]) -> None:
    schedule = Schedule.parse(text, 4, 3)
    assert schedule.pairings == pairings
    games = orders(schedule)
    assert len(games) == schedule.games == 6 * len(pairings)
    assert [game.number for game in games] == list(range(len(games)))
    for one, other in zip(games[::2], games[1::2], strict=True):
        assert one.seats == other.seats[::-1]
        assert one.opening == other.opening
    played = [(game.opening, tuple(sorted(game.seats))) for game in games[::2]]
    assert sorted(played) == sorted(itertools.product(range(3), pairings))
    assert [game.opening for game in games] == sorted(game.opening for game in games)


def test_a_match_counts_its_openings() -> None:
    assert orders(Schedule.parse("round-robin", 2, 2)) == [
        GameOrder(0, 0, (0, 1)),
        GameOrder(1, 0, (1, 0)),
        GameOrder(2, 1, (0, 1)),
        GameOrder(3, 1, (1, 0)),
    ]


def swiss(players: int, pairs: int, strengths: list[float], seed: int = 1) -> list[GameResult]:
    source = np.random.default_rng(seed)
    played: list[GameResult] = []
    for round_ in Schedule.parse("swiss", players, pairs, seed).rounds(played):
        for order in round_:
            gap = strengths[order.seats[0]] - strengths[order.seats[1]]
            won = source.random() < 1 / (1 + 10 ** (-gap / 400))
            played.append(result(order, 1.0 if won else -1.0))
    return played


def test_a_swiss_event_brings_together_who_is_near() -> None:
    strengths = [0.0, 50.0, 1000.0, 1050.0, 2000.0, 2050.0]
    played = swiss(6, 40, strengths)
    assert len(played) == 2 * 40 * 3
    assert [game.number for game in played] == list(range(240))
    near = sum(abs(strengths[a] - strengths[b]) == 50 for a, b in (game.seats for game in played))
    assert 0.4 * len(played) < near < len(played)  # 3 of 15 pairings: a fifth by chance
    again = swiss(6, 40, strengths)
    assert [game.order for game in again] == [game.order for game in played]
    assert [game.order for game in swiss(6, 2, strengths, seed=2)] != [game.order for game in played[:12]]


def test_a_swiss_round_leaves_out_one_of_an_odd_number() -> None:
    played = swiss(5, 20, [0.0, 10.0, 20.0, 30.0, 40.0])
    games = [sum(player in game.seats for game in played) for player in range(5)]
    assert sum(games) == 2 * 2 * 2 * 20
    assert max(games) - min(games) <= 8


def test_rounds_are_of_the_results_before_them_alone() -> None:
    played = swiss(4, 6, [0.0, 100.0, 200.0, 300.0])
    grown: list[GameResult] = []
    for round_ in Schedule.parse("swiss", 4, 6, 1).rounds(grown):
        grown.extend(reversed([played[order.number] for order in round_]))  # in another order of ending
        assert [order.seats for order in round_] == [played[order.number].seats for order in round_]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("knockout", "'knockout' is unknown; there is round-robin"),
        ("swiss:2", "swiss takes no number"),
        ("gauntlet:4", "a number from 1 to 3"),
        ("ladder:0", "a number from 1 to 3"),
        ("gauntlet:x", "'gauntlet:x' is unknown"),
        ("", "'' is unknown"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Schedule.parse(text, 4, 3)
