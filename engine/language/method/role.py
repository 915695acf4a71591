"""What a trained model is for, who therefore writes, and the figure that the gate compares models by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.model.model import LanguageModel
from engine.language.monitor.metric.observation import Items
from engine.statistics import areas_within

if TYPE_CHECKING:
    from engine.language.measure.watch import Look
    from engine.language.settings import TextConfig


class Measured(NamedTuple):
    """A row of the final table: a model that writes, and who values its samples if it does not itself."""

    name: str
    writer: LanguageModel
    critic: LanguageModel | None = None


class Role:
    """What the trained model does: here it writes, and its greedy score is measured."""

    note = ""
    """Told when a run starts; empty: nothing."""
    fact = ""
    """Said on the run's page; empty: nothing."""

    num_rows = 2
    """Of the final table, besides a control's."""

    def check(self, config: TextConfig) -> None:
        """UserError for settings that such a model has no use for."""
        if config.value.likelihood:
            raise UserError(
                f"value.likelihood = {config.value.likelihood:g} is for critics, which write nothing: "
                'set it to 0, or take update.loss = "value" with value.anchor = 0'
            )

    def writer(self, first: LanguageModel, model: LanguageModel) -> LanguageModel:
        """Who writes where `model` is looked at; `first` is the run's first model."""
        del first
        return model

    def writing(self, accepted: int) -> int:
        """The iteration whose model writes, where that of `accepted` counts."""
        return accepted

    def valuing(self, accepted: int) -> int | None:
        """The iteration whose model values what another writes, None where there is none."""
        del accepted
        return None

    def figure(self, look: Look, values: Sequence[float] | None) -> Items:
        """What the gate compares models by; `values` are the value head's of the probe, None without one."""
        del values
        return look.accuracy

    def measured(self, first: LanguageModel, model: LanguageModel, accepted: int) -> list[Measured]:
        """What the final table shows of the accepted `model`, the first row being what others are less."""
        return [Measured("first", first), Measured(f"iteration {accepted}", model)]


class Critic(Role):
    """It values what the first model writes, and is measured by how it tells right from wrong."""

    note = "the model learns to value texts and writes none: the first model does"
    fact = "a critic, which values what the first model writes"
    num_rows = 1

    def check(self, config: TextConfig) -> None:
        """Refuse a control, which would have to write."""
        if config.measure.control:
            raise UserError(
                "measure.control: a critic writes nothing, so there is no control; set it to false"
            )

    def writer(self, first: LanguageModel, model: LanguageModel) -> LanguageModel:
        """The first model."""
        del model
        return first

    def writing(self, accepted: int) -> int:
        """That of the first model."""
        del accepted
        return 0

    def valuing(self, accepted: int) -> int | None:
        """The accepted one, once one has been trained."""
        return accepted or None

    def figure(self, look: Look, values: Sequence[float] | None) -> Items:
        """The area under the curve of each problem's samples; 0.5 where the values tell nothing."""
        keys = list({episode.prompt.id: episode.prompt.key for episode in look.probe}.values())
        right = np.array([self.rightness(episode) for episode in look.probe]).reshape(len(keys), -1)
        told = np.full(right.shape, 0.5) if values is None else np.asarray(values).reshape(right.shape)
        known = ~np.isnan(right)
        areas = areas_within(
            [row[there] >= 1 for row, there in zip(right, known, strict=True)],
            [row[there] for row, there in zip(told, known, strict=True)],
        )
        return Items(keys, np.nan_to_num(areas, nan=0.5).tolist())

    def rightness(self, episode: Episode) -> float:
        """1 for a sample that is right, less for one that is wrong; NaN: nobody knows."""
        return episode.worth

    def measured(self, first: LanguageModel, model: LanguageModel, accepted: int) -> list[Measured]:
        """The first model's samples, valued by the accepted one."""
        return [Measured(f"first, valued by iteration {accepted}" if accepted else "first", first, model)]
