"""Matches between players: every opening twice with colours swapped, all games side by side."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from engine._core import Game, State
from engine.arena.ratings import Rating, Sprt, bradley_terry, is_bounded, pentanomial
from engine.errors import UserError
from engine.player import Player
from engine.registry import position_text

MAX_NODES = 1_000_000
"""Simulations of one player under way in one thread, all games together; bounds the memory of trees."""

MAX_PAIRS = 256
"""Pairs side by side in one thread."""

SPRT_PAIRS = 16
"""Pairs in one thread between two looks at a sequential test."""


@dataclass
class ArenaGame:
    """One game of a pair.

    opening: in the game's notation. actions: since then. seats: which player of the pairing, 0 or 1, has
    each colour. outcome: the first player's, None while it runs. forfeit: why a player lost it unplayed.
    """

    number: int
    opening: str
    seats: tuple[int, int]
    state: State
    actions: list[int] = field(default_factory=list)
    outcome: float | None = None
    forfeit: str | None = None

    def points(self) -> float:
        """Of player 0 of the pairing, in [0, 1]."""
        outcome = self.outcome or 0.0
        return (1 + (outcome if self.seats[0] == 0 else -outcome)) / 2

    def play(self, action: int) -> None:
        """Make a move of the player to move; an illegal one forfeits the game."""
        if action not in self.state.legal_actions():
            self.lose(f"illegal action {action}")
            return
        self.state.play(action)
        self.actions.append(action)
        result = self.state.outcome()
        if result is not None:
            self.outcome = result if self.state.player() == 0 else -result

    def lose(self, reason: str) -> None:
        """The player to move forfeits."""
        self.outcome = -1.0 if self.state.player() == 0 else 1.0
        self.forfeit = reason


@dataclass(frozen=True)
class Pairing:
    """Two players and their games, those of a pair one after the other."""

    first: Player
    second: Player
    games: list[ArenaGame]

    @property
    def counts(self) -> list[int]:
        """Pairs by the first player's points: 0, ½, 1, 1½, 2."""
        points = [game.points() for game in self.games]
        return pentanomial([a + b for a, b in zip(points[::2], points[1::2], strict=True)])

    @property
    def results(self) -> tuple[int, int, int]:
        """Wins, draws and losses of the first player."""
        points = [game.points() for game in self.games]
        wins, losses = sum(p > 0.5 for p in points), sum(p < 0.5 for p in points)
        return wins, len(points) - wins - losses, losses

    @property
    def distinct_games(self) -> int:
        """Games that differ in their moves, whoever played them."""
        return len({(game.opening, *game.actions) for game in self.games})


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
        if not openings:
            raise UserError("an arena needs at least one opening")
        self._game = game
        self._openings = [(position_text(game, state), state) for state in openings]
        self._seed = seed
        self._callers = min(callers or len(os.sched_getaffinity(0)), len(openings))
        self._twins: dict[tuple[int, str], Player] = {}
        self._stop = threading.Event()

    def play(
        self, first: Player, second: Player, sprt: Sprt | None = None, progress: Progress | None = None
    ) -> Pairing:
        """Play every opening twice; stop early once `sprt` has decided."""
        pairing = Pairing(first, second, [])
        size = self._callers * _pairs_at_once(first, second, sprt)
        for start in range(0, len(self._openings), size):
            wave = range(start, min(start + size, len(self._openings)))
            pairing.games.extend(self._play_wave(pairing, wave, progress))
            if sprt is not None and sprt.state(pairing.counts) != "continue":
                break
        return pairing

    def round_robin(self, players: Sequence[Player], progress: Progress | None = None) -> list[Pairing]:
        """Every player against every other one."""
        return [
            self.play(first, second, None, progress) for first, second in itertools.combinations(players, 2)
        ]

    def _play_wave(self, pairing: Pairing, pairs: range, progress: Progress | None) -> list[ArenaGame]:
        games = [self._deal(2 * index + swap) for index in pairs for swap in (0, 1)]
        shares = [
            [game for game in games if game.number // 2 % self._callers == caller]
            for caller in range(self._callers)
        ]
        players = (pairing.first, pairing.second)
        twins = [tuple(self._twin(caller, player) for player in players) for caller in range(self._callers)]
        threads = ThreadPoolExecutor(self._callers, thread_name_prefix="arena")
        try:
            work = [
                threads.submit(self._run, *task, progress or (lambda _: None))
                for task in zip(shares, twins, strict=True)
            ]
            for future in work:
                future.result()
        except BaseException:
            self._stop.set()
            raise
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        return games

    def _deal(self, number: int) -> ArenaGame:
        text, state = self._openings[number // 2]
        return ArenaGame(number, text, (number % 2, 1 - number % 2), state.clone())

    def _twin(self, caller: int, player: Player) -> Player:
        """The player of one thread."""
        key = (caller, player.name)
        if key not in self._twins:
            self._twins[key] = player.twin(_derive(self._seed, caller))
        return self._twins[key]

    def _run(self, games: list[ArenaGame], players: tuple[Player, ...], progress: Progress) -> None:
        while running := [game for game in games if game.outcome is None]:
            for seat, player in enumerate(players):
                if self._stop.is_set():
                    return
                turn = [game for game in running if game.outcome is None and _to_move(game) == seat]
                if turn:
                    self._move(turn, player)
            progress(sum(game.outcome is not None for game in running))

    def _move(self, games: list[ArenaGame], player: Player) -> None:
        seeds = [_derive(self._seed, game.number, game.state.ply()) for game in games]
        try:
            actions = player.choose([game.state.clone() for game in games], seeds)
            if len(actions) != len(games):
                raise ValueError(f"{len(actions)} moves for {len(games)} positions")
        except Exception as error:
            if len(games) == 1:
                games[0].lose(f"{type(error).__name__}: {error}")
            else:
                for game in games:
                    self._move([game], player)
            return
        for game, action in zip(games, actions, strict=True):
            game.play(action)


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
        total = sum(game.points() for game in pairing.games)
        points[first, second] += total
        points[second, first] += len(pairing.games) - total
    bounded = is_bounded(points)
    fixed = {names.index(name): rating for name, rating in (anchors or {}).items()}
    ratings = bradley_terry(points, points + points.T, fixed, 0.0 if bounded else 1.0)
    return dict(zip(names, ratings, strict=True)), not bounded


def _to_move(game: ArenaGame) -> int:
    return game.seats[game.state.player()]


def _pairs_at_once(first: Player, second: Player, sprt: Sprt | None) -> int:
    nodes = max(1, first.simulations, second.simulations)
    return max(1, min(SPRT_PAIRS if sprt else MAX_PAIRS, MAX_NODES // nodes // 2))


def _derive(*path: int) -> int:
    return int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0])
