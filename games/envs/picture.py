"""Boards as pictures, from the drawings that games make for the terminal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.game.drawing import Drawing, read_drawing
from games.envs.piece import LETTERS, draw_piece

CELL = 48
"""Pixels of a cell."""

SCALE = 3
"""Pictures are drawn this much larger and then made smaller, for smooth edges."""

RENDER_MODES = ["ansi", "rgb_array", "human"]

BOARD, DARK, GRID, INK = (222, 184, 135), (181, 136, 99), (150, 111, 51), (60, 40, 20)
MARGIN = (245, 238, 225)
STONES = {"X": (30, 30, 30), "O": (245, 245, 240)}
"""X, the first player's mark, and O are drawn as stones."""

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

_PIECES = {*LETTERS, *LETTERS.upper()}


def render_board(text: str, width: int, mode: str | None) -> str | NDArray[np.uint8] | None:
    """A game's drawing as it is (`ansi`), as a picture (`rgb_array`), or printed (`human`)."""
    if mode == "ansi":
        return text
    if mode == "rgb_array":
        return draw_board(text, width)
    if mode == "human":
        print(text)
    return None


def draw_board(text: str, width: int) -> NDArray[np.uint8]:
    """A picture uint8 [H, W, 3] of the rows of `width` marks in `text`; `.` is an empty cell."""
    drawing = read_drawing(text, width)
    is_chess = _shows_chess(drawing)
    side = CELL * SCALE
    columns = max(map(len, drawing.marks), default=1)
    left = side * bool(drawing.row_names)
    top = side * (bool(drawing.column_names) and not drawing.names_below)
    size = (
        left + side * columns,
        max(side, side * (len(drawing.marks) + bool(drawing.column_names))),
    )
    image = Image.new("RGB", size, MARGIN)
    canvas = ImageDraw.Draw(image)
    font = ImageFont.load_default(side // 2)
    for row, marks in enumerate(drawing.marks):
        for column, mark in enumerate(marks):
            x, y = left + side * column, top + side * row
            is_dark = is_chess and (row + column + len(drawing.marks)) % 2 == 1
            canvas.rectangle(
                (x, y, x + side, y + side), fill=DARK if is_dark else BOARD, outline=GRID, width=SCALE
            )
            _draw_mark(canvas, font, mark, x, y, is_chess)
    for row, name in enumerate(drawing.row_names):
        _write(canvas, font, name, 0, top + side * row)
    below = top + side * len(drawing.marks) if drawing.names_below else 0
    for column, name in enumerate(drawing.column_names):
        _write(canvas, font, name, left + side * column, below)
    return np.asarray(image.resize((size[0] // SCALE, size[1] // SCALE), Image.Resampling.LANCZOS))


def _shows_chess(drawing: Drawing) -> bool:
    """Whether the marks are letters of chess pieces."""
    seen = {mark for row in drawing.marks for mark in row} - {"."}
    return {"k", "K"} <= seen <= _PIECES


def _draw_mark(canvas: ImageDraw.ImageDraw, font: Font, mark: str, x: int, y: int, is_chess: bool) -> None:
    side = CELL * SCALE
    middle, edge, dot = side // 2, side // 10, side // 12
    if is_chess and mark in _PIECES:
        draw_piece(canvas, mark, x, y, side)
    elif mark in STONES:
        box = (x + edge, y + edge, x + side - edge, y + side - edge)
        canvas.ellipse(box, fill=STONES[mark], outline=INK, width=SCALE)
    elif mark == "·":
        canvas.ellipse((x + middle - dot, y + middle - dot, x + middle + dot, y + middle + dot), fill=GRID)
    elif mark != ".":
        _write(canvas, font, mark, x, y)


def _write(canvas: ImageDraw.ImageDraw, font: Font, text: str, x: int, y: int) -> None:
    middle = CELL * SCALE // 2
    canvas.text((x + middle, y + middle), text, fill=INK, font=font, anchor="mm")
