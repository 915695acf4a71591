"""The life of one program: privileges go, limits come, then its text is run as it is."""

from __future__ import annotations

import atexit
import json
import math
import os
import random
import resource
import sys
import threading
import traceback
import types
from fcntl import F_DUPFD, fcntl
from typing import Any, NoReturn

from . import kernel, namespace, seccomp

READY = "ready"
RETURNED = 3
"""The descriptor that values go out on. It holds what the program says and is worth no more than that."""

_STACK = 8 << 20


def live(job: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Run a job in this process, the first of its pid namespace.

    descriptors: for standard input, output and error, for returned values, and a socket to the keeper.
    """
    code = 1
    try:
        os.setsid()
        high = [fcntl(descriptor, F_DUPFD, 16) for descriptor in descriptors]
        for index, descriptor in enumerate(high):
            os.dup2(descriptor, index)
        os.closerange(len(high), 1024)
        handshake = len(descriptors) - 1
        try:
            _confine(job["limits"])
        except (OSError, ValueError) as error:
            os.write(handshake, str(error).encode())
            os._exit(1)
        os.write(handshake, READY.encode())
        if not os.read(handshake, 1):
            os._exit(1)
        os.close(handshake)
        code = _run(job)
    finally:
        os._exit(code)


def _confine(limits: dict[str, Any]) -> None:
    os.chdir(namespace.HOME)
    os.environ.clear()
    os.umask(0o077)
    memory = limits["memory"] // limits["processes"]
    for name, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, math.ceil(limits["cpu_s"]) + 1),
        (resource.RLIMIT_NPROC, limits["processes"] + 2),  # the warden and the keeper have the same uid
        (resource.RLIMIT_FSIZE, limits["disk"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_STACK, min(_STACK, memory)),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))
    kernel.drop_capabilities()
    kernel.die_with_parent()
    seccomp.install(can_fork=limits["processes"] > 1)


def _run(job: dict[str, Any]) -> int:
    """The exit code of the program, with what the interpreter does at an end."""
    random.seed(0)
    sys.argv[:] = ["program.py"]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    try:
        code = _execute(job)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException as error:
        code = _explain(error)
    return code


def _execute(job: dict[str, Any]) -> int:
    module = types.ModuleType("program" if job["function"] else "__main__")
    sys.modules[module.__name__] = module
    try:
        exec(compile(job["program"], "program.py", "exec", dont_inherit=True), module.__dict__)
        if job["function"]:
            for text in job["inputs"]:
                _return(_call(module, job["function"], text))
    except BaseException as error:
        return _explain(error)
    return 0


def _explain(error: BaseException) -> int:
    """Print a traceback as Python does; the exit code."""
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return (error.code or 0) & 0xFF
    try:
        if isinstance(error, SystemExit):
            print(error.code, file=sys.stderr)
        else:
            inner = error.__traceback__.tb_next if error.__traceback__ else None
            traceback.print_exception(type(error), error, inner)
        sys.stderr.flush()
    except BaseException:
        return 1
    return 1


def _call(module: types.ModuleType, name: str, text: str) -> dict[str, Any]:
    """What a function of the program makes of one list of arguments, in JSON."""
    try:
        function = getattr(module, name, None)
        if not callable(function):
            return {"error": f"there is no function {name}"}
        return {"value": _plain(function(*json.loads(text)))}
    except BaseException as error:
        return {"error": _say(error)}


def _say(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except BaseException:
        return "an exception that cannot be told"


def _plain(value: Any) -> Any:
    """A value of JSON as it is, tuples as lists; the encoder refuses all else."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key that is no string cannot be returned")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _return(document: dict[str, Any]) -> None:
    try:
        text = json.dumps(document, allow_nan=False)
    except BaseException as error:
        text = json.dumps({"error": _say(error)})
    data = memoryview(text.encode() + b"\n")
    while data:
        data = data[os.write(RETURNED, data) :]
