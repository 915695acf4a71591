"""Who plays whom: each opening twice in a pairing, with colours swapped.

A schedule makes rounds of orders. What a round holds depends on its number, the seed and the results of the
rounds before, and on nothing else: not on which game ended first, nor on who was interrupted meanwhile.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arena.event.result import GameResult
from engine.arena.event.strength import GameTable, Strengths
from engine.arena.game import GameOrder
from engine.errors import CorruptFileError, UserError

PRIOR_ELO = 350.0
"""Standard deviation of players of whom nothing is known, for the draw of a Swiss round."""

KINDS = {
    "round-robin": "everyone against everyone",
    "gauntlet": "the first N against the others",
    "ladder": "each against its N neighbours in the order given",
    "swiss": "by need: those least certain, against whom they are nearest to",
}


@dataclass(frozen=True)
class Schedule:
    """Of an event.

    kind: of KINDS. players: how many. pairs: openings that each pairing plays; of a Swiss event, that each
    player plays at most. number: N of a gauntlet or a ladder.
    """

    kind: str
    players: int
    pairs: int
    seed: int = 0
    number: int = 1

    @classmethod
    def parse(cls, text: str, players: int, pairs: int, seed: int = 0) -> Schedule:
        """Read `round-robin`, `gauntlet:2`, `ladder`, `swiss`; raise UserError for what is none."""
        found = re.fullmatch(r"([a-z-]+)(?::([0-9]{1,6}))?", text)
        if found is None or found[1] not in KINDS:
            raise UserError(f"schedule '{text[:60]}' is unknown; there is {', '.join(KINDS)}")
        kind, number = found[1], int(found[2] or 1)
        if found[2] is not None and kind not in ("gauntlet", "ladder"):
            raise UserError(f"schedule '{text}': {kind} takes no number")
        if not 1 <= number < players:
            raise UserError(f"schedule '{text}': give a number from 1 to {players - 1} for {players} players")
        return cls(kind, players, pairs, seed, number)

    @property
    def is_fixed(self) -> bool:
        """Whether all of it is known before the first game."""
        return self.kind != "swiss"

    @property
    def pairings(self) -> list[tuple[int, int]]:
        """Who may meet, the lower number first."""
        every = itertools.combinations(range(self.players), 2)
        if self.kind == "gauntlet":
            return [(first, second) for first, second in every if first < self.number <= second]
        if self.kind == "ladder":
            return [(first, second) for first, second in every if second - first <= self.number]
        return list(every)

    @property
    def games(self) -> int:
        """That are played at most."""
        if self.is_fixed:
            return 2 * self.pairs * len(self.pairings)
        return 2 * self.pairs * (self.players // 2)

    def rounds(self, played: Sequence[GameResult]) -> Iterator[list[GameOrder]]:
        """The rounds in turn; `played` grows between them by the results of the last one."""
        if self.is_fixed:
            yield [
                order
                for opening in range(self.pairs)
                for index, seats in enumerate(self.pairings)
                for order in pair_orders(opening * len(self.pairings) + index, opening, seats)
            ]
            return
        first = 0
        for opening in range(self.pairs):
            seats = self._draw(opening, [result for result in played if result.number < 2 * first])
            numbered = enumerate(seats, start=first)
            yield [order for index, two in numbered for order in pair_orders(index, opening, two)]
            first += len(seats)

    def check(self, games: Mapping[int, GameResult], log: object) -> None:
        """Raise CorruptFileError where a game of a log is none of this event's."""
        pairings = self.pairings
        known = set(pairings)
        for number, game in games.items():
            index, swapped = divmod(number, 2)
            seats = game.seats[::-1] if swapped else game.seats
            fits = number < self.games and seats in known
            if fits and self.is_fixed:
                opening, place = divmod(index, len(pairings))
                fits = (game.order.opening, seats) == (opening, pairings[place])
            if not fits:
                told = f"{game.seats[0]} and {game.seats[1]} from opening {game.order.opening}"
                raise CorruptFileError(
                    f"log '{log}': game {number}, of players {told}, is none of this event; remove its line"
                )

    def _draw(self, number: int, played: Sequence[GameResult]) -> list[tuple[int, int]]:
        """The pairings of a round: in turn the one of whose players a game tells most."""
        table = GameTable.of(played, self.players)
        need = pairing_needs(table.fit(prior_elo=PRIOR_ELO))
        shuffled = np.random.default_rng([self.seed, number]).random(need.shape)
        order = sorted(self.pairings, key=lambda two: (-round(float(need[two]), 9), float(shuffled[two])))
        free, drawn = set(range(self.players)), []
        for first, second in order:
            if {first, second} <= free:
                free -= {first, second}
                drawn.append((first, second))
        return drawn


def pair_orders(index: int, opening: int, seats: tuple[int, int]) -> list[GameOrder]:
    """The two games of a pair."""
    first, second = seats
    return [
        GameOrder(2 * index, opening, (first, second)),
        GameOrder(2 * index + 1, opening, (second, first)),
    ]


def pairing_needs(rated: Strengths) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[P, P]: how much a game between two would tell about their difference.

    The variance of the difference, times the information p (1 - p) of a game.
    """
    variance = np.diag(rated.covariance)
    spread = variance[:, None] + variance[None, :] - 2 * rated.covariance
    chance = 1 / (1 + np.exp(rated.nats[None, :] - rated.nats[:, None]))
    need: np.ndarray[tuple[int, int], np.dtype[np.float64]] = spread * chance * (1 - chance)
    return need
