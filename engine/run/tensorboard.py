"""How TensorBoard shows the metrics of a run: in numbered sections, what matters most first."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.run import local_disk

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
    "guard": "5 alarms",
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


class EventFile:
    """A TensorBoard event file in a folder, written without a thread so that an error is an exception.

    Events of `first_step` and later that an earlier file of the folder holds are hidden.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = event_pb2.Event
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time_ns() // 1000:020d}.{socket.gethostname()}.{os.getpid()}"
        self._file = local_disk.new_stream(folder / name)
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


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same columns as a table in markdown; empty for none."""
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '¦') for cell in line)} |" for line in lines)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
