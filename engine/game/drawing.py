"""Boards in the drawings that games make of their positions for the terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drawing:
    """A board taken from text: rows of marks, and what stands beside them."""

    marks: list[list[str]]
    row_names: list[str]  # one a row, or none at all
    column_names: list[str]  # one a column, or none at all
    names_below: bool = True


def read_drawing(text: str, width: int) -> Drawing:
    """Find the board in a game's drawing: rows of `width` marks, maybe after a number, and column names.

    Other lines, such as a position in the game's notation, are left out; where no line fits, all of them
    are marks.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    numbered = [line for line in lines if len(line) == width + 1 and line[0].isdecimal()]
    plain = [line for line in lines if len(line) == width]
    if numbered:
        names = plain[0] if plain else []
        first = lines.index(numbered[0])
        return Drawing(
            [line[1:] for line in numbered], [line[0] for line in numbered], names,
            names_below=not names or lines.index(names) > first,
        )  # fmt: skip
    names = plain[-1] if plain and plain[-1] == [str(column + 1) for column in range(width)] else []
    marks = plain[:-1] if names else plain
    return Drawing(marks or lines, [], names if marks else [])
