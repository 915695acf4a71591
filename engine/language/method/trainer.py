"""What is learnt of what was written, and how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from engine.language.episode import Episode
from engine.language.learner.filter import mark_kept, mix
from engine.language.learner.noise import noisy_prompts
from engine.language.learner.objective.text import Text, texts
from engine.language.learner.rarity import by_rarity
from engine.language.learner.training import learn, tell_ending
from engine.language.method.idle import every
from engine.language.method.role import Role
from engine.language.method.sampler import Sampler
from engine.language.method.turn import Learnt, Turn
from engine.language.monitor.levels import Response
from engine.language.problem.problems import demonstrations
from engine.language.rollout import row_seed
from engine.language.round_trip import as_written
from engine.language.settings import MixConfig, TextConfig
from engine.language.task import Task


@dataclass(frozen=True)
class Stage:
    """A part of a run: tokens that a model writes, and gradient steps."""

    name: str
    written: float = 0.0
    steps: float = 0.0
    texts: float = 0.0
    """Completions with their prompts that the steps read; 0: a batch each."""


@dataclass
class Trainer(ABC):
    """Makes a model better by what was written, one for each iteration. Only `learn` has no default."""

    config: TextConfig
    """In force."""
    learns_values = False
    """Whether the model needs a value head."""
    num_companions = 0
    """Models beside the student that a checkpoint may hold, for the forecast of its size."""
    accumulates = False
    """Whether it learns again what earlier iterations kept, where `mix.keep` says so."""
    augments = False
    """Whether texts are learnt with `noise.prompts` and by `mix.rare`."""

    @property
    def role(self) -> Role:
        """What the model is trained for."""
        return Role()

    def check(self, sampler: Sampler) -> None:  # noqa: B027
        """UserError for settings that do not go together, or not with what the sampler writes."""

    def knobs(self) -> Mapping[Response, str]:
        """Settings of its own, by dotted name, that responses to alarms turn: `{"kl": "policy.beta"}`.

        How far is for the guards to say: they raise a weight of KL, or of what else holds the student to a
        reference, up to `guards.beta_max`.
        """
        return {}

    unturned: ClassVar[Collection[str]] = ()
    """Settings that have an effect and that no alarm turns here, by dotted name."""

    def idle(self) -> dict[str, str]:
        """Settings of what is learnt that have no effect, by dotted name, with why; none: they have one."""
        config, found = self.config, dict[str, str]()
        other = f"on how {config.method} works"
        if not self.accumulates:
            found["mix.keep"] = other
        if not self.augments:
            found |= dict.fromkeys(("noise.prompts", "mix.rare"), other)
        sampling = config.sample
        if sampling.simulations or (sampling.samples == 1 and not sampling.rationalize):
            single = "where one completion of a problem is written"
            found |= dict.fromkeys(("filter.distinct", "filter.per_prompt"), single)
        if not (sampling.samples or sampling.simulations):
            none = "where nothing is sampled (sample.samples = 0)"
            found |= unfiltered(config, none) | dict.fromkeys(("mix.keep", "noise.prompts"), none)
        return found

    def turned(self, real_share: float, judges: int) -> list[str]:
        """The settings that guards may turn in a run; what would have no effect is left out.

        Without real data there is no more of it. Where nothing sorts the completions, hotter ones would be
        learnt, errors and all. `judges` stand in the verifier's place.
        """
        config = self.config
        names = ["update.steps", *self.knobs().values()]
        names += ["mix.real_fraction"] if real_share > 0 and config.mix.real else []
        names += ["mix.keep"] if self.accumulates else []
        names += ["guards.length_penalty"] if judges else []
        names += ["guards.ensemble"] if judges > 1 else []
        if config.sample.samples:
            names += ["sample.band", "filter.per_prompt"]
            names += ["sample.temperature"] if min(config.filter.thresholds) > 0 else []
        idle = {name for name, reason in self.idle().items() if reason} | set(self.unturned)
        return [name for name in names if name not in idle]

    def prepare(self, turn: Turn) -> int:
        """Teach the first model, the turn's student, what writing takes; the tokens written for it."""
        del turn
        return 0

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """The episodes in their order, `kept` set for those that pass: by score, way and number."""
        return mark_kept(task, episodes, self.config.filter, threshold)

    @abstractmethod
    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """Train the turn's student in place; `number` counts the thresholds of an iteration from 0."""

    def nothing(self, turn: Turn, threshold: float) -> str:
        """What is told where there was nothing to learn."""
        return f"iteration {turn.iteration}: no completion scores {threshold:g} or more"

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """Share of the characters trained on that is real data: as it joins what is learnable."""
        mixing = self.config.mix
        if not mixing.real or not turn.real:
            return 0.0
        if mixing.real_fraction:
            return mixing.real_fraction
        own = sum(len(episode.completion) for episode in learnable(turn, episodes))
        real = sum(len(demonstration.completion) for demonstration in turn.real)
        return real / max(real + own, 1)

    def expected_real_share(self, task: Task) -> float:
        """A lower bound of it, before anything is written: with as many completions as may be kept."""
        config = self.config
        if not config.mix.real or not demonstrations(task, 1, config.seed):
            return 0.0
        if config.mix.real_fraction or config.sample.samples == 0:
            return config.mix.real_fraction or 1.0
        own = config.sample.prompts * min(config.filter.per_prompt, config.sample.samples)
        return config.model.demonstrations / (config.model.demonstrations + own)

    def preparation(self, length: float, problems: int) -> list[Stage]:
        """What `prepare` takes, where a completion has `length` tokens."""
        del length, problems
        return []

    def taken(self, rounds: int) -> int:
        """Gradient steps of an iteration of so many rounds, where `update.growth` is 1."""
        return self.config.update.steps * len(self.config.filter.thresholds) * rounds

    def read(self, rounds: int) -> float:
        """Completions with their prompts that the steps of so many rounds read; 0: a batch each."""
        del rounds
        return 0.0

    def labelled(self, length: float, problems: int) -> float:
        """Tokens written to learn from episodes on as many problems in one iteration."""
        del length, problems
        return 0.0


class Texts(Trainer):
    """Completions that passed and real data are learnt word by word."""

    accumulates = True
    augments = True

    def idle(self) -> dict[str, str]:
        """Values are not learnt."""
        return super().idle() | without_values(self.config)

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """Supervised, on what the tokenizer gives back as it was judged."""
        config, steps = self.config, turn.steps
        own = as_written(turn.student, learnable(turn, episodes), turn.reporter.message)
        seed = row_seed(turn.seed, "mix", turn.iteration)
        examples = mix(own, turn.real, config.mix, seed, task=turn.task, threshold=threshold)
        if not examples:
            return Learnt()
        if config.mix.rare:
            examples = by_rarity(turn.task, examples, own, turn.real, config.mix.rare)
        if config.noise.prompts:
            seed = row_seed(turn.seed, "noise", turn.iteration, number)
            noisy = noisy_prompts(turn.student, examples[: len(own)], config.noise.prompts, seed)
            examples = [*noisy, *examples[len(own) :]]
        with turn.reporter.phase("training", steps, "steps") as move:
            values = learn(turn.student, config, examples, steps, turn.purpose(number), move)
        tell_ending(turn.reporter, config, values, steps)
        return Learnt(values, int(values["loss/steps"]))


def unfiltered(config: TextConfig, reason: str) -> dict[str, str]:
    """Settings that say which completions are learnt from, where none is filtered; thresholds still count."""
    several = ("thresholds",) * (len(config.filter.thresholds) > 1)
    return every(config, "filter", reason, several)


def without_values(config: TextConfig) -> dict[str, str]:
    """Settings of a value head, where none is learnt by them."""
    return every(config, "value", f"on how {config.method} works")


def without_first(config: TextConfig, names: Sequence[str], instead: str) -> dict[str, str]:
    """Settings of the learner that are a first model's and a control's, where neither is trained here."""
    if not config.model.path or config.measure.control:
        return {}
    reason = f"where neither a first model nor a control is trained; {instead}"
    return {f"learner.{name}": reason for name in names}


def real_texts(turn: Turn) -> list[Text]:
    """Real data to write, each once: of a game of two what those who showed how to play it wrote."""
    found = mix([], turn.real, MixConfig(), 0, task=turn.task)
    return texts(
        turn.student, [each.prompt for each in found], [each.completion for each in found],
        spans=[each.spans for each in found], keys=[each.key for each in found],
    )  # fmt: skip


def learnable(turn: Turn, episodes: Sequence[Episode]) -> list[Episode]:
    """What passed now, and with `accumulate` what passed before."""
    now = [episode for episode in episodes if episode.kept]
    if turn.config.mix.keep == "replace":
        return now
    return [episode for episode in turn.archive.episodes() if episode.kept] + now
