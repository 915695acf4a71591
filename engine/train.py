"""The loop: play, learn, commit, measure, until the time or the iterations are used up."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from engine import _core
from engine.actors import Actors, InFlight
from engine.actors.inline import InlineActors, num_callers
from engine.backends import resolve_backend
from engine.bench.batch import choose_games
from engine.checkpoint import Checkpoint
from engine.config import Config, LoopConfig
from engine.errors import UserError
from engine.game_table import join_games
from engine.interrupt import terminable
from engine.learner import Learner, num_threads
from engine.metrics import Metrics, record_text, resident_mb, sample_game
from engine.network import PolicyValueNetwork, check_size
from engine.replay import Replay
from engine.resignation import Resignation
from engine.rundir import Run
from engine.selfplay import Games
from engine.settings_file import toml_text
from engine.storage import atomic_write
from engine.summary import DuplicateWatch, Laps, games_summary, search_summary, time_summary
from engine.truth_probe import TruthProbe

P = ParamSpec("P")
T = TypeVar("T")


class Reporter(Protocol):
    """Whoever is told about a run; engine.cli.progress has the one of the command line."""

    def start(self, total_minutes: float | None, total_iterations: int | None, done: float = 0) -> None:
        """A run begins with `done` minutes or iterations behind it."""

    def iteration(self, metrics: Mapping[str, Any]) -> None:
        """An iteration has ended with these metrics."""

    def message(self, text: str) -> None:
        """Something worth a line."""

    def phase(
        self, title: str, total: int, unit: str = ""
    ) -> AbstractContextManager[Callable[[float], None]]:
        """A part of an iteration that is counted to `total`; call what it gives with the count so far."""

    def finish(self, table: Sequence[Mapping[str, Any]]) -> None:
        """The run has ended with this result."""


@dataclass
class Progress:
    """What the loop itself carries from commit to commit."""

    iteration: int = 0
    seconds: float = 0.0  # of wall time, over all resumes
    truth_seconds: float = 0.0
    holdouts: list[list[float]] = field(default_factory=list)  # see engine.resignation

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> Progress:
        """Where a checkpoint left off."""
        return cls(checkpoint.iteration, **checkpoint.progress) if checkpoint else cls()

    def to_json(self) -> dict[str, Any]:
        """Everything beside the iteration, which the checkpoint names itself."""
        return {
            "seconds": self.seconds,
            "truth_seconds": self.truth_seconds,
            "holdouts": [list(row) for row in self.holdouts],
        }


@dataclass
class Parts:
    """What the loop moves data between."""

    game: _core.Game
    config: Config
    run: Run
    actors: Actors
    learner: Learner
    replay: Replay
    metrics: Metrics
    truth: TruthProbe
    reporter: Reporter
    progress: Progress
    resignation: Resignation
    duplicates: DuplicateWatch = field(default_factory=DuplicateWatch)


@dataclass(frozen=True)
class Limit:
    """When to stop; both None: never."""

    minutes: float | None
    iterations: int | None

    def reached(self, progress: Progress, iteration_s: float) -> bool:
        """Whether another iteration of `iteration_s` would end nearer to the limit than none."""
        if self.iterations is not None:
            return progress.iteration >= self.iterations
        return self.minutes is not None and progress.seconds + iteration_s / 2 >= 60 * self.minutes


def train(
    game: _core.Game,
    config: Config,
    run_path: Path,
    *,
    minutes: float | None,
    iterations: int | None,
    resume: bool,
    reporter: Reporter,
) -> None:
    """Train in `run_path` until `minutes` or `iterations` in all; go on with what is there on `resume`.

    Raises UserError for what the user can mend. KeyboardInterrupt (also on SIGTERM) drops the iteration
    under way; everything up to the last commit stays.
    """
    check_trainable(game, config)
    with ExitStack() as stack:
        stack.enter_context(terminable())
        warn = reporter.message
        run = stack.enter_context(
            Run.open(run_path, warn) if resume else Run.create(run_path, resolved(game, config), warn)
        )
        parts = _assemble(stack, game, run, reporter)
        done = parts.progress.iteration if iterations is not None else parts.progress.seconds / 60
        reporter.start(minutes, iterations, done)
        reporter.message(f"run {run_path}")
        if warning := pool_warning(run.config):
            reporter.message(warning)
        loop(parts, Limit(minutes, iterations))
        if parts.truth.sets:
            reporter.message("scoring the final network and an untrained one")
        reporter.finish(parts.truth.final(parts.learner.playing_network(), run_path))


def check_trainable(game: _core.Game, config: Config) -> None:
    """Raise UserError for what could not be trained here, before there is a run directory."""
    if getattr(game, "needs_agreement", False):
        raise UserError(
            f"game '{game.name}' is scored by agreement about dead stones, which self-play has nobody for; "
            "train under rules=tromp-taylor or chinese"
        )
    if game.initial().outcome() is not None:
        raise UserError(f"game '{game.name}' is over at its first position; there is nothing to play")
    check_size(game.planes_shape, game.num_actions, config.network)
    resolve_backend(config.evaluator)


def pool_warning(config: Config) -> str | None:
    """What to say where an iteration ends before every game has made a move: the others begin theirs anew."""
    games = num_callers(config) * config.selfplay.games
    if config.loop.positions >= games:
        return None
    return (
        f"warning: loop.positions = {config.loop.positions} is less than a move for each of {games} games "
        "side by side, so most searches are begun in vain; raise it, or lower selfplay.games or loop.callers"
    )


def loop(parts: Parts, limit: Limit) -> None:
    """Play, learn, measure and commit until `limit`."""
    progress, actors, learner, replay = parts.progress, parts.actors, parts.learner, parts.replay
    clock = time.monotonic() - progress.seconds  # when the run would have begun without its breaks
    iteration_s, laps = 0.0, Laps()
    while not limit.reached(progress, iteration_s):
        start, before = time.monotonic(), actors.stats()
        turn = take_turn(actors, learner, replay, parts.config.loop)
        laps.mark("turn")
        laps.split("turn", {"play": turn.play_s, "learn": turn.values["speed/actors_wait_s"]}, "replay")
        progress.iteration += 1
        resigned = parts.resignation.observe(turn.games)
        actors.load(learner.playing_network(), progress.iteration, parts.resignation.threshold)
        laps.mark("swap")
        values = turn.values | resigned | games_summary(turn.batches) | _replay_summary(parts, turn)
        laps.mark("commit")
        values |= _truth(parts, time.monotonic() - clock)
        laps.mark("truth")
        values |= _play_summary(parts, before, turn.play_s, laps)
        progress.seconds = time.monotonic() - clock
        values |= {"machine/memory_mb": resident_mb(), "minutes": progress.seconds / 60}
        _write(parts, values, turn.games)
        parts.run.commit(_checkpoint(parts), turn.games, parts.game)
        parts.reporter.iteration({"iteration": progress.iteration, **values})
        if warning := parts.duplicates.check(values):
            parts.reporter.message(warning)
        laps.mark("commit")
        iteration_s = time.monotonic() - start


@dataclass(frozen=True)
class Turn:
    """What an iteration has played and learnt."""

    batches: list[Games]  # one a caller
    games: Games
    positions: int  # new in the window
    steps: int
    play_s: float
    values: dict[str, float]  # metrics of the learner and of how the two waited for each other


def take_turn(actors: Actors, learner: Learner, replay: Replay, config: LoopConfig) -> Turn:
    """Play `config.positions` moves, add the games to the window, and take the steps that they call for.

    With `config.max_weight_lag` 1 the steps are those that earlier games call for, taken while these are
    played: the window does not change meanwhile, nor do the weights that play, so that the games and the
    steps are the same whichever of the two is faster.
    """
    if config.max_weight_lag == 0:
        batches, play_s = _timed(actors.play, config.positions)
        games = join_games(batches)
        positions = replay.add(games)
        steps = learner.plan_steps(positions)
        values, learn_s = _timed(learner.train, replay.window, steps)
        waits = play_s, learn_s
    else:
        steps = learner.plan_steps(0)
        with ThreadPoolExecutor(1, "player") as thread:
            playing = thread.submit(_timed, actors.play, config.positions)
            try:
                values, learn_s = _timed(learner.train, replay.window, steps)
                batches, play_s = playing.result()
            except BaseException:
                actors.stop()
                raise
        games = join_games(batches)
        positions = replay.add(games)
        learner.owe(positions)
        waits = max(play_s - learn_s, 0.0), max(learn_s - play_s, 0.0)
    values |= {
        "speed/learner_s": learn_s,
        "speed/learner_wait_s": waits[0],
        "speed/actors_wait_s": waits[1],
        "speed/weight_lag": config.max_weight_lag,
    }
    return Turn(batches, games, positions, steps, play_s, values)


def _timed(work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> tuple[T, float]:
    """What `work` returns, and the seconds it took."""
    start = time.monotonic()
    return work(*arguments, **keywords), time.monotonic() - start


def resolved(game: _core.Game, config: Config) -> Config:
    """Settings with every number that `0` leaves to the machine filled in, so that a resume repeats it."""
    loop_config = config.loop.model_copy(update={"callers": num_callers(config)})
    learner_config = config.learner.model_copy(update={"threads": num_threads(config.learner)})
    config = config.model_copy(update={"loop": loop_config, "learner": learner_config})
    if config.selfplay.games == 0:
        games = choose_games(game, config)
        config = config.model_copy(update={"selfplay": config.selfplay.model_copy(update={"games": games})})
    return config


def _assemble(stack: ExitStack, game: _core.Game, run: Run, reporter: Reporter) -> Parts:
    config = run.config
    checkpoint = run.latest()
    learner = Learner(game, config, config.seed)
    replay = Replay(game, config.replay, config.game)
    if checkpoint:
        learner.load_state(checkpoint.learner)
        replay.load(run.path / "replay", run.shards(), reporter.message)
    progress = Progress.of(checkpoint)
    resignation = Resignation(config.selfplay, progress.holdouts)
    actors = create_actors(game, config, learner.playing_network())
    stack.callback(actors.close)
    if checkpoint:
        actors.restore(InFlight(checkpoint.games, checkpoint.next_ids))
        actors.load(learner.playing_network(), progress.iteration, resignation.threshold)
    metrics = stack.enter_context(Metrics(run.path, progress.iteration))
    settings = toml_text(config.model_dump(mode="json"))
    metrics.text(progress.iteration, "settings", textwrap.indent(settings, "    "))
    truth = TruthProbe(game, config)
    return Parts(game, config, run, actors, learner, replay, metrics, truth, reporter, progress, resignation)


def create_actors(game: _core.Game, config: Config, network: PolicyValueNetwork) -> Actors:
    """The actors that `loop.actors` names."""
    if config.loop.actors == "process":
        from engine.actors.process import ProcessActors

        return ProcessActors(config, network)
    return InlineActors(game, config, network)


def _checkpoint(parts: Parts) -> Checkpoint:
    in_flight = parts.actors.snapshot()
    return Checkpoint(
        iteration=parts.progress.iteration,
        config=parts.config,
        learner=parts.learner.state(),
        games=in_flight.games,
        next_ids=in_flight.next_ids,
        progress=parts.progress.to_json(),
    )


def _play_summary(parts: Parts, before: Mapping[str, float], seconds: float, laps: Laps) -> dict[str, float]:
    difference = {name: value - before.get(name, 0) for name, value in parts.actors.stats().items()}
    values = search_summary(difference, seconds)
    return values | time_summary(laps, difference, parts.config.loop.callers)


def _truth(parts: Parts, seconds: float) -> dict[str, float]:
    """Metrics of the newest network, `seconds` into the run."""
    progress = parts.progress
    values, spent = parts.truth.measure(parts.learner.playing_network(), seconds, progress.truth_seconds)
    progress.truth_seconds += spent
    return values


def _replay_summary(parts: Parts, turn: Turn) -> dict[str, float]:
    window = parts.replay.window
    samples = turn.steps * parts.config.learner.batch_size
    return {
        "selfplay/distinct_positions": parts.replay.distinct_share,
        "replay/positions": parts.replay.played,
        "replay/window_positions": window.positions,
        "replay/window_games": window.games,
        "replay/samples_per_position": samples / max(turn.positions, 1),
        "replay/damaged_shards": parts.replay.bad_shards,
    }


def _write(parts: Parts, values: Mapping[str, Any], games: Games) -> None:
    iteration = parts.progress.iteration
    parts.metrics.write(iteration, values)
    if len(games["game_id"]) == 0:
        return
    start, moves = games["start"][0], games["moves"][: games["move_offsets"][1]].tolist()
    number = games["game_id"][0]
    sample = sample_game(parts.game, start, moves, f"game {number}")
    parts.metrics.text(iteration, "selfplay/sample_game", sample)
    folder = parts.run.path / "games"
    folder.mkdir(exist_ok=True)
    tags = {"event": f"iteration {iteration}", "round": str(number)}
    suffix, text = record_text(parts.game, start, moves, tags) or ("md", sample)
    atomic_write(folder / f"{iteration:06}.{suffix}", text.encode())
