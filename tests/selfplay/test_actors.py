"""Actors in processes: the games of the inline ones, whatever happens to a process."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_actors import network, settings

from engine.config import build_config
from engine.errors import UserError
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game
from engine.selfplay.actors import channel, process
from engine.selfplay.actors.inline import InlineActors
from engine.selfplay.actors.process import ProcessActors
from engine.selfplay.caller import Caller, Games, StoppedError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "game"

pytest.importorskip("openvino", reason="answers that do not depend on the batch need the extra cpu")


@pytest.fixture
def actors() -> Iterator[ProcessActors]:
    running = ProcessActors(settings(), network(1))
    yield running
    running.close()
    assert not children()


EARLIER: set[int] = set()
"""Processes that other tests of this one have left."""


@pytest.fixture(autouse=True)
def _earlier() -> None:
    EARLIER.clear()
    EARLIER.update(children())


def children(of: int | None = None) -> list[int]:
    """New processes that have this one for a parent, those included that nobody has waited for."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == (of or os.getpid()):
            found.append(int(stat.parent.name))
    return [pid for pid in found if pid not in EARLIER]


@contextmanager
def open_actors(network: PolicyValueNetwork, **loop: Any) -> Iterator[ProcessActors]:
    """Actors that leave no process behind, whatever becomes of them."""
    running = ProcessActors(settings(**loop), network)
    try:
        yield running
    finally:
        running.close()
        assert not children()


def expected(positions: list[int], callers: int = 2) -> list[list[Games]]:
    inline = InlineActors(load_game("connect4"), settings(callers=callers), network(1))
    batches = []
    for number, count in enumerate(positions, start=1):
        batches.append(inline.play(count))
        inline.load(network(1 + number), number)
    inline.close()
    return batches


def assert_same(ours: list[Games], theirs: list[Games]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert np.array_equal(one[name], other[name], equal_nan=name == "outcome"), name


def disturb(actors: ProcessActors, number: int, what: signal.Signals, delay_s: float) -> threading.Thread:
    started = actors.actors[number].process
    assert started is not None
    pid = started.pid

    def act() -> None:
        time.sleep(delay_s)
        os.kill(pid, what)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_the_same_games_as_in_threads(actors: ProcessActors) -> None:
    first, second = expected([300, 301])
    assert_same(actors.play(300), first)
    actors.load(network(2), 1)
    snapshot = actors.snapshot()
    assert_same(actors.play(301), second)
    assert actors.stats()["positions"] == 601
    assert actors.stats()["batches"] > 10
    actors.restore(snapshot)
    actors.load(network(2), 1)
    assert_same(actors.play(301), second)


def test_a_killed_actor_plays_its_games_again(actors: ProcessActors) -> None:
    first, second = expected([300, 20_000])
    assert_same(actors.play(300), first)
    actors.load(network(2), 1)
    thread = disturb(actors, 1, signal.SIGKILL, 0.05)
    assert_same(actors.play(20_000), second)
    thread.join()
    stats = actors.stats()
    assert stats["restarts"] == 1
    assert stats["positions"] == 20_300


@pytest.mark.slow
def test_a_stopped_actor_is_replaced() -> None:
    actors = ProcessActors(settings(stall_s=1.5), network(1))
    try:
        wanted = expected([20_000])[0]
        actors.snapshot()  # all of them are up
        thread = disturb(actors, 0, signal.SIGSTOP, 0.05)
        assert_same(actors.play(20_000), wanted)
        thread.join()
        assert actors.stats()["restarts"] == 1
    finally:
        actors.close()


def test_actors_killed_again_and_again_end_the_run_with_the_last_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "MAX_DEATHS", 1)
    start = process._start

    def start_and_kill(actor: process.Actor) -> None:
        start(actor)
        assert actor.process is not None
        actor.process.kill()

    monkeypatch.setattr(process, "_start", start_and_kill)
    with (
        open_actors(network(1)) as actors,
        pytest.raises(UserError, match=r"actor \d died 2 times over one command; at last: .* code -9"),
    ):
        actors.play(100)


def test_stop_ends_a_play_under_way(actors: ProcessActors) -> None:
    actors.snapshot()
    threading.Timer(0.3, actors.stop).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        actors.play(10**9)
    assert time.monotonic() - started < 5


def test_a_play_that_finishes_early_is_one_of_fewer_moves(actors: ProcessActors) -> None:
    seen: list[int] = []
    stop = threading.Event()

    def finish() -> None:
        while not stop.wait(0.05):
            seen.append(actors.played())
            if all(actor.moves > 0 for actor in actors.actors):
                actors.finish()

    thread = threading.Thread(target=finish)
    thread.start()
    batches = actors.play(10**9)
    stop.set()
    thread.join()
    assert any(0 < count <= actors.stats()["positions"] for count in seen)
    game, config = load_game("connect4"), settings()
    for actor, games in zip(actors.actors, batches, strict=True):
        played = int(actor.stats["positions"])
        assert 0 < played < 10**9
        evaluator = NetworkEvaluator(game, network(1), config.evaluator)
        alone = Caller(game, config, evaluator, actor.index, len(actors.actors))
        assert_same([games], [alone.play(played, threading.Event())])
        assert actor.memory.games is not None
        assert_same([actor.memory.games], [alone.pool.snapshot()])
    before = actors.stats()["positions"]
    actors.play(50)
    assert actors.stats()["positions"] == before + 50


def test_what_the_user_can_mend_is_said_at_once() -> None:
    broken = settings().model_copy(update={"game": "nosuch"})
    actors = ProcessActors(broken, network(1))
    try:
        with pytest.raises(UserError, match="unknown game 'nosuch'"):
            actors.play(10)
    finally:
        actors.close()


def boot_once(path: Path, code: str) -> str:
    """What an actor's process runs: `code` the first time, and what it should from then on."""
    first = f"import os; first = not os.path.exists({str(path)!r}); open({str(path)!r}, 'w').close()"
    return f"{first}\nif first:\n    {code}\n{process._BOOT}"


STOP = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
HALF = "os.write(0, (100).to_bytes(8, 'little') + b'half'); " + STOP


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(3)", "its process ended with code 3"),
        ("os.write(0, (3).to_bytes(8, 'little') + b'???')", "it said what is no message"),
        ("import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 27, 1 << 27))", ""),
        (STOP, "it made no progress for 2 s"),
        (HALF, "it made no progress for 2 s"),
    ],
    ids=["dies", "says nonsense", "has no memory", "stops", "stops in a message"],
)
def test_an_actor_that_fails_at_its_start_is_replaced(
    code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = expected([100], callers=1)[0]
    reasons: list[str] = []
    bury = ProcessActors._bury

    def bury_and_note(self: ProcessActors, actor: process.Actor, why: str) -> None:
        reasons.append(why)
        bury(self, actor, why)

    monkeypatch.setattr(ProcessActors, "_bury", bury_and_note)
    monkeypatch.setattr(process, "_BOOT", boot_once(tmp_path / "first", code))
    with open_actors(network(1), stall_s=2.0, callers=1) as actors:
        assert_same(actors.play(100), wanted)
        assert actors.stats()["restarts"] == 1
    assert reason in reasons[0]


@pytest.mark.parametrize("size", ["small", "large"])
def test_actors_that_never_start_end_the_run(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_DEATHS", 2)
    monkeypatch.setattr(process, "_BOOT", "import os; os._exit(3)")
    weights = network(1) if size == "small" else large()
    with (
        open_actors(weights) as actors,
        pytest.raises(UserError, match=r"died 3 times over one command; at last: .* ended with code 3$"),
    ):
        actors.play(100)


@pytest.mark.parametrize(("program", "reason"), [("/bin/false", "code 1"), ("/nosuch", "cannot be started")])
def test_a_broken_interpreter_ends_the_run(
    program: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MAX_DEATHS", 1)
    monkeypatch.setattr(sys, "executable", program)
    with open_actors(network(1)) as actors, pytest.raises(UserError, match=f"at last: .*{reason}"):
        actors.play(100)


def test_without_file_handles_the_run_ends_and_goes_on_once_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "MAX_DEATHS", 1)
    wanted, weights = expected([100], callers=1)[0], network(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        actors = ProcessActors(settings(callers=1), weights)
        with pytest.raises(UserError, match="cannot be started: Too many open files"):
            actors.play(100)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        assert_same(actors.play(100), wanted)
    finally:
        actors.close()


LARGE = build_config(
    settings(stall_s=2.0).model_dump() | {"network": {"channels": 8, "blocks": 1, "value_hidden": 8192}}
)
"""Weights of 44 MB, more than any socket holds."""


def large() -> PolicyValueNetwork:
    game = load_game("connect4")
    return PolicyValueNetwork(game.planes_shape, game.num_actions, LARGE.network).eval()


def test_an_actor_that_stops_while_weights_are_sent_is_replaced() -> None:
    actors = ProcessActors(LARGE, large())
    try:
        actors.snapshot()
        stop(actors, 0)
        actors.load(large(), 1)
        assert actors.stats()["restarts"] == 1
        stop(actors, 1)
    finally:
        actors.close()
    assert not children()


def stop(actors: ProcessActors, number: int) -> None:
    running = actors.actors[number].process
    assert running is not None
    running.send_signal(signal.SIGSTOP)


def test_last_words_are_heard() -> None:
    ours, theirs = socket.socketpair()
    link = channel.Link(ours)
    link.post(channel.frame(("play", 1)))
    link.move()
    channel.send(theirs, ("refused", "unknown game"))
    theirs.close()  # with a command unread, which resets the connection
    link.post(channel.frame(("play", 2)))
    assert link.move()[1] == [("refused", "unknown game")]
    with pytest.raises(EOFError):
        link.move()
    link.close()


DRIVER = """
import sys, time
from small_actors import network, settings
from engine.selfplay.actors.process import ProcessActors

actors = ProcessActors(settings(stall_s=1.5), network(1))
actors.snapshot()
print(*(actor.process.pid for actor in actors.actors), flush=True)
actors.play(int(sys.argv[1]))
print(actors.stats()["restarts"], flush=True)
actors.close()
"""


def start_driver(positions: int) -> tuple[subprocess.Popen[str], list[int]]:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(positions)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=FIXTURES,
        start_new_session=True,
    )
    assert driver.stdout is not None
    return driver, [int(word) for word in driver.stdout.readline().split()]


@pytest.mark.slow
def test_a_pause_of_the_whole_run_is_no_stall() -> None:
    driver, _ = start_driver(20_000)
    os.killpg(driver.pid, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(driver.pid, signal.SIGCONT)
    out, _ = driver.communicate(timeout=120)
    assert out == "0\n"


@pytest.mark.slow
def test_actors_end_with_their_driver() -> None:
    driver, pids = start_driver(10**9)
    assert len(pids) == 2
    driver.kill()
    driver.communicate()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids):
        if all(
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
            for pid in pids
            if Path(f"/proc/{pid}").exists()
        ):
            break  # nobody here waits for orphans
        assert time.monotonic() < deadline
        time.sleep(0.1)
