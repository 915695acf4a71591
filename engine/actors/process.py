"""Actors in processes of their own, one a caller: a crash or a hang costs the work of one iteration at most.

The driver keeps each actor's games as they were when it last answered. An actor that dies or makes no
progress is killed and started again from there, with the same weights and the same command, so that its
games are the same as if nothing had happened.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from engine.actors import InFlight
from engine.actors.inline import num_callers
from engine.config import Config
from engine.errors import InputError, UserError, describe_error
from engine.network import PolicyValueNetwork
from engine.resignation import NEVER
from engine.selfplay import Caller, Games, StoppedError
from engine.unraised import Unraised

MAX_DEATHS = 4
"""Deaths of one actor over one command after which the run ends."""

BEAT_S = 0.2
"""How often an actor tells how many batches it has had answered."""

_CONTEXT = multiprocessing.get_context("spawn")


@dataclass
class Memory:
    """What an actor is started from: all that it knew when it last answered."""

    settings: dict[str, Any]
    architecture: tuple[tuple[int, int, int], int, bool]  # planes_shape, num_actions, has_score
    place: tuple[int, int]  # its number among how many
    weights: dict[str, Any]  # arrays by name
    checkpoint: int = 0
    resign_below: float = NEVER
    games: Games | None = None
    next_id: int = 0


@dataclass
class Actor:
    """One process as the driver sees it."""

    index: int
    memory: Memory
    process: Any = None
    connection: Any = None
    beat: Any = None  # shared counter of batches, one up for every answer to a command as well
    moves: Any = None  # shared count of the searched moves of the play under way
    stats: Counter[str] = field(default_factory=Counter)  # of this process
    earlier: Counter[str] = field(default_factory=Counter)  # of the processes before it


class ProcessActors:
    """Callers in processes; plays the games that as many callers in threads would play.

    Args:
        config: of the run; each process loads `config.game` itself, and may make no progress for as long as
            `loop.stall_s`.
        network: the weights to begin with.
    """

    def __init__(self, config: Config, network: PolicyValueNetwork) -> None:
        self.config = config
        self._stop, self._finish = _CONTEXT.Event(), _CONTEXT.Event()
        count, settings, weights = num_callers(config), config.model_dump(mode="json"), _arrays(network)
        architecture = (network.planes_shape, network.num_actions, network.has_score)
        self.actors = [
            Actor(index, Memory(settings, architecture, (index, count), weights)) for index in range(count)
        ]
        for actor in self.actors:
            self._start(actor)

    def play(self, positions: int) -> list[Games]:
        """Share `positions` among the actors; the games that ended, a batch an actor.

        Raises UserError where an actor cannot be kept alive, and what the actor raised for the user to mend.
        """
        share, rest = divmod(positions, len(self.actors))
        self._finish.clear()
        answers = self._all([("play", share + (actor.index < rest)) for actor in self.actors])
        for actor, (_, memory, stats) in zip(self.actors, answers, strict=True):
            actor.memory.games, actor.memory.next_id = memory
            actor.stats = Counter(stats)
        return [games for games, _, _ in answers]

    def load(self, network: PolicyValueNetwork, checkpoint: int, resign_below: float = NEVER) -> None:
        """Swap the weights of every actor, drop trees and caches, and resign below this root value."""
        weights = _arrays(network)
        self._all([("load", weights, checkpoint, resign_below)] * len(self.actors))
        for actor in self.actors:
            actor.memory.weights = weights
            actor.memory.checkpoint, actor.memory.resign_below = checkpoint, resign_below

    def snapshot(self) -> InFlight:
        """The games under way."""
        kept = self._all([("snapshot",)] * len(self.actors))
        return InFlight([games for games, _ in kept], [next_id for _, next_id in kept])

    def restore(self, in_flight: InFlight) -> None:
        """Go on from a snapshot taken with as many actors."""
        kept = list(zip(in_flight.games, in_flight.next_ids, strict=True))
        self._all([("restore", games, next_id) for games, next_id in kept])
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
        return sum(actor.moves.value for actor in self.actors)

    def finish(self) -> None:
        """Make a `play` under way return after its current batch, with what it has played."""
        self._finish.set()

    def stop(self) -> None:
        """Make a `play` under way raise StoppedError after its current batch."""
        self._stop.set()

    def close(self) -> None:
        """End the processes."""
        self._stop.set()
        for actor in self.actors:
            actor.connection.close()
        for actor in self.actors:
            actor.process.join(timeout=5)
            _end(actor)

    def _all(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        for actor, command in zip(self.actors, commands, strict=True):
            _send(actor, command)
        return [self._answer(actor, command) for actor, command in zip(self.actors, commands, strict=True)]

    def _answer(self, actor: Actor, command: tuple[Any, ...]) -> Any:
        for death in range(MAX_DEATHS + 1):
            kind, answer = self._wait(actor)
            if kind == "done":
                return answer
            if kind == "stopped":
                raise StoppedError
            if kind == "refused":
                raise UserError(answer)
            if death == MAX_DEATHS:
                raise UserError(
                    f"actor {actor.index} died {death + 1} times over one command; at last: {answer}"
                )
            time.sleep(0.25 * 2**death)
            self._restart(actor)
            _send(actor, command)
        raise AssertionError

    def _wait(self, actor: Actor) -> tuple[str, Any]:
        """(kind, answer); the kind is `died` for an actor that ended, broke or made no progress."""
        beat, since = actor.beat.value, time.monotonic()
        while True:
            try:
                if actor.connection.poll(BEAT_S):
                    kind, answer = actor.connection.recv()
                    return kind, answer
            except (EOFError, OSError):
                actor.process.join(timeout=5)
                return "died", f"its process ended with code {actor.process.exitcode}"
            if actor.beat.value != beat:
                beat, since = actor.beat.value, time.monotonic()
            elif time.monotonic() - since > self.config.loop.stall_s:
                return "died", f"it made no progress for {self.config.loop.stall_s:g} s"

    def _restart(self, actor: Actor) -> None:
        _end(actor)
        actor.earlier.update(actor.stats)
        actor.earlier["restarts"] += 1
        actor.stats = Counter()
        self._start(actor)

    def _start(self, actor: Actor) -> None:
        ours, theirs = _CONTEXT.Pipe()
        actor.connection = ours
        actor.beat, actor.moves = (_CONTEXT.Value("Q", 0, lock=False) for _ in range(2))
        actor.process = _CONTEXT.Process(
            target=serve,
            args=(theirs, actor.beat, actor.moves, self._stop, self._finish, actor.memory),
            name=f"selfplay-actor-{actor.index}",
            daemon=True,
        )
        actor.process.start()
        theirs.close()


def serve(connection: Connection, beat: Any, moves: Any, stop: Any, finish: Any, memory: Memory) -> None:
    """The life of an actor's process: commands come in, (kind, answer) goes out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        worker = Worker(memory, stop, finish)
    except (UserError, InputError) as error:
        _reply(connection, ("refused", str(error)))
        return
    threading.Thread(target=_tell, args=(beat, moves, worker), daemon=True).start()
    while True:
        try:
            name, *arguments = connection.recv()
        except (EOFError, OSError):
            return
        if not _reply(connection, worker.obey(name, arguments)):
            return


def _reply(connection: Connection, answer: tuple[str, Any]) -> bool:
    """Whether the driver was there to take it."""
    try:
        connection.send(answer)
    except OSError:
        return False
    return True


class Worker:
    """What an actor's process does: one caller with an evaluator of its own."""

    def __init__(self, memory: Memory, stop: Any, finish: Any) -> None:
        import torch

        from engine.config import build_config
        from engine.evaluator import NetworkEvaluator
        from engine.registry import load_game

        torch.set_num_threads(1)
        self.answers = 0
        self._stop, self._finish = stop, finish
        config = build_config(memory.settings)
        planes_shape, num_actions, has_score = memory.architecture
        network = PolicyValueNetwork(planes_shape, num_actions, config.network, has_score=has_score)
        self.network = network.eval()
        self._set_weights(memory.weights)
        game = load_game(config.game)
        self._unraised = Unraised(game)
        self.evaluator = NetworkEvaluator(game, self.network, config.evaluator)
        self.caller = Caller(game, config, self.evaluator, *memory.place)
        self.caller.pool.new_weights(memory.checkpoint, memory.resign_below)
        if memory.games is not None:
            self.restore(memory.games, memory.next_id)
        self._cpu_before = time.process_time()

    def obey(self, name: str, arguments: list[Any]) -> tuple[str, Any]:
        """(kind, answer) of one command."""
        try:
            answer = getattr(self, name)(*arguments)
        except StoppedError:
            return "stopped", None
        except (UserError, InputError) as error:
            return "refused", str(error)
        except Exception as error:
            return "died", describe_error(error)
        self.answers += 1
        return "done", answer

    def play(self, positions: int) -> tuple[Games, tuple[Games, int], dict[str, float]]:
        """(games that ended, snapshot, counters)."""
        games = self.caller.play(positions, self._stop, self._finish)
        self._unraised.check()
        return (
            games,
            self.snapshot(),
            {**self.caller.stats(), "cpu_s": time.process_time() - self._cpu_before},
        )

    def load(self, weights: dict[str, Any], checkpoint: int, resign_below: float) -> None:
        """Play on with these weights and this threshold."""
        self._set_weights(weights)
        self.evaluator.load(self.network)
        self.caller.pool.new_weights(checkpoint, resign_below)

    def snapshot(self) -> tuple[Games, int]:
        """The games under way and the id of the next."""
        return self.caller.pool.snapshot(), self.caller.pool.next_id

    def restore(self, games: Games, next_id: int) -> None:
        """Go on from a snapshot."""
        self.caller.pool.restore(games, next_id)

    def _set_weights(self, weights: dict[str, Any]) -> None:
        import torch

        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def _arrays(network: PolicyValueNetwork) -> dict[str, Any]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def _send(actor: Actor, command: tuple[Any, ...]) -> None:
    """A pipe that is broken shows when the answer is waited for."""
    try:
        actor.connection.send(command)
    except OSError:
        return


def _end(actor: Actor) -> None:
    if actor.process.is_alive():
        actor.process.kill()
    actor.process.join(timeout=5)
    actor.connection.close()


def _tell(beat: Any, moves: Any, worker: Worker) -> None:
    while True:
        moves.value = worker.caller.played
        beat.value = worker.caller.batches + worker.answers + 1
        time.sleep(BEAT_S)
