"""Limits in a player's name, outside of an arena: kept, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.player import load_player
from engine.protocols.analysis.native import NativeDialect, NativeJob
from engine.protocols.line_reader import Line

ENDLESS = "mcts:10000000"


@pytest.mark.parametrize("command", ["analyze", "gtp", "play", "uci"])
def test_evaluations_are_refused(refused: Callable[..., str], command: str) -> None:
    assert "evaluations are counted in an arena alone" in refused(command, "mcts:5;evaluations=4")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["analyze", "mcts:5;time=60+1"], "give time=SECONDS/move"),
        (["analyze", "mcts:5;time=60", "--protocol", "katago", "--game", "go"], "give time=SECONDS/move"),
        (["uci", "mcts:5;time=1/move"], "leave out 'time=1/move'"),
        (["play", "mcts:5;time=1+1"], "leave out 'time=1+1'"),
    ],
)
def test_a_time_that_is_not_kept_is_refused(
    refused: Callable[..., str], words: list[str], wanted: str
) -> None:
    assert wanted in refused(*words)


@pytest.mark.parametrize("protocol", ["selfplay", "katago"])
def test_a_position_is_analyzed_for_the_players_time(selfplay: Callable[..., Any], protocol: str) -> None:
    board = {"rules": "chinese", "boardXSize": 5, "boardYSize": 5, "moves": []}
    query = {"id": "q", **(board if protocol == "katago" else {})}
    words = ["analyze", f"{ENDLESS};time=0.05/move", "--game", "go:size=5", "--protocol", protocol]
    (answer,) = map(json.loads, selfplay(*words, stdin=json.dumps(query) + "\n").stdout.splitlines())
    assert "error" not in answer


def test_a_request_with_a_limit_of_its_own_has_none_of_the_players() -> None:
    player = load_player("mcts:5")
    dialect = NativeDialect(player, player.thinker(), None, 0.5)
    limits = []
    for line in ('{"id": 1}', '{"id": 2, "simulations": 7}', '{"id": 3, "seconds": 2}'):
        (job,) = dialect.read(Line(line), 0).jobs
        assert isinstance(job, NativeJob)
        limits.append((job.query.simulations, job.seconds))
    assert limits == [(None, 0.5), (7, None), (None, 2.0)]


def test_gtp_plays_by_the_players_time(selfplay: Callable[..., Any]) -> None:
    said = selfplay("gtp", f"{ENDLESS};time=0.2/move", "--game", "go:size=5", stdin="genmove b\n").stdout
    assert said.startswith("= ")


def test_gtp_keeps_the_players_simulations_under_a_clock(selfplay: Callable[..., Any]) -> None:
    words = ["gtp", "connect4:pretrained;simulations=3", "--time", "1000/move"]
    said = selfplay(*words, stdin="genmove b\ngomill-explain_last_move\n").stdout
    assert "3 simulations" in said


def test_uci_has_the_players_simulations_by_default(selfplay: Callable[..., Any]) -> None:
    for player, simulations in (("chess:untrained;simulations=20", 20), ("mcts:7;name=Seven", 7)):
        said = selfplay("uci", player, stdin="uci\nquit\n").stdout
        assert f"option name Simulations type spin default {simulations} " in said


def test_uci_finds_the_game_of_a_player_with_a_name(selfplay: Callable[..., Any]) -> None:
    said = selfplay("uci", "random;name=Chance", stdin="uci\nquit\n").stdout
    assert "id name selfplay" in said
    assert "Chance" in said
