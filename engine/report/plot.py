"""The key plots of a run: the pass@k fan, coverage, over-optimisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.language.monitor.levels import Level
from engine.language.monitor.monitor import Point
from engine.report.chart import Axes, Curve, Dot, line_chart, plain
from engine.report.naming import percent

History = Mapping[str, Sequence[Point]]

STYLES = "abcdef"
SIZE = 400.0, 210.0


def fan(history: History) -> str:
    """pass@k over k, a line an iteration, later ones darker."""
    curve = {int(name[8:]): points for name, points in sorted(history.items()) if name.startswith("pass/at_")}
    if len(curve) < 2:
        return ""
    iterations = [point.iteration for point in next(iter(curve.values()))]
    shown = _some(iterations, 6)
    curves = []
    for number, iteration in enumerate(shown):
        dots = [
            Dot(math.log2(k), point.y, note=f"pass@{k} {point.y:.3f}, iteration {iteration}")
            for k, points in curve.items()
            for point in dots_of(points)
            if point.x == iteration
        ]
        ends = number in (0, len(shown) - 1)
        opacity = 0.3 + 0.7 * (number + 1) / len(shown)
        style = "f" if number == 0 else "a"
        curves.append(Curve(dots, style, f"it. {iteration}" if ends else "", opacity))
    axes = Axes([(math.log2(k), f"{k}") for k in curve], percent)
    return line_chart(curves, axes, "pass@k by iteration", *SIZE)


def coverage(history: History) -> str:
    """Share of known solutions found, or their effective number."""
    metric = "coverage/solutions" if history.get("coverage/solutions") else "coverage/effective"
    curves = [Curve(dots_of(history[metric]), STYLES[0], "")] if history.get(metric) else []
    unit = percent if metric == "coverage/solutions" else None
    return line_chart(curves, Axes((), unit), "coverage by iteration", *SIZE) if curves else ""


def overoptimisation(history: History) -> str:
    """Gold, and the proxy where there is one, over sqrt(KL) (Gao et al. 2022)."""
    kl = {point.iteration: point.value for point in history.get("drift/kl", ())}
    curves = []
    for name, style in (("gold", "a"), ("proxy", "b")):
        dots = [
            Dot(
                math.sqrt(max(kl[p.iteration], 0.0)),
                p.value,
                p.low,
                p.high,
                "",
                f"{name} {p.value:.3f}, iteration {p.iteration}",
            )
            for p in history.get(f"hacking/{name}", ())
            if p.iteration in kl
        ]
        if len(dots) > 1:
            curves.append(Curve(dots, style, name))
    if not curves:
        return ""
    return line_chart(curves, Axes(_root_ticks(kl)), "gold and proxy over root KL", *SIZE)


def dots_of(points: Sequence[Point], levels: Mapping[int, Level] | None = None) -> list[Dot]:
    """A metric's points over the iterations; `levels` has the alarms on it."""
    found = levels or {}
    return [
        Dot(
            p.iteration,
            p.value,
            p.low,
            p.high,
            found[p.iteration].name.lower() if p.iteration in found else "",
            f"iteration {p.iteration}: {plain(p.value)}, {plain(p.low)} to {plain(p.high)}",
        )
        for p in points
    ]


def _some(iterations: Sequence[int], count: int) -> list[int]:
    if len(iterations) <= count:
        return list(iterations)
    last = len(iterations) - 1
    return [iterations[round(number * last / (count - 1))] for number in range(count)]


def _root_ticks(kl: Mapping[int, float]) -> list[tuple[float, str]]:
    high = math.sqrt(max([0.0, *kl.values()]))
    step = next((s for s in (0.25, 0.5, 1.0, 2.0, 5.0, 10.0) if high / s <= 7), 20.0)
    return [(number * step, f"{number * step:g}") for number in range(int(high / step) + 1)]
