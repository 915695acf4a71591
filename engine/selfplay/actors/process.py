"""Actors in processes of their own, one a caller: a crash or a hang costs the work of one iteration at most.

The driver keeps each actor's games as they were when it last answered. An actor that dies or makes no
progress is killed and started again from there, with the same weights and the same command, so that its
games are the same as if nothing had happened.

Nothing here waits for a process without a limit: it is started with nothing sent, and what it is sent and
what it answers moves as far as it will each time round.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.errors import UserError
from engine.evaluator.network import PolicyValueNetwork
from engine.selfplay.actors import InFlight
from engine.selfplay.actors.channel import Frame, Link, NoMessageError, frame
from engine.selfplay.actors.inline import num_callers
from engine.selfplay.actors.worker import BEAT_S, HEARD, Memory
from engine.selfplay.caller import Games, StoppedError
from engine.selfplay.resignation import NEVER

MAX_DEATHS = 4
"""Deaths of one actor over one command after which the run ends."""

START_S = 120.0
"""What starting may take, however busy the process is meanwhile."""

END_S = 2.0
"""What processes may take to end by themselves."""

KILL_S = 5.0
"""What the system may take to end a process that is killed."""

_BOOT = "from engine.selfplay.actors.worker import main; main()"


@dataclass
class Actor:
    """One process as the driver sees it."""

    index: int
    memory: Memory
    process: subprocess.Popen[bytes] | None = None
    link: Link | None = None
    command: Frame | None = None  # to be answered
    answer: Any = None
    deaths: int = 0  # over this command
    is_up: bool = False
    started: float = 0.0
    processor_s: float = 0.0  # that the process has used, while it starts
    idle_s: float = 0.0  # waited for without any progress
    moves: int = 0  # searched in the play under way or the last one
    is_finishing: bool = False  # told to return from the play under way
    stats: Counter[str] = field(default_factory=Counter)  # of this process
    earlier: Counter[str] = field(default_factory=Counter)  # of the processes before it


class _DiedError(Exception):
    """A process ended, broke or made no progress; the message says which."""


class ProcessActors:
    """Callers in processes; plays the games that as many callers in threads would play.

    Args:
        config: of the run; each process loads `config.game` itself, and may make no progress for as long as
            `loop.stall_s`.
        network: the weights to begin with.
    """

    def __init__(self, config: Config, network: PolicyValueNetwork) -> None:
        self.config = config
        self._stop, self._finish = threading.Event(), threading.Event()
        count, settings, weights = num_callers(config), config.model_dump(mode="json"), _arrays(network)
        architecture = (network.planes_shape, network.num_actions, network.has_score)
        self.actors = [
            Actor(index, Memory(settings, architecture, (index, count), weights)) for index in range(count)
        ]
        for actor in self.actors:
            with contextlib.suppress(OSError):  # tried again with the first command
                _start(actor)

    def play(self, positions: int) -> list[Games]:
        """Share `positions` among the actors; the games that ended, a batch an actor.

        Raises UserError where an actor cannot be kept alive, and what the actor raised for the user to mend.
        """
        share, rest = divmod(positions, len(self.actors))
        self._finish.clear()
        for actor in self.actors:
            actor.moves = 0
        answers = self._all([frame(("play", share + (actor.index < rest))) for actor in self.actors])
        for actor, (_, memory, stats) in zip(self.actors, answers, strict=True):
            actor.memory.games, actor.memory.next_id = memory
            actor.stats = Counter(stats)
        return [games for games, _, _ in answers]

    def load(self, network: PolicyValueNetwork, checkpoint: int, resign_below: float = NEVER) -> None:
        """Swap the weights of every actor, drop trees and caches, and resign below this root value."""
        weights = _arrays(network)
        self._all([frame(("load", weights, checkpoint, resign_below))] * len(self.actors))
        for actor in self.actors:
            actor.memory.weights = weights
            actor.memory.checkpoint, actor.memory.resign_below = checkpoint, resign_below

    def snapshot(self) -> InFlight:
        """The games under way."""
        kept = self._all([frame(("snapshot",))] * len(self.actors))
        return InFlight([games for games, _ in kept], [next_id for _, next_id in kept])

    def restore(self, in_flight: InFlight) -> None:
        """Go on from a snapshot taken with as many actors."""
        kept = list(zip(in_flight.games, in_flight.next_ids, strict=True))
        self._all([frame(("restore", games, next_id)) for games, next_id in kept])
        for actor, (games, next_id) in zip(self.actors, kept, strict=True):
            actor.memory.games, actor.memory.next_id = games, next_id

    def stats(self) -> dict[str, float]:
        """Counters of all actors as of their last play, and how often one was restarted."""
        total: Counter[str] = Counter()
        for actor in self.actors:
            total.update(actor.stats)
            total.update(actor.earlier)
        return {"restarts": 0, **dict(total)}

    def played(self) -> int:
        """Searched moves of the `play` under way or the last one, a moment ago."""
        return sum(actor.moves for actor in self.actors)

    def finish(self) -> None:
        """Make a `play` under way return after its current batch, with what it has played."""
        self._finish.set()

    def stop(self) -> None:
        """Make a `play` under way raise StoppedError soon; what has been played of it is lost."""
        self._stop.set()

    def close(self) -> None:
        """End the processes."""
        self._stop.set()
        for actor in self.actors:
            if actor.link is not None:
                actor.link.close()
        end = time.monotonic() + END_S
        for actor in self.actors:
            _end(actor, end - time.monotonic())

    def _all(self, commands: Sequence[Frame]) -> list[Any]:
        """The answers of all actors, each to its command; no process is left where that fails."""
        try:
            for actor, command in zip(self.actors, commands, strict=True):
                actor.command, actor.answer, actor.deaths, actor.idle_s = command, None, 0, 0.0
                if actor.link is not None:
                    actor.link.post(command)
                    actor.is_finishing = False
            while waiting := [actor for actor in self.actors if actor.command is not None]:
                if self._stop.is_set():
                    raise StoppedError
                self._turn(waiting)
        except BaseException:
            for actor in self.actors:
                _end(actor)
            raise
        return [actor.answer for actor in self.actors]

    def _turn(self, waiting: Sequence[Actor]) -> None:
        """Move what can be moved within a beat, and start anew who died or made no progress."""
        for actor in waiting:
            if actor.process is None:
                try:
                    _start(actor)
                except OSError as error:
                    self._bury(actor, f"its process cannot be started: {error.strerror}")
        running = [actor for actor in waiting if actor.link is not None]
        if self._finish.is_set():
            _finish(running)
        began = time.monotonic()
        ready = _ready([actor.link for actor in running if actor.link is not None])
        # While this process itself is stopped, nobody is waited for.
        waited = min(time.monotonic() - began, 2 * BEAT_S)
        for actor in running:
            try:
                self._attend(actor, waited, actor.link is not None and actor.link.fileno() in ready)
            except _DiedError as error:
                self._bury(actor, str(error))

    def _attend(self, actor: Actor, waited: float, is_ready: bool) -> None:
        """Take what an actor says; raise _DiedError where it is to be given up."""
        assert actor.link is not None
        moved, messages = 0, list[Any]()
        if is_ready:
            try:
                moved, messages = actor.link.move()
            except EOFError as error:
                raise _DiedError(_describe_end(actor)) from error
            except NoMessageError as error:
                raise _DiedError("it said what is no message") from error
        for kind, value in messages:
            if kind == "refused":
                raise UserError(value)
            if kind == "died":
                raise _DiedError(value)
            actor.is_up |= kind == "up"
            if kind == "beat":
                actor.moves = value
            if kind == "done":
                actor.command, actor.answer = None, value
        actor.idle_s = 0.0 if moved or _is_starting(actor) else actor.idle_s + waited
        if actor.command is not None and actor.idle_s > self.config.loop.stall_s:
            raise _DiedError(f"it made no progress for {self.config.loop.stall_s:g} s")

    def _bury(self, actor: Actor, reason: str) -> None:
        """End what is left of an actor's process; another is started, the later the more have died."""
        actor.deaths += 1
        if actor.deaths > MAX_DEATHS:
            raise UserError(
                f"actor {actor.index} died {actor.deaths} times over one command; at last: {reason}"
            )
        _end(actor)
        actor.earlier.update(actor.stats)
        actor.earlier["restarts"] += 1
        actor.stats = Counter()
        self._stop.wait(0.25 * 2 ** (actor.deaths - 1))


def _start(actor: Actor) -> None:
    """Start an actor's process, with what it is to know and to do still to be sent; raise OSError."""
    ours, theirs = socket.socketpair()
    try:
        # Ctrl-C on the way up would end it: a signal that is blocked here is blocked there.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        try:
            actor.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT],
                stdin=theirs.fileno(),
                stdout=2,  # what a game prints is no part of this program's output
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "OMP_NUM_THREADS": "1",
                },
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    actor.link, actor.is_up, actor.is_finishing = Link(ours), False, False
    actor.started, actor.processor_s, actor.idle_s = time.monotonic(), 0.0, 0.0
    actor.link.post(frame(sys.path))
    actor.link.post(frame(actor.memory))
    if actor.command is not None:
        actor.link.post(actor.command)


def _finish(running: Sequence[Actor]) -> None:
    """Tell actors to return from a play; what else they may be at goes on."""
    for actor in running:
        if actor.link is not None and not actor.is_finishing:
            actor.is_finishing = True
            actor.link.post(frame(("finish",)))


def _end(actor: Actor, patience: float = 0.0) -> None:
    """End an actor's process, which has `patience` seconds to do so by itself."""
    if actor.link is not None:
        actor.link.close()
    if actor.process is not None:
        for limit in (max(patience, 0.0), KILL_S):
            try:
                actor.process.wait(limit)
                break
            except subprocess.TimeoutExpired:
                actor.process.kill()
    actor.process = actor.link = None


def _ready(links: Sequence[Link]) -> set[int]:
    """Descriptors of the links that can send what they have, or have something to read, within a beat."""
    poll = select.poll()
    for link in links:
        poll.register(link.fileno(), select.POLLIN | (select.POLLOUT if link.is_sending else 0))
    return {descriptor for descriptor, _ in poll.poll(1000 * BEAT_S)}


def _is_starting(actor: Actor) -> bool:
    """Whether a process that is not up yet is at work; it has no batches to tell of by then."""
    if actor.is_up or actor.process is None or time.monotonic() - actor.started > START_S:
        return False
    before, actor.processor_s = actor.processor_s, _processor_s(actor.process.pid)
    return actor.processor_s > before


def _processor_s(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _describe_end(actor: Actor) -> str:
    """How the process of an actor that has hung up ended."""
    assert actor.process is not None
    try:
        code = actor.process.wait(KILL_S)
    except subprocess.TimeoutExpired:
        return "its process hung up"
    ending = ", killed from outside, perhaps for want of memory" if code == -signal.SIGKILL else ""
    return f"its process ended with code {code}{ending}"


def _arrays(network: PolicyValueNetwork) -> dict[str, Any]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}
