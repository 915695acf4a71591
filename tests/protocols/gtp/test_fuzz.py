"""Dialogues that make no sense: everything is answered in form, and a refusal changes nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from gtp_client import Client

from engine.protocols.gtp.dialogue import COMMANDS, offered_names
from engine.protocols.line_reader import MAX_LINE

GAMES = ("go:size=5", "go:size=3x4,rules=japanese", "connect4", "tictactoe", "chess", "othello")
WORDS = (
    "b", "w", "black", "WHITE", "green", "pass", "PASS", "resign", "A1", "c3", "E5", "T19", "Z25", "I5", "A0",
    "A99", "0", "1", "2", "5", "7", "9", "-1", "3.5", "6.5", "1e9", "nan", "inf", "-0", "00",
    "99999999999999999999", "0x10", "dead", "alive", "seki", "area", "territory", "japanese", "chinese",
    "byoyomi", "canadian", "none", "absolute", "e4", "e2e4", "Nf3", "4", "interval", "minmoves", "avoid",
    "allow", "ownership", "true", "{}", "[]", '{"ko":1}', "../x", "/etc/passwd", "\ufffd", "\x00", "é",
    "\uff11", "#", ";", "=", "?", "''", "%s", "A" * 500,
)  # fmt: skip
"""Of arguments."""

NEVER = {"quit"}
INTERNAL = re.compile(
    r"\b(Key|Type|Attribute|Index|Assertion|Value|ZeroDivision|Name|Runtime|Overflow)Error\b"
)
"""What says that a line was not foreseen."""


def line(generator: random.Random, names: list[str]) -> str:
    """A command with arguments, or something like one."""
    kind = generator.random()
    if kind < 0.04:
        return "".join(chr(generator.randrange(0, 0x250)) for _ in range(generator.randrange(40))).replace(
            "\n", ""
        )
    if kind < 0.06:
        return generator.choice(["", "   ", "#", "# interrupt", "\t", "12", "=", "? x", "1 2 3", "\x01\x02"])
    if kind < 0.3:
        return f"play {generator.choice('bw')} {generator.choice('ABCDE')}{generator.randrange(1, 6)}"
    if kind < 0.36:
        return f"genmove {generator.choice('bw')}"
    name = generator.choice(names)
    if generator.random() < 0.05:
        at = generator.randrange(len(name))
        name = name[:at] + generator.choice(["", "x", " ", "\t", "\x00", "-"]) + name[at + 1 :]
    identity = generator.choice(["", "", "", f"{generator.randrange(1000)} ", "-4 ", "007 "])
    count = generator.choice([0, 1, 1, 2, 2, 3, 4, 9])
    return f"{identity}{name} {' '.join(generator.choice(WORDS) for _ in range(count))}"


def dialogue(seed: int, client_of: Callable[[str], Client]) -> int:
    """Talk for some lines; how many were answered."""
    generator = random.Random(seed)
    client = client_of(generator.choice(GAMES))
    names = [name for name in offered_names(client.session) if name not in NEVER]
    answered = 0
    for _ in range(generator.randrange(1, 25)):
        sent = line(generator, names)
        before = place(client)
        got = client.ask(sent)
        if not got:
            continue
        answered += 1
        assert re.match(r"[=?]\d{0,10}( |\n|$)", got), (sent[:80], got[:80])
        assert not INTERNAL.search(got), (seed, sent[:80], got[:200])
        if got.startswith("?"):
            assert "\n" not in got, (seed, sent[:80], got[:200])
            assert place(client) == before, (seed, sent[:80], got[:80])
    assert client.ok("name") == "Selfplay"
    return answered


def place(client: Client) -> tuple[object, ...]:
    """What a refusal must not change."""
    session = client.session
    return session.game.name, session.state.key(), len(session.history.steps), session.control


def listening() -> Client:
    """A client with a line that nobody takes: it ends what goes on until a line comes."""
    client = Client()
    client.send("\n")
    return client


def talk(seeds: range) -> int:
    first = listening()
    return sum(
        dialogue(seed, lambda game: Client(game, "random", inbox=first.session.inbox)) for seed in seeds
    )


def test_some_hundred_dialogues() -> None:
    assert talk(range(300)) > 2000


@pytest.mark.slow
def test_ten_thousand_dialogues() -> None:
    assert talk(range(300, 10_300)) > 80_000


def test_a_search_is_talked_to() -> None:
    """With a player that searches; the board is small."""
    first = listening()
    for seed in range(40):
        dialogue(seed, lambda _: Client("go:size=3", "mcts:4", inbox=first.session.inbox))


def test_every_command_is_refused_or_answered_with_any_argument() -> None:
    client = Client(player="random", inbox=listening().session.inbox)
    for name in COMMANDS:
        if name in NEVER:
            continue
        for argument in ("", "x" * 1000, "\ufffd", "b", "1", "b 1 1", "-1 -1 -1", "pass pass", "b " * 200):
            got = client.ask(f"{name} {argument}")
            assert got[:1] in ("=", "?"), (name, argument[:20])
            assert not INTERNAL.search(got), (name, argument[:20], got)


def test_a_line_as_long_as_may_be() -> None:
    client = Client(player="random")
    assert client.ask("play b " + "A" * (MAX_LINE - 7)).startswith("? invalid color")
    assert client.ask("gogui-play_sequence" + " b pass" * (MAX_LINE // 7 - 10)).startswith("? no more than")
    assert client.ask("undo") == "? cannot undo"
