"""The process that runs a task's `verify` for `engine.language.problem.verifier`: pairs in, verdicts out."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import Any, get_args

from engine.errors import UserError, describe_error
from engine.language.problem.task_registry import load_task
from engine.language.task import Kind, Prompt, Task, VerifyResult
from engine.sandbox.cell import wire
from engine.sandbox.value import printable

SLACK_S = 5.0
"""What a verdict may take beyond its deadline before this process ends by itself."""

MAX_PRINTED = 4096
"""Bytes that a process passes on of what its task prints."""

MAX_TEXT = 1 << 20
"""Characters of what a verdict says."""


def main() -> None:
    """Serve pairs on file descriptor 0, a socket, one answer each, until it closes."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    _confine_output()  # whatever the task prints is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    setup = wire.receive_document(control)
    sys.path[:] = setup["path"]
    try:
        task = load_task(setup["spec"], **setup["options"])
        task.prepare()
    except UserError as error:
        wire.send_document(control, {"unloadable": str(error)})
        return
    except (Exception, SystemExit) as error:
        told = f"task '{setup['spec']}': `prepare` raised {describe_failure(error)}"
        wire.send_document(control, {"unloadable": told})
        return
    wire.send_document(control, {"unloadable": ""})
    try:
        while True:
            for prompt, completion in wire.receive_document(control)["pairs"]:
                signal.setitimer(signal.ITIMER_REAL, setup["deadline_s"] + SLACK_S)
                answer = judge(task, Prompt(*prompt), completion)
                signal.setitimer(signal.ITIMER_REAL, 0)
                wire.send_document(control, answer)
    except (EOFError, OSError):
        return


def _confine_output() -> None:
    """Pass on the start of what is printed, made harmless to a terminal, and drop the rest."""
    reading, writing = os.pipe()
    terminal = os.dup(2)
    for descriptor in (1, 2):
        os.dup2(writing, descriptor)
    os.close(writing)

    def relay() -> None:
        room = MAX_PRINTED
        while block := os.read(reading, 1 << 16):
            if room > 0:
                lines = block[:room].decode(errors="replace").split("\n")
                room -= len(block)
                ending = "" if room > 0 else "\n[what else the task prints is left out]\n"
                os.write(
                    terminal, ("\n".join(printable(line, MAX_PRINTED) for line in lines) + ending).encode()
                )

    threading.Thread(target=relay, daemon=True).start()


def judge(task: Task, prompt: Prompt, completion: str) -> dict[str, Any]:
    """A verdict as a JSON object: `result`, `refused` where it is none, or `failed` where it raised."""
    try:
        result = task.verify(prompt, completion)
    except UserError as error:
        return {"refused": str(error)}
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return {"failed": describe_failure(error)}
    complaint = complain(result)
    if complaint:
        return {"refused": f"`verify` of prompt {prompt.id!r}: {complaint}"}
    return {
        "result": [
            float(result.score),
            result.parsed,
            result.reason,
            list(result.flags),
            result.kind,
            result.path,
        ]
    }


def describe_failure(error: BaseException) -> str:
    """What a `verify` raised and where, in one printable line."""
    return printable(" ".join(describe_error(error).split()))


def complain(result: object) -> str:
    """What is wrong with what a `verify` returned; empty where it is a verdict."""
    if not isinstance(result, VerifyResult):
        return f"{type(result).__name__} returned; give a VerifyResult"
    try:
        in_range = not isinstance(result.score, str | bytes) and 0 <= float(result.score) <= 1
    except (TypeError, ValueError, OverflowError):
        in_range = False
    if not in_range:
        return f"score {_shown(result.score)} returned; give a number in [0, 1]"
    if not isinstance(result.flags, tuple | list):
        return f"flags {_shown(result.flags)} returned; give a tuple of texts"
    if result.kind not in get_args(Kind):
        return f"kind {_shown(result.kind)} returned; give {', '.join(get_args(Kind))}"
    for text in (result.parsed, result.path, result.reason, *result.flags):
        if not isinstance(text, str) or len(text) > MAX_TEXT or not (text.isascii() or _is_unicode(text)):
            return (
                f"parsed, path, reason and flags must be text of {MAX_TEXT} valid characters at most, "
                f"not {_shown(text)}"
            )
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    try:
        return printable(repr(value if not isinstance(value, str) else value[:80]), 80)
    except Exception:
        return f"a {type(value).__name__}"


if __name__ == "__main__":
    main()
