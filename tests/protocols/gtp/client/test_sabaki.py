"""The controller that Sabaki talks to engines with (@sabaki/gtp), under node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.registry import load_game

SCRIPT = Path(__file__).resolve().parents[3] / "fixtures/protocols/sabaki_match.cjs"
NODE_PATH = os.environ.get("NODE_PATH", "").split(os.pathsep)
PLACES = [*NODE_PATH, "/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs"]
FOUND = [place for place in PLACES if place and Path(place, "@sabaki/gtp").is_dir()]
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None or not FOUND, reason="node with @sabaki/gtp is not installed (npm install -g @sabaki/gtp)"
)


def test_a_match_and_jumps_between_positions() -> None:
    engine = [sys.executable, "-m", "engine.cli", "gtp", "mcts:30", "--game", "go:size=5"]
    assert NODE is not None
    done = subprocess.run(
        [NODE, str(SCRIPT), "5", *engine],
        env=os.environ | {"NODE_PATH": FOUND[0], "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    state = load_game("go:size=5,komi=6.5").initial()
    for move in told["moves"]:
        state.play(state.parse_action(move))
    score = state.area_score()  # type: ignore[attr-defined]
    assert told["scores"] == [f"{'B' if score > 0 else 'W'}+{abs(score):g}"] * 2
    assert state.outcome() is not None
    middle = load_game("go:size=5,komi=6.5").initial()
    for move in told["moves"][:4]:
        middle.play(middle.parse_action(move))
    assert middle.text().strip() in told["board"]
    assert "4 . . . . O . . . ." in told["last"]
    assert {"undo", "set_free_handicap", "rectangular_boardsize", "time_settings"} <= set(told["sent"])
