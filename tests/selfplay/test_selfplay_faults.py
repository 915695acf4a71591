"""Self-play under bad settings, games without choices and networks that answer with no numbers."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pool_games import make_pool, run
from small_training import command, train

from engine import _core
from engine.checkpoint import Checkpoint
from engine.config import build_config
from engine.errors import UserError
from engine.game_run import Run
from engine.learner.learner import Learner
from engine.selfplay.caller import MAX_BAD_REPLIES, Caller
from games.connect4 import Connect4

CORRIDORS = '''
"""Games with one legal move: always, but for one ply, and over at once."""
import numpy as np
from engine.game.python_game import PythonGame, PythonState

class State(PythonState):
    def __init__(self, length, fork):
        self.length, self.fork, self.plies = length, fork, 0

    def player(self):
        return self.plies % 2

    def legal_actions(self):
        return [] if self.plies >= self.length else [0, 1] if self.plies == self.fork else [0]

    def play(self, action):
        self.plies += 1

    def outcome(self):
        return 0.0 if self.plies >= self.length else None

    def encode(self):
        return np.full((1, 1, 2), self.plies, np.float32)

    def text(self):
        return f"{self.plies}\\n"

class Corridor(PythonGame):
    def __init__(self, length=6, fork=-1):
        super().__init__(
            name="corridor", num_actions=2, planes_shape=(1, 1, 2), max_plies=6, action_names=["a", "b"]
        )
        self.size = length, fork

    def start(self):
        return State(*self.size)

class Fork(Corridor):
    def __init__(self):
        super().__init__(fork=3)

class Over(Corridor):
    def __init__(self):
        super().__init__(length=0)
'''


@pytest.fixture
def corridors(tmp_path: Path) -> Path:
    (tmp_path / "corridors.py").write_text(CORRIDORS)
    return tmp_path


def train_in(folder: Path, game: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = command(folder / "run", *options, "--iterations", "1", game=game)
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, cwd=folder)


def test_a_game_without_a_choice_is_refused_and_one_choice_is_enough(corridors: Path) -> None:
    done = train_in(corridors, "corridors:Corridor")
    assert done.returncode == 2, done.stderr
    assert "corridor leaves no choice of moves" in done.stderr.splitlines()[-1]
    (corridors / "run").rename(corridors / "refused")
    done = train_in(corridors, "corridors:Over")
    assert done.returncode == 2, done.stderr
    assert "is over at its first position" in done.stderr
    assert not (corridors / "run").exists()
    done = train_in(corridors, "corridors:Fork")
    assert done.returncode == 0, done.stderr
    assert "games are distinct; raise selfplay.max_opening_plies" in done.stderr


def test_actors_in_processes_refuse_it_alike(corridors: Path) -> None:
    done = train_in(corridors, "corridors:Corridor", "--set", "loop.actors=process")
    assert done.returncode == 2, done.stderr
    assert "corridor leaves no choice of moves" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("value", ["0", "-1", "100000000", "1.5", "nan", "many"])
def test_budgets_out_of_range_are_refused(refused: Callable[..., str], value: str, tmp_path: Path) -> None:
    run_path = tmp_path / "run"
    line = refused("train", "connect4", "--run", str(run_path), "--set", f"selfplay.simulations={value}")
    assert "setting 'selfplay.simulations' = " in line
    assert not run_path.exists()


@pytest.mark.parametrize(
    "setting",
    [
        "resign_false_positives=0.6", "resign_false_positives=-1", "resign_holdout=0", "resign_plies=0",
        "resign_window=1", "asymmetric_fraction=1.1", "asymmetric_ratio=0.5", "asymmetric_ratio=inf",
    ],
)  # fmt: skip
def test_settings_of_resignation_and_budgets_are_bounded(setting: str) -> None:
    name, value = setting.split("=")
    with pytest.raises(UserError, match=f"setting 'selfplay.{name}' = "):
        build_config({"selfplay": {name: float(value)}})


def test_one_visit_a_move_is_enough(tmp_path: Path) -> None:
    train(tmp_path / "run", "--iterations", "1", "--set", "selfplay.simulations=1")
    games = run(make_pool(8, simulations=1, fast_simulations=1, asymmetric_fraction=0.5), 300)
    searched = games["budget"] > 0
    assert set(games["budget"][searched].tolist()) == {1, 2}
    assert set(games["visits"][searched].tolist()) <= {0, 1, 2}
    sums = np.add.reduceat(games["policy_probs"], games["policy_offsets"][:-1][searched])
    assert sums == pytest.approx(np.ones(searched.sum()), abs=1e-5)


def test_more_games_side_by_side_than_moves_to_make(tmp_path: Path) -> None:
    options = ["--set", "selfplay.games=100", "--set", "loop.positions=3", "--iterations", "2"]
    words = command(tmp_path / "run", *options)
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning: loop.positions = 3 is less than a move for each of 100 games" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2]
    games = run(make_pool(50), 3)
    assert len(games["game_id"]) <= 3


BAD = {
    "wdl is NaN": (np.nan, 0.0),
    "logits are NaN": (1 / 3, np.nan),
    "logits are infinite": (1 / 3, np.inf),
    "logits are all -inf": (1 / 3, -np.inf),
}


def answer_with(wdl: float, logit: float) -> Any:
    def evaluate(requests: _core.Requests) -> _core.DenseReply:
        rows = len(requests)
        return _core.DenseReply(np.full((rows, 3), wdl, np.float32), np.full((rows, 7), logit, np.float32))

    return evaluate


@pytest.mark.parametrize("what", BAD)
def test_a_network_without_numbers_ends_the_play(what: str) -> None:
    config = build_config({"selfplay": {"games": 8, "simulations": 8, "cache_mb": 0}})
    caller = Caller(Connect4(), config, answer_with(*BAD[what]), 0, 1)
    with pytest.raises(UserError, match=r"\d+ answers of the network were not finite; resume"):
        caller.play(10_000, threading.Event())
    assert MAX_BAD_REPLIES <= caller.pool.stats()["bad_replies"] <= MAX_BAD_REPLIES + 32 * 8


@pytest.mark.parametrize("what", BAD)
def test_its_games_go_on_with_even_priors_until_then(what: str) -> None:
    pool = make_pool(4, max_opening_plies=0, simulations=1, fast_simulations=1)
    pool.start(4)
    while requests := pool.select():
        pool.backup(requests, answer_with(*BAD[what])(requests))
    played = pool.snapshot()
    assert pool.stats()["bad_replies"] == 4
    assert played["policy_probs"].tolist() == pytest.approx([1 / 7] * 28)
    assert played["raw_wdl"].tolist() == [[0, 1, 0]] * 4


def test_a_run_whose_network_overflows_ends_and_records_nothing(tmp_path: Path) -> None:
    path, game = tmp_path / "run", Connect4()
    config = build_config(
        {
            "network": {"channels": 8, "blocks": 1},
            "selfplay": {"games": 8, "simulations": 12},
            "evaluator": {"precision": "f32"},
            "loop": {"callers": 1},
        }
    )
    learner = Learner(game, config, 1)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in learner.average.parameters():
            parameter.copy_(torch.randn_like(parameter) * 1e12)
    pool = make_pool(8)
    with Run.create(path, config) as created:
        checkpoint = Checkpoint(1, config, learner.state(), [pool.snapshot()], [pool.next_id])
        created.commit(checkpoint, pool.take_games(), game)
    words = command(path, "--resume", "--iterations", "4")
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2, done.stderr
    assert "answers of the network were not finite; resume from an earlier" in done.stderr.splitlines()[-1]
    assert not list((path / "replay").iterdir())
    assert (path / "metrics.jsonl").read_text() == ""
