"""Records from text, whatever their format."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from engine.errors import UserError
from games.records.record import Record


class Reader:
    """Reads by `games.records.sgf` or `pgn`."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def all(self, text: str | bytes) -> list[Record | UserError]:
        return list(self._module.read(text.encode() if isinstance(text, str) else text))

    def one(self, text: str | bytes) -> Record:
        (found,) = self.all(text)
        if isinstance(found, UserError):
            raise found
        return found

    def answer(self, text: str | bytes) -> dict[str, Any]:
        return self.one(text).answer()
