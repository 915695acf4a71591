"""The command line as a user meets it: real processes, exit codes, stdout and stderr."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]


def run_selfplay(
    *words: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", *words],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=300,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def ask_selfplay(*words: str, requests: list[Any]) -> list[dict[str, Any]]:
    done = run_selfplay(*words, stdin="".join(json.dumps(request) + "\n" for request in requests))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused_selfplay(*words: str, **options: Any) -> str:
    done = run_selfplay(*words, **options)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert done.stderr.startswith("selfplay: error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="session")
def selfplay() -> Callable[..., Done]:
    """Run one command: words, stdin=, env=, cwd=."""
    return run_selfplay


@pytest.fixture(scope="session")
def ask() -> Callable[..., list[dict[str, Any]]]:
    """Send a JSON-lines command its `requests`; the answers."""
    return ask_selfplay


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """Run a command that must fail as a user's mistake: one line, exit code 2; that line."""
    return refused_selfplay
