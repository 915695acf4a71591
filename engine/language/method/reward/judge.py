"""A reward model that gives the verdicts of another method."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.errors import UserError
from engine.language.method.turn import Library, Turn
from engine.language.method.verdict import Judge, Pair
from engine.language.model.combination import Combination
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import member_rewards
from engine.language.round_trip import values_as_read


class RewardModel(Judge):
    """The sigmoid of a reward model's reward, which has learnt with a mean of 0: a score in [0, 1].

    It reads text, by its own tokenizer, whatever the student's; a text that it cannot spell or has no room
    for gets no verdict. With a panel (`reward.members`) several say so together: as `reward.combine` said, or
    by their mean less their standard deviation or by the least of them where `guards.ensemble` says so.

    Args:
        path: the folder of a model with a value head, such as a checkpoint of `selfplay text reward`
            (`settings.CriticPath` takes a run for its newest).
    """

    kind = "learned"

    def __init__(self, path: str) -> None:
        self._path = path

    def ready(self, model: LanguageModel, library: Library) -> None:
        """UserError where the folder has no value head."""
        del model
        _rewarding(library, self._path)

    def scores(self, turn: Turn, pairs: Sequence[Pair]) -> list[float | None]:
        """UserError likewise."""
        model = _combined(_rewarding(turn.library, self._path), turn.config.guards.ensemble)
        found = values_as_read(
            model, [prompt.text for prompt, _ in pairs], [completion for _, completion in pairs]
        )
        return [None if math.isnan(value) else float(value) for value in found]

    @property
    def num_members(self) -> int:
        """Those of the panel; 1 where there is no folder, which is told elsewhere."""
        from engine.language.model.model_folder import panel_size

        return panel_size(Path(self._path))

    def votes(self, turn: Turn, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """The sigmoid of each member's reward."""
        model = _rewarding(turn.library, self._path)
        if model.panel is None:
            return super().votes(turn, pairs)
        table = np.full((len(pairs), 1 + len(model.panel.members)), np.nan)
        scores = self.scores(turn, pairs)
        known = [number for number, score in enumerate(scores) if score is not None]
        if known:
            each = member_rewards(
                model, [pairs[number][0].text for number in known], [pairs[number][1] for number in known]
            )
            table[known] = expit(each.T.astype(np.float64))
        return table

    def agrees(self, turn: Turn, pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[bool | None]:
        """Whether every member of a panel is on the same side of a half; one alone never disagrees."""
        model = _rewarding(turn.library, self._path)
        if model.panel is None:
            return [None if score is None else True for score in scores]
        known = [number for number, score in enumerate(scores) if score is not None]
        each = member_rewards(
            model, [pairs[number][0].text for number in known], [pairs[number][1] for number in known]
        )
        sides = each > 0
        same = {number: len(set(sides[:, place].tolist())) == 1 for place, number in enumerate(known)}
        return [same.get(number) for number in range(len(pairs))]


_HOW: dict[str, Combination] = {"cautious": "deviation", "least": "worst"}
"""Combinations that `guards.ensemble` asks for, whatever the panel's own is."""


def _combined(model: LanguageModel, ensemble: str) -> LanguageModel:
    """The same model, its panel combined as the guards say."""
    if model.panel is None or ensemble not in _HOW:
        return model
    found = copy.copy(model)
    found.panel = replace(model.panel, combine=_HOW[ensemble])
    return found


def _rewarding(library: Library, path: str) -> LanguageModel:
    model = library.model(path)
    if model.value_head is None:
        raise UserError(
            f"'{path}' has no value head; give the newest checkpoint of a run of reward, prm or orm"
        )
    if model.value_head.returns is not None:
        raise UserError(f"'{path}' tells what a policy expects, not how good a text is; give a reward model")
    return model
