"""The process that runs a task's `verify` for `engine.language.verifier`: pairs in, verdicts out."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

from engine.errors import UserError, describe_error
from engine.language.sandbox.cell import wire
from engine.language.sandbox.value import printable
from engine.language.task import Prompt, Task, VerifyResult
from engine.language.task_registry import load_task

SLACK_S = 5.0
"""What a verdict may take beyond its deadline before this process ends by itself."""


def main() -> None:
    """Serve pairs on file descriptor 0, a socket, one answer each, until it closes."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)  # whatever the task prints is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    setup = wire.receive_document(control)
    sys.path[:] = setup["path"]
    try:
        task = load_task(setup["spec"], **setup["options"])
    except UserError as error:
        wire.send_document(control, {"unloadable": str(error)})
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


def judge(task: Task, prompt: Prompt, completion: str) -> dict[str, Any]:
    """A verdict as a JSON object: `result`, `refused` where it is none, or `failed` where it raised."""
    try:
        result = task.verify(prompt, completion)
    except UserError as error:
        return {"refused": str(error)}
    except Exception as error:
        return {"failed": describe_failure(error)}
    complaint = complain(result)
    if complaint:
        return {"refused": f"`verify` of prompt {prompt.id!r}: {complaint}"}
    return {"result": [float(result.score), result.parsed, result.reason, list(result.flags), result.kind]}


def describe_failure(error: Exception) -> str:
    """What a `verify` raised and where, in one printable line."""
    return printable(" ".join(describe_error(error).split()))


def complain(result: object) -> str:
    """What is wrong with what a `verify` returned; empty where it is a verdict."""
    if not isinstance(result, VerifyResult):
        return f"{type(result).__name__} returned; give a VerifyResult"
    score = result.score
    try:
        in_range = 0 <= float(score) <= 1
    except (TypeError, ValueError):
        in_range = False
    if not in_range:
        return f"score {score!r} returned; give a number in [0, 1]"
    texts = (result.parsed, result.reason, result.kind, *result.flags)
    if not all(isinstance(text, str) for text in texts):
        return "parsed, reason and flags must be text"
    return ""


if __name__ == "__main__":
    main()
