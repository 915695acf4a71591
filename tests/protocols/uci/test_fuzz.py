"""Dialogues that make no sense: the engine lives, keeps its position, and answers each `go` once."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from uci_client import UciClient

from engine.protocols.uci.command import COMMANDS

VOCABULARY = """
uci isready debug on off setoption name value register ucinewgame position startpos fen moves go stop
ponderhit searchmoves ponder wtime btime winc binc movestogo depth nodes mate movetime infinite Hash MultiPV
Threads UCI_Variant UCI_Chess960 UCI_ShowWDL Ponder Clear true false chess gardner e2e4 e7e5 e1g1 e1h1 a7a8q
0000 e2e5 -1 0 1 2 3 7 50 1e9 nan inf 99999999999999999999999 0x10 <empty> \x00 \ufffd é ﷽ %s {} ; # = ? w b
KQkq - 8/8
"""
WORDS = VOCABULARY.split()

POSITIONS = (
    "startpos",
    "startpos moves e2e4 e7e5 g1f3",
    "startpos moves a2a3 a7a6",
    "fen r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
    "fen 6k1/5ppp/8/8/8/8/5PPP/4R1K1 w - - 0 1",
    "fen 7k/5Q2/6K1/8/8/8/8/8 b - - 0 1",
    "fen rnbqk/ppppp/5/PPPPP/RNBQK w - - 0 1 moves b2b3",
)
GOES = (
    "go nodes 3", "go nodes 20", "go movetime 1", "go movetime 0", "go wtime 20 btime 20", "go depth 1",
    "go mate 1", "go infinite", "go ponder wtime 50 btime 50", "go", "go searchmoves e2e4 nodes 4",
    "go wtime -5",
    "go btime 9", "go movestogo 1 wtime 15 btime 15 winc 1", "go nodes", "go depth x", "go infinite ponder",
)  # fmt: skip
OTHER = (
    "stop", "stop", "stop", "ponderhit", "isready", "ucinewgame", "uci", "setoption name Hash value 17",
    "setoption name MultiPV value 3", "setoption name UCI_Variant value gardner", "debug on",
    "setoption name UCI_Variant value chess", "setoption name UCI_Chess960 value true",
    "setoption name Clear Hash",
    "setoption name UCI_Chess960 value false", "setoption name Simulations value 9",
)  # fmt: skip


def scrambled(drawn: random.Random, line: str) -> str:
    """A line with letters or words lost, doubled, exchanged or put in."""
    words = line.split(" ")
    for _ in range(drawn.randint(1, 3)):
        place = drawn.randrange(len(words))
        kind = drawn.randrange(5)
        if kind == 0:
            words[place] = drawn.choice(WORDS)
        elif kind == 1:
            words.insert(place, drawn.choice(WORDS))
        elif kind == 2 and len(words) > 1:
            del words[place]
        elif kind == 3:
            drawn.shuffle(words)
        else:
            letters = list(words[place]) or ["x"]
            letters[drawn.randrange(len(letters))] = chr(
                drawn.choice([0, 9, 11, 32, 45, 57, 101, 233, 0x2028, 0xFFFD])
            )
            words[place] = "".join(letters)
    return drawn.choice([" ", " ", "  ", "\t"]).join(words)


def dialogue(drawn: random.Random) -> Iterator[str]:
    for _ in range(drawn.randint(1, 12)):
        kind = drawn.randrange(10)
        line = (
            f"position {drawn.choice(POSITIONS)}" if kind < 3 else drawn.choice(GOES if kind < 6 else OTHER)
        )
        if drawn.random() < 0.3:
            line = scrambled(drawn, line)
        if drawn.random() < 0.1:
            line = " ".join(drawn.choices(WORDS, k=drawn.randint(0, 12)))
        yield line


def is_go(line: str) -> bool:
    """Whether a line starts a search: its first command is `go`."""
    return next((word for word in line.split() if word in COMMANDS), "") == "go"


def count(heard: list[str]) -> int:
    return sum(line.startswith("bestmove ") for line in heard)


def converse(client: UciClient, seed: int) -> None:
    drawn, goes = random.Random(seed), 0
    client.hear()
    for line in dialogue(drawn):
        if "quit" in line.split():
            continue
        before = client.session.state.position()
        client.say(line)
        goes += is_go(line)
        if not line.split() or line.split()[0] not in ("position", "setoption"):
            words = line.split()
            if not any(word in ("position", "setoption") for word in words):
                assert client.session.state.position() == before, line
    client.say("stop")
    client.wait_quietly(lambda heard: count(heard) >= goes and not client.session.is_busy)
    assert count(client.lines) == goes, seed
    client.hear()
    client.say("isready")
    heard = client.hear()
    assert heard == ["readyok"], (seed, heard)
    client.say("position startpos moves e2e4")
    assert client.session.state.ply() in (0, 1)


def run(start: int, count: int) -> None:
    client = UciClient("mcts:8")
    for seed in range(start, start + count):
        client.say("setoption name UCI_Variant value chess", "setoption name UCI_Chess960 value false")
        converse(client, seed)
        client.say("setoption name UCI_Variant value chess")
        assert client.best("position startpos", "go nodes 2")[1] in "12", seed
    client.close()


@pytest.mark.parametrize("part", range(3))
def test_dialogues_that_make_no_sense(part: int) -> None:
    run(1000 * part, 100)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_dialogues_that_make_no_sense(part: int) -> None:
    run(100_000 + 500 * part, 500)
