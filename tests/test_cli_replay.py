"""The command replay on a small run made here."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import _core
from engine.config import Config, SearchConfig
from engine.evaluator import UniformEvaluator
from engine.game_table import Games, num_games, num_positions, write_games
from engine.manifest import Manifest
from engine.registry import load_game
from engine.replay import Shard
from engine.search import search_params
from engine.settings_file import write_config

Run = Callable[..., subprocess.CompletedProcess[str]]


def play(positions: int) -> list[Games]:
    play_params = _core.PlayParams(simulations=16, fast_simulations=8, max_opening_plies=2)
    pool = _core.Pool(
        load_game("connect4"), search_params(SearchConfig(), noise=True), play_params, seed=1, slots=8
    )
    evaluate, batches = UniformEvaluator(), []
    for _ in range(2):
        pool.start(positions)
        while requests := pool.select():
            pool.backup(requests, evaluate(requests))
        batches.append(pool.take_games())
    return batches


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Games]]:
    path = tmp_path_factory.mktemp("run")
    (path / "replay").mkdir()
    (path / "manifest").mkdir()
    batches, shards = play(1000), []
    for number, games in enumerate(batches):
        name = f"{number:06d}.parquet"
        digest = write_games(path / "replay" / name, games, "connect4")
        shards.append(Shard(name, digest, num_games(games), num_positions(games)))
    write_config(path, Config())
    Manifest(2, "connect4", tuple(shards), {}).write(path)
    return path, batches


def test_the_summary_counts_what_is_there(selfplay: Run, run: tuple[Path, list[Games]]) -> None:
    path, batches = run
    document = json.loads(selfplay("replay", str(path), "--json").stdout)
    assert document["game"] == "connect4"
    assert document["shards"] == 2
    assert document["games"] == sum(map(num_games, batches)) > 40
    assert document["positions"] == sum(map(num_positions, batches))
    assert sum(document["results"].values()) == document["games"]
    assert document["distinct_games"] + document["duplicate_games"] == document["games"]
    assert 7 <= document["length"]["min"] <= document["length"]["mean"] <= document["length"]["max"] <= 42
    firsts = sum(int((games["outcome"] > 0).sum()) for games in batches)
    assert document["results"]["first"] == firsts
    assert f"games      {document['games']} in 2 files" in selfplay("replay", str(path)).stdout


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
    selfplay: Run, run: tuple[Path, list[Games]], tmp_path: Path
) -> None:
    path, batches = run
    copy = tmp_path / "copy"
    for file in path.rglob("*"):
        if file.is_file():
            target = copy / file.relative_to(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    shard = copy / "replay" / "000000.parquet"
    shard.write_bytes(shard.read_bytes()[:-10])
    done = selfplay("replay", str(copy), "--json")
    document = json.loads(done.stdout)
    assert document["games"] == num_games(batches[1])
    assert "000000.parquet" in document["damaged"][0]
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
