"""Phases of a constitutional method: what is written in each, and what is learnt of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.constitution.config import ConstitutionalSettings, ConstitutionConfig, PhaseName
from engine.language.method.constitution.constitution import Constitution, shares_broken
from engine.language.method.constitution.constitution_file import PROSE, read_constitution
from engine.language.method.constitution.revision import Reviser, as_episodes
from engine.language.method.sampler import Samples
from engine.language.method.trainer import Texts
from engine.language.method.turn import Learnt, Turn
from engine.language.rollout import Draw
from engine.language.task import Task

if TYPE_CHECKING:
    from engine.language.settings import TextConfig


def settings_of(config: TextConfig) -> ConstitutionConfig:
    """The section of a run by a constitution."""
    assert isinstance(config, ConstitutionalSettings), type(config)
    return config.constitution


def constitution_for(config: TextConfig, task: Task) -> Constitution:
    """The one that the settings name, else the task's, else the one in prose.

    UserError for a file that is none, and for prose where the model is built here, which cannot read it.
    """
    path = settings_of(config).path or task.constitution
    if path:
        return _read(Path(path), _stamp(Path(path)))
    if not config.model.path:
        raise UserError(
            f"task '{task.name}' brings no constitution, and a model that is built here reads no prose: name "
            "a file with constitution.path, or a model with --model"
        )
    return _read(PROSE, 0)


@lru_cache(maxsize=4)
def _read(path: Path, stamp: int) -> Constitution:
    """The one of a file as it was when it had that `stamp`."""
    del stamp
    return read_constitution(path)


def _stamp(path: Path) -> int:
    """When a file was last changed, in nanoseconds; 0 where it cannot be told."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def phase_of(config: TextConfig, iteration: int) -> PhaseName:
    """That of an iteration, from 1 on; the last one goes on."""
    phases = settings_of(config).phases
    return phases[min(max(iteration, 1), len(phases)) - 1]


def share_broken(turn: Turn, episodes: Sequence[Episode], name: str) -> dict[str, float]:
    """The share of replies that break a rule which a program can check; nothing without such rules."""
    constitution = constitution_for(turn.config, turn.task)
    if not episodes or not constitution.checkable(1):
        return {}
    pairs = [(each.prompt.text, each.completion) for each in episodes]
    return {f"constitution/{name}": shares_broken(constitution, pairs, settings_of(turn.config).checked)}


class Revisions(Samples):
    """Samples, and what a model makes of each by critique and revision."""

    def write(self, turn: Turn) -> list[Episode]:
        """The samples as they were drawn, then their revisions with verdicts of their own."""
        settings = settings_of(self.config)
        drafts = super().write(turn)
        reviser = Reviser(
            turn.task, constitution_for(self.config, turn.task), turn.writer,
            Draw(settings.temperature, rows=self.config.loop.rows), turn.seed, turn.iteration,
        )  # fmt: skip
        total = len(drafts) * settings.revisions
        with turn.reporter.phase("revising", total) as move:
            revised = reviser.revise(drafts, settings.revisions, move)
        if reviser.unasked:
            turn.reporter.message(
                f"iteration {turn.iteration}: {reviser.unasked} of {reviser.asked} requests to criticise or "
                "revise are left out: over the model's context, or with letters it cannot spell"
            )
        return drafts + as_episodes(revised, turn.verify, every=settings.drafts)

    def written(self, length: float) -> float:
        """Each sample, with a critique and a revision a round."""
        return super().written(length) * (1 + 2 * settings_of(self.config).revisions)


class RevisionTrainer(Texts):
    """Revisions that pass are learnt word by word beside real data, drafts are not."""

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """As ever, of revisions alone."""
        revised = iter(super().marked(task, [e for e in episodes if e.source == "revision"], threshold))
        return [next(revised) if e.source == "revision" else replace(e, kept=False) for e in episodes]

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """Supervised; beside it what the rules say of drafts and of revisions."""
        learnt = super().learn(turn, episodes, threshold, number)
        drafts = [each for each in episodes if each.source != "revision"]
        revised = [each for each in episodes if each.source == "revision"]
        told = share_broken(turn, drafts, "broken_samples") | share_broken(turn, revised, "broken_revisions")
        if told:
            turn.reporter.message(
                f"iteration {turn.iteration}: {told['constitution/broken_samples']:.1%} of the drafts and "
                f"{told['constitution/broken_revisions']:.1%} of the revisions break a rule"
            )
        return replace(learnt, values={**learnt.values, **told}) if learnt.steps else learnt
