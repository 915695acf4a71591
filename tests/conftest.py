"""The command line as a user meets it: real processes, exit codes, stdout and stderr."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Fixtures that tests of several folders share.
pytest_plugins = ["decoding", "trained_run"]

# A shell starts background jobs with SIGINT ignored, and children inherit that: Ctrl-C is tested here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# An example may take long where the machine does something else meanwhile.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Runs need not measure the machine for seconds each.
os.environ.setdefault("SELFPLAY_REFERENCE_RATE", "33000")

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


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of Connect Four with three commits of untrained tiny networks; copy it before changing it."""
    from engine import _core
    from engine.checkpoint import Checkpoint
    from engine.config import Config, build_config
    from engine.evaluator.evaluator import UniformEvaluator
    from engine.game_run import Run
    from engine.learner.learner import Learner
    from engine.registry import load_game
    from engine.search import search_params

    path = tmp_path_factory.mktemp("runs") / "tiny"
    config: Config = build_config({"network": {"channels": 8, "blocks": 1, "head_channels": 4}, "seed": 5})
    game = load_game("connect4")
    play = _core.PlayParams(simulations=16, fast_simulations=8, max_opening_plies=2)
    pool = _core.Pool(game, search_params(config.search, noise=True), play, seed=1, games=8)
    evaluate = UniformEvaluator()
    with Run.create(path, config) as run:
        for iteration in (1, 2, 3):
            pool.start(400)
            while requests := pool.select():
                pool.backup(requests, evaluate(requests))
            learner = Learner(game, config, seed=iteration).state()
            games, under_way = pool.take_games(), pool.snapshot()
            run.commit(Checkpoint(iteration, config, learner, [under_way], [pool.next_id]), games, game)
    return path


@pytest.fixture
def run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of `tiny_run` to damage."""
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))
