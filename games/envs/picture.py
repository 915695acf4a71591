"""Boards as pictures, from the drawings that games make for the terminal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CELL = 48
"""Pixels of a cell."""

BOARD, LINES, LETTERS = (222, 184, 135), (150, 111, 51), (60, 40, 20)
STONES = {"X": (30, 30, 30), "O": (245, 245, 240)}
"""X, the first player's mark, and O are drawn as stones."""


RENDER_MODES = ["ansi", "rgb_array", "human"]


def render_board(text: str, mode: str | None) -> str | NDArray[np.uint8] | None:
    """A game's drawing as it is (`ansi`), as a picture (`rgb_array`), or printed (`human`)."""
    if mode == "ansi":
        return text
    if mode == "rgb_array":
        return draw_board(text)
    if mode == "human":
        print(text)
    return None


def draw_board(text: str) -> NDArray[np.uint8]:
    """A picture [H, W, 3] of rows of marks with spaces between them; `.` is an empty cell."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    width, height = max(map(len, rows)), len(rows)
    # Lines that are shorter, such as a heading, stand to the right: over the columns they name.
    image = Image.new("RGB", (CELL * width, CELL * height), BOARD)
    canvas = ImageDraw.Draw(image)
    font = ImageFont.load_default(CELL // 2)
    for row, marks in enumerate(rows):
        for column, mark in enumerate(marks, start=width - len(marks)):
            _draw_mark(canvas, font, mark, CELL * column, CELL * row)
    return np.asarray(image)


def _draw_mark(
    canvas: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, mark: str, x: int, y: int
) -> None:
    middle, edge = CELL // 2, CELL // 10
    canvas.rectangle((x, y, x + CELL - 1, y + CELL - 1), outline=LINES)
    if mark in STONES:
        box = (x + edge, y + edge, x + CELL - edge, y + CELL - edge)
        canvas.ellipse(box, fill=STONES[mark], outline=LETTERS)
    elif mark == "·":
        canvas.ellipse((x + middle - 4, y + middle - 4, x + middle + 4, y + middle + 4), fill=LINES)
    elif mark != ".":
        canvas.text((x + middle, y + middle), mark, fill=LETTERS, font=font, anchor="mm")
