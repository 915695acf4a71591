"""Plays an event by its schedule: what a log holds already is not played again, and a test may end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.arena.event.log import GameLog
from engine.arena.event.result import GameResult
from engine.arena.event.schedule import Schedule
from engine.arena.game import ArenaGame
from engine.arena.runner import Runner
from engine.arena.sprt import LOOK_EVERY, Sprt

Told = Callable[[GameResult], None]
"""Told each game that has ended."""


class Event:
    """The games of a schedule.

    Args:
        runner: plays them.
        schedule: who plays whom.
        log: keeps them; its games are those of an interrupted event.
        sprt: ends a match of two players once it has decided.
        with_forfeits: whether a forfeited game counts for the test.
        told: called with each game that ends now.
    """

    def __init__(
        self,
        runner: Runner,
        schedule: Schedule,
        log: GameLog | None = None,
        sprt: Sprt | None = None,
        with_forfeits: bool = False,
        told: Told = lambda _: None,
    ) -> None:
        self._runner = runner
        self._schedule = schedule
        self._log = log
        self._told = told
        self._games: dict[int, GameResult] = dict(log.games) if log else {}
        self._watch = Watch(sprt, with_forfeits) if sprt else None

    def play(self) -> list[GameResult]:
        """Play what is left; all games by their number, up to where the test was decided."""
        results: list[GameResult] = []
        for orders in self._schedule.rounds(results):
            if not self._is_decided():
                left = [order for order in orders if order.number not in self._games]
                self._runner.play(left, self._ended)
            results.extend(self._games[order.number] for order in orders if order.number in self._games)
        return counted(results, self._watch)

    def _ended(self, game: ArenaGame) -> None:
        result = GameResult.of(game)
        self._games[result.number] = result
        if self._log is not None:
            self._log.add(result)
        self._told(result)
        if self._is_decided():
            self._runner.stop()

    def _is_decided(self) -> bool:
        return self._watch is not None and self._watch.look(self._games) is not None


class Watch:
    """Looks at the pairs of a match in their order, whichever ended first, until a test is decided."""

    def __init__(self, sprt: Sprt, with_forfeits: bool) -> None:
        self.sprt = sprt
        self._with_forfeits = with_forfeits
        self.decided: int | None = None
        """After so many pairs."""
        self.counts = [0] * (5 if sprt.is_paired else 3)
        """Of the pairs that were looked at, by points; of their games, where the test takes no pairs."""
        self._pairs = 0
        self._kinds: list[int] = []  # not looked at yet
        self._ends: list[int] = []  # pairs there were with each of them

    def look(self, games: Mapping[int, GameResult]) -> int | None:
        """After how many pairs the test is decided by the games so far; None where it goes on."""
        if self.decided is not None:
            return self.decided
        while (kinds := self._next(games)) is not None:
            self._pairs += 1
            self._kinds += kinds
            self._ends += [self._pairs] * len(kinds)
        seen = len(self._kinds) - len(self._kinds) % LOOK_EVERY
        number = self.sprt.decided_at(self._kinds[:seen], self.counts) if seen else None
        if number is not None:
            self.decided, seen = self._ends[number - 1], number
        for kind in self._kinds[:seen]:
            self.counts[kind] += 1
        del self._kinds[:seen], self._ends[:seen]
        return self.decided

    def _next(self, games: Mapping[int, GameResult]) -> list[int] | None:
        pair = [games.get(2 * self._pairs + swap) for swap in (0, 1)]
        if pair[0] is None or pair[1] is None:
            return None
        both = [each for each in pair if each is not None]
        if not self._with_forfeits and any(each.forfeit is not None for each in both):
            return []
        if self.sprt.is_paired:
            return [round(2 * sum(each.points(0) for each in both))]
        return [round(2 * each.points(0)) for each in both]


def counted(results: list[GameResult], watch: Watch | None) -> list[GameResult]:
    """The games that a decision rests on: those that were played beyond it are left out."""
    if watch is None or watch.decided is None:
        return results
    return [result for result in results if result.number < 2 * watch.decided]
