"""The phases of a constitutional method together: which parts each has, and what holds for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.material import practice, real_data
from engine.language.method.constitution.config import ConstitutionalSettings, PhaseName
from engine.language.method.constitution.constitution import Constitution, Principle
from engine.language.method.constitution.phase import (
    Revisions,
    RevisionTrainer,
    constitution_for,
    phase_of,
    settings_of,
)
from engine.language.method.constitution.preferred import Compared, PreferenceTrainer
from engine.language.method.constitution.reinforced import Reinforced, Reinforcer
from engine.language.method.constitution.role import Keeper
from engine.language.method.idle import every
from engine.language.method.role import Role
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import Stage, Trainer, unfiltered
from engine.language.method.turn import Learnt, Library, Turn
from engine.language.model.model import LanguageModel
from engine.language.monitor.levels import Response
from engine.language.problem.task_registry import load_task
from engine.language.round_trip import fits
from engine.language.settings import TextConfig
from engine.language.task import Task

PROBED = 256
"""Demonstrations by which it is seen whether a text can keep all rules; texts that are tried at once."""


def parts_of(config: TextConfig, phase: PhaseName) -> tuple[Sampler, Trainer]:
    """What a phase writes, and what it learns of that."""
    if phase == "revise":
        rate = {"learner": {"learning_rate": settings_of(config).learning_rate}}
        return Revisions(config), RevisionTrainer(config.changed(rate))
    if phase == "prefer":
        return Compared(config), PreferenceTrainer(config)
    settings = settings_of(config)
    own = config.changed(
        {
            "update": {"steps": settings.policy_steps},
            "mix": {"real": settings.policy_real > 0, "real_fraction": settings.policy_real},
        }
    )
    assert isinstance(own, ConstitutionalSettings)
    return Reinforced(own), Reinforcer(own)


def stages(config: TextConfig, length: float, problems: int) -> list[Stage]:
    """What the iterations write and learn, a row a phase."""
    settings, iterations = settings_of(config), range(1, config.loop.iterations + 1)
    found = []
    for phase in settings.phases:
        times = sum(phase_of(config, iteration) == phase for iteration in iterations)
        if not times:
            continue
        sampler, trainer = parts_of(config, phase)
        written = sampler.rounds * sampler.practised(problems) * sampler.written(length)
        written += trainer.labelled(length, problems)
        steps = {
            "revise": config.update.steps * len(config.filter.thresholds),
            # Two texts a comparison.
            "prefer": 2 * settings.preference_steps,
            "reinforce": settings.policy_steps,
        }[phase]
        found.append(Stage(phase, times * written, times * steps))
    return found


def check_readable(config: TextConfig, task: Task, model: LanguageModel, library: Library) -> None:
    """Refuse a constitution by which the models that are asked could read no request; UserError.

    Requests are about the shortest real text, or problem. One that can be read is enough here: others are
    left out, and told, where they come.
    """
    settings, constitution = settings_of(config), constitution_for(config, task)
    if not any(principle.is_spoken for principle in constitution.principles):
        return
    prompt, reply = _shortest(config, task, model)
    if "revise" in settings.phases:

        def revising(principle: Principle) -> list[str]:
            critique = constitution.ask_critique(principle, prompt, reply)
            return [critique, constitution.ask_revision(principle, prompt, reply, "")]

        _require_one(model, constitution, revising, "the model", "name another model with --model")
    if "prefer" in settings.phases:
        chooser = library.model(settings.feedback) if settings.feedback else model

        def choosing(principle: Principle) -> list[str]:
            return [constitution.ask_choice(principle, prompt, reply, reply)]

        what, remedy = "the model that is to choose", "name one with constitution.feedback"
        _require_answers(chooser, constitution)
        _require_one(chooser, constitution, choosing, what, remedy)


def _shortest(config: TextConfig, task: Task, model: LanguageModel) -> tuple[str, str]:
    """A problem and a reply that the model can read; the problem alone where there is no real data."""
    real, holdout = real_data(task, config)
    pairs = [(each.prompt.text, each.completion) for each in real]
    pairs = pairs or [(each.text, "") for each in practice(task, config, real, holdout)]
    pairs = sorted(pairs, key=lambda pair: len(pair[0]) + len(pair[1]))[:PROBED]
    good = fits(model, ["".join(pair) for pair in pairs])
    return next(compress(pairs, good), pairs[0] if pairs else ("", ""))


def _require_one(
    model: LanguageModel,
    constitution: Constitution,
    ask: Callable[[Principle], list[str]],
    what: str,
    remedy: str,
) -> None:
    spoken = [principle for principle in constitution.principles if principle.is_spoken]
    for place in range(0, len(spoken), PROBED):
        asked = [ask(principle) for principle in spoken[place : place + PROBED]]
        good = fits(model, [text for texts in asked for text in texts])
        each = len(good) // len(asked)
        if any(all(good[first : first + each]) for first in range(0, len(good), each)):
            return
    raise UserError(
        f"{what} cannot read constitution '{constitution.name}': a request by none of its {len(spoken)} "
        f"principles fits its context of {model.context} tokens and can be spelt by its tokenizer; name "
        f"another by constitution.path, or {remedy}"
    )


def _require_answers(model: LanguageModel, constitution: Constitution) -> None:
    answers = constitution.form.answers
    for answer, is_good in zip(answers, fits(model, answers), strict=True):
        if not is_good:
            raise UserError(
                f"the model that is to choose cannot spell {answer!r}, an answer of constitution "
                f"'{constitution.name}'; set its form.answers, or name another constitution.feedback"
            )


_OF_PHASES: dict[PhaseName, tuple[str, ...]] = {
    "revise": ("revisions", "temperature", "learning_rate", "drafts"),
    "prefer": (
        "temperature", "feedback", "labels", "thought", "clamp", "helpful", "held_out", "preference_steps",
        "preference_rate",
    ),
    "reinforce": ("policy_steps", "policy_real"),
}  # fmt: skip
"""Settings of a constitution that a phase uses, besides those that all do."""


def _idle_in(config: TextConfig, phase: PhaseName) -> dict[str, str]:
    """What has no effect in a phase; of settings that other phases alone have a use for `phases` tells."""
    settings = settings_of(config)
    sampler, trainer = parts_of(config, phase)
    without = f"with constitution.phases = {list(settings.phases)}"
    found = {**sampler.idle(), **trainer.idle()}
    own = set(_OF_PHASES[phase])
    if phase == "prefer" and not settings.thought:
        own.discard("temperature")
    others = {name for names in _OF_PHASES.values() for name in names} - own
    found |= {f"constitution.{name}": without for name in others}
    if phase == "reinforce":
        found["ppo.reward_model"] = "where the preference model gives the scores"
    else:
        found |= every(config, "policy", without) | every(config, "ppo", without)
    if phase != "revise":
        other = f"but in the phase of revisions, {without}"
        found |= every(config, "mix", other, ("keep",)) | unfiltered(config, other)
        found |= {"update.steps": other, "learner.learning_rate": ""}
    if phase == "prefer":
        found |= {"mix.keep": without, "update.growth": without}
    if config.model.path and not config.measure.control:
        found["learner.learning_rate"] = (
            "where neither a first model nor a control is trained; phases have their own"
        )
    return {name: reason for name, reason in found.items() if reason}


@dataclass
class Phases(Trainer):
    """What holds for a run, whichever its iteration; an iteration's own parts learn."""

    @property
    def learns_values(self) -> bool:  # type: ignore[override]
        """Where a preference model or a critic is trained."""
        return settings_of(self.config).phases != ("revise",)

    @property
    def num_companions(self) -> int:  # type: ignore[override]
        """The preference model, and what reinforcement has."""
        phases = settings_of(self.config).phases
        own = parts_of(self.config, "reinforce")[1].num_companions if "reinforce" in phases else 0
        return own + ("prefer" in phases)

    @property
    def role(self) -> Role:
        """It writes, and is measured by rules, too."""
        return Keeper(self.config)

    def check(self, sampler: Sampler) -> None:
        """Refuse phases that lack what they build on, a constitution that is none, and what parts refuse."""
        del sampler
        settings = settings_of(self.config)
        phases = settings.phases
        if "reinforce" in phases and "prefer" not in phases[: phases.index("reinforce")]:
            raise UserError(
                f'constitution.phases = {list(phases)}: "reinforce" needs the preference model of "prefer"; '
                "name that before it"
            )
        constitution_for(self.config, load_task(self.config.task))
        for phase in phases:
            own_sampler, own_trainer = parts_of(self.config, phase)
            own_sampler.check()
            own_trainer.check(own_sampler)

    def prepare(self, turn: Turn) -> int:
        """Tell where no real data keeps all rules, which may then be contradictory; nothing is written."""
        constitution, count = constitution_for(self.config, turn.task), settings_of(self.config).checked
        real = [(each.prompt.text, each.completion) for each in turn.real[:PROBED]]
        broken = [constitution.broken(*pair, count) for pair in real]
        if broken and all(broken):
            often = [name for name, _ in Counter(name for each in broken for name in each).most_common(2)]
            turn.reporter.message(
                f"warning: none of {len(real)} demonstrations keeps every rule of constitution "
                f"'{constitution.name}'; most break {' and '.join(map(repr, often))}: see that some text "
                "can keep all"
            )
        return 0

    def knobs(self) -> Mapping[Response, str]:
        """Of reinforcement, where that is a phase."""
        if "reinforce" not in settings_of(self.config).phases:
            return {}
        return parts_of(self.config, "reinforce")[1].knobs()

    def idle(self) -> dict[str, str]:
        """What has an effect in none of the phases: on what they write, learn and are."""
        settings = settings_of(self.config)
        found = [_idle_in(self.config, phase) for phase in settings.phases]
        names = set(found[0]).intersection(*found[1:])
        own = {name: each for name, each in found[-1].items() if name in names}
        thought = "without constitution.thought" * (not settings.thought)
        return own | {"constitution.clamp": own.get("constitution.clamp", "") or thought}

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """By the iteration's own part."""
        return self._of(turn).learn(turn, episodes, threshold, number)

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """By the iteration's own part."""
        return self._of(turn).real_share(turn, episodes)

    def expected_real_share(self, task: Task) -> float:
        """The least of all phases."""
        phases = settings_of(self.config).phases
        return min(parts_of(self.config, phase)[1].expected_real_share(task) for phase in phases)

    def _of(self, turn: Turn) -> Trainer:
        return parts_of(self.config, phase_of(self.config, turn.iteration))[1]
