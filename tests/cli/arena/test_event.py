"""Events of many players by the command arena, in real processes: schedules, logs, kills, records."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

Run = Callable[..., subprocess.CompletedProcess[str]]

WEAK = ["random", "mcts:2", "mcts:9"]


def told(selfplay: Run, *words: str) -> dict[str, Any]:
    done = selfplay("arena", *words, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize(
    ("schedule", "games", "meetings"),
    [("round-robin", 18, 3), ("gauntlet:1", 12, 2), ("ladder:1", 12, 2), ("swiss", 6, None)],
)
def test_every_schedule_is_played_to_its_end(
    selfplay: Run, schedule: str, games: int, meetings: int | None
) -> None:
    words = [*WEAK, "--games", "6", "--schedule", schedule, "--game", "tictactoe"]
    document = told(selfplay, *words)
    assert sum(match["games"] for match in document["matches"]) == games
    assert meetings is None or len(document["matches"]) == meetings
    assert document["ratings"][0]["player"] == "mcts:9"
    assert sum(row["games"] for row in document["ratings"]) == 2 * games
    assert document["complete"]
    assert document == told(selfplay, *words)


def test_a_log_is_told_without_players(selfplay: Run, refused: Callable[..., str], tmp_path: Path) -> None:
    log = str(tmp_path / "log.jsonl")
    document = told(selfplay, *WEAK, "--games", "4", "--log", log)
    assert told(selfplay, "--log", log) == document
    assert told(selfplay, *WEAK, "--games", "4", "--log", log) == document
    table = selfplay("arena", "--log", log).stdout
    assert "random - mcts:2" in table
    assert "p = " in table
    assert "seed is 1 there and 2 here" in refused(
        "arena", *WEAK, "--games", "4", "--log", log, "--seed", "2"
    )
    assert "schedule.pairs is 2 there" in refused("arena", *WEAK, "--games", "6", "--log", log)
    assert 'players 1.name is "random" there' in refused(
        "arena", "mcts:3", *WEAK[1:], "--games", "4", "--log", log
    )
    assert "there is no log" in refused("arena", "--log", str(tmp_path / "other"))
    assert "name two players or more, or the --log" in refused("arena")


def test_checkpoints_of_a_log_are_known_by_their_weights(
    refused: Callable[..., str], selfplay: Run, run_copy: Path, tmp_path: Path
) -> None:
    one, other = (run_copy / "checkpoints" / f"00000{number}" for number in (1, 2))
    words = [str(one), "random", "--games", "2", "--sims", "2", "--log", str(tmp_path / "log")]
    assert selfplay("arena", *words).returncode == 0
    (one / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    (one / "state.json").write_bytes((other / "state.json").read_bytes())
    assert "players 1.sha256 is" in refused("arena", *words)


def kill_at(lines: int, log: Path, words: list[str]) -> bool:
    """Kill an event once its log has so many lines; whether it was still under way."""
    command = [sys.executable, "-m", "engine.cli", "arena", *words]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        deadline = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and log.read_bytes().count(b"\n") >= lines:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.002)
        process.kill()
        return False


def check_kills(selfplay: Run, tmp_path: Path, words: list[str], moments: list[int]) -> None:
    """Kill an event at several lengths of its log, one after the other, and let it end."""
    whole = told(selfplay, *words, "--log", str(tmp_path / "whole"))
    log = tmp_path / "killed"
    killed = [kill_at(lines, log, [*words, "--log", str(log), "--json"]) for lines in moments]
    assert any(killed)
    with log.open("ab") as file:
        file.write(b'{"number":1,"opening":0,"sea')  # as a power cut may leave it
    before = log.read_bytes().count(b"\n")
    assert told(selfplay, *words, "--log", str(log)) == whole
    lines = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    numbers = [line["number"] for line in lines]
    assert len(set(numbers)) == len(numbers)
    assert len(numbers) >= before - 1
    told_games = {line["number"]: line for line in lines}
    for line in (tmp_path / "whole").read_text().splitlines()[1:]:
        game = json.loads(line)
        assert told_games.get(game["number"], game) == game
    assert told(selfplay, "--log", str(log)) == whole


def test_a_killed_event_goes_on_to_the_same_table(selfplay: Run, tmp_path: Path) -> None:
    words = ["random", "mcts:40", "mcts:300", "--games", "80"]
    check_kills(selfplay, tmp_path, words, [1, 30, 120])


def test_a_killed_test_is_decided_alike(selfplay: Run, tmp_path: Path) -> None:
    words = ["mcts:60", "mcts:40", "--games", "2000", "--sprt", "0,150"]
    check_kills(selfplay, tmp_path, words, [20])


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["round-robin", "swiss", "ladder:2"])
def test_an_event_killed_often_goes_on_to_the_same_table(
    selfplay: Run, tmp_path: Path, schedule: str
) -> None:
    words = ["random", "mcts:20", "mcts:60", "mcts:150", "--games", "60", "--schedule", schedule]
    check_kills(selfplay, tmp_path, words, [1, 2, 5, 9, 20, 33, 47, 60, 61, 80, 95, 110])


@pytest.mark.parametrize(
    "change",
    [{"seats": [5, 6]}, {"seats": [0, 0]}, {"seats": [1, 0]}, {"opening": 1}, {"number": 8}],
    ids=["unknown", "one", "swapped", "opening", "number"],
)
def test_a_game_of_no_such_event_is_refused(
    selfplay: Run, refused: Callable[..., str], tmp_path: Path, change: dict[str, object]
) -> None:
    log = tmp_path / "log.jsonl"
    event = ["arena", "random", "mcts:2", "--game", "tictactoe", "--games", "4", "--log", str(log)]
    selfplay(*event)
    header, *lines = log.read_text().splitlines()
    lines.sort(key=lambda line: int(json.loads(line)["number"]))
    lines[0] = json.dumps(json.loads(lines[0]) | change)
    edited = "\n".join([header, *lines, ""])
    log.write_text(edited)
    assert "is none of this event; remove its line" in refused(*event)
    assert "is none of this event; remove its line" in refused("arena", "--log", str(log))
    assert log.read_text() == edited


def test_two_may_not_write_one_log(refused: Callable[..., str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = [sys.executable, "-m", "engine.cli", "arena", "mcts:100000", "mcts:90000", "--games", "40"]
    with subprocess.Popen([*words, "--log", str(log)], stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while not log.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert "is in use by process" in refused(*words[3:], "--log", str(log))
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_model_of_a_test_is_told(selfplay: Run, refused: Callable[..., str]) -> None:
    words = ["mcts:200", "random", "--games", "200", "--sprt"]
    pairs = told(selfplay, *words, "0,100,0.01,0.02", "--sprt-model", "normalized")["matches"][0]["sprt"]
    assert (pairs["model"], pairs["alpha"], pairs["beta"]) == ("normalized", 0.01, 0.02)
    assert pairs["state"] == "accept elo1"
    games = told(selfplay, *words, "0,100", "--sprt-model", "cutechess")["matches"][0]["sprt"]
    assert games["state"] == "accept elo1"
    assert games["llr"] != pytest.approx(pairs["llr"])
    assert "'wald'; known" in refused("arena", *words, "0,100", "--sprt-model", "wald")
    assert "'0,100,1' is not two" in refused("arena", *words, "0,100,1")
    assert "give --sprt" in refused("arena", "random", "mcts:2", "--sprt-model", "normalized")


def test_an_anchor_keeps_its_rating(selfplay: Run, refused: Callable[..., str]) -> None:
    words = [*WEAK, "--games", "20", "--anchor", "random=-500", "--anchor"]
    rows = {row["player"]: row for row in told(selfplay, *words, "mcts:9=100")["ratings"]}
    assert (rows["random"]["elo"], rows["mcts:9"]["elo"]) == (-500, 100)
    assert rows["random"]["anchor"]
    assert -500 < rows["mcts:2"]["elo"] < 100
    assert "'nobody' is none of the players" in refused("arena", *words, "nobody=3")
    assert "'mcts:9' is not of the form" in refused("arena", *words, "mcts:9")
    assert "'mcts:9=inf' is not of the form" in refused("arena", *words, "mcts:9=inf")
    two = told(selfplay, *WEAK[:2], "--games", "4", "--anchor", "random=0")
    assert [row["player"] for row in two["ratings"]] == ["mcts:2", "random"]


def test_records_are_one_file(selfplay: Run, refused: Callable[..., str], tmp_path: Path) -> None:
    path, log = tmp_path / "new" / "games.pgn", tmp_path / "log"
    words = ["random", "mcts:2", "--games", "4", "--game", "gardner", "--log", str(log)]
    assert selfplay("arena", *words, "--records", str(path)).returncode == 0
    text = path.read_text()
    assert len(re.findall(r'^\[White "(random|mcts:2)"\]$', text, re.M)) == 4
    assert re.findall(r'^\[Round "(\d)"\]$', text, re.M) == ["1", "2", "3", "4"]
    read = [json.loads(line) for line in selfplay("record", str(path), "--json").stdout.splitlines()]
    games = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    games.sort(key=lambda game: game["number"])
    assert len(json.dumps(read)) > 100
    results = re.findall(r'^\[Result "(.*)"\]$', text, re.M)
    assert results == [{1: "1-0", 0: "1/2-1/2", -1: "0-1"}[game["outcome"]] for game in games]
    assert "is a directory; name a file" in refused("arena", *words, "--records", str(tmp_path))
    path.unlink()
    assert selfplay("arena", "--log", str(log), "--records", str(path)).returncode == 0
    assert path.read_text() == text
    bad = refused("arena", "random", "mcts:2", "--games", "2", "--records", str(tmp_path / "x"))
    assert "have no file format" in bad


def test_ratings_of_checkpoints_over_their_iterations(
    selfplay: Run, refused: Callable[..., str], tiny_run: Path, tmp_path: Path
) -> None:
    checkpoints = [str(tiny_run / "checkpoints" / f"00000{number}") for number in (1, 2, 3)]
    words = [*checkpoints, "random", "--games", "4", "--sims", "2"]
    document = told(selfplay, *words, "--tensorboard", str(tmp_path / "tb"))
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    (tag,) = (tag for tag in events.Tags()["tensors"] if tag.endswith("arena/elo"))
    shown = {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
    rated = {row["player"]: row["elo"] for row in document["ratings"]}
    assert shown == pytest.approx({n: rated[checkpoints[n - 1]] for n in (1, 2, 3)}, rel=1e-5)
    assert "no player is a checkpoint" in refused(
        "arena", *WEAK, "--games", "2", "--tensorboard", str(tmp_path / "none")
    )


def test_forfeits_are_apart_unless_they_are_to_count(selfplay: Run, tmp_path: Path) -> None:
    program = tmp_path / "silent.py"
    program.write_text("import sys\nfor line in sys.stdin:\n    sys.exit(3)\n")
    engine = f"uci:{sys.executable} {program}; nodes=9"
    players = [*WEAK, engine]
    apart = told(selfplay, *players, "--games", "4", "--game", "chess:max_plies=40")
    rows = {row["player"]: row for row in apart["ratings"]}
    forfeiting = [name for name in rows if name not in WEAK]
    assert len(forfeiting) == 1
    assert rows[forfeiting[0]]["elo"] is None
    assert sum(rows[forfeiting[0]]["forfeits"].values()) == 12
    alone = told(selfplay, *WEAK, "--games", "4", "--game", "chess:max_plies=40")
    assert {row["player"] for row in alone["ratings"]} == set(WEAK)
    counted = told(selfplay, *players, "--games", "4", "--game", "chess:max_plies=40", "--count-forfeits")
    lost = {row["player"]: row for row in counted["ratings"]}[forfeiting[0]]
    assert lost["elo"] < 0
    assert (lost["games"], lost["points"]) == (12, 0)
    table = selfplay("arena", *players, "--games", "4", "--game", "chess:max_plies=40").stdout
    assert "Forfeited games count for no score and no rating." in table


def test_a_running_score_stands_beneath_the_bar() -> None:
    from terminal import terminal

    with terminal("arena", "mcts:300", "random", "--games", "200") as shown:
        shown.screen.expect("mcts:300 - random: ")
        shown.screen.expect("LOS")
        shown.end()


def test_openings_of_a_file_are_chosen(selfplay: Run, refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "openings.txt"
    path.write_text("".join(f"{number}\n" for number in range(1, 8)))
    words = ["random", "mcts:2", "--games", "6", "--openings", str(path), "--log"]

    def played(name: str, *more: str) -> list[str]:
        assert selfplay("arena", *words, str(tmp_path / name), *more).returncode == 0
        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()[1:]]
        return [line["position"] for line in sorted(lines, key=lambda line: line["number"])][::2]

    assert played("given") == ["1", "2", "3"]
    assert played("later", "--opening-start", "4") == ["4", "5", "6"]
    shuffled = played("shuffled", "--opening-order", "shuffled")
    assert shuffled != ["1", "2", "3"]
    assert shuffled != played("other", "--opening-order", "shuffled", "--seed", "2")
    assert "'sorted' is neither" in refused("arena", *words, str(tmp_path / "x"), "--opening-order", "sorted")
    assert "give --openings" in refused("arena", "random", "mcts:2", "--opening-start", "2")


def test_a_limit_is_of_players_without_one(
    selfplay: Run, refused: Callable[..., str], tiny_run: Path
) -> None:
    words = [str(tiny_run), "mcts:20", "--games", "6", "--limit"]
    few, many = (told(selfplay, *words, f"simulations={count}")["matches"][0] for count in (1, 60))
    assert (few["wins"], few["losses"], few["distinct_games"]) != (many["wins"], many["losses"], 0)
    timed = told(selfplay, *words[:2], "--games", "2", "--limit", "time=0.05+0.01")["matches"][0]
    assert all(seconds > 0 for seconds in timed["seconds"])
    assert "'speed'" in refused("arena", *words, "speed=3")
