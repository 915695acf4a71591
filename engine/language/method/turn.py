"""What a method works with in one iteration, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from engine.language.episode import Episode
from engine.language.method.companion import Companions
from engine.language.method.role import Role
from engine.language.model.model import LanguageModel
from engine.language.rollout import Verify, row_seed
from engine.language.settings import TextConfig
from engine.language.task import Demonstration, Prompt, Task
from engine.run.reporter import Reporter


class Archive(Protocol):
    """What a run has committed."""

    def episodes(self) -> list[Episode]:
        """All of them, oldest first."""

    def model(self, iteration: int) -> LanguageModel:
        """That of an iteration, read anew: the caller may train it."""

    def accepted_before(self, iteration: int) -> int:
        """The iteration whose model was the accepted one when `iteration`, from 1 on, began."""


class Library:
    """Models that settings name besides the first: a teacher, a judge. Each is read once, none is trained."""

    def __init__(self) -> None:
        self._models: dict[str, LanguageModel] = {}

    def model(self, path: str) -> LanguageModel:
        """That of a folder; UserError where it cannot be loaded."""
        from engine.language.model.model_folder import load_model

        if path not in self._models:
            self._models[path] = load_model(Path(path))
        return self._models[path]


class ExplosionError(Exception):
    """A student is further from its reference than any training should bring it."""

    def __init__(self, nats: float) -> None:
        super().__init__(nats)
        self.nats = nats


@dataclass
class Turn:
    """One iteration. Nothing of it lives on but what is committed: the student and the episodes."""

    task: Task
    config: TextConfig
    """In force in this iteration, as alarms have turned it."""
    iteration: int
    """From 1 on; 0 before the first, when `Trainer.prepare` is asked."""
    verify: Verify
    """Gives the verdicts: the task's verifier, or the method's judge."""
    reporter: Reporter
    prompts: Sequence[Prompt]
    """To practise on."""
    real: Sequence[Demonstration]
    """To learn from, or to write against."""
    archive: Archive
    library: Library
    companions: Companions
    """Models that the method trains beside the student."""
    role: Role
    first: LanguageModel
    """That the run began with; nobody trains it."""
    accepted: LanguageModel
    """That the gate let through last, a reference for the student; nobody trains it."""
    accepted_iteration: int
    start: Callable[[], LanguageModel]
    """Makes the model to train."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What the method carries from turn to turn beside models, for JSON; like companions it belongs to the
    accepted model."""
    exploded: float | None = None
    """Nats a token at which a training was stopped, see `hold`."""
    round: int = 0
    """Of `Sampler.rounds`."""
    holdout: Sequence[Demonstration] = ()
    """Real data that no model of the run learns from."""

    def __post_init__(self) -> None:
        self.truth = self.verify  # the task's own verifier, whoever judges

    @cached_property
    def student(self) -> LanguageModel:
        """The model to train, in place; made when it is first asked for, so that others are gone by then."""
        return self.start()

    @cached_property
    def real_length(self) -> float:
        """Characters of a real completion on average, one at least."""
        return max(1.0, sum(len(each.completion) for each in self.real) / max(1, len(self.real)))

    def reference(self, name: Literal["first", "accepted"]) -> LanguageModel:
        """The model that a setting names as what the student is held to."""
        return self.first if name == "first" else self.accepted

    def hold(self, nats: float) -> None:
        """Told of a student in training, `nats` a token from its reference; ExplosionError past the bound.

        For trainers that write with the student as it becomes. The loop ends the turn's training there.
        """
        if not nats <= self.config.monitor.thresholds.kl_explosion:
            raise ExplosionError(nats)

    @property
    def seed(self) -> int:
        """Of what is written in this round."""
        return row_seed(self.config.seed, "round", self.round) if self.round else self.config.seed

    def purpose(self, number: int) -> tuple[int, ...]:
        """What the seed of a training is for: the iteration, the number of the threshold, and the round."""
        return (self.iteration, number, self.round) if self.round else (self.iteration, number)

    @property
    def writer(self) -> LanguageModel:
        """Who writes as long as the student is not accepted."""
        return self.role.writer(self.first, self.accepted)

    @property
    def steps(self) -> int:
        """Gradient steps of each training in this iteration."""
        update = self.config.update
        return round(update.steps * update.growth ** (self.iteration - 1))


@dataclass(frozen=True)
class Learnt:
    """What came of a training."""

    values: dict[str, float] = field(default_factory=dict)
    """By metrics tag."""
    steps: int = 0
    """Gradient steps taken; 0: there was nothing to learn."""
    tokens: int = 0
    """Written for it, besides those of the episodes."""
    done: str = ""
    """Why the method has no use for further iterations; empty: it goes on."""

    def then(self, later: Learnt) -> Learnt:
        """Both, one after the other; values are those that were found last."""
        return Learnt(
            self.values | later.values,
            self.steps + later.steps,
            self.tokens + later.tokens,
            later.done or self.done,
        )
