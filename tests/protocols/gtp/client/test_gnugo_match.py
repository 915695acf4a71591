"""Games against GNU Go: none is lost to protocol, time or illegality."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass

import pytest
from gtp_client import Engine

from engine.registry import load_game

PATH = shutil.which("gnugo", path=os.environ.get("PATH", "") + os.pathsep + "/usr/games")
pytestmark = pytest.mark.skipif(PATH is None, reason="gnugo is not installed: apt-get install gnugo")

GNUGO = (PATH or "gnugo", "--mode", "gtp", "--level", "1", "--chinese-rules")


@dataclass
class Game:
    """Of a match: how it ended, its moves and the two scores that were told."""

    ending: str
    moves: list[str]
    ours: str
    theirs: str


def play(ours: Engine, theirs: Engine, game: str, first: bool, setup: tuple[str, ...]) -> Game:
    """One game. first: whether ours is black. Moves are checked by our rules."""
    state = load_game(game).initial()
    for each in (ours, theirs):
        for line in (setup[0], "clear_board", *setup[1:]):
            each.ok(line)
    sides = (ours, theirs) if first else (theirs, ours)
    moves: list[str] = []
    while len(moves) < 600:
        player = len(moves) % 2
        move = sides[player].ok(f"genmove {'bw'[player]}").lower()
        moves.append(move)
        if move == "resign":
            break
        state.play(state.parse_action(move))
        sides[1 - player].ok(f"play {'bw'[player]} {move}")
        if moves[-2:] == ["pass", "pass"]:
            break
    ending = "passes" if moves[-2:] == ["pass", "pass"] else moves[-1] if moves[-1] == "resign" else "long"
    return Game(ending, moves, ours.ok("final_score"), theirs.ok("final_score"))


def match(games: int, size: int, player: str = "mcts:50", timing: str = "") -> list[Game]:
    game = f"go:size={size},rules=chinese,max_plies=600"
    ours = Engine(sys.executable, "-m", "engine.cli", "gtp", player, "--game", game)
    theirs = Engine(*GNUGO)
    setup = (f"boardsize {size}", "komi 6.5", *([timing] if timing else []))
    try:
        return [play(ours, theirs, game, number % 2 == 0, setup) for number in range(games)]
    finally:
        ours.end()
        theirs.end()


def test_some_games_on_a_small_board() -> None:
    games = match(6, 5)
    assert all(each.ending in ("passes", "resign") for each in games), [each.ending for each in games]


@pytest.mark.slow
def test_two_hundred_games() -> None:
    games = match(140, 9) + match(30, 7) + match(30, 9, timing="time_settings 10 0 0")
    assert len(games) == 200
    endings = Counter(each.ending for each in games)
    assert not endings["long"], endings
    differing = [f"{each.ours} {each.theirs}" for each in games if each.ours != each.theirs]
    print(endings, f"scores told alike: {200 - len(differing)} of 200; others: {differing}")
