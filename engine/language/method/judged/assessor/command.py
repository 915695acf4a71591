"""The words of a judge that is a program, or a function of Python."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

from engine.errors import UserError

_FUNCTION = re.compile(r"\S+:[A-Za-z_]\w*")


def check_program(program: str, timeout_s: float) -> None:
    """UserError for a function that is not found, in a process of its own; nothing of other commands."""
    words = command_of(program)
    if not _FUNCTION.fullmatch(program.strip()):
        return
    try:
        tried = subprocess.run(
            [*words, "--check"], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"judge.program '{program}': not loaded after {timeout_s:g} s; mend it, or give it more time "
            "(judge.timeout_s)"
        ) from error
    if tried.returncode:
        lines = tried.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UserError(f"judge.program '{program}': {lines[-1] if lines else f'exit {tried.returncode}'}")


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
