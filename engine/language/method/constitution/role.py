"""The figure that models by a constitution are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.language.method.constitution.phase import constitution_for, settings_of
from engine.language.method.role import Role
from engine.language.monitor.metric.observation import Items
from engine.language.problem.task_registry import load_task

if TYPE_CHECKING:
    from engine.language.measure.watch import Look
    from engine.language.settings import TextConfig


class Keeper(Role):
    """Replies count that do what was asked and keep the rules, as far as a program can check them."""

    fact = "replies that do what was asked count where they keep the rules of the constitution"

    def __init__(self, config: TextConfig) -> None:
        self._config = config

    def figure(self, look: Look, values: Sequence[float] | None) -> Items:
        """Of the probe's samples, whose score is 0 where they break a rule."""
        constitution = constitution_for(self._config, load_task(self._config.task))
        if not constitution.checkable(1):
            return super().figure(look, values)
        count = settings_of(self._config).checked
        return Items(
            [each.prompt.key for each in look.probe],
            [
                0.0 if constitution.broken(each.prompt.text, each.completion, count) else each.worth
                for each in look.probe
            ],
        )
