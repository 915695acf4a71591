"""A play ends when it is told to, whether or not it comes to a batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STICKS = """
import numpy as np
from engine.game.python_game import PythonGame, PythonState

class Sticks(PythonState):
    def __init__(self):
        self.left, self.plies = 6, 0

    def player(self):
        return self.plies % 2

    def legal_actions(self):
        return list(range(min(2, self.left)))

    def play(self, action):
        self.left, self.plies = self.left - action - 1, self.plies + 1

    def outcome(self):
        return None if self.left else -1.0

    def encode(self):
        return np.full((1, 1, 1), self.left / 6, np.float32)

class Game(PythonGame):
    def __init__(self):
        super().__init__(name="sticks", num_actions=2, planes_shape=(1, 1, 1), max_plies=6)

    def start(self):
        return Sticks()
"""

PLAY = """
import sys, threading
from contextlib import nullcontext
import pytest
from engine.config import build_config
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game
from engine.selfplay.actors.inline import InlineActors
from engine.selfplay.actors.process import ProcessActors
from engine.selfplay.caller import StoppedError

kind, word = sys.argv[1:]
layers = {"network": {"channels": 8, "blocks": 1}, "selfplay": {"games": 6, "simulations": 12}}
config = build_config(layers, {"game": "sticks.py:Game", "loop": {"callers": 2, "actors": kind}})
game = load_game("sticks.py:Game")
small = PolicyValueNetwork(game.planes_shape, game.num_actions, config.network, 1).eval()
actors = InlineActors(game, config, small) if kind == "inline" else ProcessActors(config, small)
timer = threading.Timer(2, getattr(actors, word))
timer.start()
with pytest.raises(StoppedError) if word == "stop" else nullcontext():
    assert any(actors.play(10**12))
actors.close()
"""


@pytest.mark.parametrize("kind", ["inline", "process"])
@pytest.mark.parametrize("word", ["finish", "stop"])
def test_a_play_that_asks_nothing_hears_that_it_is_to_end(kind: str, word: str, tmp_path: Path) -> None:
    """Once every position of a small game is in the cache there are no batches between which to look.

    In a process of its own, which can be ended where the play cannot.
    """
    (tmp_path / "sticks.py").write_text(STICKS)
    words = [sys.executable, "-c", PLAY, kind, word]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
