"""Errors that a user can mend: the command line prints them as one line and exits with code 2."""

from __future__ import annotations

import errno
import re
import sysconfig
import traceback
from pathlib import Path

from engine._core import InputError

__all__ = ["CorruptFileError", "InputError", "UserError", "describe_error", "place_of"]

_OURS = [
    Path(__file__).resolve().parent,
    Path(__file__).resolve().parents[1] / "games",
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
]
"""Folders of code that is no user's."""


class UserError(Exception):
    """Wrong use of the program; the message names the bad value and the remedy."""


class WriteError(UserError):
    """A file cannot be written: there is no room for it, or no leave."""


class CorruptFileError(UserError):
    """A file of a run is damaged, of another format, or of another network or game."""


class MissingFileError(CorruptFileError):
    """A file of a run is not there."""


_MEMORY = re.compile(
    r"bad_alloc|bad array|out of memory|not enough memory|failed to map segment|"
    r"(can't|cannot|could not|unable to|failed to) alloc",
    re.IGNORECASE,
)
"""What libraries say where memory is short; each has a class of its own, or none."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short, whichever library has met it."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError | ImportError | OSError) and bool(_MEMORY.search(str(error)))


def describe_error(error: BaseException) -> str:
    """What was raised and where in a user's own code, as `KeyError: 'x' in play (mygame.py:12)`."""
    place = place_of(error)
    return f"{type(error).__name__}: {error}" + (f" in {place}" if place else "")


def place_of(error: BaseException) -> str | None:
    """`function (file:line)` of the innermost frame in a user's own code; None where there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_file() and not any(path.resolve().is_relative_to(folder) for folder in _OURS):
            return f"{frame.name} ({path.name}:{frame.lineno})"
    return None
