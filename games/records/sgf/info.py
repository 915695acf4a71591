"""What an SGF file says of a game as a whole, wherever on the main line it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import UserError
from games.records.record import shortened
from games.records.sgf.start import COLORS
from games.records.sgf.tree import TAGS, Node

_DECISIVE = ("GM", "SZ", "RU", "KM", "HA", "RE")
"""Properties that the result rests on."""


@dataclass(frozen=True)
class Info:
    """The first value of every property of the game that is not empty, and what was taken for granted."""

    values: Mapping[str, str]
    programs: Sequence[str]
    """The values of AP: what one server exports, another program often saves again."""
    warnings: Sequence[str]

    def tags(self) -> dict[str, str]:
        """Those of TAGS, in their order."""
        return {name: self.values[name] for name in TAGS if name in self.values}

    def value(self, name: str) -> str:
        """Of a property; empty where it is not there."""
        return self.values.get(name, "")


def game_info(nodes: Sequence[Node]) -> Info:
    """Raise UserError for a file of another game than Go."""
    values: dict[str, str] = {}
    warnings: dict[tuple[str, bool], str] = {}
    moves = 0
    for node in nodes:
        for name in (name for name in (*TAGS, *_DECISIVE) if name in node):
            for value in filter(None, (text.strip() for text in node[name])):
                shown = f"{name}[{shortened(value)[1:-1]}]"
                if name not in values and moves and name != "RE" and name in _DECISIVE:
                    warnings[name, True] = f"{shown} stands after move {moves}: taken for the whole game"
                if values.setdefault(name, value) != value and name in _DECISIVE:
                    first = f"{name}[{shortened(values[name])[1:-1]}]"
                    warnings.setdefault((name, False), f"{shown} differs from {first}, which is taken")
        moves += sum(color in node for color in COLORS)
    if values.get("GM", "1") != "1":
        raise UserError(f"GM[{shortened(values['GM'])[1:-1]}] is not Go, which is GM[1]")
    programs = [value.strip() for node in nodes for value in node.get("AP", ())]
    return Info(values, programs, tuple(warnings.values()))


def board_size(text: str) -> tuple[int, int]:
    """Columns and rows of SZ."""
    match = re.fullmatch(r"([0-9]{1,3})(?:\s*[:xX]\s*([0-9]{1,3}))?", text or "19")
    if match is None:
        raise UserError(f"SZ[{shortened(text)[1:-1]}] is neither a number nor columns:rows")
    columns, rows = int(match[1]), int(match[2] or match[1])
    if not (2 <= columns <= 25 and 2 <= rows <= 25):
        raise UserError(f"SZ[{text}]: the board must have 2 to 25 columns and rows")
    return columns, rows
