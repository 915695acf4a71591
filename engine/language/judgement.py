"""What becomes of a new model: it is looked at, and the gate and the guards decide once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.language.episode import Episode
from engine.language.measure.evaluation import values_of
from engine.language.measure.watch import Look, observation
from engine.language.method.turn import Learnt, Turn
from engine.language.method.verdict import panel
from engine.language.model.model import LanguageModel
from engine.language.monitor.gate import gate
from engine.language.monitor.guard import Changes, Fate, respond
from engine.language.monitor.journal import Entry
from engine.language.monitor.levels import Level
from engine.language.monitor.metric.observation import Items
from engine.language.parts import Parts, Progress, turnable
from engine.language.record.text_run import judged_iteration
from engine.language.setup import drift_base

LOOP = ("gate/", "guard/")
"""Groups of figures that the loop itself tells."""


@dataclass(frozen=True)
class Judged:
    """What is to be shown of a model, and how much of it a person is asked to judge."""

    asked: int = 0
    probe: Sequence[Episode] = ()
    """Of the model, on the monitors' problems."""


def judge(parts: Parts, turn: Turn, episodes: Sequence[Episode], learnt: Learnt, leaked: int) -> Judged:
    """Look at what came out, and let the gate and the alarms decide what becomes of it."""
    progress, old, config = parts.progress, parts.accuracy, turn.config
    look, told = looked_at(parts, turn, turn.student)
    compared = parts.role.figure(look, told)
    passed = gate(compared.scores, old.scores, old.keys, config.monitor, config.seed)
    trainer = parts.method.trainer(config)
    share = trainer.real_share(turn, episodes)
    seen = observation(look, told, turn.iteration, episodes, share, leaked)
    human = judged_iteration(parts.run.path) == turn.iteration - 1
    alerts = parts.monitor.update(replace(seen, gate=passed, human=human, exploded=turn.exploded))
    for alert in alerts:
        parts.reporter.message(f"{alert.level.name} {alert.metric}: {alert.message}")
    present, has_earlier = turnable(config, trainer, share, parts.method.judge(config)), progress.accepted > 0
    changes = respond(alerts, present, config.guards, has_earlier=has_earlier, knobs=trainer.knobs())
    _record(parts, turn.iteration, changes)
    learnt.values["gate/p_worse"], learnt.values["gate/difference"] = passed.p_worse, passed.difference
    learnt.values.update(parts.method.figures(turn, look.greedy))
    parts.monitor.note(turn.iteration, own_figures(learnt.values))
    learnt.values.update(changes.metrics())
    written = learnt.tokens + sum(episode.tokens for episode in episodes)
    learnt.values.update({"data/tokens": float(written), "data/steps": float(learnt.steps)})
    progress.iteration = turn.iteration
    progress.tokens += written + look.tokens
    progress.patch |= changes.patch
    if changes.stop:
        progress.stopped = next(alert.message for alert in alerts if alert.level == Level.STOP)
    _settle(parts, turn, changes.fate, compared, learnt.steps)
    return Judged(changes.labels, look.probe)


def own_figures(values: Mapping[str, float]) -> dict[str, float]:
    """What a method and its training tell; what the monitors measure under the same name is theirs."""
    return {tag: value for tag, value in values.items() if "/" in tag and not tag.startswith(LOOP)}


def _settle(parts: Parts, turn: Turn, fate: Fate, compared: Items, steps: int) -> None:
    """Make the new model the accepted one, or not, or the one accepted before the present one."""
    progress = parts.progress
    if fate == "roll-back":
        _roll_back(parts)
    elif fate == "reject":
        parts.monitor.discard()
    else:
        base = progress.steps if turn.config.update.start == "last" else 0
        progress.accepted, progress.steps = turn.iteration, base + steps
        progress.companions, progress.memory = turn.companions.places(turn.iteration), turn.memory
        parts.model, parts.accuracy = turn.student, compared
        if turn.config.monitor.drift_from == "trained" and not progress.drift_base:
            progress.drift_base = turn.iteration
            parts.watch.rebase(parts.writer(turn.student))


def _roll_back(parts: Parts) -> None:
    """Go on from the model accepted before the present one, and from what that was compared by.

    Settings stay as alarms have left them, and what was measured since stays in the record.
    """
    progress, run = parts.progress, parts.run
    iteration = run.accepted_before(progress.accepted)
    earlier = Progress.of(run.progress(iteration), parts.config)
    progress.accepted, progress.steps = iteration, earlier.steps
    progress.companions, progress.memory = earlier.companions, earlier.memory
    parts.model, parts.accuracy = run.model(iteration), Items.from_json(earlier.accuracy)
    parts.monitor.roll_back(earlier.monitor)
    if progress.drift_base != earlier.drift_base:
        progress.drift_base = earlier.drift_base
        parts.watch.rebase(drift_base(run, parts.role, progress, parts.base))
    parts.reporter.message(f"the model of iteration {iteration} is the accepted one again")


def _record(parts: Parts, iteration: int, changes: Changes) -> None:
    """Tell what guards did or would have done: on the console, in TensorBoard and in the run's journal."""
    entry = Entry.of(iteration, changes)
    for line in entry.lines():
        parts.reporter.message(line)
    if entry:
        parts.progress.guards.append(entry.to_json())
        parts.metrics.text(iteration, "guard/journal", entry.markdown())
    if changes.labels:
        parts.reporter.message(
            f"up to {changes.labels} completions are to be judged: 'selfplay text inspect {parts.run.path}' "
            "shows them, --verdicts reads them back"
        )


def looked_at(parts: Parts, turn: Turn, model: LanguageModel) -> tuple[Look, list[float] | None]:
    """What the monitors see of a model, and what its value head says of the probe where it has one."""
    judges = panel(parts.method.judge(turn.config), turn)
    with parts.reporter.phase("looking at the model", parts.watch.rows) as move:
        look = parts.watch.look(parts.writer(model), move, judges)
    return look, None if model.value_head is None else values_of(model, look.probe).tolist()
