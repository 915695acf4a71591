"""What an iteration writes: samples, or completions that a tree search has chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.first_model import first_model
from engine.language.method.idle import every
from engine.language.method.turn import Turn
from engine.language.rollout import Policy, rollout, row_seed
from engine.language.search.tree_search import Plan, search_completions
from engine.language.settings import TextConfig

SEARCHED_AT_ONCE = 1024
"""Problems whose trees share their requests."""

ASKING = 0.3
"""Of a search's visits, those that ask for steps as often as a new node does; the rest meet ends and steps
that are known. Measured on Countdown."""


@dataclass
class Sampler(ABC):
    """Writes what is learnt from, one for each iteration. Only `write` and `written` have no default."""

    config: TextConfig
    """In force."""
    has_visits = False
    """Whether its episodes tell where a search stood and what it visited there."""
    heats_steps = False
    """Whether it draws steps at `noise.temperature`."""

    @property
    def draws_problems(self) -> bool:
        """Whether it writes on the problems of an iteration, as `sample.rare` draws them."""
        return True

    @property
    def num_writers(self) -> int:
        """Models that write side by side."""
        return 1

    @property
    def rounds(self) -> int:
        """How often an iteration writes and learns, for methods that are to write with what has learnt."""
        return 1

    @property
    def rows(self) -> int:
        """Completions of a problem that are written side by side."""
        return 1

    def practised(self, problems: int) -> int:
        """Of the problems of an iteration, those that it writes on in one round."""
        return problems

    @property
    def assumption(self) -> str:
        """What its forecast rests on besides the length of completions; empty: nothing."""
        return ""

    def check(self) -> None:  # noqa: B027
        """UserError for settings that do not go together."""

    def idle(self) -> dict[str, str]:
        """Settings of what is written that have no effect, by dotted name, with why."""
        config, found = self.config, dict[str, str]()
        other = f"on how {config.method} works"
        if not self.draws_problems:
            found |= dict.fromkeys(("sample.rare", "sample.band", "sample.demonstrated"), other)
        if not self.heats_steps:
            found |= dict.fromkeys(("noise.steps", "noise.temperature"), other)
        if not self.has_visits:
            unsearched = "without a tree search (sample.simulations)"
            found |= every(config, "search", unsearched) | every(config, "proposals", unsearched)
            found["sample.tree_tokens"] = unsearched
        return found

    @abstractmethod
    def write(self, turn: Turn) -> list[Episode]:
        """Episodes with their verdicts."""

    @abstractmethod
    def written(self, length: float) -> float:
        """Tokens written for one problem in one iteration, where a completion has `length`."""


class Samples(Sampler):
    """Completions drawn from the model, the last ones before it, and others built like it."""

    heats_steps = True

    @property
    def num_writers(self) -> int:
        """`sample.policies`; where nothing is sampled one is enough."""
        return self.config.sample.policies if self.config.sample.samples else 1

    @property
    def draws_problems(self) -> bool:
        """Where anything is sampled."""
        return self.config.sample.samples > 0

    @property
    def rows(self) -> int:
        """All of a problem's."""
        return max(1, self.config.sample.samples)

    def check(self) -> None:
        """Refuse what `distinct` cannot draw from."""
        sample, noise = self.config.sample, self.config.noise
        if noise.steps and (sample.distinct or not sample.samples):
            raise UserError(
                f"noise.steps = {noise.steps:g} heats steps of samples that are drawn one by one: set "
                "sample.distinct to false and sample.samples to 1 or more, or leave it out"
            )
        if sample.distinct and (sample.temperature == 0 or sample.top_k or sample.top_p < 1):
            raise UserError(
                "sample.distinct draws from the whole distribution: set it to false, or leave sample.top_k "
                "and sample.top_p out and take a sample.temperature above 0"
            )

    def idle(self) -> dict[str, str]:
        """All of samples, where there are none."""
        if self.config.sample.samples:
            return super().idle()
        none = "where nothing is sampled (sample.samples = 0)"
        own = every(self.config, "sample", none, ("samples", "simulations", "rare"))
        return super().idle() | own | {"noise.temperature": none}

    def write(self, turn: Turn) -> list[Episode]:
        """Samples, and with `rationalize` the failures again with a hint."""
        sampling, policies = self.config.sample, writers(turn, self.num_writers)
        most = len(turn.prompts) * sampling.samples * (2 if sampling.rationalize else 1)
        with turn.reporter.phase("sampling", most) as move:
            return rollout(
                turn.task, policies, turn.prompts, sampling, self.config.noise, self.config.loop.rows,
                turn.verify, seed=turn.seed, iteration=turn.iteration, on_rows=move,
            )  # fmt: skip

    def written(self, length: float) -> float:
        """Each sample, and with `rationalize` as many again at most."""
        sampling = self.config.sample
        return sampling.samples * (2 if sampling.rationalize else 1) * length


class Searched(Sampler):
    """Completions that a tree search writes step by step; the verifier judges its ends."""

    has_visits = True

    @property
    def assumption(self) -> str:
        """How often a search asks the model."""
        return f"a search writes {ASKING:g} of {self.config.proposals.initial_proposals} steps a simulation"

    def check(self) -> None:
        """Refuse what is for samples."""
        if self.config.sample.distinct:
            raise UserError(
                "sample.distinct is for samples: set it to false; a search's steps are so with "
                "proposals.distinct"
            )

    def idle(self) -> dict[str, str]:
        """What is for samples."""
        names = ("samples", "top_k", "top_p", "policies", "rationalize")
        searched = "on a tree search (sample.simulations)"
        return super().idle() | {f"sample.{name}": searched for name in names}

    def write(self, turn: Turn) -> list[Episode]:
        """One completion a problem; the accepted model values what is unfinished."""
        config, (policy,) = self.config, writers(turn, 1)
        plan = Plan(
            config.sample.simulations,
            config.sample.tree_tokens or None,
            config.sample.temperature,
            judge=True,
            rows=config.loop.rows,
        )
        episodes: list[Episode] = []
        with turn.reporter.phase("searching", len(turn.prompts)) as move:
            for place in range(0, len(turn.prompts), SEARCHED_AT_ONCE):
                episodes += search_completions(
                    turn.task, policy, turn.prompts[place : place + SEARCHED_AT_ONCE], plan, config.search,
                    config.proposals, turn.verify, seed=turn.seed, iteration=turn.iteration,
                    critic=turn.accepted,
                )  # fmt: skip
                move(len(episodes))
        return episodes

    def written(self, length: float) -> float:
        """What its visits ask for, `sample.tree_tokens` at most."""
        sampling, first = self.config.sample, self.config.proposals.initial_proposals
        searched: float = ASKING * sampling.simulations * first * length
        return min(searched, sampling.tree_tokens or searched)


def writers(turn: Turn, count: int) -> Sequence[Policy]:
    """The model that writes, those accepted before it, and where the first was built others built like it."""
    newest = turn.writer
    policies = [Policy(newest, newest.digest())]
    iteration = turn.role.writing(turn.accepted_iteration)
    while iteration > 0 and len(policies) < count:
        iteration = turn.archive.accepted_before(iteration)
        model = turn.archive.model(iteration)
        policies.append(Policy(model, model.digest()))
    for number in range(len(policies), count if not turn.config.model.path else 0):
        seeds = turn.config.model_copy(update={"seed": row_seed(turn.config.seed, "policy", number)})
        model = first_model(turn.task, seeds, turn.real, turn.reporter)
        policies.append(Policy(model, model.digest()))
    return policies
