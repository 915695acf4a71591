"""How long an iteration is: by the speed of the game, where nobody has set it."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from small_training import SELFPLAY, SMALL, newest

from engine.config import Config, build_config
from engine.config.layer import read_toml
from engine.config.play import SelfplayConfig
from engine.game.python_game import PythonGame, PythonState
from engine.registry import load_game
from engine.train import defaults, iteration
from engine.train.defaults import resolved
from engine.train.iteration import choose_games_beside, choose_positions, mean_simulations, play_rate

GAME = load_game("connect4")


class Sticks(PythonState):
    """Take one, two or three of forty; who takes the last wins."""

    def __init__(self) -> None:
        self.left, self.plies = 40, 0

    def player(self) -> int:
        return self.plies % 2

    def legal_actions(self) -> list[int]:
        return list(range(min(3, self.left)))

    def play(self, action: int) -> None:
        self.left, self.plies = self.left - action - 1, self.plies + 1

    def outcome(self) -> float | None:
        return None if self.left else -1.0

    def encode(self) -> np.ndarray:
        return np.full((1, 1, 1), self.left / 40, np.float32)


class SticksGame(PythonGame):
    def __init__(self) -> None:
        super().__init__(name="sticks", num_actions=3, planes_shape=(1, 1, 1), max_plies=40)

    def start(self) -> PythonState:
        return Sticks()


def settings(**sections: dict[str, object]) -> Config:
    return build_config({"network": {"channels": 8, "blocks": 1}, "loop": {"callers": 2}}, sections)


@pytest.mark.parametrize(
    ("rate", "positions"),
    [(1e9, 8192), (137, 8192), (136, 2048), (68.2, 1024), (34, 512), (4.3, 128), (0.1, 64)],
)
def test_positions_by_speed(rate: float, positions: int) -> None:
    assert choose_positions(rate) == positions
    assert positions <= max(60 * rate, 64)


@pytest.mark.parametrize(
    ("positions", "callers", "games", "chosen"),
    [(512, 2, 128, 32), (64, 2, 128, 4), (64, 16, 128, 1), (2048, 2, 32, 32)],
)
def test_every_game_makes_moves_in_an_iteration(
    positions: int, callers: int, games: int, chosen: int
) -> None:
    assert choose_games_beside(positions, callers, games) == chosen


def test_simulations_of_a_move() -> None:
    assert mean_simulations(SelfplayConfig(simulations=100)) == 100
    assert (
        mean_simulations(SelfplayConfig(full_search_fraction=0.25, simulations=90, fast_simulations=10)) == 30
    )


def found(rate: float, config: Config, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    monkeypatch.setattr(defaults, "play_rate", lambda *_: rate)
    config = resolved(GAME, config)
    return config.loop.positions, config.selfplay.games


def test_what_is_measured_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(1000, settings(), monkeypatch) == (8192, 128)
    assert found(20, settings(), monkeypatch) == (512, 32)
    assert found(20, settings(selfplay={"games": 100}), monkeypatch) == (512, 100)
    assert found(1, settings(selfplay={"games": 100}), monkeypatch) == (200, 100)  # a move for each of them
    assert found(20, settings(loop={"positions": 7, "callers": 2}), monkeypatch) == (7, 128)
    again = resolved(GAME, build_config(resolved(GAME, settings()).model_dump()))
    assert (again.loop.positions, again.selfplay.games) == (64, 4) or again.loop.positions == 512


@pytest.mark.parametrize("actors", ["inline", "process"])
def test_a_rate_is_measured(actors: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iteration, "TRIALS_S", (0.01, 0.1))
    game, loop = SticksGame(), {"callers": 2, "actors": actors}
    slow = [play_rate(game, settings(selfplay={"simulations": 400}, loop=loop)) for _ in range(3)]
    threads = threading.active_count()  # of libraries, too, which begin theirs at their first use
    fast = [play_rate(game, settings(selfplay={"simulations": 4}, loop=loop)) for _ in range(3)]
    assert 0 < min(slow) < max(fast)  # a pause of the machine makes any of them slow
    assert threading.active_count() == threads, threading.enumerate()


SLOW = """
import time
from games.tictactoe import TicTacToe, TicTacToeState

class Slow(TicTacToeState):
    def play(self, action):
        time.sleep(0.002)
        super().play(action)

    def clone(self):
        copy = Slow()
        copy.cells, copy.plies = self.cells[:], self.plies
        return copy

class Game(TicTacToe):
    presets = {}

    def start(self):
        return Slow()
"""


def test_a_slow_game_has_short_iterations_and_ends_in_time(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    kept = [text for text in SMALL if not text.startswith(("loop.positions", "selfplay"))]
    settings = [part for text in kept for part in ("--set", text)]
    words = [*SELFPLAY, "train", "slow:Game", "--run", "run", "--minutes", "0.1", *settings]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    config = read_toml(tmp_path / "run" / "config.toml")
    assert config["loop"]["positions"] < 1024
    assert config["selfplay"]["games"] <= config["loop"]["positions"] // 8
    assert f"iterations of {config['loop']['positions']} (loop.positions)" in done.stderr
    assert newest(tmp_path / "run") >= 1
    assert "the clock has cut iteration" in done.stderr
    first = next(line for line in done.stderr.splitlines() if not line.startswith("loading "))
    assert first.startswith("run run: ")
    assert "0.1 minutes of training in all" in first
