"""A pool of rated players by the command arena: who joins, what stays, who is refused."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]


def joined(selfplay: Run, pool: Path, *words: str) -> dict[str, Any]:
    done = selfplay("arena", "--pool", str(pool), *words, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def ratings(document: dict[str, Any]) -> dict[str, float]:
    return {row["player"]: row["elo"] for row in document["ratings"]}


@pytest.fixture(scope="module")
def begun(selfplay: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of two; copy it before changing it."""
    path = tmp_path_factory.mktemp("pools") / "begun"
    joined(selfplay, path, "random", "mcts:20", "--anchor", "random=0", "--games", "40", "--until", "1")
    return path


@pytest.fixture
def pool(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "pool"))


def test_a_game_of_nobody_in_the_pool_is_refused(refused: Refused, pool: Path) -> None:
    log = pool / "games.jsonl"
    *lines, last = log.read_text().splitlines()
    log.write_text("\n".join([*lines, json.dumps(json.loads(last) | {"seats": [0, 7]}), ""]))
    assert "has players 0 and 7 of 2" in refused("arena", "--pool", str(pool))


def test_a_newcomer_joins_and_stays(selfplay: Run, pool: Path) -> None:
    before = joined(selfplay, pool)
    assert before["games"] == 40
    assert ratings(before)["random"] == 0
    assert ratings(before)["mcts:20"] > 100
    document = joined(selfplay, pool, "mcts:60", "--games", "30", "--until", "1")
    assert document["newcomers"] == ["mcts:60"]
    assert document["games"] == 70
    rated = ratings(document)
    assert rated["random"] == 0
    assert rated["mcts:60"] > rated["mcts:20"] > 50
    kept = json.loads((pool / "pool.json").read_text())["players"]
    assert [player["name"] for player in kept] == ["random", "mcts:20", "mcts:60"]
    assert kept[2]["elo"] == pytest.approx(rated["mcts:60"])
    assert kept[2]["games"] == 30
    lines = [json.loads(line) for line in (pool / "games.jsonl").read_text().splitlines()[1:]]
    assert sorted(line["number"] for line in lines) == list(range(70))
    assert all(2 in line["seats"] for line in lines if line["number"] >= 40)
    again = joined(selfplay, pool)
    assert ratings(again) == rated
    assert "mcts:60" in selfplay("arena", "--pool", str(pool)).stdout
    # Asked again with no more games it has had its share.
    assert joined(selfplay, pool, "mcts:60", "--games", "30", "--until", "1")["games"] == 70


def test_so_much_is_enough(selfplay: Run, pool: Path) -> None:
    wide = joined(selfplay, pool, "mcts:30", "--games", "400", "--until", "250")
    row = next(row for row in wide["ratings"] if row["player"] == "mcts:30")
    assert row["games"] < 100
    assert (row["elo_high"] - row["elo_low"]) / 2 <= 250
    narrow = joined(selfplay, pool, "mcts:30", "--games", "400", "--until", "120")
    more = next(row for row in narrow["ratings"] if row["player"] == "mcts:30")
    assert more["games"] > row["games"]
    assert (more["elo_high"] - more["elo_low"]) / 2 <= 120


def test_who_may_not_join(
    refused: Refused, selfplay: Run, pool: Path, tiny_run: Path, tmp_path: Path
) -> None:
    words = ("arena", "--pool", str(pool))
    checkpoint = str(tiny_run / "checkpoints" / "000001")
    joined(selfplay, pool, checkpoint, "--games", "4", "--sims", "2")
    assert "is there with simulations 2 and not 9" in refused(*words, checkpoint, "--sims", "9")
    assert "anchors stay" in refused(*words, "mcts:3", "--anchor", "random=10")
    assert "anchors stay" in refused(*words, "mcts:20", "--anchor", "mcts:20=10")
    assert "plays connect4" in refused(*words, "mcts:3", "--game", "tictactoe")
    assert "--schedule is of an event" in refused(*words, "mcts:3", "--schedule", "ladder")
    assert "--log is of an event" in refused(*words, "mcts:3", "--log", "x")
    assert "--until is of newcomers" in refused("arena", "random", "mcts:3", "--until", "3")
    new = ("arena", "--pool", str(tmp_path / "new"))
    assert "there is no pool" in refused(*new)
    assert "has no anchor" in refused(*new, "random", "mcts:3")
    assert "has one player" in refused(*new, "random", "--anchor", "random=0")
    (pool / "pool.json").write_text("{}")
    assert "cannot be read" in refused(*words, "mcts:3")


def test_a_player_that_is_gone_is_left_out_and_stays_rated(selfplay: Run, pool: Path, run_copy: Path) -> None:
    checkpoint = run_copy / "checkpoints" / "000001"
    joined(selfplay, pool, str(checkpoint), "--games", "8", "--sims", "2", "--until", "1")
    shutil.rmtree(run_copy)
    done = selfplay("arena", "--pool", str(pool), "mcts:5", "--games", "8", "--until", "1", "--json")
    assert done.returncode == 0
    assert "left out as an opponent" in done.stderr
    rated = ratings(json.loads(done.stdout))
    assert rated[str(checkpoint)] is not None
    assert rated["mcts:5"] is not None


def test_two_at_a_time_are_refused_and_a_killed_one_goes_on(
    refused: Refused, selfplay: Run, pool: Path
) -> None:
    words = ["arena", "--pool", str(pool), "mcts:30000", "--games", "12", "--until", "1"]
    before = (pool / "games.jsonl").read_bytes().count(b"\n")
    with subprocess.Popen([sys.executable, "-m", "engine.cli", *words], stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while (pool / "pool.json").read_text().count('"name"') < 3 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert "is in use by process" in refused(*words)
        finally:
            process.send_signal(signal.SIGKILL)
    with (pool / "games.jsonl").open("ab") as file:
        file.write(b'{"number":')
    document = joined(selfplay, pool, "mcts:3", "--games", "4", "--until", "1")
    assert ratings(document)["mcts:3"] is not None
    lines = (pool / "games.jsonl").read_text().splitlines()
    assert len(lines) >= before + 4
    numbers = [json.loads(line)["number"] for line in lines[1:]]
    assert len(set(numbers)) == len(numbers)
