"""What passes between a tree of proposed steps and a model: questions about texts, steps by their ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.language.model.generation.successors import Drawn


@dataclass(frozen=True)
class ProposedStep:
    """A step that a tree has an id for."""

    text: str
    """With its `step_end`; without `end`."""
    tokens: int = field(compare=False)
    ends: bool
    cut: bool
    """The limit of tokens ended it."""
    token: int = -1
    """The one that it is made of, where steps are single tokens."""


@dataclass
class Intern:
    """The steps of one tree by id, and how often each node has asked."""

    steps: list[ProposedStep] = field(default_factory=list)
    ids: dict[ProposedStep, int] = field(default_factory=dict)
    asked: dict[tuple[int, ...], int] = field(default_factory=dict)
    weighed: set[tuple[tuple[int, ...], int]] = field(default_factory=set)
    drawn: dict[tuple[int, ...], Drawn] = field(default_factory=dict)
    """What each node has had, where none of its steps comes twice."""

    def id_of(self, step: ProposedStep) -> int:
        """The id of a step, a new one where it is new."""
        if step not in self.ids:
            self.ids[step] = len(self.steps)
            self.steps.append(step)
        return self.ids[step]


@dataclass(frozen=True)
class Question:
    """One request with the text that it is about."""

    tree: int
    path: tuple[int, ...]
    """Ids of the steps from the tree's first root on."""
    count: int
    """Steps asked for."""
    completion: str
    tokens: int
    """Of the completion, as generated."""
    player: int
