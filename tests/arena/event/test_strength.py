import math

import numpy as np
import pytest

from engine.arena.elo import ELO_PER_NAT
from engine.arena.event.result import GameResult
from engine.arena.event.strength import GameTable, bootstrap
from engine.arena.event.transitivity import fit_one_dimension
from engine.arena.game import GameOrder

Chance = dict[tuple[int, int], float]


def result(number: int, opening: int, seats: tuple[int, int], outcome: float) -> GameResult:
    order = GameOrder(number, opening, seats)
    return GameResult(order, "", (), outcome, "rules", None, (), (0.0, 0.0), (0, 0))


def played(
    players: int,
    pairs: int,
    elos: list[float],
    first_move: float = 0.0,
    draws: float = 0.0,
    seed: int = 1,
    chances: Chance | None = None,
) -> list[GameResult]:
    """A round robin; `chances`: what a lower player scores against a higher one, whatever their ratings."""
    source = np.random.default_rng(seed)
    results = []
    pairings = [(a, b) for a in range(players) for b in range(a + 1, players)]
    for opening in range(pairs):
        for index, (low, high) in enumerate(pairings):
            for swap, seats in enumerate(((low, high), (high, low))):
                gap = elos[seats[0]] - elos[seats[1]] + first_move
                score = 1 / (1 + 10 ** (-gap / 400))
                if chances is not None:
                    score = chances[low, high] if swap == 0 else 1 - chances[low, high]
                drawn = 2 * draws * min(score, 1 - score)
                shares = [score - drawn / 2, drawn, 1 - score - drawn / 2]
                outcome = float(source.choice([1, 0, -1], p=shares))
                number = 2 * (opening * len(pairings) + index) + swap
                results.append(result(number, opening, seats, outcome))
    return results


def table_of(elos: list[float], first_move: float, games: float) -> GameTable:
    """Expected points."""
    values = np.array(elos)
    count = games * (1 - np.eye(len(elos)))
    points = count / (1 + 10 ** ((values[None, :] - values[:, None] - first_move) / 400))
    return GameTable(points, count, 0 * count)


def test_ratings_and_the_first_moves_advantage_are_recovered() -> None:
    found = table_of([0.0, 120.0, -250.0, 330.0], 60.0, 4000.0).fit(anchors={0: 0.0})
    assert list(found.elos) == pytest.approx([0, 120, -250, 330], abs=0.1)
    assert found.first_move[0] == pytest.approx(60, abs=0.5)
    free = table_of([0.0, 120.0, -250.0, 330.0], 60.0, 4000.0).fit()
    assert list(free.elos) == pytest.approx(list(np.array([0, 120, -250, 330]) - 50), abs=0.1)
    assert not free.virtual
    assert free.groups == (0, 0, 0, 0)


def test_two_players_have_the_errors_of_their_fisher_information() -> None:
    table = GameTable(np.array([[0, 38.0], [12.0, 0]]), np.array([[0, 50.0], [50.0, 0]]), np.zeros((2, 2)))
    found = table.fit(anchors={1: 1000.0})
    assert found.ratings[0].elo == pytest.approx(1200.24, abs=0.01)
    error = ELO_PER_NAT / math.sqrt(100 * 0.76 * 0.24)
    assert found.ratings[0].high - found.ratings[0].elo == pytest.approx(1.95996 * error, rel=1e-4)
    assert (found.ratings[1].low, found.ratings[1].high) == pytest.approx((1000, 1000))


def test_colours_that_are_unequal_do_not_count_as_strength() -> None:
    # Both always win as first mover; one has moved first three times as often.
    points = np.array([[0, 90.0], [27.0, 0]])
    games = np.array([[0, 100.0], [30.0, 0]])
    found = GameTable(points, games, 0 * games).fit()
    assert found.elos[0] == pytest.approx(found.elos[1], abs=5)
    assert found.first_move[0] > 300


def test_a_player_who_lost_everything_leaves_the_others_as_they_were() -> None:
    sound = table_of([0.0, 100.0, 200.0], 0.0, 50.0).fit()
    points, games = np.zeros((4, 4)), np.zeros((4, 4))
    few = table_of([0.0, 100.0, 200.0], 0.0, 50.0)
    points[:3, :3], games[:3, :3] = few.points, few.games
    points[:3, 3], games[:3, 3], games[3, :3] = 20, 20, 20
    found = GameTable(points, games, 0 * games).fit()
    assert found.virtual
    assert found.elos[3] < found.elos[0] - 400
    gaps = np.diff(found.elos[:3]) - np.diff(sound.elos)
    assert np.abs(gaps).max() < 3


def test_players_who_never_met_are_of_different_groups() -> None:
    points, games = np.zeros((5, 5)), np.zeros((5, 5))
    for a, b in ((0, 1), (2, 3)):
        points[a, b], points[b, a], games[a, b], games[b, a] = 7, 3, 10, 10
    found = GameTable(points, games, 0 * games).fit()
    assert found.groups == (0, 0, 2, 2, 4)
    assert found.elos[0] == pytest.approx(found.elos[2])
    assert found.elos[0] == pytest.approx(-found.elos[1])
    joined = GameTable(points, games, 0 * games).fit(anchors={0: 0.0, 2: 500.0})
    assert joined.groups == (0, 0, 0, 0, 4)
    assert joined.elos[3] == pytest.approx(500 + joined.elos[1])


def test_draws_between_equals_are_counted() -> None:
    results = played(3, 400, [0, 0, 0], draws=0.6)
    assert GameTable.of(results, 3).fit().draw_rate == pytest.approx(0.6, abs=0.05)


def test_intervals_of_pairs_are_narrower_where_pairs_split() -> None:
    # Every opening is won by who moves first: independent games would leave doubt, pairs leave none.
    split = [result(2 * k + s, k, ((0, 1), (1, 0))[s], 1.0) for k in range(50) for s in (0, 1)]
    low, high = bootstrap(split, 2)[0]
    assert high - low < 1
    fisher = GameTable.of(split, 2).fit().ratings[0]
    assert fisher.high - fisher.low > 50


def test_intervals_of_the_bootstrap_cover_the_truth() -> None:
    elos = [0.0, 80.0, 160.0]
    covered = 0
    for seed in range(30):
        results = played(3, 30, elos, first_move=50, draws=0.3, seed=seed)
        intervals = bootstrap(results, 3, replicates=100, seed=seed)
        covered += sum(low <= elo - 80 <= high for (low, high), elo in zip(intervals, elos, strict=True))
    assert 75 <= covered <= 90


def test_one_dimension_is_seldom_refused_where_it_holds() -> None:
    found = [
        fit_one_dimension(played(4, 25, [0.0, 60.0, 150.0, 400.0], draws=0.3, seed=seed), 4, replicates=100)
        for seed in range(60)
    ]
    values = [test.p_value for test in found if test is not None]
    assert len(values) == 60
    assert sum(value < 0.05 for value in values) <= 9  # 3 expected; 10 or more: 0.1 %
    assert sum(value > 0.5 for value in values) >= 15


def test_players_who_go_round_are_found_and_named() -> None:
    chances = {(0, 1): 0.75, (1, 2): 0.75, (0, 2): 0.25, (0, 3): 0.9, (1, 3): 0.9, (2, 3): 0.9}
    found = fit_one_dimension(played(4, 50, [0] * 4, chances=chances), 4)
    assert found is not None
    assert found.freedom == 3
    assert found.p_value < 0.01
    assert found.triples[0].players == (0, 1, 2)
    assert found.triples[0].is_cycle
    assert found.triples[0].z > 4
    # Each difference is some 190 Elo, and they should sum to nothing.
    assert found.triples[0].elo == pytest.approx(3 * 190.8, rel=0.3)
    mirrored = {two: 1 - chance for two, chance in chances.items()}
    other = fit_one_dimension(played(4, 50, [0] * 4, chances=mirrored), 4)
    assert other is not None
    assert other.triples[0].players == (0, 2, 1)


def test_without_a_way_round_there_is_no_test() -> None:
    results = [game for game in played(3, 5, [0, 0, 0]) if set(game.seats) != {0, 2}]
    assert fit_one_dimension(results, 3) is None
    assert fit_one_dimension([], 3) is None
