"""The Othello in C++ that games/othello.py is compared with, and the speed of both searches side by side:

.venv/bin/python tests/othello_twin.py [--simulations 64] [--rounds 9] [--seconds 1]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pybind11

from engine import _core
from engine.bench.core import measure_search
from games.othello import Othello

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "twin"


def load_twin() -> _core.Game:
    """Build cpp/tests/othello.cpp where it has changed, and load it; the compiler's words where it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    configure = [
        "cmake", "-S", str(ROOT / "cpp"), "-B", str(FOLDER), "-G", "Ninja", "-DSELFPLAY_TWIN=ON",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", f"-DPython_EXECUTABLE={sys.executable}",
    ]  # fmt: skip
    for command in (configure, ["cmake", "--build", str(FOLDER), "--target", "othello_twin"]):
        done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    (library,) = FOLDER.glob("othello_twin*.so")
    spec = importlib.util.spec_from_file_location("othello_twin", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    game: _core.Game = module.Othello()
    return game


def measure(simulations: int, rounds: int, seconds: float) -> dict[str, float]:
    """Median simulations a CPU-second of both, measured in turns, and how many times the one is the other."""
    games = {"numba": Othello(), "cpp": load_twin()}
    rates: dict[str, list[float]] = {name: [] for name in games}
    for _ in range(rounds):
        for name, game in games.items():
            rates[name].append(measure_search(game, simulations, seconds)["value"])
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {**medians, "ratio": medians["numba"] / medians["cpp"]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Search speed of Othello in Numba and in C++.")
    parser.add_argument("--simulations", type=int, default=64, help="of each search")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each game")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    options = parser.parse_args()
    print(json.dumps(measure(options.simulations, options.rounds, options.seconds)))


if __name__ == "__main__":
    main()
