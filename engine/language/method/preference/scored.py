"""Pairs by the verdicts on completions of a problem, and from a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.material import evaluation_prompts, practice, real_data
from engine.language.method.preference.config import WHOLE_BATCH, PreferenceSettings
from engine.language.method.preference.pairing import by_score, of_episodes, of_labels, of_rows
from engine.language.method.preference.trainer import Material, PairTrainer
from engine.language.method.trainer import learnable, unfiltered
from engine.language.method.turn import Turn
from engine.language.problem.contamination import EvaluationIndex
from engine.language.problem.preference_file import form, read_labelled, read_preferences
from engine.language.settings import TextConfig
from engine.language.task import Task


class ScoredPairs(PairTrainer):
    """Of a problem's completions those that score more are preferred."""

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """`kept` are both sides of a pair."""
        del task
        kept = {id(each) for pair in self._pairs(episodes, threshold) for each in pair}
        return [replace(episode, kept=id(episode) in kept) for episode in episodes]

    def material(self, turn: Turn, episodes: Sequence[Episode], threshold: float) -> Material:
        """Pairs of what was written, and of the file."""
        found = Material()
        if self.preference.path:
            found = read_file(self.config, turn.task, turn.reporter.message)
        found.comparisons += of_episodes(self._pairs(learnable(turn, episodes), threshold))
        return found

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """All where a file alone is learnt from: somebody else has said what is better."""
        return 1.0 if self._is_offline else super().real_share(turn, episodes)

    def expected_real_share(self, task: Task) -> float:
        """Likewise."""
        return 1.0 if self._is_offline else super().expected_real_share(task)

    def idle(self) -> dict[str, str]:
        """No number of pairs where there is one a problem; nothing of samples where there are none."""
        found, preference = super().idle(), self.preference
        if self._is_offline:
            file = "where a file has the pairs (preference.path)"
            names = ("mix.keep", "preference.pairing", "preference.gap", "sample.band", "sample.temperature")
            return found | unfiltered(self.config, file) | dict.fromkeys(names, file)
        if preference.pairing in ("best-worst", "random"):
            found["filter.per_prompt"] = (
                f"with preference.pairing = {preference.pairing!r}, which makes one pair of a problem"
            )
        return found

    @property
    def _is_offline(self) -> bool:
        return bool(self.preference.path) and not self.preference.join

    def _pairs(self, episodes: Sequence[Episode], threshold: float) -> list[tuple[Episode, Episode]]:
        return by_score(episodes, self.preference, self.config.filter, threshold, self.config.seed)


def read_file(config: TextConfig, task: Task, tell: Callable[[str], None] = lambda _: None) -> Material:
    """What the file of `preference.path` says, without evaluation items; UserError as `read_preferences`."""
    assert isinstance(config, PreferenceSettings)
    path = Path(config.preference.path)
    real, holdout = real_data(task, config)
    problems = [*practice(task, config, real, holdout), *(each.prompt for each in real)]
    index = EvaluationIndex(evaluation_prompts(task, config))
    if form(path) == "pairs":
        rows = read_preferences(path, task, problems=problems, index=index, tell=tell)
        loss = config.preference.loss
        if loss in WHOLE_BATCH and (unsure := [row.share for row in rows if row.share < 1]):
            raise UserError(
                f"'{path}' has {len(unsure)} pairs that are better with a probability below 1, and "
                f"preference.loss = {loss!r} compares no pair by itself; take another loss"
            )
        return Material(of_rows(rows))
    if config.preference.loss != "kto":
        raise UserError(
            f"'{path}' has single responses with labels; set preference.loss = \"kto\", or give pairs with "
            "chosen and rejected"
        )
    labels = read_labelled(path, task, problems=problems, index=index, tell=tell)
    return Material(labelled=of_labels(labels))
