"""A constitution: principles, and how a model is asked to criticise, revise and choose by them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from engine.language.method.constitution.rule import Rule
from engine.language.model.conversation import conversation

ANSWERS = ("A", "B")


@dataclass(frozen=True)
class Principle:
    """One rule in words, as a program, or both."""

    name: str
    rule: Rule
    critique: str = ""
    """Asks what of it a text breaks."""
    revision: str = ""
    """Asks to write the text again so that it keeps it."""
    choice: str = ""
    """Asks which of two texts keeps it better."""
    weight: float = 1.0
    """How often it is drawn, beside the others."""

    @property
    def is_spoken(self) -> bool:
        """Whether a model is asked; else its rule decides, and texts that break it are drawn again."""
        return bool(self.critique)


@dataclass(frozen=True)
class Form:
    """What a model is asked, as templates with fields in braces.

    `{dialogue}` is a request with its reply as messages of user and assistant, `{prompt}` and `{completion}`
    are the two alone, `{first}` and `{second}` two replies; `{critique_request}`, `{revision_request}` and
    `{choice_request}` are the principle's; `{critique}` and `{thought}` are what the model said. `verdict`
    asks for a choice after a thought.
    """

    critique: str = "{dialogue}\n\nuser: {critique_request}\n\nassistant:"
    revision: str = (
        "{dialogue}\n\nuser: {critique_request}\n\nassistant: {critique}\n\nuser: {revision_request}"
        "\n\nassistant:"
    )
    choice: str = (
        "Consider this request and two replies to it.\n\nRequest: {prompt}\n\n(A) {first}\n\n(B) {second}\n\n"
        "{choice_request} Answer A or B.\n\nAnswer:"
    )
    thought: str = (
        "Consider this request and two replies to it.\n\nRequest: {prompt}\n\n(A) {first}\n\n(B) {second}\n\n"
        "{choice_request} Think about it step by step, in a sentence.\n\nThought:"
    )
    verdict: str = (
        "Consider this request and two replies to it.\n\nRequest: {prompt}\n\n(A) {first}\n\n(B) {second}\n\n"
        "{choice_request} Think about it step by step, in a sentence.\n\nThought: {thought}\n\nAnswer:"
    )
    answers: tuple[str, str] = ANSWERS
    """That name the first and the second reply."""


@dataclass(frozen=True)
class Constitution:
    """Principles in their order."""

    name: str
    principles: tuple[Principle, ...]
    form: Form = Form()

    @cached_property
    def _cumulative(self) -> list[float]:
        return list(itertools.accumulate(principle.weight for principle in self.principles))

    def draw(self, seed: int) -> Principle:
        """A principle by its weight; the same for the same seed, in time that barely grows with them."""
        table = self._cumulative
        return self.principles[
            bisect.bisect_right(table, Random(seed).random() * table[-1], hi=len(table) - 1)
        ]

    def checkable(self, count: int = 0) -> list[Principle]:
        """Principles with a rule; of more than `count` those that are spread evenly over them. 0: all."""
        found = [principle for principle in self.principles if not principle.rule.is_empty]
        if not count or len(found) <= count:
            return found
        return [found[place * len(found) // count] for place in range(count)]

    def broken(self, prompt: str, completion: str, count: int = 0) -> list[str]:
        """Names of the principles, `count` of them at most looked at, whose rule a completion breaks."""
        return [each.name for each in self.checkable(count) if not each.rule.keeps(prompt, completion)]

    def ask_critique(self, principle: Principle, prompt: str, completion: str) -> str:
        """What a model reads that is to criticise."""
        return self._filled(self.form.critique, principle, prompt, completion)

    def ask_revision(self, principle: Principle, prompt: str, completion: str, critique: str) -> str:
        """What a model reads that is to revise."""
        return self._filled(self.form.revision, principle, prompt, completion, critique=critique.strip())

    def ask_choice(
        self, principle: Principle, prompt: str, first: str, second: str, thought: str = ""
    ) -> str:
        """What a model reads that is to choose, after a `thought` of its own where it had one."""
        fields = {"first": first.strip(), "second": second.strip(), "thought": thought.strip()}
        template = self.form.verdict if thought.strip() else self.form.choice
        return self._filled(template, principle, prompt, "", **fields)

    def ask_thought(self, principle: Principle, prompt: str, first: str, second: str) -> str:
        """What a model reads that is to think before it chooses."""
        fields = {"first": first.strip(), "second": second.strip()}
        return self._filled(self.form.thought, principle, prompt, "", **fields)

    def _filled(
        self, template: str, principle: Principle, prompt: str, completion: str, **fields: str
    ) -> str:
        return template.format(
            prompt=prompt,
            completion=completion,
            dialogue=dialogue(prompt, completion),
            critique_request=principle.critique,
            revision_request=principle.revision or principle.critique,
            choice_request=principle.choice if principle.choice.strip() else principle.critique,
            **fields,
        )


def dialogue(prompt: str, completion: str) -> str:
    """A request, or a conversation, and its reply as messages, as `conversation` reads them."""
    head = prompt if conversation(prompt) else f"user: {prompt}\n\nassistant:"
    return f"{head} {completion.strip()}"


def shares_broken(constitution: Constitution, pairs: Sequence[tuple[str, str]], count: int) -> float:
    """Share of (prompt, completion) that break a rule at least, NaN of none."""
    if not pairs:
        return float("nan")
    return sum(bool(constitution.broken(*pair, count)) for pair in pairs) / len(pairs)
