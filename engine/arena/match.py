"""Matches between players: every opening twice with colours swapped, all games side by side."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine._core import Game, State
from engine.arena.caller import MAX_GAMES, MAX_NODES
from engine.arena.elo import pentanomial
from engine.arena.game import ArenaGame, GameOrder, distinct_games
from engine.arena.ratings import Rating, bradley_terry, is_bounded
from engine.arena.runner import Runner
from engine.arena.sprt import Sprt
from engine.player import Player

SPRT_PAIRS = 16
"""Pairs in one thread between two looks at a sequential test."""


@dataclass(frozen=True)
class Pairing:
    """Two players and their games, those of a pair one after the other."""

    first: Player
    second: Player
    games: list[ArenaGame]
    seat: int = 0
    """The first player's index in the seats of the games."""

    @property
    def counts(self) -> list[int]:
        """Pairs by the first player's points: 0, ½, 1, 1½, 2."""
        points = [game.points(self.seat) for game in self.games]
        return pentanomial([a + b for a, b in zip(points[::2], points[1::2], strict=True)])

    @property
    def results(self) -> tuple[int, int, int]:
        """Wins, draws and losses of the first player."""
        points = [game.points(self.seat) for game in self.games]
        wins, losses = sum(p > 0.5 for p in points), sum(p < 0.5 for p in points)
        return wins, len(points) - wins - losses, losses

    @property
    def distinct_games(self) -> int:
        """Games that differ in their moves, whoever played them."""
        return distinct_games(self.games)


Progress = Callable[[int], None]
"""Told how many more games have ended."""


class Arena:
    """Plays pairings of one game from a list of openings, split over threads.

    Args:
        openings: positions to start from, none of them over; each is played twice by a pairing.
        seed: of the players' randomness.
        callers: threads, each with players of its own; 0 takes one a core.
    """

    def __init__(self, game: Game, openings: Sequence[State], seed: int = 0, callers: int = 0) -> None:
        self._callers = min(callers or len(os.sched_getaffinity(0)), max(1, len(openings)))
        self._pairs = len(openings)
        self._players: list[Player] = []
        self._runner = Runner(game, openings, self._players, seed, self._callers)

    def play(
        self, first: Player, second: Player, sprt: Sprt | None = None, progress: Progress | None = None
    ) -> Pairing:
        """Play every opening twice; stop early once `sprt` has decided."""
        seats = self._seat(first), self._seat(second, first)
        pairing = Pairing(first, second, [], seats[0])
        size = self._callers * _pairs_at_once(first, second, sprt)
        for start in range(0, self._pairs, size):
            wave = range(start, min(start + size, self._pairs))
            pairing.games.extend(self._play_wave(seats, wave, progress or (lambda _: None)))
            if sprt is not None and sprt.state(pairing.counts) != "continue":
                break
        return pairing

    def close(self) -> None:
        """End the outside engines."""
        self._runner.close()

    def round_robin(self, players: Sequence[Player], progress: Progress | None = None) -> list[Pairing]:
        """Every player against every other one."""
        return [
            self.play(first, second, None, progress) for first, second in itertools.combinations(players, 2)
        ]

    def _play_wave(self, seats: tuple[int, int], pairs: range, progress: Progress) -> list[ArenaGame]:
        orders = [
            GameOrder(2 * index + swap, index, (seats[swap], seats[1 - swap]))
            for index in pairs
            for swap in (0, 1)
        ]
        games: list[ArenaGame] = []

        def ended(game: ArenaGame) -> None:
            games.append(game)
            progress(1)

        self._runner.play(orders, ended)
        return sorted(games, key=lambda game: game.number)

    def _seat(self, player: Player, opponent: Player | None = None) -> int:
        """The player's index; two who play each other have one each."""
        for index, known in enumerate(self._players):
            if known.name == player.name and known is not opponent:
                return index
        self._players.append(player)
        return len(self._players) - 1


def rate(
    pairings: Sequence[Pairing], anchors: Mapping[str, float] | None = None
) -> tuple[dict[str, Rating], bool]:
    """Bradley-Terry ratings of all players and whether virtual draws had to keep them finite.

    Mean 0, or with the ratings of `anchors` given.
    """
    names = list(
        dict.fromkeys(player.name for pairing in pairings for player in (pairing.first, pairing.second))
    )
    points = np.zeros((len(names), len(names)))
    for pairing in pairings:
        first, second = names.index(pairing.first.name), names.index(pairing.second.name)
        total = sum(game.points(pairing.seat) for game in pairing.games)
        points[first, second] += total
        points[second, first] += len(pairing.games) - total
    bounded = is_bounded(points)
    fixed = {names.index(name): rating for name, rating in (anchors or {}).items()}
    ratings = bradley_terry(points, points + points.T, fixed, 0.0 if bounded else 1.0)
    return dict(zip(names, ratings, strict=True)), not bounded


def _pairs_at_once(first: Player, second: Player, sprt: Sprt | None) -> int:
    nodes = max(1, first.simulations, second.simulations)
    return max(1, min(SPRT_PAIRS if sprt else MAX_GAMES // 2, MAX_NODES // nodes // 2))
