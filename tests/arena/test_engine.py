"""Outside engines in the arena: sound ones, and whatever can be wrong with one."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine._core import State
from engine.arena.conduct import Conduct
from engine.arena.game import FORFEITS, ArenaGame, GameOrder
from engine.arena.opening import random_openings
from engine.arena.runner import Runner
from engine.player import Player, load_player
from engine.registry import load_game

FAKE = Path(__file__).resolve().parents[1] / "fixtures/arena/fake_engine.py"
GAMES = {"json": "connect4", "gtp": "connect4", "uci": "chess"}
LIMITS = {"json": "", "gtp": "", "uci": "; nodes=7"}


def fake(protocol: str, fault: str = "sound", *words: str, limit: str = "") -> str:
    command = shlex.join([sys.executable, str(FAKE), protocol, fault, *words])
    return f"{protocol}:{command}; name={protocol} {fault}{limit or LIMITS[protocol]}"


def match(
    players: Sequence[Player], games: int, conduct: Conduct, openings: list[State] | None = None
) -> list[ArenaGame]:
    """Games between the first two players, colours in turn, sorted by number."""
    game = players[0].game
    starts = openings or random_openings(game, -(-games // 2), 2, 1)
    orders = [GameOrder(number, number // 2, (number % 2, 1 - number % 2)) for number in range(games)]
    found: list[ArenaGame] = []
    with Runner(game, starts, list(players), seed=1, callers=2, conduct=conduct) as runner:
        runner.play(orders, found.append)
    assert len(found) == games
    return sorted(found, key=lambda one: one.number)


def against_chance(
    protocol: str, fault: str, *words: str, games: int = 2, patience_s: float = 60.0, limit: str = ""
) -> list[ArenaGame]:
    game = load_game(GAMES[protocol])
    players = [load_player(fake(protocol, fault, *words, limit=limit), game), load_player("random", game)]
    return match(players, games, Conduct(patience_s=patience_s))


def running(text: str) -> list[str]:
    """Command lines of all processes that have this in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


@pytest.mark.parametrize("protocol", GAMES)
def test_a_sound_engine_plays_to_the_end(protocol: str) -> None:
    games = against_chance(protocol, "sound", games=8)
    assert [one.forfeit for one in games] == [None] * 8
    assert {one.termination for one in games} == {"rules"}
    assert all(one.claims == [] for one in games)
    for one in games:
        assert all(seconds > 0 for seconds in (one.seconds[one.seats.index(0)],))
    assert not running(f"{FAKE} {protocol} sound")


@pytest.mark.parametrize(
    ("protocols", "fault", "kind", "reason"),
    [
        ("json gtp uci", "crash", "crash", "died of SIGSEGV; it said 'assertion failed: depth > 0'"),
        ("json gtp uci", "exit", "crash", "ended with exit code 0"),
        ("json gtp uci", "closed", "crash", "closed its output"),
        ("gtp uci", "flood", "flood", "bytes of output without an answer"),
        ("json gtp uci", "endless line", "flood", "a line of more than"),
        ("json gtp uci", "illegal", "illegal", "illegal move '"),
        ("json gtp uci", "malformed", "protocol", "'best?!\N{REPLACEMENT CHARACTER}' is no move"),
        ("json gtp uci", "empty", "protocol", "'' is no move"),
        ("json gtp uci", "none", "illegal", ""),
        ("json", "flood", "protocol", "'info string nothing' is no JSON object"),
        ("json", "binary", "protocol", "is no JSON object"),
        ("json gtp", "wrong id", "protocol", ""),
        ("json gtp", "error", "protocol", ""),
        ("gtp", "refuses", "protocol", "refuses play"),
        ("json gtp uci", "crash at start", "start crash", "it said 'no network file'"),
    ],
)
def test_a_faulty_engine_forfeits_with_its_reason(protocols: str, fault: str, kind: str, reason: str) -> None:
    for protocol in protocols.split():
        check_forfeits(against_chance(protocol, fault), kind, reason)
        assert not running(f"{FAKE} {protocol} {fault}")


@pytest.mark.parametrize(
    ("protocol", "fault", "reason"),
    [
        ("json", "hang", "no move in time"),
        ("gtp", "hang", "no move in time"),
        ("uci", "hang", "no move in time, and none after stop"),
        ("uci", "stubborn", "no move in time, and none after stop"),
        ("uci", "unready", "isready: no answer in time"),
    ],
)
def test_an_engine_that_hangs_forfeits(protocol: str, fault: str, reason: str) -> None:
    check_forfeits(against_chance(protocol, fault, patience_s=5.0, limit="; time=1/move"), "hang", reason)
    assert not running(f"{FAKE} {protocol} {fault}")


@pytest.mark.parametrize(
    ("protocol", "fault"), [("gtp", "silent"), ("uci", "silent"), ("uci", "no handshake")]
)
def test_an_engine_that_does_not_greet_forfeits(protocol: str, fault: str) -> None:
    games = against_chance(protocol, fault, patience_s=2.0)
    check_forfeits(games, "start", {"gtp": "list_commands", "uci": "uci"}[protocol] + ": no answer in time")
    assert not running(f"{FAKE} {protocol} {fault}")


def check_forfeits(games: list[ArenaGame], kind: str, reason: str) -> None:
    for one in games:
        assert one.forfeit is not None
        assert one.forfeit.kind in kind.split(), one.forfeit
        assert one.forfeit.kind in FORFEITS
        assert reason in one.forfeit.reason
        assert one.seats[one.forfeit.colour] == 0
        assert (one.points(0), one.termination) == (0.0, "forfeit")
