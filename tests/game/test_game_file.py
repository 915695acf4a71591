"""A game of a user's own: named where its file lies, and found again from any other folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.game.train import read_changes
from engine.errors import UserError
from engine.game_run import Run, read_config
from engine.registry import is_same_game, load_game, located_game

GAME = """
import numpy as np

from engine.game.python_game import PythonGame, PythonState
from {neighbour} import CELLS


class Row(PythonState):
    def __init__(self):
        self.cells, self.ply = [0] * CELLS, 0

    def player(self):
        return self.ply % 2

    def legal_actions(self):
        return [] if self.outcome() is not None else [i for i, cell in enumerate(self.cells) if not cell]

    def play(self, action):
        self.cells[action] = 1 + self.ply % 2
        self.ply += 1

    def outcome(self):
        last = 2 - self.ply % 2
        if any(a == b == last for a, b in zip(self.cells, self.cells[1:])):
            return -1.0
        return 0.0 if self.ply == CELLS else None

    def encode(self):
        own = 1 + self.ply % 2
        sides = (own, 3 - own)
        return np.array([[[float(cell == side) for cell in self.cells]] for side in sides], np.float32)


class TwoInARow(PythonGame):
    def __init__(self):
        super().__init__(name="two-in-a-row", num_actions=CELLS, planes_shape=(2, 1, CELLS), max_plies=CELLS)

    def start(self):
        return Row()
"""

SMALL = [
    "network.channels=4", "network.blocks=1", "loop.positions=16", "loop.callers=1", "selfplay.games=4",
    "selfplay.simulations=4", "learner.batch_size=8", "learner.threads=1", "evaluator.backend=torch",
]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with `own/row.py` and a package `shop.row` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("row", "shop", "shop.row", "shop.cells", "shop.other", "cells"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for folder, neighbour in (("own", "cells"), ("shop", ".cells")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "row.py").write_text(GAME.format(neighbour=neighbour))
        (tmp_path / folder / "cells.py").write_text("CELLS = 6\n")
    (tmp_path / "shop/__init__.py").touch()
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from engine.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def train(folder: Path, spec: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return run(folder, "train", spec, "--run", "run", *settings, *arguments)


@pytest.mark.parametrize("spec", ["own/row.py:TwoInARow", "./own/row.py:TwoInARow"])
def test_a_file_is_a_game(here: Path, spec: str) -> None:
    assert load_game(spec).name == "two-in-a-row"
    assert located_game(spec) == f"{here}/own/row.py:TwoInARow"


def test_a_module_that_is_not_installed_is_located_by_its_folder(here: Path) -> None:
    assert load_game("shop.row:TwoInARow").name == "two-in-a-row"
    whole = located_game("shop.row:TwoInARow")
    assert whole == f"{here}/shop.row:TwoInARow"
    assert is_same_game(whole, "shop.row:TwoInARow")
    assert not is_same_game(whole, "own/row.py:TwoInARow")


def test_a_module_beside_a_loaded_file_is_located_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_game("own/row.py:TwoInARow")
    monkeypatch.chdir(here / "own")
    assert located_game("row:TwoInARow") == f"{here}/own/row:TwoInARow"


def test_a_file_in_the_home_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert located_game("~/own/row.py:TwoInARow") == f"{here}/own/row.py:TwoInARow"
    with pytest.raises(UserError, match=r"there is no file '.*/~nobody-of-that-name/row\.py'"):
        located_game("~nobody-of-that-name/row.py:TwoInARow")


def test_names_and_installed_modules_stay_as_they_are() -> None:
    for spec in ("connect4", "go:size=9,komi=7", "games.tictactoe:TicTacToe"):
        assert located_game(spec) == spec


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("own/row.py", "names no class; give own/row.py:Name"),
        ("own/gone.py:TwoInARow", "there is no file"),
        ("/nowhere/gone.py:TwoInARow", "put it back, or start this in the folder that holds it"),
        ("/nowhere/gone:TwoInARow", "there is no 'gone' in '/nowhere'; put it back"),
        ("own/row.py:TwoInARw", "did you mean 'TwoInARow'"),
        ("own/row.py:Nothing", r"has no 'Nothing'; there: Row, TwoInARow$"),
        ("gone:TwoInARow", "neither installed nor in this folder; start where it lies, or give file.py:Name"),
        ("own/cells.py:CELLS", "has no 'CELLS'"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_not_there_is_named_with_the_remedy(spec: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_game(spec)


def test_code_in_a_run_folder_is_never_run(here: Path) -> None:
    (here / "own/manifest").mkdir()
    with pytest.raises(UserError, match="whose code is never run"):
        load_game("own/row.py:TwoInARow")
    with pytest.raises(UserError, match="whose code is never run"):
        load_game(f"{here}/own/row:TwoInARow")


@pytest.mark.parametrize("spec", ["own/row.py:TwoInARow", "shop.row:TwoInARow"])
def test_a_run_opens_and_goes_on_in_another_folder(here: Path, spec: str) -> None:
    first = train(here, spec, "--iterations", "1")
    assert first.returncode == 0, first.stderr
    assert read_config(here / "run").game == located_game(spec)
    away = here / "away"
    away.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", "from engine.cli.app import main; main()", "analyze", "../run", "--sims", "4"],
        cwd=away, input='{"id": 1}\n', capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["id"] == 1
    assert run(away, "arena", "../run", "random", "--games", "2", "--sims", "4").returncode == 0
    name, _, attribute = spec.partition(":")
    again = run(away, "train", f"../{name}:{attribute}", "--run", "../run", "--resume", "--iterations", "2")
    assert again.returncode == 0, again.stderr
    with Run.open(here / "run") as both:
        assert both.latest() is not None
        assert [shard.name for shard in both.shards()] == ["000001.parquet", "000002.parquet"]
    assert not list((here / "run" / "quarantine").glob("*"))


def test_the_settings_of_a_run_of_a_file_are_taken_for_another(here: Path) -> None:
    spec = "own/row.py:TwoInARow"
    path = here / "settings.toml"
    for named in (f"{here}/own/row.py:TwoInARow", spec, "two-in-a-row"):
        path.write_text(f'game = "{named}"\npreset = "default"\n[search]\nc_puct = 2.0\n')
        changes = read_changes(load_game(spec), spec, None, str(path), [])
        assert changes == {"preset": "default", "search": {"c_puct": 2.0}}
    path.write_text('game = "/nowhere/other.py:TwoInARow"\n')
    with pytest.raises(UserError, match=r"'game' = '/nowhere/other\.py.*the command names 'own/row\.py"):
        read_changes(load_game(spec), spec, None, str(path), [])
    with pytest.raises(UserError, match="'preset' = 'big', but the command names 'small'; drop one"):
        read_changes(load_game(spec), spec, "small", None, ["preset=big"])


def test_a_file_that_moved_is_found_beside_the_user_or_named(here: Path) -> None:
    assert train(here, "own/row.py:TwoInARow", "--iterations", "1").returncode == 0
    shutil.move(here / "own", here / "moved")
    lost = run(here, "arena", "run", "random", "--games", "2", "--sims", "4")
    assert lost.returncode == 2
    assert lost.stderr.count("\n") == 1
    assert "own/row.py" in lost.stderr
    assert "start this in the folder that holds it" in lost.stderr
    assert run(here / "moved", "arena", "../run", "random", "--games", "2", "--sims", "4").returncode == 0


def test_every_module_of_a_users_package_is_located(here: Path) -> None:
    (here / "shop/other.py").write_text("from .row import TwoInARow as Other\n")
    for spec in ("shop.other:Other", "shop.row:TwoInARow"):
        assert located_game(spec) == f"{here}/{spec}"
