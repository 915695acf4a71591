"""The log of an event: a header, then a line a game as it ends, all JSON; what an event goes on from.

The header holds all that decides the games. After a kill at any moment the file is whole but for a part of
its last line, which is dropped when the event goes on.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.arena.event.result import GameResult
from engine.errors import CorruptFileError, UserError
from engine.json_object import parse_object
from engine.run import local_disk, storage

FORMAT = 1
"""Of header and lines."""

FILE = "games.jsonl"
"""In a folder."""

Header = Mapping[str, Any]


@dataclass(frozen=True)
class LoggedEvent:
    """What a log holds: its header and its games by their number. num_bytes: of whole lines."""

    header: Header
    games: dict[int, GameResult]
    num_bytes: int


def log_path(path: Path) -> Path:
    """The file of a log that is named by it or by its folder."""
    return path / FILE if storage.is_folder(path) else path


def read_log(path: Path) -> LoggedEvent | None:
    """What is logged so far; None where there is no log yet, or no whole header.

    Raise UserError where a file is no log, CorruptFileError where a line in the midst of it is damaged.
    """
    file = log_path(path)
    if not storage.exists(file):
        return None
    whole, newline, torn = storage.read_checked(file).rpartition(b"\n")
    if not newline:
        if torn and not torn.startswith(b'{"arena"'[: len(torn)]):
            raise UserError(f"log '{file}' is no log of an event; name another file")
        return None
    header, *lines = whole.split(b"\n")
    games: dict[int, GameResult] = {}
    read = _read_header(file, header)
    for number, line in enumerate(lines, start=2):
        try:
            game = GameResult.from_json(parse_object(line))
        except (ValueError, UserError) as error:
            raise CorruptFileError(f"log '{file}', line {number}: {error}; remove the line") from error
        if game.number in games:
            raise CorruptFileError(
                f"log '{file}', line {number}: game {game.number} is there twice; remove one"
            )
        games[game.number] = game
    return LoggedEvent(read, games, len(whole) + 1)


def _read_header(file: Path, line: bytes) -> Header:
    try:
        header = parse_object(line)
    except ValueError as error:
        raise UserError(f"log '{file}' is no log of an event: {error}; name another file") from error
    if header.get("arena") != FORMAT:
        raise UserError(f"log '{file}' is no log of an event of this version; name another file")
    return header


class GameLog:
    """A log that is written; games are durable in the order of `add`, a moment after it.

    Raise UserError where the log is of another event, or another process writes it.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = log_path(path)
        storage.make_folder(self.path.parent)
        self._lock = local_disk.Lock(self.path.with_name(self.path.name + ".lock"), f"log '{self.path}'")
        try:
            self.games = self._open({"arena": FORMAT, **json.loads(json.dumps(header))})
        except BaseException:
            self._lock.release()
            raise
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._writer = threading.Thread(target=self._write, name="game log", daemon=True)
        self._writer.start()

    def _open(self, header: Header) -> dict[int, GameResult]:
        logged = read_log(self.path)
        if logged is None:
            storage.atomic_write(self.path, _line(header))
            return {}
        check_header(self.path, logged.header, header)
        storage.truncate(self.path, logged.num_bytes)
        return logged.games

    def __enter__(self) -> GameLog:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def add(self, game: GameResult) -> None:
        """Write a game that has ended; raise what went wrong with an earlier one."""
        if self._error is not None:
            raise self._error
        self._waiting.put(_line(game.to_json()))

    def close(self) -> None:
        """Wait until all is on disk, and let others write; raise what went wrong."""
        self._waiting.put(None)
        self._writer.join()
        self._lock.release()
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        """Games that end while others are being made durable are written together."""
        ended = False
        while not ended:
            lines = [self._waiting.get()]
            while not self._waiting.empty():
                lines.append(self._waiting.get())
            ended = None in lines
            data = b"".join(line for line in lines if line is not None)
            try:
                if data and self._error is None:
                    storage.append(self.path, data)
            except Exception as error:
                self._error = error


def check_header(path: Path, there: Header, here: Header) -> None:
    """Raise UserError naming the first thing in which an event differs from that of a log."""
    for name in dict.fromkeys([*there, *here]):
        one, other = there.get(name), here.get(name)
        if one != other:
            raise UserError(
                f"log '{path}' is of another event: {_difference(name, one, other)}; "
                "repeat that event's command, or name another log"
            )


def _difference(name: str, there: Any, here: Any) -> str:
    """`seed is 2 there and 1 here`, with the place inside a list or an object."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in dict.fromkeys([*there, *here]):
            if there.get(key) != here.get(key):
                return _difference(f"{name}.{key}", there.get(key), here.get(key))
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for index, (one, other) in enumerate(zip(there, here, strict=True), start=1):
            if one != other:
                return _difference(f"{name} {index}", one, other)
    return f"{name} is {_shown(there)} there and {_shown(here)} here"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


def _line(fields: Header) -> bytes:
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode() + b"\n"
