"""The words of a judge that is a program, or a function of Python."""

from __future__ import annotations

import re
import shlex
import shutil
import sys

from engine.errors import UserError

_FUNCTION = re.compile(r"\S+:[A-Za-z_]\w*")


def command_of(program: str) -> list[str]:
    """The words of a command, or of one that serves a function; UserError where it cannot be run."""
    if _FUNCTION.fullmatch(program.strip()):
        return [sys.executable, "-m", "engine.language.method.judged.assessor.worker", program.strip()]
    try:
        words = shlex.split(program)
    except ValueError as error:
        raise UserError(f"judge.program '{program}' is no command: {error}") from error
    if not words:
        raise UserError("judge.program is empty; give a command, or package.module:function")
    if shutil.which(words[0]) is None:
        raise UserError(f"judge.program: there is no program '{words[0]}'; give its whole path")
    return words
