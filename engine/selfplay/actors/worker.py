"""The process of an actor, as `actors.process` starts it: commands come in, answers go out."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from engine.errors import InputError, UserError, describe_error
from engine.game.unraised import Unraised
from engine.selfplay.actors import channel
from engine.selfplay.caller import Caller, Games
from engine.selfplay.resignation import NEVER

BEAT_S = 0.2
"""How often an actor tells that it has had batches answered."""

HEARD = (signal.SIGINT, signal.SIGHUP)
"""Signals of a terminal, which reach the whole group: what becomes of the actors the driver decides."""


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


def main() -> None:
    """Serve commands on file descriptor 0, a socket, until it closes.

    In come the paths of Python's modules, a Memory, and then tuples of a command's name and its arguments.
    Out go pairs of a kind and a value: `up` once, `beat` with the searched moves of a play whenever there was
    progress, and to each command `done`, `refused` (for the user to mend) or `died`; none to `finish`, which
    makes a play under way return with what it has played.
    """
    for number in HEARD:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
    stream = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with contextlib.suppress(EOFError, OSError):
        _Service(stream).run()


class _Service:
    """The life of the process; several threads may send."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._sending = threading.Lock()
        self._commands: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def run(self) -> None:
        """Make a worker and obey until the driver has gone."""
        try:
            sys.path[:] = channel.receive(self._stream)
            worker = Worker(channel.receive(self._stream))
        except (UserError, InputError) as error:
            self._send("refused", str(error))
            return
        except (EOFError, OSError):
            raise
        except Exception as error:
            self._send("died", describe_error(error))
            return
        self._send("up", None)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        threading.Thread(target=self._beat, args=(worker,), daemon=True).start()
        while True:
            name, *arguments = self._commands.get()
            answer = worker.obey(name, arguments)
            self._send("beat", worker.caller.played)
            self._send(*answer)

    def _send(self, kind: str, value: Any) -> None:
        with self._sending:
            channel.send(self._stream, (kind, value))

    def _listen(self, worker: Worker) -> None:
        """Queue commands; end the process, whatever it is at, once the driver has gone."""
        try:
            while True:
                command = channel.receive(self._stream)
                if command[0] == "finish":
                    worker.finish.set()
                    worker.caller.end_play()
                    continue
                if command[0] == "play":
                    worker.finish.clear()
                self._commands.put(command)
        except (EOFError, OSError):
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(0)  # an ordinary exit would wait for a search under way

    def _beat(self, worker: Worker) -> None:
        told = 0
        while True:
            if worker.caller.batches != told:
                told = worker.caller.batches
                try:
                    self._send("beat", worker.caller.played)
                except OSError:
                    return
            time.sleep(BEAT_S)


class Worker:
    """What an actor's process does: one caller with an evaluator of its own."""

    def __init__(self, memory: Memory) -> None:
        import torch

        from engine.config import build_config
        from engine.evaluator.evaluator import NetworkEvaluator
        from engine.evaluator.network import PolicyValueNetwork
        from engine.registry import load_game

        torch.set_num_threads(1)
        self._never = threading.Event()  # the driver does not ask a play to stop: it ends the process
        self.finish = threading.Event()
        """Set to make a play under way return with what it has played."""
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
            return "done", getattr(self, name)(*arguments)
        except (UserError, InputError) as error:
            return "refused", str(error)
        except Exception as error:
            return "died", describe_error(error)

    def play(self, positions: int) -> tuple[Games, tuple[Games, int], dict[str, float]]:
        """(games that ended, snapshot, counters)."""
        games = self.caller.play(positions, self._never, self.finish)
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
