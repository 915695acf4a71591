"""The process that programs are forked from: confined once, then a keeper and a program for every job."""

from __future__ import annotations

import importlib
import os
import socket

from . import keeper, kernel, namespace, seccomp, wire

PRELOADED = (
    "__future__ abc array atexit base64 bisect calendar cmath collections contextlib copy dataclasses "
    "datetime decimal enum fractions functools hashlib heapq io itertools json linecache math numbers "
    "operator random re statistics string struct textwrap threading time traceback types typing unicodedata "
    "warnings"
)
"""Imported before any program is, so that its imports cost nothing. Others come from the library."""


def main() -> None:
    """Serve jobs that come in on file descriptor 0, a socket, until it closes."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    try:
        for name in PRELOADED.split():
            importlib.import_module(name)
        seccomp.check_machine()
        namespace.enter()
        kernel.prctl(4, 0)  # PR_SET_DUMPABLE
    except Exception as error:
        wire.send_document(control, {"error": str(error) or type(error).__name__})
        return
    wire.send_document(control, {"error": ""})
    warden = os.getpid()
    while control.recv(1, socket.MSG_PEEK):
        pid = os.fork()
        if pid == 0:
            keeper.keep(control, warden)
        if os.waitpid(pid, 0)[1] != 0:
            return
