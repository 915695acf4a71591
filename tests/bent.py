"""Random chess with a bent: games that reach what evenly random play seldom does."""

from __future__ import annotations

import random
from collections.abc import Mapping

from engine._core import ChessState

BENTS = ("none", "sharp", "quiet", "returning")
"""Nothing liked best; promotions, castling and pawn moves; moves that count towards the draw by moves; and
moves back to where a man came from, which repeat positions."""

_CANDIDATES = 6


class BentPlayer:
    """Chooses the moves of both sides of one game.

    Args:
        bent: one of BENTS; "returning" begins after some plies without a bent.
        source: of all that is random.
    """

    def __init__(self, bent: str, source: random.Random) -> None:
        self.bent = bent
        self._source = source
        self._texts: list[str] = []
        self._first_return = source.randrange(4, 60)

    def choose(self, state: ChessState, actions: Mapping[str, int]) -> str:
        """One of the legal `actions`, which are given by their UCI texts."""
        text = self._return(actions) or self._liked(state, actions)
        self._texts.append(text)
        return text

    def _return(self, actions: Mapping[str, int]) -> str | None:
        if self.bent != "returning" or len(self._texts) < self._first_return or self._source.random() < 0.1:
            return None
        last = self._texts[-2]
        back = last[2:4] + last[:2]
        return back if back in actions else None

    def _liked(self, state: ChessState, actions: Mapping[str, int]) -> str:
        texts = list(actions)
        if self.bent in ("none", "returning"):
            return self._source.choice(texts)
        candidates = self._source.choices(texts, k=_CANDIDATES)
        return max(candidates, key=lambda text: self._liking(state.san(actions[text])))

    def _liking(self, san: str) -> int:
        is_pawn, captures = san[0].islower(), "x" in san
        if self.bent == "quiet":
            return -int(is_pawn or captures)
        return 4 * ("=" in san) + 3 * san.startswith("O") + 2 * (is_pawn and captures) + is_pawn
