"""Commands that play with a run's checkpoints, whole and damaged, in real processes."""

import json
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.game_run import read_run
from engine.registry import load_game

Run = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., list[dict[str, Any]]]
Refused = Callable[..., str]


def newest(run: Path) -> Path:
    return run / "checkpoints" / "000003"


def test_a_run_and_its_checkpoints_play(selfplay: Run, tiny_run: Path) -> None:
    older = str(tiny_run / "checkpoints" / "000001")
    done = selfplay("arena", str(tiny_run), older, "random", "--games", "6", "--sims", "8", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["players"] == [str(tiny_run), older, "random"]
    assert len(document["matches"]) == 3
    assert all(match["forfeits"] == [] for match in document["matches"])


def test_analysis_of_a_run_depends_on_the_line_alone(ask: Ask, tiny_run: Path) -> None:
    requests = [{"id": n, "position": "4453"[:n], "simulations": 32} for n in range(5)]
    together = ask("analyze", str(tiny_run), requests=requests)
    alone = ask("analyze", str(tiny_run), requests=requests[3:4])
    assert [answer["id"] for answer in together] == list(range(5))
    assert together[3]["visits"] == alone[0]["visits"]
    assert all(answer["simulations"] == 32 for answer in together)


def test_play_against_a_run(selfplay: Run, tiny_run: Path) -> None:
    done = selfplay("play", str(tiny_run), "--sims", "8", "--second", "--show", stdin="4\nquit\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("plays") >= 1
    assert "8 simulations, value" in done.stdout


def test_a_damaged_newest_checkpoint_falls_back_with_a_warning(selfplay: Run, run_copy: Path) -> None:
    model = newest(run_copy) / "model.safetensors"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(bytes(data))
    done = selfplay("analyze", str(run_copy), stdin='{"id": 1}\n')
    assert json.loads(done.stdout)["id"] == 1
    assert "model.safetensors" in done.stderr
    assert "000002" in done.stderr


@pytest.mark.parametrize("damage", ["truncated", "flipped", "pickle", "missing", "empty"])
def test_a_damaged_checkpoint_is_one_line(refused: Refused, run_copy: Path, damage: str) -> None:
    model = newest(run_copy) / "model.safetensors"
    data = bytearray(model.read_bytes())
    if damage == "missing":
        model.unlink()
    else:
        flipped = bytes([data[0] ^ 1, *data[1:]])
        content = {"truncated": data[:-5], "flipped": flipped, "pickle": pickle.dumps([1]), "empty": b""}
        model.write_bytes(bytes(content[damage]))
    words = ["arena", "random"] if damage == "flipped" else ["analyze"]
    assert "model.safetensors" in refused(*words, str(newest(run_copy)))


def test_files_that_are_no_checkpoint(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))
    assert "pickles" in refused("analyze", str(path))
    assert "no checkpoint" in refused("play", str(tmp_path))


def test_a_network_of_another_size_is_refused(refused: Refused, run_copy: Path) -> None:
    shutil.copy(
        newest(run_copy) / "learner.safetensors", run_copy / "checkpoints" / "000002" / "model.safetensors"
    )
    line = refused("analyze", str(run_copy / "checkpoints" / "000002"))
    assert "model.safetensors" in line


OTHER_GAME = """
from engine import _core

class Other(_core.Connect4):
    name = "other:Other"
"""


def test_a_run_of_another_game_is_refused(refused: Refused, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(OTHER_GAME)
    run = str(tiny_run.resolve())
    assert "plays connect4" in refused("arena", run, "random", "--game", "other:Other", cwd=tmp_path)
    assert "plays connect4" in refused("analyze", run, "--game", "other:Other", cwd=tmp_path)
    line = refused("train", "other:Other", "--run", run, "--resume", cwd=tmp_path)
    assert "plays connect4, not other:Other" in line


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("search.c_puct=3.0", ["'search.c_puct' = 3.0", "1.5"]),
        ("network.channels=9", ["'network.channels' = 9", "goes on with its own, 8"]),
        ("seed=6", ["'seed' = 6", "goes on with its own, 5"]),
        ("serch.c_puct=3.0", ["'serch.c_puct'"]),
    ],
)
def test_a_resumed_run_keeps_its_settings(
    refused: Refused, tiny_run: Path, setting: str, wanted: list[str]
) -> None:
    line = refused("train", "connect4", "--run", str(tiny_run), "--resume", "--set", setting)
    for text in wanted:
        assert text in line


def test_a_run_is_left_as_it_was(tiny_run: Path) -> None:
    config, manifest = read_run(tiny_run)
    assert load_game(config.game).name == manifest.game
    assert sorted(manifest.checkpoints) == [1, 2, 3]
