"""Whole games that GNU Go plays against itself, ply by ply under our rules: stones, captures and legal moves.

GNU Go's rules are simple ko and no suicide, as ours with ko=simple,suicide=false.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from engine._core import GoState
from engine.registry import load_game

PATH = shutil.which("gnugo", path=os.environ.get("PATH", "") + os.pathsep + "/usr/games")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PATH is None, reason="GNU Go is not installed here (Debian: apt-get install gnugo)"),
]

COLOURS = ("black", "white")
LEVEL = 1
LONGEST = 500
"""Plies after which a game is left."""


class GnuGo:
    """GNU Go over the Go Text Protocol."""

    def __init__(self, seed: int) -> None:
        assert PATH is not None
        options = ["--mode", "gtp", "--level", str(LEVEL), "--seed", str(seed), "--never-resign"]
        self._process = subprocess.Popen(
            [PATH, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, command: str) -> str:
        """The answer, its lines joined."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        lines = list(iter(self._process.stdout.readline, "\n"))
        answer = " ".join(line.strip() for line in lines)
        assert answer.startswith("="), (command, answer)
        return answer[1:].strip()

    def close(self) -> None:
        self._process.communicate("quit\n")


@pytest.fixture
def gnugo() -> Iterator[GnuGo]:
    engine = GnuGo(seed=7)
    yield engine
    engine.close()


def stones(state: GoState, player: int) -> set[str]:
    """Points of a colour, 0 Black's."""
    plane = state.encode()[0 if state.player() == player else 1]
    return {state.action_text(int(action)) for action in plane.ravel().nonzero()[0]}


def compare(state: GoState, gnugo: GnuGo, legal_too: bool) -> None:
    for player, colour in enumerate(COLOURS):
        assert stones(state, player) == set(gnugo.ask(f"list_stones {colour}").split()), state.text()
        assert state.captures()[player] == int(gnugo.ask(f"captures {colour}")), state.text()
    if legal_too and state.outcome() is None:
        ours = {state.action_text(action) for action in state.legal_actions()} - {"pass"}
        theirs = set(gnugo.ask(f"all_legal {COLOURS[state.player()]}").split()) - {"PASS"}
        assert ours == theirs, state.text()


def play(size: int, gnugo: GnuGo, source: random.Random) -> int:
    """One game that begins with a few random moves; its plies."""
    gnugo.ask(f"boardsize {size}")
    gnugo.ask("clear_board")
    state = load_game(f"go:size={size},ko=simple,suicide=false").initial()
    assert isinstance(state, GoState)
    openings = source.randrange(8)
    while state.outcome() is None and state.ply() < LONGEST:
        colour = COLOURS[state.player()]
        if state.ply() < openings:
            move = state.action_text(source.choice(state.legal_actions()[:-1]))
            gnugo.ask(f"play {colour} {move}")
        else:
            move = gnugo.ask(f"genmove {colour}")
        action = state.parse_action(move)
        assert action in state.legal_actions(), (move, state.text())
        state.play(action)
        compare(state, gnugo, legal_too=state.ply() % 4 == 0)
    assert state.outcome() is not None
    return state.ply()


@pytest.mark.parametrize(("size", "games"), [(5, 30), (9, 12), (13, 2), (19, 2)])
def test_games_of_gnugo(size: int, games: int, gnugo: GnuGo) -> None:
    source = random.Random(size)
    plies = sum(play(size, gnugo, source) for _ in range(games))
    assert plies > size * games
