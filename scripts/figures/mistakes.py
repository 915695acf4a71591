"""The curve: mistakes against perfect play over minutes, beside an untrained network and rivals."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import fmean

from PIL import Image

from figures.canvas import Canvas, Point, Theme

WIDTH, HEIGHT = 830, 430
LEFT, RIGHT, TOP, BOTTOM = 58, 388, 92, 340
"""The plot; what stands beside it begins at BESIDE."""

BESIDE = 452
MINUTES, SHARES = (2.5, 75.0), (1.4, 45.0)
"""What the axes span, both logarithmic."""

SETS = ("Middle-Medium", "Beginning-Medium", "Beginning-Hard")
"""Those that search alone does not solve."""

RIVAL = "alphazero-pybind11"
PLAYERS = ("selfplay", RIVAL, "pgx + mctx", "untrained")


@dataclass(frozen=True)
class Figure:
    """A share of mistakes in percent: who made them, where, and where the figure comes from.

    `simulations` 0 is the network alone; `minutes` 0 is before training.
    """

    player: str
    minutes: float
    positions: int | None
    seed: str
    machine: str
    set: str
    simulations: int
    percent: float
    source: str


def read_figures(path: Path) -> list[Figure]:
    """All there are."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Figure(
                row["player"], float(row["minutes"]), int(row["positions"]) if row["positions"] else None,
                row["seed"], row["machine"], row["set"], int(row["simulations"]), float(row["percent"]),
                row["source"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def draw_mistakes(theme: Theme, figures: Sequence[Figure]) -> Image.Image:
    """Left one run as it learns, with the seeds of longer and quicker ones; right its end beside rivals."""
    canvas = Canvas(theme, WIDTH, HEIGHT)
    canvas.box((0.5, 0.5, WIDTH - 0.5, HEIGHT - 0.5), outline=theme.line, radius=8)
    canvas.text((30, 34), "Mistakes against perfect play, Connect Four", 17)
    canvas.text((30, 56), "share of moves that throw away a win or a draw; lower is better", 12, theme.faint)
    _draw_axes(canvas)
    course = [f for f in figures if f.set == "mean of six"]
    for simulations, colour in ((0, theme.orange), (100, theme.blue)):
        _draw_course(canvas, [f for f in course if f.simulations == simulations], colour)
    for (minutes, _), percent in seed_means(figures).items():
        _draw_ring(canvas, (_x(minutes), _y(percent)), theme.blue)
    _draw_labels(canvas)
    machine = next(f.machine for f in figures if f.player == RIVAL)
    _draw_rivals(canvas, [f for f in figures if f.machine == machine and f.set in SETS and f.simulations])
    _draw_notes(canvas)
    return canvas.picture()


def seed_means(figures: Sequence[Figure]) -> dict[tuple[float, str], float]:
    """By (minutes, seed): the mean over the six sets, of the runs that have a seed."""
    found: dict[tuple[float, str], list[float]] = {}
    for figure in figures:
        if figure.seed.isdecimal() and figure.set != "mean of six":
            found.setdefault((figure.minutes, figure.seed), []).append(figure.percent)
    return {key: fmean(values) for key, values in found.items()}


def _x(minutes: float) -> float:
    return LEFT + (RIGHT - LEFT) * log(minutes / MINUTES[0]) / log(MINUTES[1] / MINUTES[0])


def _y(percent: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * log(percent / SHARES[0]) / log(SHARES[1] / SHARES[0])


def _draw_axes(canvas: Canvas) -> None:
    theme = canvas.theme
    for percent in (2, 5, 10, 20, 40):
        canvas.line([(LEFT, _y(percent)), (RIGHT, _y(percent))], theme.line, 0.75)
        canvas.text((LEFT - 8, _y(percent)), f"{percent} %", 11.5, theme.faint, "rm")
    canvas.line([(LEFT, BOTTOM), (RIGHT, BOTTOM)], theme.faint)
    for minutes in (3, 5, 10, 20, 60):
        canvas.line([(_x(minutes), BOTTOM), (_x(minutes), BOTTOM + 4)], theme.faint)
        canvas.text((_x(minutes), BOTTOM + 17), f"{minutes}", 11.5, theme.faint, "ms")
    canvas.text((RIGHT, BOTTOM + 34), "minutes of training on two cores", 11.5, theme.faint, "rs")
    canvas.text((LEFT, 80), "mean of six sets", 12)


def _draw_course(canvas: Canvas, figures: Sequence[Figure], colour: str) -> None:
    """One run with its checkpoints, a dashed line where it began, and a ring for the longest run there is."""
    begun = next(f for f in figures if not f.minutes)
    canvas.line([(LEFT, _y(begun.percent)), (RIGHT, _y(begun.percent))], colour, 1.25, dash=5)
    points = [(_x(f.minutes), _y(f.percent)) for f in figures if f.seed == "one"]
    canvas.line(points, colour, 2)
    for point in points:
        if begun.simulations:
            canvas.disc(point, 4, colour)
        else:
            canvas.box((point[0] - 3.5, point[1] - 3.5, point[0] + 3.5, point[1] + 3.5), fill=colour)
    for figure in figures:
        if figure.seed.isdecimal():
            _draw_ring(canvas, (_x(figure.minutes), _y(figure.percent)), colour)


def _draw_ring(canvas: Canvas, middle: Point, colour: str) -> None:
    canvas.disc(middle, 5.5, colour)
    canvas.disc(middle, 3.5, canvas.theme.page)


def _draw_labels(canvas: Canvas) -> None:
    canvas.text((RIGHT, _y(33.1) + 17), "untrained, network alone", 11.5, anchor="rs")
    canvas.text((RIGHT, _y(9.1) + 17), "untrained, 100 simulations", 11.5, anchor="rs")
    canvas.text((_x(2.9) - 4, _y(8.2) - 20), "network alone", 11.5)
    canvas.text((_x(2.9) - 4, _y(6.5) + 31), "100 simulations", 11.5)
    canvas.text((_x(12) - 2, _y(3.2) + 26), "seeds 1, 2, 3", 11.5, anchor="ms")
    canvas.text((_x(60) - 11, _y(1.85)), "60 minutes, seed 2", 11.5, anchor="rm")


def _draw_rivals(canvas: Canvas, figures: Sequence[Figure]) -> None:
    theme = canvas.theme
    canvas.text((BESIDE, 80), "12 minutes each, same machine, 100 simulations", 12)
    colours = dict(zip(PLAYERS, (theme.blue, theme.orange, theme.orange, theme.grey), strict=True))
    start, end = BESIDE + 126, WIDTH - 62
    most = max(figure.percent for figure in figures)
    y = 88.0
    for name in SETS:
        canvas.text((BESIDE, y + 18), name, 12, theme.faint)
        y += 25
        for player in PLAYERS:
            percent = next(f.percent for f in figures if (f.player, f.set) == (player, name))
            canvas.text((start - 8, y + 7), player, 11.5, theme.ink, "rm")
            x = start + (end - start) * percent / most
            canvas.box((start, y, x, y + 13), fill=colours[player])
            canvas.text((x + 6, y + 7), f"{percent:.1f} %", 11.5, theme.ink, "lm")
            y += 16.5


def _draw_notes(canvas: Canvas) -> None:
    notes = (
        "Lines and bars: one run, one seed, on a slow and busy machine. Rings: runs on the machine of the",
        "README, three seeds of 12 minutes and one of 60. Each player has a search of its own.",
    )
    for number, note in enumerate(notes):
        canvas.text((30, HEIGHT - 34 + 17 * number), note, 11.5, canvas.theme.faint)
