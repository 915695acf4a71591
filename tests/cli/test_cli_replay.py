"""The command replay on a small run made here."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config import Config
from engine.registry import load_game
from engine.run.settings_file import write_config
from engine.selfplay.game_table import Games, num_games, num_positions, read_games

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> tuple[Path, list[Games]]:
    return tiny_run, [read_games(path) for path in sorted((tiny_run / "replay").iterdir())]


def test_the_summary_counts_what_is_there(selfplay: Run, run: tuple[Path, list[Games]]) -> None:
    path, batches = run
    document = json.loads(selfplay("replay", str(path), "--json").stdout)
    assert document["game"] == "connect4"
    assert document["shards"] == 3
    assert document["games"] == sum(map(num_games, batches)) > 40
    assert document["positions"] == sum(map(num_positions, batches))
    assert sum(document["results"].values()) == document["games"]
    assert document["distinct_games"] + document["duplicate_games"] == document["games"]
    assert 7 <= document["length"]["min"] <= document["length"]["mean"] <= document["length"]["max"] <= 42
    firsts = sum(int((games["outcome"] > 0).sum()) for games in batches)
    assert document["results"]["first"] == firsts
    assert f"games      {document['games']} in 3 files" in selfplay("replay", str(path)).stdout


def test_the_columns_are_told(selfplay: Run, run: tuple[Path, list[Games]]) -> None:
    path, _ = run
    text = selfplay("replay", str(path), "--columns").stdout
    assert "root_wdl        list of 3 x float      win, draw, loss that the search found" in text
    rows = json.loads(selfplay("replay", str(path), "--columns", "--json").stdout)["columns"]
    assert rows[0] == {"column": "game_id", "type": "int64", "holds": "number of the game in its run"}


def test_one_game_move_by_move(selfplay: Run, run: tuple[Path, list[Games]]) -> None:
    path, batches = run
    games = batches[1]
    number = int(games["game_id"][0])
    document = json.loads(selfplay("replay", str(path), "--game", str(number), "--json").stdout)
    moves = games["moves"][: games["move_offsets"][1]]
    assert [ply["move"] for ply in document["moves"]] == [str(move + 1) for move in moves]
    state = load_game("connect4").initial()
    for ply, move in zip(document["moves"], moves, strict=True):
        assert ply["text"] == state.text()
        assert sum(ply["root_wdl"]) == pytest.approx(1, abs=1e-5) or ply["visits"] == 0
        state.play(int(move))
    assert document["text"] == state.text()
    shown = selfplay("replay", str(path), "--game", str(number)).stdout
    assert state.text() in shown
    assert "wins" in shown or "a draw" in shown


def test_a_damaged_file_is_named_and_the_rest_is_shown(
    selfplay: Run, run: tuple[Path, list[Games]], run_copy: Path
) -> None:
    shard = run_copy / "replay" / "000002.parquet"
    shard.write_bytes(shard.read_bytes()[:-10])
    done = selfplay("replay", str(run_copy), "--json")
    document = json.loads(done.stdout)
    assert document["games"] == num_games(run[1][0]) + num_games(run[1][2])
    assert "000002.parquet" in document["damaged"][0]
    assert "warning" in done.stderr


def test_a_bad_run_or_game_is_refused(
    refused: Callable[..., str], run: tuple[Path, list[Games]], tmp_path: Path
) -> None:
    path, _ = run
    assert "has no game 999999" in refused("replay", str(path), "--game", "999999")
    assert "is not a run directory" in refused("replay", str(tmp_path))
    assert "is not a run directory" in refused("replay", str(tmp_path / "nosuch"))
    (tmp_path / "manifest").mkdir()
    write_config(tmp_path, Config())
    assert "no checkpoint yet" in refused("replay", str(tmp_path))
    (tmp_path / "manifest" / "000001.json").write_text("{}")
    assert "damaged" in refused("replay", str(tmp_path))
