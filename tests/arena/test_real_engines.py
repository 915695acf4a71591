"""Whole matches against engines by others, where they are installed, and a hundred games of faulty ones."""

import itertools
import sys
from collections import Counter

import pytest
from engine_games import fake, installed, match, running

from engine._core import Game
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.opening import random_openings
from engine.arena.runner import Runner
from engine.player import Player, load_player
from engine.registry import load_game

pytestmark = pytest.mark.slow

GNUGO = "--mode gtp --level 1 --chinese-rules --allow-suicide --positional-superko --capture-all-dead"


@pytest.mark.parametrize(
    ("program", "game", "ours", "spec"),
    [
        ("gnugo", "go:size=9,komi=7", "mcts:50", f"gtp:{{}} {GNUGO}"),
        ("stockfish", "chess", "mcts:50", "uci:{}; Hash=1; Skill Level=0; nodes=200"),
        ("fairy-stockfish", "gardner", "mcts:50", "uci:{}; Hash=1; nodes=200"),
        ("stockfish", "chess960:start=300", "mcts:50", "uci:{}; Hash=1; nodes=200"),
    ],
)
def test_200_games_against(program: str, game: str, ours: str, spec: str) -> None:
    path = installed(program)
    if path is None:
        pytest.skip(f"{program} is not installed here; scripts/test installs it as root of Debian")
    players = [load_player(ours, load_game(game)), load_player(spec.format(path), load_game(game))]
    games = match(players, 200, Conduct())
    assert [one.forfeit for one in games if one.forfeit] == []
    assert {one.termination for one in games} <= {"rules", "resignation"}
    assert not running(path)


def test_ours_from_outside_is_as_strong_as_within() -> None:
    selfplay = f"{sys.executable} -m engine.cli"
    game = load_game("gardner")
    outside = load_player(f"uci:{selfplay} uci mcts:50 --game gardner; nodes=50", game)
    games = match([load_player("mcts:50", game), outside], 200, Conduct())
    assert [one.forfeit for one in games if one.forfeit] == []
    points = sum(one.points(0) for one in games)
    assert 70 <= points <= 130


def _play(game: Game, players: list[Player], pairs: list[tuple[int, int]]) -> list[ArenaGame]:
    """A game of each pair, colours in turn."""
    openings = random_openings(game, 20, 4, 1)
    orders = [
        GameOrder(number, number % 20, pair if number % 2 else (pair[1], pair[0]))
        for number, pair in enumerate(pairs)
    ]
    found: list[ArenaGame] = []
    with Runner(game, openings, players, seed=1, callers=2, conduct=Conduct(patience_s=5.0)) as runner:
        runner.play(orders, found.append)
    return sorted(found, key=lambda one: one.number)


FAULTS = (("json", "exit"), ("gtp", "hang"), ("gtp", "flood"), ("json", "illegal"), ("gtp", "silent"))


def test_a_hundred_games_of_faulty_engines_change_nothing_for_the_others() -> None:
    game = load_game("connect4")
    sound = [load_player("random", game), load_player("mcts:20", game), load_player(fake("json"), game)]
    faulty = [load_player(fake(protocol, fault), game) for protocol, fault in FAULTS]
    players = [*sound, *faulty]
    pairs = list(itertools.combinations(range(len(sound)), 2))
    mixed = [(good, bad) for good in range(3) for bad in range(3, 8)]
    games = _play(game, players, [*pairs * 5, *mixed * 8])
    alone = _play(game, sound, pairs * 5)
    of_faulty = [one for one in games if max(one.seats) >= 3]
    assert len(of_faulty) == 120
    assert all(one.forfeit is not None and one.seats[one.forfeit.colour] >= 3 for one in of_faulty)
    kinds = Counter(one.forfeit.kind for one in of_faulty if one.forfeit)
    assert set(kinds) == {"crash", "hang", "flood", "illegal", "start", "given up"}
    rest = [one for one in games if max(one.seats) < 3]
    assert [(one.seats, one.forfeit) for one in rest] == [(one.seats, None) for one in alone]
    fixed = [one for one in rest if 1 not in one.seats]  # the rollouts of mcts follow each other
    assert [one.actions for one in fixed] == [one.actions for one in alone if 1 not in one.seats]
    assert not running("fake_engine.py")
