"""Who writes what is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.material import draw
from engine.language.method.idle import every
from engine.language.method.sampler import Sampler, Samples
from engine.language.method.turn import Turn
from engine.language.rollout import Draw, Policy, row_seed, sample
from engine.language.task import Prompt


class Candidates(Samples):
    """Several completions of a problem, of which some are better."""

    def check(self) -> None:
        """Two completions at least, that may differ."""
        super().check()
        sampling = self.config.sample
        if sampling.simulations:
            raise UserError(
                "sample.simulations: a search writes one completion a problem, and pairs take two"
            )
        if sampling.samples < 2:
            raise UserError(f"sample.samples = {sampling.samples}: pairs take two completions of a problem")
        if sampling.temperature == 0:
            raise UserError("sample.temperature = 0 writes one completion over and over; pairs take two")


class Nothing(Sampler):
    """Nobody: a file has the pairs."""

    draws_problems = False

    def idle(self) -> dict[str, str]:
        """All of samples; the file's rows are looked up among so many problems."""
        file = "where a file has the pairs (preference.path)"
        return super().idle() | every(self.config, "sample", file, ("prompts",))

    def write(self, turn: Turn) -> list[Episode]:
        """None."""
        del turn
        return []

    def written(self, length: float) -> float:
        """None."""
        del length
        return 0.0


class Opponent(Sampler):
    """The accepted model, to the prompts of real data: SPIN's opponent."""

    draws_problems = False

    @property
    def rows(self) -> int:
        """Of one prompt."""
        return max(1, self.config.sample.samples)

    def check(self) -> None:
        """Independent draws of one model."""
        sampling = self.config.sample
        if sampling.simulations:
            raise UserError("sample.simulations: the opponent writes samples; set it to 0")
        if sampling.samples < 1:
            raise UserError("sample.samples = 0: real data is played against samples; set it to 1 or more")
        if sampling.distinct or sampling.rationalize or sampling.policies > 1:
            raise UserError(
                "the opponent writes independent samples of one model: set sample.distinct and "
                "sample.rationalize to false, and sample.policies to 1"
            )

    def write(self, turn: Turn) -> list[Episode]:
        """As many to each prompt as there is real data, times `sample.samples`."""
        sampling = self.config.sample
        counts = Counter(each.prompt.id for each in turn.real)
        prompts = list({each.prompt.id: each.prompt for each in turn.real}.values())
        drawn = draw(prompts, sampling.prompts, row_seed(self.config.seed, "duels", turn.iteration))
        each = {prompt.id: sampling.samples * counts[prompt.id] for prompt in drawn}
        found: list[Episode] = []
        with turn.reporter.phase("sampling", sum(each.values())) as move:
            for number in sorted(set(each.values())):
                some = [prompt for prompt in drawn if each[prompt.id] == number]
                found += self.against(turn, some, number)
                move(len(found))
        return found

    def against(self, turn: Turn, prompts: Sequence[Prompt], samples: int) -> list[Episode]:
        """Samples of the accepted model."""
        sampling, model = self.config.sample, turn.accepted
        how = Draw(sampling.temperature, sampling.top_k, sampling.top_p, self.config.loop.rows)
        return sample(
            turn.task, [Policy(model, model.digest())], prompts, samples, how, turn.verify,
            seed=turn.seed, iteration=turn.iteration,
        )  # fmt: skip

    def written(self, length: float) -> float:
        """Of one prompt of real data, where there are so many."""
        sampling, there = self.config.sample, self.config.model.demonstrations
        return sampling.samples * length * min(1.0, there / sampling.prompts)
