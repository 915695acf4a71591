"""Orders on their way to the threads that play them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from engine.arena.game import GameOrder


class OrderQueue:
    """Deals orders out by their number: the two games of a pair to the same thread."""

    def __init__(self, orders: Iterable[GameOrder], callers: int) -> None:
        self._orders: Iterator[GameOrder] = iter(orders)
        self._waiting: list[deque[GameOrder]] = [deque() for _ in range(callers)]
        self.lock = threading.Lock()
        """Held while an order is asked for and while a game is handed over."""

    def next(self, caller: int) -> GameOrder | None:
        """What a thread is to play next; None where nothing is left."""
        own = self._waiting[caller]
        with self.lock:
            while not own:
                order = next(self._orders, None)
                if order is None:
                    return None
                self._waiting[order.number // 2 % len(self._waiting)].append(order)
            return own.popleft()
