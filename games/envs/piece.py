"""Chess pieces as outlines, for boards as pictures."""

from __future__ import annotations

from PIL import ImageDraw

Point = tuple[float, float]
Color = tuple[int, int, int]

LETTERS = "pnbrqk"

SIDES: dict[str, tuple[Color, Color]] = {
    "white": ((250, 248, 240), (40, 40, 40)),
    "black": ((45, 45, 48), (235, 235, 230)),
}
"""Colours of a piece's body and of its lines."""

_BASE: list[Point] = [(0.22, 0.88), (0.78, 0.88), (0.74, 0.78), (0.26, 0.78)]
_BODIES: dict[str, list[list[Point]]] = {
    "p": [[(0.32, 0.78), (0.68, 0.78), (0.57, 0.46), (0.43, 0.46)]],
    "r": [
        [(0.32, 0.78), (0.68, 0.78), (0.64, 0.38), (0.36, 0.38)],
        [(0.27, 0.38), (0.73, 0.38), (0.73, 0.16), (0.63, 0.16), (0.63, 0.25), (0.55, 0.25), (0.55, 0.16),
         (0.45, 0.16), (0.45, 0.25), (0.37, 0.25), (0.37, 0.16), (0.27, 0.16)],
    ],
    "n": [
        [(0.34, 0.78), (0.74, 0.78), (0.72, 0.5), (0.64, 0.3), (0.5, 0.19), (0.44, 0.1), (0.4, 0.2),
         (0.3, 0.32), (0.18, 0.5), (0.22, 0.6), (0.31, 0.58), (0.48, 0.5), (0.38, 0.64)],
    ],
    "b": [
        [(0.36, 0.78), (0.64, 0.78), (0.58, 0.62), (0.42, 0.62)],
        [(0.42, 0.62), (0.58, 0.62), (0.68, 0.46), (0.5, 0.18), (0.32, 0.46)],
    ],
    "q": [
        [(0.28, 0.78), (0.72, 0.78), (0.86, 0.28), (0.66, 0.52), (0.6, 0.2), (0.5, 0.5), (0.4, 0.2),
         (0.34, 0.52), (0.14, 0.28)],
    ],
    "k": [
        [(0.3, 0.78), (0.7, 0.78), (0.82, 0.5), (0.72, 0.36), (0.57, 0.4), (0.5, 0.48), (0.43, 0.4),
         (0.28, 0.36), (0.18, 0.5)],
        [(0.46, 0.4), (0.54, 0.4), (0.54, 0.26), (0.62, 0.26), (0.62, 0.18), (0.54, 0.18), (0.54, 0.1),
         (0.46, 0.1), (0.46, 0.18), (0.38, 0.18), (0.38, 0.26), (0.46, 0.26)],
    ],
}  # fmt: skip
"""Polygons in a cell of side 1, the origin at its top left."""

_BALLS: dict[str, list[tuple[float, float, float]]] = {
    "p": [(0.5, 0.34, 0.14)],
    "b": [(0.5, 0.15, 0.05)],
    "q": [(0.14, 0.25, 0.05), (0.4, 0.17, 0.05), (0.6, 0.17, 0.05), (0.86, 0.25, 0.05)],
}
"""Centre and radius of round parts."""

_EYES: dict[str, tuple[float, float, float]] = {"n": (0.42, 0.32, 0.03)}


def draw_piece(canvas: ImageDraw.ImageDraw, letter: str, x: int, y: int, size: int) -> None:
    """Draw the piece of a FEN letter, capitals for White, into the cell of `size` pixels at (x, y)."""
    kind = letter.lower()
    body, line = SIDES["white" if letter.isupper() else "black"]
    width = max(1, size // 40)
    for polygon in [_BASE, *_BODIES[kind]]:
        points = [(x + size * px, y + size * py) for px, py in polygon]
        canvas.polygon(points, fill=body)
        canvas.line([*points, points[0]], fill=line, width=width, joint="curve")
    for ball in _BALLS.get(kind, []):
        canvas.ellipse(_box(ball, x, y, size), fill=body, outline=line, width=width)
    if kind in _EYES:
        canvas.ellipse(_box(_EYES[kind], x, y, size), fill=line)


def _box(ball: tuple[float, float, float], x: int, y: int, size: int) -> tuple[float, float, float, float]:
    middle_x, middle_y, radius = (size * part for part in ball)
    return (x + middle_x - radius, y + middle_y - radius, x + middle_x + radius, y + middle_y + radius)
