"""A method: how a model gets better, as the settings it changes and the parts that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError

if TYPE_CHECKING:
    from engine.language.episode import Episode
    from engine.language.method.role import Role
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Stage, Trainer
    from engine.language.method.turn import Library, Turn
    from engine.language.method.verdict import Judge
    from engine.language.model.model import LanguageModel
    from engine.language.settings import TextConfig
    from engine.language.task import Kind, Task


@dataclass(frozen=True)
class Method:
    """What the loop asks, without knowing which it is.

    As it stands its parts are those that the settings choose. A method that writes or learns otherwise is a
    subclass which returns its own `sampler`, `trainer` or `role`. Help reads it: what is slow to import is
    imported inside.
    """

    papers: tuple[str, ...] = ()
    """Their numbers at arXiv."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Of the defaults, by section and setting."""

    def settings(self) -> type[TextConfig]:
        """A subclass where it has settings of its own."""
        from engine.language.settings import TextConfig

        return TextConfig

    def sampler(self, config: TextConfig) -> Sampler:
        """What it writes: samples, or with `sample.simulations` what a tree search chooses."""
        from engine.language.method.sampler import Samples, Searched

        return Searched(config) if config.sample.simulations else Samples(config)

    def trainer(self, config: TextConfig) -> Trainer:
        """What it learns from, and how: by `update.loss`."""
        from engine.language.method.critic.trainer import Values, Visits
        from engine.language.method.trainer import Texts

        kinds: dict[str, type[Trainer]] = {"text": Texts, "visits": Visits, "value": Values}
        return kinds[config.update.loss](config)

    def practice(self, turn: Turn) -> tuple[Sampler, Trainer]:
        """The parts of an iteration; where iterations are not alike, those that `turn.iteration` has."""
        return self.sampler(turn.config), self.trainer(turn.config)

    def role(self, config: TextConfig) -> Role:
        """What the model is for, and the figure it is measured by."""
        return self.trainer(config).role

    def judge(self, config: TextConfig) -> Judge | None:
        """Who judges in place of the task's verifier, which then is the gold; None: nobody."""
        del config
        return None

    def verdicts(self, task: Task) -> Kind:
        """What kind of verdict of the task decides what is learnt; one that can be fooled needs real data."""
        return task.kind

    def kind(self, config: TextConfig, task: Task) -> Kind:
        """The judge's kind of verdict, else the task's; UserError for a task that no judge can judge."""
        judge = self.judge(config)
        if judge is not None and task.num_players == 2:
            raise UserError(f"task '{task.name}' is a game of two, which its rules judge and nobody else")
        return self.verdicts(task) if judge is None else judge.kind

    def stages(self, config: TextConfig, length: float, problems: int) -> Sequence[Stage]:
        """What a run writes and learns, where its iterations are not alike; empty: they are."""
        del config, length, problems
        return ()

    def figures(self, turn: Turn, episodes: Sequence[Episode]) -> Mapping[str, float]:
        """What else is told of a model by its greedy completions, by metrics tag `group/name`.

        They are of the validation problems in each iteration, for TensorBoard and the report, and of the test
        problems for the final table, where a column is called by the part after the slash.
        """
        del turn, episodes
        return {}

    def sources(self, config: TextConfig, task: Task) -> dict[str, Path]:
        """Files, and folders of models, that a run reads in each process anew, by setting.

        The model to begin with is one of them where an adapter over it is trained; else the run has its own.
        """
        is_adapted = bool(config.model.adapter or config.model.lora.rank)
        begun = {"model.adapter"} | ({"model.path"} if not is_adapted else set())
        found = {name: Path(path) for name, (path, _) in config.paths().items() if name not in begun}
        found |= {f"task file {n}": Path(path) for n, path in enumerate(task.files, start=1)}
        return found | code_of("task", config.task)

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse a task that it cannot work on, or a file that it cannot read; UserError."""
        from engine.language.learner.label import file_labels

        if config.value.labels == "file" and config.value.path:
            file_labels(Path(config.value.path), task)

    def ready(self, config: TextConfig, task: Task, model: LanguageModel, library: Library) -> None:
        """Refuse, before anything is trained, models and judges beside the first that are none, and what the
        first `model`, which may know nothing yet, could not read however it is trained; UserError.
        """
        del task
        if (judge := self.judge(config)) is not None:
            judge.ready(model, library)

    def idle(self, config: TextConfig, task: Task) -> dict[str, str]:
        """Settings that have no effect in a run, by dotted name, with why; an empty reason: they have one."""
        from engine.language.method.idle import between, of_alarms
        from engine.language.method.verdict import num_judges

        sampler, trainer, judge = self.sampler(config), self.trainer(config), self.judge(config)
        turned = trainer.turned(trainer.expected_real_share(task), num_judges(judge))
        found = between(config, task)
        kl = trainer.knobs().get("kl")
        found |= of_alarms(config, task, self.kind(config, task), judge is not None, turned, kl)
        if type(self).trainer is not Method.trainer:
            found["update.loss"] = f"on how {config.method} works"
        for part in (sampler.idle(), trainer.idle()):
            found |= {name: reason for name, reason in part.items() if reason}
        return found

    def check(self, config: TextConfig) -> None:
        """Refuse settings that do not go together; UserError."""
        sampler, trainer = self.sampler(config), self.trainer(config)
        sampler.check()
        trainer.check(sampler)
        self.role(config).check(config)


def code_of(name: str, spec: str) -> dict[str, Path]:
    """The file of Python that a spec `file.py:Name` is of, by `name`; empty for another spec."""
    file, colon, _ = spec.strip().partition(":")
    return {name: Path(file)} if colon and file.endswith(".py") else {}
