"""How long work shows itself: a bar with rate and time left, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, ProgressColumn, TaskID

    from engine.advice import Advice

PLAIN_EVERY_S = 10.0
"""Seconds between two plain lines of a counted job."""

SLOW_S = 4.0
"""Seconds without a word after which a start says what it does."""

SHOWN = (
    ("loss", "loss/total"),
    ("games", "selfplay/games"),
    ("plies", "selfplay/game_length"),
    ("positions/s", "speed/positions_per_s"),
)
"""Metrics that a line of training shows, where they are there."""


MIN_SHARE = 0.005
"""Of the time that a part needs to be shown."""


def time_line(metrics: Mapping[str, Any], width: int | None = None) -> str:
    """`evaluate 78 % · learn 9 % | batch 121/128 · cache 23 % · evals/position 71`.

    From an iteration's metrics: the largest parts of wall time first; in `width` columns the smallest are
    left out. Empty where there is no such metric.
    """
    parts, counts = _time_parts(metrics), _count_parts(metrics)
    while width is not None and parts and len(_joined(parts, counts)) > width:
        if len(counts) > 1 and len(parts) <= 3:
            counts.pop()
        else:
            parts.pop()
    return _joined(parts, counts)


def _time_text(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 2 else f"{minutes:.1f} min"


def _joined(parts: Sequence[str], counts: Sequence[str]) -> str:
    return " | ".join(filter(None, [" · ".join(parts), " · ".join(counts)]))


def _time_parts(metrics: Mapping[str, Any]) -> list[str]:
    total = metrics.get("time/total_s")
    if not total:
        return []
    shares = {
        tag.removeprefix("time/").removesuffix("_s"): value / total
        for tag, value in metrics.items()
        if tag.startswith("time/") and tag.endswith("_s") and tag != "time/total_s"
        if isinstance(value, int | float)
    }
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return [f"{name} {share:.0%}".replace("%", " %") for name, share in ordered if share >= MIN_SHARE]


def _count_parts(metrics: Mapping[str, Any]) -> list[str]:
    counts = []
    size, fill = metrics.get("search/batch_size"), metrics.get("search/batch_fill")
    if size is not None and fill:
        counts.append(f"batch {size:.0f}/{size / fill:.0f}")
    if (hits := metrics.get("search/cache_hits")) is not None:
        counts.append(f"cache {100 * hits:.0f} %")
    if (evaluations := metrics.get("search/evaluations_per_position")) is not None:
        counts.append(f"evals/position {evaluations:.0f}")
    return counts


@contextmanager
def told_if_slow(text: str, after_s: float = SLOW_S) -> Iterator[None]:
    """Print a line on stderr where what is done meanwhile takes longer than `after_s`."""
    timer = threading.Timer(after_s, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Reporter:
    """Tells about a training run on stderr, and prints its final table on stdout unless `quiet`.

    table: the rows given to `finish`.
    advice: what was given to `advise`.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self.table: list[dict[str, Any]] = []
        self.advice: list[Advice] = []
        self._bar = Bar("training")
        self._part: Bar | None = None
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
        parts = [f"iteration {number}", _time_text(minutes)]
        for name, key in SHOWN:
            if isinstance(metrics.get(key), int | float):
                parts.append(f"{name} {metrics[key]:.4g}")
        self._bar.print(", ".join(parts))
        self._bar.status(lambda width: time_line(metrics, width))
        self._bar.move(minutes if self._minutes is not None else self._count)

    def message(self, text: str) -> None:
        """Something worth a line."""
        (self._part or self._bar).print(text)

    @contextmanager
    def phase(self, title: str, total: int, unit: str = "") -> Iterator[Callable[[float], None]]:
        """A counted part of the work, beneath the bar; a bar of its own where there is none yet."""
        part, around = Bar(title), self._part
        part.open(total, unit, beneath=self._bar)
        self._part = part

        def reach(count: float) -> None:
            part.reach(count)
            if self._minutes is not None:  # they pass meanwhile
                self._bar.move(min((time.monotonic() - self._started) / 60, self._minutes))

        try:
            yield reach
        finally:
            part.close()
            self._part = around

    def finish(self, table: Sequence[Mapping[str, Any]]) -> None:
        """End, with rows of the same columns as the result."""
        self.close()
        self.table = [dict(row) for row in table]
        if table and not self._quiet:
            print_table(table)

    def advise(self, advice: Sequence[Advice]) -> None:
        """What to change in the next run; the last words, after the table."""
        self.advice = list(advice)
        if advice:
            self.message("What would make it faster:")
        for line in advice:
            self.message(f"- {line}")

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
        self._status: Callable[[int | None], str] = lambda _: ""
        self._above: Bar | None = None

    @property
    def live(self) -> bool:
        """Whether it is drawn on a terminal."""
        return self._progress is not None or self._above is not None

    def open(self, total: float | None, unit: str, done: float = 0, beneath: Bar | None = None) -> None:
        """Begin at `done` of `total` units; None where the end is not known.

        `beneath` a bar that is drawn it is that one's line of status while it is open.
        """
        self._total, self._unit, self._done, self._first = total, unit, done, done
        self._last_line = self._opened = time.monotonic()
        if not sys.stderr.isatty():
            return
        if beneath is not None and beneath.live:
            self._above, self._status = beneath, beneath._status
            beneath._status = lambda _: f"{self._title} {self._count_text()}"
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = _progress_with(
            lambda width: self._status(width),
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
        self.reach(self._done + units)

    def reach(self, done: float) -> None:
        """Stand at `done` units; prints a plain line every so often where there is no terminal."""
        self.move(done)
        now = time.monotonic()
        if not self.live and now - self._last_line >= PLAIN_EVERY_S:
            self._last_line = now
            print(f"{self._title}: {self._count_text()}", file=sys.stderr, flush=True)

    def print(self, text: str) -> None:
        """A line of its own."""
        if self._above is not None:
            self._above.print(text)
        elif self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def status(self, text: Callable[[int | None], str]) -> None:
        """Show a line, made for a number of columns, beneath the bar; without a bar print it."""
        if self._progress is not None:
            self._status = text
        elif line := text(None):
            print(f"  {line}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._above is not None:
            self._above._status, self._above = self._status, None
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _count_text(self) -> str:
        seconds = time.monotonic() - self._opened
        gone = self._done - self._first
        total = f"/{_number(self._total)}" if self._total is not None else ""
        count = f"{_number(self._done)}{total} {self._unit}".rstrip()
        if self._unit == "min" or seconds < 0.5 or gone <= 0:
            return count
        rate = gone / seconds
        left = (
            f", {(self._total - self._done) / rate:.0f} s left"
            if self._total and self._progress is None
            else ""
        )
        return f"{count}, {_number(rate)}/s{left}"


def _number(value: float) -> str:
    """`12,000`, `3.142`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _progress_with(
    status: Callable[[int | None], str], *columns: ProgressColumn, console: Console
) -> Progress:
    """A progress display with a line of text beneath, made for the width of the terminal."""
    from rich.progress import Progress
    from rich.text import Text

    class WithStatus(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            yield from super().get_renderables()
            if line := status(console.width):
                yield Text(line, style="dim", no_wrap=True, overflow="ellipsis")

    return WithStatus(*columns, console=console)


def print_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> None:
    """Print rows with the same keys as a table on stdout: numbers to the right, None as a dash."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    # A file or a pipe has no width: nothing is cut there.
    console = Console(width=None if sys.stdout.isatty() else 240)
    widths = _widths(rows, console.width)
    for key in rows[0] if rows else ():
        right = all(isinstance(row[key], int | float | None) for row in rows)
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(str(key), justify=justify, width=widths.get(key), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console.print(table)


def _widths(rows: Sequence[Mapping[str, Any]], width: int) -> dict[str, int]:
    """Widths of columns in which only headings are broken, if so between words; none where cells must be."""
    from rich.cells import cell_len

    keys = list(rows[0] if rows else ())
    cells = {key: max(cell_len(_cell(row[key])) for row in rows) for key in keys}
    words = {key: max(cells[key], *(cell_len(word) for word in str(key).split())) for key in keys}
    whole = {key: max(cells[key], cell_len(str(key))) for key in keys}
    spare = width - 1 - 3 * len(keys) - sum(cells.values())
    if spare < 0:
        return {}
    widths = dict(cells)
    for wanted in (words, whole):
        for key in keys:
            more = min(spare, wanted[key] - widths[key])
            widths[key] += more
            spare -= more
    return widths


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
