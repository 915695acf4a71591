"""Line charts as SVG that takes its colours from the page's style."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.report.visible import escape

WIDTH, HEIGHT = 300.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 10.0, 8.0, 20.0
NEAR = 1.2
"""A limit farther from the curve than this many times its range is not drawn: it would flatten the curve."""


@dataclass(frozen=True)
class Dot:
    """One point of a curve."""

    x: float
    y: float
    low: float = math.nan
    high: float = math.nan
    level: str = ""
    """`warn`, `alert` or `stop` where there was an alarm."""
    note: str = ""
    """Shown where the pointer rests."""


@dataclass(frozen=True)
class Curve:
    """Dots joined by a line."""

    dots: Sequence[Dot]
    style: str = "a"
    """Class in the style sheet: `a` to `f`."""
    name: str = ""
    """At the end of the line, where given."""
    opacity: float = 1.0


@dataclass(frozen=True)
class Axes:
    """What the axes say."""

    x_ticks: Sequence[tuple[float, str]] = ()
    """Place and label; whole numbers where none are given."""
    unit: Callable[[float], str] | None = None
    """Writes a number of the y axis."""
    limits: Sequence[tuple[str, float]] = ()
    """Dashed lines: class (`warn`, `alert`) and height."""


def line_chart(
    curves: Sequence[Curve], axes: Axes, title: str, width: float = WIDTH, height: float = HEIGHT
) -> str:
    """An SVG element of the curves; dots without a finite place are left out."""
    curves = [
        Curve([d for d in c.dots if math.isfinite(d.x + d.y)], c.style, c.name, c.opacity) for c in curves
    ]
    dots = [dot for curve in curves for dot in curve.dots]
    if not dots:
        return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}"></svg>'
    right = RIGHT + (54 if any(curve.name for curve in curves) else 0)
    plot = _Plot(dots, axes, width, height, right)
    parts = [plot.grid(), *(plot.limit(name, value) for name, value in axes.limits)]
    parts += [plot.band(curve) for curve in curves]
    parts += [plot.line(curve) for curve in curves]
    parts += [plot.names(curves)]
    label = escape(title)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) in [low, high], about `count` of them."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def plain(value: float) -> str:
    """A number in few characters."""
    if value == 0 or abs(value) < 1e-12:
        return "0"
    if abs(value) >= 10000 or abs(value) < 0.001:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.3g}"


class _Plot:
    """From numbers to places in one chart."""

    def __init__(self, dots: Sequence[Dot], axes: Axes, width: float, height: float, right: float) -> None:
        self.axes, self.width, self.height, self.right = axes, width, height, right
        self.x_low, self.x_high = _widen(min(d.x for d in dots), max(d.x for d in dots), 0.5)
        ends = [end for d in dots for end in (d.y, d.low, d.high) if math.isfinite(end)]
        low, high = min(ends), max(ends)
        span = max(high - low, 0.02 * max(abs(low), abs(high)), 1e-9)
        near = [v for _, v in axes.limits if low - NEAR * span <= v <= high + NEAR * span]
        low, high = min([low, *near]), max([high, *near])
        low, high = _widen(low, high, 0.05 * max(abs(low), abs(high), 1e-3))
        pad = 0.06 * (high - low)
        self.y_low, self.y_high = low - (0 if low == 0 else pad), high + pad

    def x(self, value: float) -> float:
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return LEFT + 4 + share * (self.width - LEFT - self.right - 8)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def grid(self) -> str:
        unit, end = self.axes.unit or plain, self.width - self.right
        parts = []
        for value in ticks(self.y_low, self.y_high):
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT:g}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick end" x="{LEFT - 5:g}" y="{y + 3.2:.1f}">{escape(unit(value))}</text>'
            )
        marks = self.axes.x_ticks or [(value, f"{value:g}") for value in self._whole()]
        for value, label in marks:
            x, y = self.x(value), self.height - BOTTOM + 13
            parts.append(f'<text class="tick mid" x="{x:.1f}" y="{y:g}">{escape(label)}</text>')
        return "".join(parts)

    def limit(self, name: str, value: float) -> str:
        if not self.y_low <= value <= self.y_high:
            return ""
        y = self.y(value)
        return (
            f'<line class="limit {escape(name)}" x1="{LEFT:g}" x2="{self.width - self.right:.1f}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )

    def band(self, curve: Curve) -> str:
        dots = [d for d in curve.dots if math.isfinite(d.low + d.high)]
        if len(dots) < 2 or all(d.low == d.high for d in dots):
            return ""
        if any(after.x <= before.x for before, after in itertools.pairwise(dots)):
            return "".join(self._whisker(dot, curve.style) for dot in dots)
        there = [f"{self.x(d.x):.1f},{self.y(d.high):.1f}" for d in dots]
        back = [f"{self.x(d.x):.1f},{self.y(d.low):.1f}" for d in reversed(dots)]
        return f'<polygon class="band {curve.style}" points="{" ".join(there + back)}"/>'

    def line(self, curve: Curve) -> str:
        places = " ".join(f"{self.x(d.x):.1f},{self.y(d.y):.1f}" for d in curve.dots)
        parts = [f'<polyline class="line {curve.style}" points="{places}" opacity="{curve.opacity:.2f}"/>']
        small = len(curve.dots) > 40
        for dot in curve.dots:
            radius = 4.0 if dot.level else (1.2 if small else 2.4)
            parts.append(
                f'<circle class="dot {escape(dot.level) or curve.style}" cx="{self.x(dot.x):.1f}" '
                f'cy="{self.y(dot.y):.1f}" r="{radius:g}" opacity="{curve.opacity:.2f}">'
                f"<title>{escape(dot.note)}</title></circle>"
            )
        return "".join(parts)

    def names(self, curves: Sequence[Curve]) -> str:
        """Names beside the ends of lines, moved apart where they would meet."""
        ends = sorted(
            (self.y(c.dots[-1].y), c.name, c.style, self.x(c.dots[-1].x)) for c in curves if c.name and c.dots
        )
        parts, last = [], -math.inf
        for y, name, style, x in ends:
            last = max(y + 3.2, last + 11)
            parts.append(
                f'<text class="name {style}" x="{x + 6:.1f}" y="{last:.1f}">{escape(name, 12)}</text>'
            )
        return "".join(parts)

    def _whisker(self, dot: Dot, style: str) -> str:
        x, low, high = self.x(dot.x), self.y(dot.low), self.y(dot.high)
        return f'<line class="whisker {style}" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'

    def _whole(self) -> list[float]:
        low, high = math.ceil(self.x_low), math.floor(self.x_high)
        step = max(1, math.ceil((high - low) / 6))
        return [float(value) for value in range(low, high + 1, step)]


def _widen(low: float, high: float, least: float) -> tuple[float, float]:
    return (low - least, high + least) if high - low < 1e-12 else (low, high)
