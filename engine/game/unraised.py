"""Exceptions that cannot be raised: those in C functions that Numba compiled, which have nobody to tell."""

from __future__ import annotations

import sys
from typing import Any

from engine._core import Game
from engine.errors import UserError
from engine.game.inquiry import source


class Unraised:
    """Keeps the first exception that nobody could raise until `close`; later ones are dropped.

    game: whose functions these are, for the message.
    """

    def __init__(self, game: Game) -> None:
        self._game = game
        self._found: BaseException | None = None
        self._hook = sys.unraisablehook
        sys.unraisablehook = self._keep

    def close(self) -> None:
        """Let others hear again."""
        sys.unraisablehook = self._hook

    def check(self) -> None:
        """Raise UserError where there was one."""
        if self._found is None:
            return
        found, place = self._found, source(self._game)
        where = f"; its moves are made at {place}" if place is not None else ""
        raise UserError(f"game '{self._game.name}': {type(found).__name__}: {found} in its rules{where}")

    def _keep(self, unraisable: Any) -> None:
        if unraisable.exc_value is None or not isinstance(unraisable.exc_value, Exception):
            self._hook(unraisable)
        elif self._found is None:
            self._found = unraisable.exc_value
