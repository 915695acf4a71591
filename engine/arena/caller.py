"""One thread of an event and the games that it plays side by side."""

from __future__ import annotations

import queue
from collections.abc import Callable

from engine.arena.client.player import EnginePlayer
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.mover import Done, EngineMover, Table, ThoughtMover
from engine.arena.order_queue import OrderQueue
from engine.arena.roster import Roster, derive
from engine.player import Player
from engine.player.clock import Clock

MAX_NODES = 1_000_000
"""Simulations of players under way in one thread, all games together; bounds the memory of trees."""

MAX_GAMES = 512
"""Games side by side in one thread."""

WAKE_S = 0.2
"""Between two looks whether to stop, while nothing comes."""


class Caller:
    """Plays the games of one thread: the positions of one player in a batch, outside engines beside that.

    Args:
        roster: the players and what they share.
        index: of the thread.
        orders: where games come from.
        ended: is handed those that have ended.
    """

    def __init__(
        self, roster: Roster, index: int, orders: OrderQueue, ended: Callable[[ArenaGame], None]
    ) -> None:
        self._roster = roster
        self._index = index
        self._orders = orders
        self._ended = ended
        self._tables: list[Table] = []
        self._next: GameOrder | None = None
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._thoughts: dict[int, ThoughtMover] = {}
        self._engines: dict[int, EngineMover] = {}

    def run(self) -> None:
        """Play until there are no more orders."""
        while self._fill():
            is_busy = False
            for player in range(len(self._roster.players)):
                if self._roster.stopped:
                    return
                turn = [table for table in self._tables if _is_to_move(table, player)]
                if turn:
                    is_busy |= self._move(turn, player)
            for thoughts in self._thoughts.values():
                is_busy |= thoughts.step()
            self._take_answers(is_busy)
            self._hand_over()

    def _fill(self) -> bool:
        """Take orders as long as there is room; whether there are games to play."""
        while not self._roster.stopped:
            self._next = self._next or self._orders.next(self._index)
            if self._next is None or not self._has_room(self._next):
                break
            game = self._roster.deal(self._next)
            controls = (self._roster.control(seat) for seat in game.seats)
            first, second = (Clock(control) for control in controls)
            self._tables.append(Table(game, (first, second)))
            self._next = None
        return bool(self._tables) and not self._roster.stopped

    def _has_room(self, order: GameOrder) -> bool:
        """Whether a further game may begin; one always may, and a pair where nobody counts time."""
        seats = [order.seats, *(table.game.seats for table in self._tables)]
        players = [[self._roster.players[seat] for seat in pair] for pair in seats]
        timed = sum(any(self._roster.control(seat).is_limited for seat in pair) for pair in seats)
        outside = sum(any(isinstance(one, EnginePlayer) for one in pair) for pair in players)
        conduct = self._roster.conduct
        if len(seats) == 1:
            return True
        if (timed and timed > conduct.timed) or (outside and outside > conduct.engines):
            return False
        nodes = sum(max(1, *(one.simulations for one in pair)) for pair in players)
        return len(seats) <= 2 or (len(seats) <= MAX_GAMES and nodes <= MAX_NODES)

    def _move(self, tables: list[Table], player: int) -> bool:
        """Move in all games whose turn it is; whether that made moves at once."""
        if isinstance(self._roster.players[player], EnginePlayer):
            if player not in self._engines:
                self._engines[player] = self._roster.engine_mover(player, self._done)
            for table in tables:
                self._engines[player].ask(table)
            return False
        twin = self._roster.twin(self._index, player)
        if self._roster.control(player).is_limited:
            if player not in self._thoughts:
                self._thoughts[player] = ThoughtMover(twin, self._roster.limit(player), self._roster.conduct)
            for table in tables:
                self._thoughts[player].ask(table)
        else:
            self._choose([table.game for table in tables], twin)
        return True

    def _choose(self, games: list[ArenaGame], player: Player) -> None:
        seeds = [derive(self._roster.seed, game.number, game.state.ply()) for game in games]
        try:
            actions = player.choose([game.state.clone() for game in games], seeds)
            if len(actions) != len(games):
                raise ValueError(f"{len(actions)} moves for {len(games)} positions")
        except Exception as error:
            if len(games) == 1:
                games[0].lose("crash", f"{type(error).__name__}: {error}")
            else:
                for game in games:
                    self._choose([game], player)
            return
        for game, action in zip(games, actions, strict=True):
            game.play(action)

    def _take_answers(self, is_busy: bool) -> None:
        """Do what outside engines have left to do; wait for it where there is nothing else."""
        if not any(table.is_waiting for table in self._tables):
            return
        try:
            if is_busy:
                self._done.get_nowait()()
            else:
                self._done.get(timeout=WAKE_S)()
            while True:
                self._done.get_nowait()()
        except queue.Empty:
            pass

    def _hand_over(self) -> None:
        over = [table for table in self._tables if table.game.outcome is not None]
        for table in over:
            if not table.is_waiting:
                for color in list(table.engines):
                    self._engines[table.game.seats[color]].settle(table, color)
        for table in over:
            if not table.is_waiting and not table.engines:
                self._tables.remove(table)
                table.game.claims += self._roster.disclaimed(table)
                with self._orders.lock:
                    self._ended(table.game)


def _is_to_move(table: Table, player: int) -> bool:
    return table.game.outcome is None and not table.is_waiting and table.game.to_move == player
