"""The phase of preferences: AI feedback on pairs of replies, and a model that learns it."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.objective.reward import BradleyTerry
from engine.language.learner.text_learner import TextLearner
from engine.language.learner.training import tell_ending
from engine.language.method.constitution.choice import Candidates, Choice, Feedback, preference, told
from engine.language.method.constitution.phase import constitution_for, settings_of, share_broken
from engine.language.method.reward.comparison import centred, lessons, measured, parted, that_fit
from engine.language.method.sampler import Samples
from engine.language.method.trainer import Trainer, without_values
from engine.language.method.turn import Learnt, Turn
from engine.language.model.model import LanguageModel
from engine.language.problem.preference_file import Preference
from engine.language.rollout import row_seed
from engine.language.task import Task

NAME = "preference"
"""Of the companion."""

CENTRE = 0.01
"""Weight of what keeps rewards around 0."""

CENTRED = 1024
"""Comparisons by which their level is set."""


class Compared(Samples):
    """Replies of the accepted model, several to a problem."""

    def check(self) -> None:
        """Two at least."""
        super().check()
        if self.config.sample.samples < 2:
            raise UserError(
                f"sample.samples = {self.config.sample.samples}: a preference is between two replies; "
                "take 2 or more"
            )


class PreferenceTrainer(Trainer):
    """A preference model beside the student, which stays what it was."""

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """What has come to its end is compared, whatever its score."""
        del task, threshold
        return [replace(episode, kept=episode.ended) for episode in episodes]

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """Feedback, and one training on it."""
        del threshold, number
        settings = settings_of(self.config)
        choices = self._choices(turn, episodes)
        found = [each for choice in choices if (each := preference(choice, settings.labels))]
        wanted = round(len(found) * settings.helpful / (1 - settings.helpful))
        helpful = helpful_preferences(turn, episodes, wanted)
        figures = told(choices) | share_broken(turn, episodes, "broken_samples")
        figures["constitution/helpful"] = len(helpful) / max(1, len(found) + len(helpful))
        if not found:
            return self._nothing(turn, episodes, choices)
        values = self._fit(turn, [*found, *helpful]) | figures
        self._tell(turn, values)
        tokens = sum(choice.tokens for choice in choices)
        return Learnt(values, int(values["loss/steps"]), tokens)

    def idle(self) -> dict[str, str]:
        """Whatever has come to its end is compared."""
        return super().idle() | without_values(self.config)

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """All: nothing reaches the policy."""
        del turn, episodes
        return 1.0

    def labelled(self, length: float, problems: int) -> float:
        """Thoughts, one in either order."""
        settings = settings_of(self.config)
        pairs = problems * (self.config.sample.samples // 2)
        return 2 * pairs * length if settings.thought else 0.0

    def _choices(self, turn: Turn, episodes: Sequence[Episode]) -> list[Choice]:
        settings, pairs = settings_of(self.config), candidates(episodes)
        model = turn.library.model(settings.feedback) if settings.feedback else turn.first
        feedback = Feedback(
            turn.task, constitution_for(self.config, turn.task), model, settings, self.config.loop.rows,
            turn.seed, turn.iteration,
        )  # fmt: skip
        with turn.reporter.phase("choosing", len(pairs)) as move:
            found = feedback.choose(pairs, move)
        if len(found) < len(pairs):
            turn.reporter.message(
                f"iteration {turn.iteration}: {len(pairs) - len(found)} of {len(pairs)} pairs are left out: "
                "over the feedback model's context, or with letters it cannot spell"
            )
        return found

    def _fit(self, turn: Turn, pairs: Sequence[Preference]) -> dict[str, float]:
        """Train the companion; what it knows of comparisons held out."""
        settings, config = settings_of(self.config), self.config
        model = turn.companions.get(NAME, lambda: copy.deepcopy(turn.first))
        model.add_value_head()
        fit = that_fit(model, pairs)
        if len(fit) < len(pairs):
            text = (
                f"{len(pairs) - len(fit)} of {len(pairs)} preferences are left out: over the model's context "
                f"of {model.context} tokens, or with letters it cannot spell"
            )
            if not fit:
                raise UserError(f"{text}; take another model")
            turn.reporter.message(text)
        own, apart = parted(fit, settings.held_out, config.seed)
        if not own:
            own, apart = apart, []
        rate = config.learner.model_copy(update={"learning_rate": settings.preference_rate})
        learner = TextLearner(model, rate, row_seed(config.seed, "learn", NAME, turn.iteration))
        steps = settings.preference_steps
        with turn.reporter.phase("training the preference model", steps, "steps") as move:
            values = learner.fit(lessons(model, own), BradleyTerry(CENTRE), steps=steps, on_step=move)
        tell_ending(turn.reporter, config, values, steps)
        centred(model, own[:CENTRED])
        values["reward/comparisons"] = float(len(own))
        return values | (measured(model, apart) if apart else {})

    def _nothing(self, turn: Turn, episodes: Sequence[Episode], choices: Sequence[Choice]) -> Learnt:
        """Told; UserError where there is no preference model from before either."""
        kept = sum(episode.kept for episode in episodes)
        text = (
            f"iteration {turn.iteration}: no preference to learn: {kept} of {len(episodes)} replies "
            f"came to an end, {len(choices)} pairs of a problem's differ, and none is preferred"
        )
        if NAME not in turn.companions:
            raise UserError(f"{text}; take more sample.samples, a larger task.max_tokens or another model")
        turn.reporter.message(text)
        return Learnt(tokens=sum(choice.tokens for choice in choices))

    def _tell(self, turn: Turn, values: dict[str, float]) -> None:
        names = {
            "constitution/agreement": "both orders agree in {:.1%} of the choices",
            "constitution/right": "{:.1%} of those that a rule can tell are right",
            "reward/accuracy": "the preference model agrees with {:.1%} of those held out",
        }
        said = [text.format(values[name]) for name, text in names.items() if name in values]
        if said:
            turn.reporter.message(f"iteration {turn.iteration}: {'; '.join(said)}")


def candidates(episodes: Sequence[Episode]) -> list[Candidates]:
    """The kept replies of each problem two by two, each text once; one that is left over is out."""
    groups: dict[str, dict[str, Episode]] = defaultdict(dict)
    for episode in episodes:
        if episode.kept and episode.completion.strip():
            groups[episode.prompt.id].setdefault(episode.completion, episode)
    found = []
    for group in groups.values():
        texts = list(group)
        prompt = group[texts[0]].prompt
        found += [Candidates(prompt, one, two) for one, two in zip(texts[::2], texts[1::2], strict=False)]
    return found


def helpful_preferences(turn: Turn, episodes: Sequence[Episode], count: int) -> list[Preference]:
    """At most `count` certain comparisons of a reply that the verifier calls right with one that it rejects.

    That is another reply to the problem, as long as there are such problems, else one to another problem.
    """
    groups: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        if episode.kept:
            groups[episode.prompt.id].append(episode)
    right = {name: [e for e in group if e.worth >= 1] for name, group in groups.items()}
    names = [name for name, group in right.items() if group]
    source = Random(row_seed(turn.seed, "helpful", turn.iteration))
    source.shuffle(names)
    names.sort(key=lambda name: len(right[name]) == len(groups[name]))
    everything = [episode.completion for episode in episodes if episode.kept]
    drawn = []
    for name in names[:count]:
        wrong = [episode.completion for episode in groups[name] if episode.worth < 1]
        drawn.append((right[name][0], source.choice(wrong or everything)))
    scores = turn.truth([(better.prompt, worse) for better, worse in drawn])
    return [
        Preference(better.prompt.text, better.completion, worse, 1.0, better.prompt.key)
        for (better, worse), verdict in zip(drawn, scores, strict=True)
        if verdict.score < better.result.score and not verdict.is_missing
    ]


def preference_model(turn: Turn) -> LanguageModel:
    """The companion; UserError where no phase has trained one."""
    if NAME not in turn.companions:
        raise UserError(
            'constitution.phases: "reinforce" needs the preference model of "prefer", which comes before it'
        )

    def never() -> LanguageModel:
        raise AssertionError(NAME)

    return turn.companions.get(NAME, never)
