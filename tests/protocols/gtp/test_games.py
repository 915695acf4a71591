"""Every game is played in its own notation, and a network on what it fits."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from gtp_client import Client, Engine

from engine._core import Game
from engine.config import Config, build_config
from engine.evaluator.network import PolicyValueNetwork
from engine.player import Player
from engine.player.tree_player import network_player
from engine.registry import game_names, load_game

GNUGO = shutil.which("gnugo", path=os.environ.get("PATH", "") + os.pathsep + "/usr/games")

MINE = '''
"""Nim with one heap."""
import numpy as np
from engine.game import PythonGame, PythonState


class Heap(PythonState):
    def __init__(self):
        self.left, self.turn = 7, 0

    def player(self):
        return self.turn

    def legal_actions(self):
        return list(range(min(3, self.left)))

    def play(self, action):
        self.left -= action + 1
        self.turn ^= 1

    def outcome(self):
        return -1.0 if self.left == 0 else None

    def encode(self):
        planes = np.zeros((2, 1, 8), np.float32)
        planes[0, 0, self.left] = 1
        planes[1] = self.turn
        return planes


class Mine(PythonGame):
    def __init__(self):
        super().__init__(
            name="mine", num_actions=3, planes_shape=(2, 1, 8), max_plies=7,
            action_names=["one", "two", "three"],
        )

    def start(self):
        return Heap()
'''


@pytest.mark.parametrize("name", game_names())
def test_a_game_is_played_to_its_end(name: str) -> None:
    client = Client(name, "random")
    colors = client.session.colors
    state = load_game(name).initial()
    for _ in range(60):
        if state.outcome() is not None:
            break
        color = colors[state.player()]
        if state.ply() % 2:
            move = client.ok(f"genmove {color}")
        else:
            move = state.action_text(state.legal_actions()[0])
            client.ok(f"play {color[0]} {move}")
        state.play(state.parse_action(move))
        assert client.session.state.key() == state.key()
    for _ in range(state.ply()):
        client.ok("undo")
    assert client.refused("undo") == "cannot undo"
    assert client.session.state.key() == load_game(name).initial().key()


def test_a_game_of_a_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    client = Client(f"{path}:Mine", "mcts:200")
    client.ok("play b three")
    assert client.refused("play b one") == "illegal move"
    assert client.refused("play w four") == "illegal move"
    assert client.refused("final_score").startswith("cannot score")
    assert client.ok("genmove w") in ("one", "two", "three")
    client.ok("clear_board")
    assert client.ok("genmove b") == "three"
    assert client.ok("gogui-play_sequence w one b three") == ""
    assert client.ok("final_score") == "B+1"
    assert client.refused("genmove w") == "the game is over"
    assert client.refused("play w one") == "illegal move"
    assert "game over" in client.ok("showboard")
    client.ok("undo")
    assert client.refused("genmove w") == "black is to move"


def test_white_moves_first_in_chess() -> None:
    client = Client("chess", "random")
    client.ok("play w e2e4")
    assert client.refused("play w d2d4") == "illegal move"
    assert client.ok("genmove b")


@pytest.mark.parametrize("game", ["connect4", "chess", "tictactoe"])
def test_what_a_game_without_stones_does_not_know(game: str) -> None:
    client = Client(game, "random")
    names = client.ok("list_commands").split("\n")
    assert {"play", "genmove", "undo", "time_settings", "time_left", "cputime"} <= set(names)
    for name in ("komi", "fixed_handicap", "final_status_list", "loadsgf", "kgs-rules", "set_position"):
        assert name not in names
        assert client.refused(f"{name} 1") == "unknown command"
    _, rows, columns = client.session.game.planes_shape
    client.ok(f"boardsize {max(rows, columns)}")
    client.ok(f"rectangular_boardsize {columns} {rows}")
    assert client.refused("boardsize 19").startswith("unacceptable size")


def network(game: str = "go:size=5") -> tuple[Config, PolicyValueNetwork]:
    rules = load_game(game)
    config: Config = build_config({"game": game, "network": {"channels": 4, "blocks": 1, "head_channels": 2}})
    return config, PolicyValueNetwork(rules.planes_shape, rules.num_actions, config.network)


def network_client() -> Client:
    config, weights = network()

    def open_player(game: Game) -> Player:
        return network_player("net", game, config, weights, 8)

    return Client("go:size=5", open_player=open_player)


def test_a_network_stays_under_other_komi_and_rules_and_not_on_another_board() -> None:
    client = network_client()
    client.ok("play b C3")
    for line in ("komi 0.5", "kgs-rules chinese", "scoring_system territory", "kgs-rules aga", "boardsize 5"):
        client.ok(line)
        assert re.fullmatch("[A-E][1-5]|pass", client.ok("reg_genmove w"))
    client.ok("play b C3")
    before = client.ok("showboard")
    assert "network takes planes" in client.refused("boardsize 9")
    assert "network takes planes" in client.refused("rectangular_boardsize 5 6")
    assert client.ok("showboard") == before
    assert client.ok("genmove w")
    assert client.ok("get_komi") == "0.5"


def test_the_same_moves_under_rules_that_forbid_one_are_refused() -> None:
    """White's last move takes its own two stones off the board."""
    client = Client("go:size=5", "random")
    client.ok("gogui-play_sequence b A4 w A5 b B4 w D2 b C5 w B5")
    before = client.ok("showboard")
    assert "does not allow the moves so far" in client.refused("kgs-rules chinese")
    assert client.ok("showboard") == before
    client.ok("undo")
    client.ok("kgs-rules chinese")


def test_a_game_that_begins_with_a_handicap_has_an_empty_board_once_cleared() -> None:
    client = Client("go:size=9,handicap=2,rules=chinese,komi=0.5", "random")
    assert "white to move" in client.ok("showboard")
    assert client.ok("final_score") == "B+78.5", "two points of bonus"
    client.ok("clear_board")
    assert "X" not in client.ok("showboard").replace("X to", "")
    assert client.ok("get_komi") == "0.5"
    assert client.ok("fixed_handicap 3") == "C7 G7 C3"


@pytest.mark.skipif(GNUGO is None, reason="gnugo is not installed: apt-get install gnugo")
def test_an_outside_engine_is_a_player_too() -> None:
    outside = f"gtp:{GNUGO} --mode gtp --level 1 --chinese-rules"
    words = ("gtp", outside, "--game", "go:size=7,rules=chinese")
    engine = Engine(sys.executable, "-m", "engine.cli", *words)
    try:
        for line in ("genmove b", "genmove w", "komi 0.5", "undo", "genmove w", "genmove b"):
            engine.ok(line)
        engine.ok("boardsize 5")
        assert re.fullmatch("[A-E][1-5]|pass", engine.ok("genmove b"))
        engine.ok("quit")
        assert engine.process.wait(60) == 0
    finally:
        engine.end()
