"""Groups of completions that the student writes as it has become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.filter import pass_rates
from engine.language.method.policy.advantage import grouped, has_spread
from engine.language.method.policy.config import PolicySettings
from engine.language.method.sampler import Sampler
from engine.language.method.turn import Turn
from engine.language.rollout import Draw, Policy, row_seed, sample
from engine.language.task import Prompt


@dataclass
class GroupSampler(Sampler):
    """`policy.groups` problems a round, one after another of those of the iteration in a random order."""

    config: PolicySettings
    least = 2
    """Completions that a group needs."""
    _order: list[Prompt] = field(default_factory=list, init=False)
    """Problems that are still to come, last first."""
    _written: list[Episode] = field(default_factory=list, init=False)
    """Of this iteration, where a band leaves problems out by them."""

    @property
    def rounds(self) -> int:
        """As many as `update.steps` take."""
        return self.config.rounds

    @property
    def rows(self) -> int:
        """All of a problem's."""
        return max(1, self.config.sample.samples)

    @property
    def assumption(self) -> str:
        """How many problems are written on."""
        if not self.config.policy.refills:
            return ""
        return "problems that are replaced because their completions score alike are not counted"

    def check(self) -> None:
        """Refuse what does not draw from the distribution that is learnt, or not by the student."""
        sampling = self.config.sample
        unlike = {
            "sample.temperature": sampling.temperature == 0,
            "sample.top_k": sampling.top_k > 0,
            "sample.top_p": sampling.top_p < 1,
            "sample.distinct": sampling.distinct,
            "sample.rationalize": sampling.rationalize,
            "sample.simulations": sampling.simulations > 0,
            "sample.policies": sampling.policies > 1,
        }
        for name, is_unlike in unlike.items():
            if is_unlike:
                value = getattr(sampling, name.partition(".")[2])
                raise UserError(
                    f"{name} = {value}: a policy gradient is of what the model itself draws from all of its "
                    "distribution; leave it out, and take a sample.temperature above 0"
                )
        if sampling.samples < self.least:
            raise UserError(
                f"sample.samples = {sampling.samples}: a completion is compared with others of its problem; "
                f"take at least {self.least}"
            )

    def write(self, turn: Turn) -> list[Episode]:
        """A round; with `policy.refills` more problems in place of those whose completions score alike."""
        settings, episodes, wanted = self.config.policy, list[Episode](), self.config.policy.groups
        policy = Policy(turn.student, turn.student.digest())
        for attempt in range(1 + settings.refills):
            episodes += self._sampled(turn, policy, self._next(turn, wanted), attempt)
            told = [each for each in episodes if not each.result.is_missing]
            useful = sum(has_spread(told[place].result.score for place in group) for group in grouped(told))
            wanted = settings.groups - useful
            if wanted <= 0:
                break
        if self.config.sample.band != (0.0, 1.0):
            self._written += told
        return episodes

    def written(self, length: float) -> float:
        """Each completion."""
        return self.config.sample.samples * length

    def practised(self, problems: int) -> int:
        """Those of a round."""
        return min(self.config.policy.groups, problems)

    def _sampled(self, turn: Turn, policy: Policy, prompts: Sequence[Prompt], attempt: int) -> list[Episode]:
        return sample(
            turn.task, [policy], prompts, self.config.sample.samples,
            Draw(self.config.sample.temperature, rows=self.config.loop.rows), turn.verify,
            seed=row_seed(turn.seed, "refill", attempt) if attempt else turn.seed, iteration=turn.iteration,
        )  # fmt: skip

    def _next(self, turn: Turn, count: int) -> list[Prompt]:
        """So many different problems, fewer where there are no more; all have come before one comes again."""
        found: dict[str, Prompt] = {}
        while len(found) < min(count, len(turn.prompts)):
            if not self._order:
                self._order = self._practised(turn)
                Random(row_seed(turn.seed, "order", turn.iteration, len(found))).shuffle(self._order)
            prompt = self._order.pop()
            found.setdefault(prompt.id, prompt)
        return list(found.values())

    def _practised(self, turn: Turn) -> list[Prompt]:
        """Problems of the iteration, less those whose completions in it lie outside `sample.band`."""
        low, high = self.config.sample.band
        if (low, high) == (0.0, 1.0):
            return list(turn.prompts)
        rates = pass_rates(self._written, distinct=False)
        inside = [each for each in turn.prompts if low <= rates.get(each.id, low) <= high]
        # A round takes different problems, so there are to be enough.
        return inside if len(inside) >= self.config.policy.groups else list(turn.prompts)
