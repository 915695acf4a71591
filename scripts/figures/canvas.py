"""What all pictures share: two pages to stand on, colours, text, and smooth edges.

The two colours that mean something are blue and orange of Okabe and Ito (2008), which stay apart under every
common colour blindness; what they mean is also said by shape or by text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

DENSITY = 2
"""Pixels of a picture for one of the page, for screens that have as many."""

SMOOTHING = 2
"""It is drawn this much larger and then made smaller."""

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Theme:
    """Colours of a page."""

    name: str
    page: str
    ink: str
    faint: str  # text that may be passed over
    line: str  # frames, grids, empty cells
    blue: str
    orange: str
    grey: str


LIGHT = Theme("light", "#ffffff", "#1f2328", "#59636e", "#d1d9e0", "#0072b2", "#e69f00", "#9aa4af")
DARK = Theme("dark", "#0d1117", "#f0f6fc", "#9198a1", "#3d444d", "#56b4e9", "#e69f00", "#6e7681")
THEMES = (LIGHT, DARK)


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * DENSITY * SMOOTHING)


class Canvas:
    """A picture of `width` by `height` pixels of the page; all that is drawn is measured in these."""

    def __init__(self, theme: Theme, width: int, height: int) -> None:
        self.theme = theme
        self._scale = DENSITY * SMOOTHING
        self._image = Image.new("RGB", (width * self._scale, height * self._scale), theme.page)
        self._draw = ImageDraw.Draw(self._image)

    def picture(self) -> Image.Image:
        """As it is kept: DENSITY times as wide and high as the page has room for."""
        return self._image.reduce(SMOOTHING)

    def box(
        self,
        box: Box,
        fill: str | None = None,
        outline: str | None = None,
        radius: float = 0,
    ) -> None:
        """A rectangle (left, top, right, bottom); nothing where it has no area."""
        if box[2] - box[0] < 0.25 or box[3] - box[1] < 0.25:
            return
        self._draw.rounded_rectangle(self._scaled(*box), self._scale * radius, fill, outline, self._scale)

    def disc(self, middle: Point, radius: float, fill: str | None, outline: str | None = None) -> None:
        """A filled circle."""
        x, y = middle
        box = self._scaled(x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse(box, fill, outline, self._scale)

    def line(self, points: list[Point], colour: str, width: float = 1, dash: float = 0) -> None:
        """A line through points; with `dash`, one straight line of strokes so long."""
        if dash:
            (x0, y0), (x1, y1) = points
            length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
            for start in range(0, int(length), int(2 * dash)):
                a, b = start / length, min(1.0, (start + dash) / length)
                ends = [(x0 + a * (x1 - x0), y0 + a * (y1 - y0)), (x0 + b * (x1 - x0), y0 + b * (y1 - y0))]
                self.line(ends, colour, width)
            return
        pixels = [value for point in points for value in self._scaled(*point)]
        self._draw.line(pixels, colour, round(self._scale * width), joint="curve")

    def text(
        self, place: Point, text: str, size: float = 13, colour: str | None = None, anchor: str = "ls"
    ) -> None:
        """A line of text; `anchor` as PIL has it: l, m or r, then s for the base line or m for the middle."""
        x, y = self._scaled(*place)
        self._draw.text((x, y), text, colour or self.theme.ink, font=_font(size), anchor=anchor)

    def _scaled(self, *values: float) -> list[float]:
        return [self._scale * value for value in values]
