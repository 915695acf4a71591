"""What a run tells about itself: `metrics.jsonl`, one object an iteration, and the same in TensorBoard.

A tag is `group/name`. TensorBoard, which sorts by name, shows it as `3 games/search/cache_hits`: in numbered
sections, see SECTIONS, what matters most first. The groups, in the order of the data's path:

    selfplay/  games as they are played: length, results, how many distinct
    search/    visits, priors against targets, proofs, cache
    replay/    the window and how often a position is drawn
    loss/      what the learner minimises
    policy/    the network's move probabilities: entropy, agreement with the search
    value/     the network's win, draw and loss: calibration against outcomes
    truth/     mistakes and optimal moves where the exact value is known
    arena/     results of matches
    speed/     positions, evaluations and samples a second
    time/      seconds of wall time an iteration by what they went on; the parts come to time/total_s
    machine/   memory of the process

and of a run on text:

    result/    the final table
    accuracy/  greedy on held-out problems, in all and by skill
    pass/      the chance that one of k samples is right
    gate/      the new model against the old
    preference/ completions preferred against those rejected, as the learner sees them
    data/      what was sampled and kept, how much is real, what overlaps evaluation items
    coverage/  what of the known solutions is found
    diversity/ entropy and variety of samples
    length/    of samples, in tokens
    drift/     from the first model and from real data
    hacking/   signs of a score won without the work; hacking/gold, the score itself, stands with the result
    judge/     a learned verifier asked twice
    oversight/ iterations since a person has judged
    alarm/     alerts of each level
"""

from __future__ import annotations

import bisect
import io
import json
import math
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game, State

SECTIONS = {
    "selfplay": "3 games",
    "search": "3 games",
    "replay": "6 replay",
    "loss": "1 learning",
    "policy": "1 learning",
    "value": "1 learning",
    "truth": "2 strength",
    "arena": "2 strength",
    "speed": "4 speed",
    "time": "5 time",
    "machine": "7 machine",
    "result": "0 result",
    "accuracy": "0 result",
    "pass": "0 result",
    "gate": "0 result",
    "preference": "1 learning",
    "data": "2 data",
    "coverage": "3 diversity",
    "diversity": "3 diversity",
    "length": "3 diversity",
    "drift": "3 drift",
    "hacking": "5 alarms",
    "judge": "5 alarms",
    "oversight": "5 alarms",
    "alarm": "5 alarms",
}
"""By group, the section of TensorBoard that shows it. A run is on a game or on text: no run has all."""

GROUPS = tuple(SECTIONS)


_OPTIMIZER = ("loss/gradient_norm", "loss/learning_rate", "loss/skipped_steps", "loss/steps")


def shown_tag(tag: str) -> str:
    """`tag` as TensorBoard has it; in a section of its own where its group is not known."""
    if tag == "hacking/gold":
        return f"{SECTIONS['result']}/gold"
    section = SECTIONS.get(tag.partition("/")[0])
    name = tag.replace("loss/", "optimizer/") if tag in _OPTIMIZER else tag  # the losses come first
    return name if section is None else f"{section}/{name}"


def resident_mb() -> float:
    """Memory of this process in MB; its peak where the system does not tell the present."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class Metrics:
    """The writer of a run's metrics; a context manager.

    `run_path`/metrics.jsonl is the record: a line is on disk when `write` returns. `run_path`/tb is a view
    of it: where it cannot be written there is one warning on stderr and the run goes on.
    `iteration` is the last one to keep: later lines, from before a resume, are cut off.
    """

    def __init__(
        self,
        run_path: Path,
        iteration: int = 0,
        *,
        tensorboard: bool = True,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.path = run_path / "metrics.jsonl"
        cut_back(self.path, iteration, warn)
        try:
            self._file = self.path.open("ab")
        except OSError as error:
            raise _write_error(self.path, error) from error
        self._events: EventFile | None = None
        if tensorboard:
            self._try_events(lambda: self._open_events(run_path / "tb", iteration + 1))

    def write(self, iteration: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Append one line and show its numbers; returns the line.

        Nested mappings become tags with slashes; NaN and infinities become null. Raises UserError where
        the file cannot be written.
        """
        line = {"iteration": iteration, **_flatten(values)}
        text = json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n"
        try:
            self._file.write(text.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _write_error(self.path, error) from error
        self._show(lambda events: events.scalars(iteration, line))
        return line

    def text(self, iteration: int, tag: str, markdown: str) -> None:
        """Show a text (a sample game, the settings) in TensorBoard."""
        self._show(lambda events: events.text(iteration, tag, markdown))

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        self._show(lambda events: events.close())

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_events(self, folder: Path, first_step: int) -> None:
        self._events = EventFile(folder, first_step)

    def _show(self, show: Any) -> None:
        events = self._events
        if events is not None:
            self._try_events(lambda: show(events))

    def _try_events(self, action: Any) -> None:
        try:
            action()
        except OSError as error:
            if self._events is not None:
                self._events.close()
                self._events = None
            where = error.filename or self.path.with_name("tb")
            print(f"warning: TensorBoard is off: '{where}': {error.strerror}", file=sys.stderr)


class EventFile:
    """A TensorBoard event file in a folder, written without a thread so that an error is an exception.

    Events of `first_step` and later that an earlier file of the folder holds are hidden.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = event_pb2.Event
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time_ns() // 1000:020d}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("wb", buffering=0)
        self._records = RecordWriter(self._file)
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write([{"file_version": "brain.Event:2"}, {"step": first_step, "session_log": start}])

    def scalars(self, step: int, values: Mapping[str, Any]) -> None:
        """Write the finite numbers that are tagged `group/name`."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        numbers = {tag: value for tag, value in values.items() if "/" in tag and _is_number(value)}
        self._write(
            {"step": step, "summary": scalar_pb(shown_tag(tag), value)} for tag, value in numbers.items()
        )

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Write a text."""
        from tensorboard.plugins.text.summary_v2 import text_pb

        self._write([{"step": step, "summary": text_pb(shown_tag(tag), markdown)}])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            self._records.write(self._event(wall_time=time.time(), **event).SerializeToString())


def read_metrics(path: Path, warn: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """Read the lines of a metrics.jsonl; those that are damaged are passed over, and `warn` is told of them.

    By default it is said on stderr. A last line without its end is one that is being written.
    """
    raw = _split(path)
    lines = _fitting([_parse(line) for line in raw])
    if raw and lines[-1] is None and not raw[-1].endswith(b"\n"):
        lines.pop()
    _tell(path, lines, warn)
    return [line for line in lines if line is not None]


def last_iteration(path: Path) -> int | None:
    """The last iteration that a metrics.jsonl tells of; None where it is not there or tells of none."""
    if not path.is_file():
        return None
    return max((line["iteration"] for line in read_metrics(path, lambda _: None)), default=None)


def cut_back(path: Path, iteration: int, warn: Callable[[str], None] | None = None) -> None:
    """Cut off the lines after `iteration`, and a line at the end that a kill has torn.

    Damaged lines that others follow are kept as they are, and `warn` is told of them, by default stderr.
    """
    if not path.exists():
        return
    try:
        raw = _split(path)
        lines = _fitting([_parse(line) if line.endswith(b"\n") else None for line in raw])
        kept = _length_kept(lines, iteration, is_torn=bool(raw) and raw[-1].count(b'"iteration"') < 2)
        with path.open("r+b") as file:
            file.truncate(sum(map(len, raw[:kept])))
            os.fsync(file.fileno())
    except OSError as error:
        raise _write_error(path, error) from error
    _tell(path, lines[:kept], warn)


def _split(path: Path) -> list[bytes]:
    return io.BytesIO(path.read_bytes()).readlines()


def _length_kept(lines: Sequence[dict[str, Any] | None], iteration: int, is_torn: bool) -> int:
    """How many lines are not after `iteration`; a bad one at the end counts unless it is torn.

    It is not where two lines have run together, as they do when the end of one is damaged.
    """
    kept, last = 0, 0
    for number, line in enumerate(lines, start=1):
        if line is not None and line["iteration"] <= iteration:
            kept, last = number, line["iteration"]
    while kept < len(lines) - is_torn and lines[kept] is None and last < iteration:  # an iteration a line
        kept, last = kept + 1, last + 1
    return kept


def _fitting(lines: Sequence[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    """The lines, None for as few as can be, so that the iterations of the others rise."""
    ends: list[int] = []  # of the longest rising series of each length, the one whose last number is least
    places: list[int] = []
    before: dict[int, int | None] = {}
    for place, line in enumerate(lines):
        if line is None:
            continue
        length = bisect.bisect_left(ends, line["iteration"])
        before[place] = places[length - 1] if length else None
        ends[length:], places[length:] = (
            [line["iteration"], *ends[length + 1 :]],
            [place, *places[length + 1 :]],
        )
    fitting: set[int] = set()
    place_or_none = places[-1] if places else None
    while place_or_none is not None:
        fitting.add(place_or_none)
        place_or_none = before[place_or_none]
    return [line if place in fitting else None for place, line in enumerate(lines)]


def _tell(path: Path, lines: Sequence[Any], warn: Callable[[str], None] | None) -> None:
    damaged = [number for number, line in enumerate(lines, start=1) if line is None]
    if not damaged:
        return
    shown = ", ".join(map(str, damaged[:5])) + (f" and {len(damaged) - 5} more" if len(damaged) > 5 else "")
    text = f"'{path}', line{'s' * (len(damaged) > 1)} {shown}: damaged, passed over"
    if warn is not None:
        warn(text)
    else:
        print(f"warning: {text}", file=sys.stderr)


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same columns as a table in markdown; empty for none."""
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '¦') for cell in line)} |" for line in lines)


def sample_game(game: Game, start: str, actions: Sequence[int], title: str = "") -> str:
    """A played game as markdown: its moves in the game's notation and the final board.

    `start` is a position in the game's notation, `actions` are played from there.
    """
    state = game.parse(start)
    moves = []
    for action in actions:
        moves.append(state.action_text(action))
        state.play(action)
    board = "\n".join("    " + line for line in state.text().splitlines())
    heading = f"{title}{' — ' if title else ''}{_result(state)}, {state.ply()} plies"
    opening = f"from {start}: " if start else ""
    return f"{heading}\n\n{opening}{' '.join(moves)}\n\n{board}\n"


def record_text(
    game: Game, start: str, actions: Sequence[int], tags: Mapping[str, str]
) -> tuple[str, str] | None:
    """A played game in the file format of its kind, with the suffix first; None where the game has none.

    A game that has one brings `record_suffix` and `record_text(state, tags)`; `tags` are event and round.
    """
    write: Callable[[State, Mapping[str, str]], str] | None = getattr(game, "record_text", None)
    if write is None:
        return None
    state = game.parse(start)
    for action in actions:
        state.play(action)
    return game.record_suffix, write(state, tags)  # type: ignore[attr-defined]


def _result(state: State) -> str:
    outcome = state.outcome()
    if outcome is None:
        return "not finished"
    if outcome == 0:
        return "draw"
    return "first player won" if (outcome > 0) == (state.player() == 0) else "second player won"


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}/"))
        else:
            flat[prefix + key] = _to_json(value)
    return flat


def _to_json(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy and torch
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_metrics = isinstance(parsed, dict) and isinstance(parsed.get("iteration"), int)
    return parsed if is_metrics else None


def _write_error(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot write '{path}': {error.strerror}; free space or give another --run folder")
