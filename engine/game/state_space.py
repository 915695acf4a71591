"""Whether a game is so small that self-play repeats itself, whatever the settings."""

from __future__ import annotations

import time

from engine import _core

FEW = 10_000
"""Positions; tic-tac-toe has 5,478."""

SEARCH_S = 3.0


def has_few_positions(game: _core.Game, few: int = FEW, seconds: float = SEARCH_S) -> bool:
    """Whether at most `few` positions can be reached; a game that is too slow to tell is taken for large.

    Looks at them from the first on, up to that many, for so many seconds of processor time.
    """
    end = time.thread_time() + seconds
    start = game.initial()
    seen, left = {start.key()}, [start]
    while left:
        state = left.pop()
        if time.thread_time() > end:
            return False
        for action in state.legal_actions() if state.outcome() is None else ():
            child = state.clone()
            child.play(action)
            key = child.key()
            if key not in seen:
                seen.add(key)
                left.append(child)
        if len(seen) > few:
            return False
    return True
