"""Outside engines in the arena: sound ones, and whatever can be wrong with one."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_games import FAKE, GAMES, against_chance, check_forfeits, fake, match, running

from engine._core import InputError, State
from engine.arena.client.player import EnginePlayer
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.runner import Runner
from engine.errors import UserError
from engine.player import load_player
from engine.player.plain_player import RandomPlayer
from engine.player.thinking import Query, Restriction
from engine.registry import load_game


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
        ("uci", "twice", "protocol", "' was not asked for"),
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
    doing = {"json": "the first position", "gtp": "list_commands", "uci": "uci"}[protocol]
    check_forfeits(games, "start", f"{doing}: no answer in time")
    assert not running(f"{FAKE} {protocol} {fault}")


@pytest.mark.parametrize("protocol", ["json", "uci"])
def test_a_late_move_is_told_from_a_hang(protocol: str) -> None:
    games = against_chance(protocol, "late", limit="; time=0.2/move")
    check_forfeits(games, "time", "no move in time; it came later")


def test_numbers_that_are_none_are_passed_over() -> None:
    for one in against_chance("json", "boundless"):
        assert (one.termination, one.forfeit, one.nodes) == ("rules", None, [0, 0])


def test_resignation_is_a_loss_and_no_forfeit() -> None:
    for one in against_chance("gtp", "resign"):
        assert (one.termination, one.forfeit, one.points(0)) == ("resignation", None, 0.0)


def test_what_an_engine_is_certain_of_is_told_where_it_is_not_so() -> None:
    game = load_game("chess:max_plies=12")
    players = [load_player(fake("uci", "boaster"), game), load_player("random", game)]
    games = match(players, 2, Conduct())
    assert [one.outcome for one in games] == [0.0, 0.0]
    for one in games:
        assert one.claims == ["uci boaster: was certain of a win; it is a draw"]
        assert one.forfeit is None


def test_an_engine_that_always_fails_is_given_up() -> None:
    game = load_game("connect4")
    players = [load_player(fake("json", "exit"), game), load_player("random", game)]
    games = match(players, 24, Conduct(max_failures=3))
    kinds = [one.forfeit.kind for one in games if one.forfeit is not None]
    assert len(kinds) == 24
    assert set(kinds) == {"crash", "given up"}
    # Games that had begun side by side when the third failed are not given up.
    assert 3 <= kinds.count("crash") <= 3 + 2 * Conduct().engines
    last = next(one.forfeit.reason for one in games if one.forfeit and one.forfeit.kind == "given up")
    assert "games in a row, the last time: crash: ended with exit code 0" in last


def test_an_engine_is_started_anew_for_the_next_game(tmp_path: Path) -> None:
    """It fails in every second game, which is never twice in a row: it is never given up."""
    script = tmp_path / "moody.py"
    script.write_text(
        "import json, sys\n"
        "games = 0\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    games += len(request['moves']) == 1\n"
        "    if games > 1:\n"
        "        sys.exit(7)\n"
        "    best = next(c for c in '1234567' if request['moves'].count(c) < 6)\n"
        "    print(json.dumps({'id': request['id'], 'best': best}), flush=True)\n"
    )
    game = load_game("connect4")
    players = [load_player(f"json:{sys.executable} {script}; name=moody", game), load_player("random", game)]
    starts = [game.parse(text) for text in "1234567"]
    found: list[ArenaGame] = []
    conduct = Conduct(max_failures=2, engines=1)
    with Runner(game, starts, players, callers=1, conduct=conduct) as runner:
        runner.play([GameOrder(2 * k, k, (1, 0)) for k in range(7)], found.append)
    kinds = [one.forfeit.kind if one.forfeit else "" for one in found]
    assert kinds == ["", "crash"] * 3 + [""]


def test_an_engine_that_ends_between_games_is_started_anew(tmp_path: Path) -> None:
    """It answers its third move and ends, which is after its opponent has lost."""
    script = tmp_path / "brief.py"
    script.write_text(
        "import json, sys\n"
        "for _ in range(1 + 3):\n"
        "    request = json.loads(sys.stdin.readline())\n"
        "    print(json.dumps({'id': request['id'], 'best': '1'}), flush=True)\n"
    )
    game = load_game("connect4")
    players = [load_player(f"json:{sys.executable} {script}; name=brief", game), AsidePlayer(game)]
    games: list[ArenaGame] = []
    with Runner(game, [game.parse("12")], players, callers=1, conduct=Conduct(engines=1)) as runner:

        def ended(one: ArenaGame) -> None:
            games.append(one)
            wait_until_ended(script)

        runner.play([GameOrder(2 * k, 0, (0, 1)) for k in range(3)], ended)
    assert [one.forfeit for one in games] == [None] * 3
    assert [one.points(0) for one in games] == [1.0] * 3


class AsidePlayer(RandomPlayer):
    """Plays in the second column."""

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        return [1] * len(states)

    def twin(self, seed: int) -> "AsidePlayer":
        return AsidePlayer(self.game)


def wait_until_ended(script: Path) -> None:
    deadline = time.monotonic() + 60
    while running(str(script)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)  # a process gives up its command line before its pipes


def test_nothing_of_an_engine_is_left() -> None:
    """Its children are ended too, the one that left its process group among them."""
    seconds = "43219.25"
    games = against_chance("json", "family", seconds)
    assert [one.forfeit for one in games] == [None, None]
    assert not running(f"sleep {seconds}")
    assert not running(f"{FAKE} json family")


def test_an_outside_engine_is_a_player_like_others() -> None:
    game = load_game("connect4")
    player = load_player(fake("gtp"), game)
    assert player.choose([game.parse(text) for text in ("", "1", "111111", "12")], [0] * 4) == [0, 0, 1, 0]
    (analysis,) = player.analyze([game.parse("111111")])
    assert analysis["best"] == "2"
    thinker = player.thinker()
    thought = thinker.begin(Query(game.parse("111111")))
    while not thought.ended:
        thinker.step()
    assert thought.report().best == 1
    refused = thinker.begin(Query(game.initial(), restrictions=[Restriction(0, frozenset({3}))]))
    with pytest.raises(InputError, match="outside engine"):
        thinker.step()
    assert refused.ended
    broken = load_player(fake("gtp", "crash"), game)
    for _ in range(2):  # it is started anew each time
        with pytest.raises(UserError, match=r"player 'gtp crash' failed \(crash\): died of SIGSEGV"):
            broken.choose([game.initial()], [0])
    for one in (player, broken):
        assert isinstance(one, EnginePlayer)
        one.close()
    assert not running(f"{FAKE} gtp")
