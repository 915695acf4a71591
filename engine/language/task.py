"""Tasks: problems that a language model works on, each with a verifier of what it wrote."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Split = Literal["train", "validation", "test"]
"""Prompts to learn from, to gate checkpoints on, and to report on. No key is in two of them."""

Kind = Literal["exact", "learned", "self"]
"""Who says that an answer is right: a checker that cannot err, a trained model, or the model itself."""

VALIDATION_SHARE, TEST_SHARE = 0.10, 0.25

UNJUDGED = "unjudged"
"""The flag of a completion without a verdict."""


@dataclass(frozen=True)
class Prompt:
    """One problem as the model sees it. It carries no answer."""

    id: str
    """Names the problem, the same over runs and machines."""
    text: str
    """What the model continues."""
    key: str
    """What counts as one problem in splits and statistics: a multiset of numbers, a pair of operands."""
    stratum: str = ""
    """Group whose share is watched: the number of digits, the operator that every solution needs."""


@dataclass(frozen=True)
class VerifyResult:
    """What a verifier says of one completion."""

    score: float
    """In [0, 1]; 1 is right."""
    parsed: str = ""
    """The answer, equal for answers that differ in writing only; it votes. Empty where it cannot be read."""
    reason: str = ""
    """Why the score is not 1, in a few words."""
    flags: tuple[str, ...] = ()
    """Signs of an exploit: `timeout`, `power`, `empty`, `overlong`, `loop`, `forfeit`, …"""
    kind: Kind = "exact"
    path: str = ""
    """The way to the answer, equal for ways that differ in writing only: of each one completion is learnt
    from, and diversity counts them. Empty: the text itself, but for white space (`Episode.path`)."""
    gold: float | None = None
    """The true score where another than the task's verifier judges and this one was audited; not stored."""

    @property
    def is_forfeit(self) -> bool:
        """Whether a side lost a game of two by breaking its rules, which says nothing of the other's play."""
        return "forfeit" in self.flags

    @property
    def is_missing(self) -> bool:
        """Whether the judge gave no verdict that can be read; the score then means nothing."""
        return UNJUDGED in self.flags


@dataclass(frozen=True)
class Demonstration:
    """A problem and a completion written by someone else than the model: real data."""

    prompt: Prompt
    completion: str
    players: tuple[int, ...] | None = None
    """Of a game of two: whose steps are to be learnt; None: all."""


class Task(ABC):
    """Problems and their verifier. Everything but `prompts` and `verify` has a default.

    A completion is the text after the prompt, without `end`. It is made of steps, each with its `step_end`.
    """

    name: str = ""
    kind: Kind = "exact"
    end: str = "\n"
    """Ends a completion."""
    step_end: str = ";"
    """Ends a step."""
    alphabet: str = ""
    """Characters that prompts and completions are made of; empty: whatever the demonstrations have."""
    max_tokens: int = 64
    """Tokens of one completion."""
    max_step_tokens: int = 16
    verifier_at_test: bool = False
    """Whether a search that is being measured may ask `verify`: where that needs the prompt alone."""
    num_players: int = 1
    """2: a game, whose score is the first player's: 1 won, 0.5 drawn, 0 lost."""
    inline: bool = False
    """Whether `verify` returns soon whatever the text, so that no process has to be killed for it."""
    hint_in_completion: bool = False
    """Whether a hint is the start of the completion and stays with it, or is taken away again."""
    judge_prompts: Sequence[str] = ()
    """Texts that a learned `verify` asks its judge with: a completion that repeats them may be fooling it."""
    files: Sequence[str] = ()
    """Files of data that its problems come from: a run is not gone on with when they have changed."""
    constitution: ClassVar[str] = ""
    """A file of principles that replies are to keep, for methods that go by them; empty: none."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings of a run by name, over a method's and under the user's; `default` needs none."""

    @abstractmethod
    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """`count` different problems of a split, or all it has; those of a smaller count come first."""

    @abstractmethod
    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Judge one completion, whatever text it is."""

    def prepare(self) -> None:
        """Load what `verify` needs, in the process that will call it and before it is timed."""
        return

    def verify_all(self, pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
        """Judge many completions; for tasks that can do so faster than one by one."""
        return [self.verify(prompt, completion) for prompt, completion in pairs]

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """Real data on problems of the training split; those of a smaller count come first."""
        del count, seed
        return []

    def held_out(self, split: Split, count: int, seed: int) -> list[Demonstration]:
        """Real data of any split, to measure a likelihood on and never to learn from."""
        del split, count, seed
        return []

    def modes(self, prompt: Prompt, completion: str) -> list[str]:
        """Kinds that a completion shows, whose shares are watched: its operators, its words."""
        del prompt, completion
        return []

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Problems as hard with another surface: new numbers, another order; `stratum` says which."""
        del prompts, seed
        return []

    def harder(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Problems beyond every split: a larger range, longer numbers. To fail there is no sign of a leak."""
        del prompts, seed
        return []

    def problem(self, text: str) -> Prompt | None:
        """The problem that a text states, None where it states none of this task's training split.

        For problems that a model makes itself; a task that reads none has no such.
        """
        del text
        return None

    def solutions(self, prompt: Prompt) -> frozenset[str] | None:
        """Every right solution in the form of `VerifyResult.parsed`, None where they cannot be listed."""
        del prompt
        return None

    def hint(self, prompt: Prompt) -> str | None:
        """Text that goes before the completion to give the answer away (STaR's rationalization)."""
        del prompt
        return None

    def weak_verify(self, prompt: Prompt, completion: str) -> VerifyResult | None:
        """What the prompt alone says of a completion, its example tests; None where it says nothing."""
        del prompt, completion
        return None

    def gold(self, prompt: Prompt, completion: str) -> float | None:
        """The true score, where `verify` may be fooled and it is known, else None. Nothing learns from it."""
        del prompt, completion
        return None

    def second_score(self, prompt: Prompt, completion: str) -> float | None:
        """What a verifier independent of `verify` says, None where there is none. Nothing learns from it."""
        del prompt, completion
        return None

    def behaviour(self, prompt: Prompt, completion: str) -> str | None:
        """Equal for completions that do the same on inputs of their own; None where they do nothing."""
        del prompt, completion
        return None

    def leaks(self, prompt: Prompt, completion: str) -> bool:
        """Whether a completion written with a hint uses the answer before it has been derived."""
        del prompt, completion
        return False

    def steps(self, completion: str) -> list[str]:
        """A completion cut into its steps; joined they are the completion."""
        parts = completion.split(self.step_end)
        return [part + self.step_end for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

    def legal_steps(self, prompt: Prompt, completion: str) -> list[str] | None:
        """Every step that may come next, none at the end; None where the model has to propose them."""
        del prompt, completion
        return None

    def player(self, prompt: Prompt, completion: str) -> int:
        """Who writes the next step: 0, or 1 in a game of two."""
        del prompt, completion
        return 0

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        """Whether nothing can follow these steps even though `end` has not been written."""
        del prompt, completion
        return False


def split_of(key: str) -> Split:
    """The split that a key belongs to, on every machine and for every seed."""
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if share < TEST_SHARE:
        return "test"
    return "validation" if share < TEST_SHARE + VALIDATION_SHARE else "train"


def text_flags(completion: str, step_end: str, max_chars: int) -> tuple[str, ...]:
    """Signs of degenerate text: `empty`, `overlong`, `power` (`**`), `loop` (a step written three times)."""
    if not completion.strip():
        return ("empty",)
    flags = ["overlong"] if len(completion) > max_chars else []
    start = completion[:max_chars]
    if "**" in start:
        flags.append("power")
    steps = [step for step in start.split(step_end) if step]
    if len(steps) - len(set(steps)) >= 2 and any(steps.count(step) > 2 for step in set(steps)):
        flags.append("loop")
    return tuple(flags)
