"""Outside engines on the command line, in real processes."""

import json
import subprocess
import sys
from collections.abc import Callable

from engine_games import fake

Run = Callable[..., subprocess.CompletedProcess[str]]


def forfeits(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    assert done.returncode == 0, done.stderr
    (match,) = json.loads(done.stdout)["matches"]
    return [(one["kind"], one["reason"]) for one in match["forfeits"]]


def test_an_engine_plays_whatever_the_arena_plays(selfplay: Run) -> None:
    engine = f"json:{sys.executable} -m engine.cli analyze mcts:30; simulations=30; name=outside"
    done = selfplay("arena", "mcts:30", engine, "--games", "20", "--threads", "2", "--json")
    assert forfeits(done) == []
    document = json.loads(done.stdout)
    assert document["players"] == ["mcts:30", "outside"]
    assert 0.2 <= document["matches"][0]["score"] <= 0.8


def test_margin_and_patience(selfplay: Run) -> None:
    late = fake("json", "late", limit="; time=0.5/move")
    words = ["arena", "random", late, "--games", "2", "--json"]
    assert [kind for kind, _ in forfeits(selfplay(*words))] == ["time"] * 2
    assert forfeits(selfplay(*words, "--margin", "60")) == []
    done = selfplay("arena", "random", fake("gtp", "silent"), "--games", "2", "--json", "--patience", "1")
    assert [kind for kind, _ in forfeits(done)] == ["start"] * 2
    assert "warning: gtp silent: start: list_commands: no answer in time" in done.stderr


def test_a_time_that_is_none_is_refused(refused: Callable[..., str]) -> None:
    for option, value in (
        ("--margin", "nan"),
        ("--patience", "inf"),
        ("--margin", "-1"),
        ("--patience", "0"),
    ):
        assert option.strip("-") in refused("arena", "random", "mcts:3", option, value)


def test_a_limit_for_all_is_for_outside_engines_too(selfplay: Run) -> None:
    engine = fake("uci", limit="; Hash=8")
    words = ["arena", "random", engine, "--game", "chess:max_plies=20", "--games", "2", "--json"]
    refused = selfplay(*words)
    assert refused.returncode == 2
    assert "player 'uci sound' has no limit" in refused.stderr
    assert forfeits(selfplay(*words, "--limit", "simulations=7")) == []
