"""The example of an exported network runs by itself and finds what the player finds."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import _core
from engine.cli.app import run as run_command
from engine.player.name import read_checkpoint
from engine.registry import load_game, position_text

pytest.importorskip("onnxruntime", reason="needs the extra `export`")

EXAMPLE = Path(__file__).resolve().parents[2] / "scripts" / "examples" / "connect4_onnx.py"
MOST_LINES = 30
GAME = load_game("connect4")


def positions() -> list[_core.State]:
    """Of random games, from all their stages, none of them over."""
    found = []
    for seed in range(60):
        moves = _core.rollout_moves(GAME, seed, 42)
        state = GAME.initial()
        for move in moves[: len(moves) * seed // 60]:
            state.play(move)
        found.append(state)
    return found


def test_its_planes_are_those_of_the_game() -> None:
    planes_of = runpy.run_path(str(EXAMPLE))["planes_of"]
    for state in positions():
        assert (planes_of(position_text(GAME, state)) == state.encode()).all(), state.text()


def test_it_is_short_and_knows_nothing_of_the_project() -> None:
    source = EXAMPLE.read_text(encoding="utf-8")
    code = [line for line in source.partition("import sys")[2].splitlines() if line.strip()]
    assert len(code) <= MOST_LINES
    assert "engine" not in source
    assert "games" not in source


def test_it_prints_the_best_move(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    assert run_command(["export", "connect4:pretrained", "--onnx", str(path)]) == 0
    _, network = read_checkpoint("connect4:pretrained")
    full = next(state for state in positions() if len(state.legal_actions()) < 7)
    for state in (GAME.initial(), GAME.parse("4455"), full):
        done = subprocess.run(
            [sys.executable, "-I", str(EXAMPLE), str(path), position_text(GAME, state)],
            capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path,
        )  # fmt: skip
        move, _, win, _, draw, _, loss = done.stdout.split()
        with torch.inference_mode():
            logits, wdl = network(torch.from_numpy(state.encode()[None]))
        legal = state.legal_actions()
        assert int(move) - 1 == legal[int(logits[0, legal].argmax())]
        told = np.array([float(win), float(draw), float(loss)])
        assert np.abs(told - wdl.softmax(1)[0].numpy()).max() < 1e-3
