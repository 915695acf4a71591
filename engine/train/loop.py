"""The loop: play, learn, commit, measure, until the time or the iterations are used up."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from engine import _core
from engine.checkpoint import Checkpoint, load_network
from engine.config import Config
from engine.errors import UserError
from engine.evaluator.choice import resolve_backend
from engine.evaluator.network import PolicyValueNetwork, check_size
from engine.evaluator.reference_rate import machine_speed, stated_speed
from engine.game.inquiry import truth_sets, untrainable
from engine.game.state_space import has_few_positions
from engine.game_run import Run
from engine.learner.learner import Learner
from engine.replay import Replay
from engine.run.interrupt import terminable
from engine.run.layout import REPLAY
from engine.run.metrics import Metrics, resident_mb
from engine.run.reporter import Reporter
from engine.run.settings_file import toml_text
from engine.run.storage import make_folder
from engine.selfplay.actors import Actors, InFlight
from engine.selfplay.actors.inline import InlineActors, num_callers
from engine.selfplay.caller import Games
from engine.selfplay.resignation import Resignation
from engine.train.defaults import resolved
from engine.train.first_weights import first_weights
from engine.train.sample_game import write_sample
from engine.train.summary import DuplicateWatch, Laps, games_summary, search_summary, time_summary
from engine.train.turn import Limit, Pace, Turn, take_turn
from engine.truth.probe import TruthProbe


@dataclass
class Progress:
    """What the loop itself carries from commit to commit."""

    iteration: int = 0
    seconds: float = 0.0  # of wall time, over all resumes
    reference_minutes: float | None = 0.0  # see engine.evaluator.reference_rate; None where not counted
    truth_seconds: float = 0.0
    ended_minutes: float = 0.0  # the largest limit at which the clock has cut an iteration short
    holdouts: list[list[float]] = field(default_factory=list)  # see engine.selfplay.resignation

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> Progress:
        """Where a checkpoint left off."""
        if checkpoint is None:
            return cls()
        uncounted = {"reference_minutes": None}  # of a run whose first minutes were not measured
        return cls(checkpoint.iteration, **{**uncounted, **checkpoint.progress})

    def advance(self, seconds: float, factor: float) -> None:
        """Stand at `seconds`; those that are new are minutes of a machine that is worth `factor` of them."""
        if self.reference_minutes is not None:
            self.reference_minutes += (seconds - self.seconds) / 60 * factor
        self.seconds = seconds

    def to_json(self) -> dict[str, Any]:
        """Everything beside the iteration, which the checkpoint names itself."""
        return {
            "seconds": self.seconds,
            "reference_minutes": self.reference_minutes,
            "truth_seconds": self.truth_seconds,
            "ended_minutes": self.ended_minutes,
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
    duplicates: DuplicateWatch
    factor: float  # reference minutes in a minute here
    pace: Pace = field(default_factory=Pace)


def train(
    game: _core.Game,
    config: Config,
    run_path: Path,
    *,
    minutes: float | None,
    iterations: int | None,
    resume: bool,
    reporter: Reporter,
    score: bool = True,
) -> bool:
    """Train in `run_path` until `minutes` or `iterations` in all; go on with what is there on `resume`.

    At the end the network is scored where the game brings positions of known value, unless `score` is False;
    that comes on top of the minutes. Returns whether an iteration was done; a run that was finished before
    is only told about. Raises UserError for what the user can mend. KeyboardInterrupt (also on SIGTERM) drops
    the iteration under way; everything up to the last commit stays.
    """
    check_trainable(game, config)
    limit = Limit(minutes, iterations)
    with ExitStack() as stack:
        stack.enter_context(terminable())
        warn = reporter.message
        first_line = f"run {run_path}: {game.name}{_until(limit, score and bool(truth_sets(game)))}"
        if resume:
            run = stack.enter_context(Run.open(run_path, warn))
            reporter.message(first_line)
        else:
            first_weights(game, config)
            make_folder(run_path)
            reporter.message(first_line)
            run = stack.enter_context(Run.create(run_path, resolved(game, config, reporter.message), warn))
        checkpoint = run.latest()
        progress = Progress.of(checkpoint)
        if checkpoint and limit.reached(progress.iteration, progress.seconds, progress.ended_minutes):
            _tell_finished(run, game, progress, limit, score, reporter)
            return False
        parts = _assemble(stack, game, run, checkpoint, reporter)
        done = progress.iteration if iterations is not None else progress.seconds / 60
        reporter.start(minutes, iterations, done)
        if warning := pool_warning(run.config):
            reporter.message(warning)
        loop(parts, limit)
        network = parts.learner.playing_network()
        reporter.finish(
            _final_table(parts.truth, network, run_path, parts.progress.iteration, score, reporter)
        )
        return True


def _until(limit: Limit, scored: bool) -> str:
    """How long a run goes on, for its first line."""
    end = ", until Ctrl-C"
    if limit.iterations is not None:
        end = f", to iteration {limit.iterations:,}"
    elif limit.minutes is not None:
        end = f", {limit.minutes:g} minutes of training in all"
    return f"{end}; scoring the final network comes on top (--no-final leaves it out)" if scored else end


def _tell_finished(
    run: Run, game: _core.Game, progress: Progress, limit: Limit, score: bool, reporter: Reporter
) -> None:
    """Say that there is nothing left to do, and show the result."""
    if limit.iterations is not None:
        asked, more = f"iteration {limit.iterations:,} was", f"--iterations {2 * progress.iteration}"
    else:
        asked, more = f"{limit.minutes:g} minutes were", f"--minutes {2 * (limit.minutes or 0):g}"
    reporter.message(
        f"run {run.path} is finished: iteration {progress.iteration:,} after {progress.seconds / 60:.1f} "
        f"minutes, and {asked} asked for; it goes on with more, say --resume {more}"
    )
    truth = TruthProbe(game, run.config)
    table = truth.kept(run.path, progress.iteration)
    if table is None:
        network = load_network(run.checkpoints()[-1])[2]
        table = _final_table(truth, network, run.path, progress.iteration, score, reporter)
    reporter.finish(table)


def _final_table(
    truth: TruthProbe,
    network: PolicyValueNetwork,
    run_path: Path,
    iteration: int,
    score: bool,
    reporter: Reporter,
) -> list[dict[str, Any]]:
    """Rows of the result; none without positions of known value."""
    if not truth.sets:
        return []
    if not score:
        reporter.message(f"not scored (--no-final): 'selfplay eval {run_path}' does it")
        return []
    try:
        reporter.message("scoring the final network and an untrained one")
        return truth.final(network, run_path, iteration, reporter.phase)
    except KeyboardInterrupt:
        reporter.message(
            f"scoring was broken off; run {run_path} is complete and kept: 'selfplay eval {run_path}' "
            "scores it"
        )
        raise


def check_trainable(game: _core.Game, config: Config) -> None:
    """Raise UserError for what could not be trained here, before there is a run directory."""
    if reason := untrainable(game):
        raise UserError(f"game '{game.name}' cannot be trained: {reason}")
    if game.initial().outcome() is not None:
        raise UserError(f"game '{game.name}' is over at its first position; there is nothing to play")
    check_size(game.planes_shape, game.num_actions, config.network)
    resolve_backend(config.evaluator)
    stated_speed()


def pool_warning(config: Config) -> str | None:
    """What to say where an iteration ends before every game has made a move: the others begin theirs anew."""
    games = num_callers(config) * config.selfplay.games
    if config.loop.turn_positions >= games:
        return None
    return (
        f"warning: loop.positions = {config.loop.positions} is less than a move for each of {games} games "
        "side by side, so most searches are begun in vain; raise it, or lower selfplay.games or loop.callers"
    )


def loop(parts: Parts, limit: Limit) -> None:
    """Play, learn, measure and commit until `limit`."""
    progress, actors = parts.progress, parts.actors
    config = parts.config.loop.model_copy(update={"positions": parts.config.loop.turn_positions})
    clock = time.monotonic() - progress.seconds  # when the run would have begun without its breaks
    laps = Laps()
    while not limit.reached(progress.iteration, progress.seconds, progress.ended_minutes):
        start, before = time.monotonic(), actors.stats()
        deadline = limit.deadline(start - clock, parts.pace, config.max_weight_lag)
        turn = take_turn(actors, parts.learner, parts.replay, config, deadline, parts.reporter.phase)
        laps.mark("turn")
        laps.split("turn", {"play": turn.play_s, "learn": turn.values["speed/actors_wait_s"]}, "replay")
        _commit(parts, turn, limit, before, laps, clock)
        end = time.monotonic()
        rest_s = max(end - start - turn.play_s - turn.learn_s, 0.0)
        parts.pace = Pace(turn.play_s, turn.learn_s, rest_s, end - clock - progress.seconds)


def _commit(
    parts: Parts, turn: Turn, limit: Limit, before: Mapping[str, float], laps: Laps, clock: float
) -> None:
    """Swap the weights, measure and write down what a turn has brought; `clock` is when the run began."""
    progress, actors = parts.progress, parts.actors
    progress.iteration += 1
    resigned = parts.resignation.observe(turn.games)
    actors.load(parts.learner.playing_network(), progress.iteration, parts.resignation.threshold)
    laps.mark("swap")
    values = turn.values | resigned | games_summary(turn.batches) | _replay_summary(parts, turn)
    laps.mark("commit")
    values |= _truth(parts, time.monotonic() - clock)
    laps.mark("truth")
    stats = {name: value - before.get(name, 0) for name, value in actors.stats().items()}
    values |= search_summary(stats, turn.play_s)
    values |= time_summary(laps, stats, parts.config.loop.callers)
    progress.advance(time.monotonic() - clock, parts.factor)
    cut = cut_short(parts, turn, int(stats["positions"]))
    if limit.is_over(progress.seconds, parts.pace, bool(cut)):
        progress.ended_minutes = limit.minutes or 0.0
    values |= {"machine/memory_mb": resident_mb(), "minutes": progress.seconds / 60}
    if progress.reference_minutes is not None:
        values["time/reference_minutes"] = progress.reference_minutes
    parts.run.begin(progress.iteration)
    _write(parts, values, turn.games)
    parts.run.commit(_checkpoint(parts), turn.games, parts.game)
    parts.reporter.iteration({"iteration": progress.iteration, **values})
    for said in (cut, parts.duplicates.check(values)):
        if said:
            parts.reporter.message(said)
    laps.mark("commit")


def cut_short(parts: Parts, turn: Turn, played: int) -> str | None:
    """What to say of a turn that the clock has ended before it was done."""
    wanted = parts.config.loop.turn_positions
    if played >= wanted and turn.steps >= turn.planned:
        return None
    return (
        f"the clock has cut iteration {parts.progress.iteration} short: {played:,} of {wanted:,} positions "
        f"played, {turn.steps:,} of {turn.planned:,} steps learnt; that is kept to go on from"
    )


def _assemble(
    stack: ExitStack, game: _core.Game, run: Run, checkpoint: Checkpoint | None, reporter: Reporter
) -> Parts:
    config = run.config
    learner = Learner(game, config, config.seed)
    replay = Replay(game, config.replay, config.game)
    if checkpoint:
        learner.load_state(checkpoint.learner)
        replay.load(run.path / REPLAY, run.shards(), reporter.message)
    elif (begun := first_weights(game, config)) is not None:
        learner.begin_with(begun.state_dict())
    progress = Progress.of(checkpoint)
    resignation = Resignation(config.selfplay, progress.holdouts)
    actors = create_actors(game, config, learner.playing_network())
    stack.callback(actors.close)
    if checkpoint:
        actors.restore(InFlight(checkpoint.games, checkpoint.next_ids))
        actors.load(learner.playing_network(), progress.iteration, resignation.threshold)
    metrics = stack.enter_context(Metrics(run.path, progress.iteration, warn=reporter.message))
    settings = toml_text(config.model_dump(mode="json"))
    metrics.text(progress.iteration, "settings", textwrap.indent(settings, "    "))
    truth = TruthProbe(game, config)
    duplicates = DuplicateWatch(partial(has_few_positions, game))
    return Parts(
        game,
        config,
        run,
        actors,
        learner,
        replay,
        metrics,
        truth,
        reporter,
        progress,
        resignation,
        duplicates,
        _factor(config, progress, reporter),
    )


def _factor(config: Config, progress: Progress, reporter: Reporter) -> float:
    if progress.reference_minutes is None:
        reporter.message("reference minutes are not counted: the run has some that were not measured")
        return 0.0
    speed = machine_speed(config.evaluator.device)
    reporter.message(str(speed))
    return speed.factor


def create_actors(game: _core.Game, config: Config, network: PolicyValueNetwork) -> Actors:
    """The actors that `loop.actors` names."""
    if config.loop.actors == "process":
        from engine.selfplay.actors.process import ProcessActors

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
    sample = write_sample(parts.run.path, iteration, parts.game, games)
    parts.metrics.text(iteration, "selfplay/sample_game", sample)
