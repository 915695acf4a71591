"""How long work shows itself: a bar with rate and time left, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_EVERY_S = 10.0
"""Seconds between two plain lines of a counted job."""

SHOWN = (
    ("loss", "loss/total"),
    ("games", "selfplay/games"),
    ("plies", "selfplay/game_length"),
    ("positions/s", "speed/positions_per_s"),
)
"""Metrics that a line of training shows, where they are there."""


class Reporter:
    """Tells about a training run on stderr, and prints its final table on stdout unless `quiet`.

    table: the rows given to `finish`.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self.table: list[dict[str, Any]] = []
        self._bar = Bar("training")
        self._minutes: float | None = None
        self._started = time.monotonic()
        self._count = 0

    def start(self, total_minutes: float | None, total_iterations: int | None, done: float = 0) -> None:
        """Begin; `done` minutes or iterations of the total lie behind (a resumed run)."""
        self._minutes = None if total_iterations is not None else total_minutes
        self._started = time.monotonic() - (60 * done if self._minutes is not None else 0)
        self._count = 0 if self._minutes is not None else int(done)
        total = self._minutes if self._minutes is not None else total_iterations
        self._bar.open(total, "min" if self._minutes is not None else "iterations", done)

    def iteration(self, metrics: Mapping[str, Any]) -> None:
        """An iteration has ended; `metrics` are its line in metrics.jsonl."""
        self._count += 1
        minutes = float(metrics.get("minutes", (time.monotonic() - self._started) / 60))
        number = metrics.get("iteration", self._count)
        parts = [f"iteration {number}", f"{minutes:.1f} min"]
        for name, key in SHOWN:
            if isinstance(metrics.get(key), int | float):
                parts.append(f"{name} {metrics[key]:.4g}")
        line = ", ".join(parts)
        self._bar.print(line)
        self._bar.move(minutes if self._minutes is not None else self._count)

    def message(self, text: str) -> None:
        """Something worth a line."""
        self._bar.print(text)

    def finish(self, table: Sequence[Mapping[str, Any]]) -> None:
        """End, with rows of the same columns as the result."""
        self.close()
        self.table = [dict(row) for row in table]
        if table and not self._quiet:
            print_table(table)

    def close(self) -> None:
        """Take the bar away; also where the run ended early."""
        self._bar.close()


class Bar:
    """A progress bar on stderr; on something else than a terminal, lines now and then."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._total: float | None = None
        self._unit = ""
        self._done = 0.0
        self._last_line = self._opened = time.monotonic()
        self._first = 0.0

    @property
    def live(self) -> bool:
        """Whether it is drawn on a terminal."""
        return self._progress is not None

    def open(self, total: float | None, unit: str, done: float = 0) -> None:
        """Begin at `done` of `total` units; None where the end is not known."""
        self._total, self._unit, self._done, self._first = total, unit, done, done
        self._last_line = self._opened = time.monotonic()
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(self._title, total=total, count=self._count_text())
        self._progress.update(self._task, completed=done)
        self._progress.start()

    def move(self, done: float) -> None:
        """Stand at `done` units."""
        self._done = done
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, count=self._count_text())

    def advance(self, units: float) -> None:
        """Go `units` on; prints a plain line every so often where there is no terminal."""
        self.move(self._done + units)
        now = time.monotonic()
        if not self.live and now - self._last_line >= PLAIN_EVERY_S:
            self._last_line = now
            print(f"{self._title}: {self._count_text()}", file=sys.stderr, flush=True)

    def print(self, text: str) -> None:
        """A line of its own."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _count_text(self) -> str:
        seconds = time.monotonic() - self._opened
        gone = self._done - self._first
        total = f"/{self._total:.4g}" if self._total is not None else ""
        if self._unit == "min" or seconds < 0.5 or gone <= 0:
            return f"{self._done:.4g}{total} {self._unit}"
        rate = gone / seconds
        left = f", {(self._total - self._done) / rate:.0f} s left" if self._total and not self.live else ""
        return f"{self._done:.4g}{total} {self._unit}, {rate:.3g}/s{left}"


def print_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> None:
    """Print rows with the same keys as a table on stdout: numbers to the right, None as a dash."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for index, key in enumerate(rows[0] if rows else ()):
        right = all(isinstance(row[key], int | float | None) for row in rows)
        table.add_column(str(key), justify="right" if right else "left", no_wrap=index > 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    # A file or a pipe has no width: nothing is cut there.
    Console(width=None if sys.stdout.isatty() else 240).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
