"""AI feedback: a model chooses between two replies by a principle, asked in both orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.language.method.constitution.config import ConstitutionConfig
from engine.language.method.constitution.constitution import Constitution, Principle
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score
from engine.language.problem.preference_file import Preference
from engine.language.rollout import Draw, row_seed
from engine.language.round_trip import fits
from engine.language.task import Prompt, Task

SURE = 1e-12
"""Probabilities of the two answers below which neither is an answer."""


@dataclass(frozen=True)
class Candidates:
    """Two replies to one problem."""

    prompt: Prompt
    first: str
    second: str


@dataclass(frozen=True)
class Choice:
    """What feedback says of two replies."""

    pair: Candidates
    principle: Principle
    orders: tuple[float, float]
    """The probability that the first is the better, as the pair is shown in its order and in the other; NaN
    where the model gave neither of the answers."""
    tokens: int = 0
    """Of thoughts written for it."""

    @property
    def share(self) -> float:
        """The mean of both orders."""
        return sum(self.orders) / 2

    @property
    def is_missing(self) -> bool:
        """Whether one order at least had no answer."""
        return math.isnan(self.share)

    @property
    def agrees(self) -> bool:
        """Whether both orders find the same reply the better one, or neither."""
        one, two = (np.sign(order - 0.5) for order in self.orders)
        return bool(one == two)

    def truth(self) -> float | None:
        """1 where by the principle's rule the first alone keeps it, 0 the second alone; None otherwise."""
        if self.principle.rule.is_empty:
            return None
        one, two = (
            self.principle.rule.keeps(self.pair.prompt.text, text)
            for text in (self.pair.first, self.pair.second)
        )
        return None if one == two else float(one)


@dataclass
class Feedback:
    """Asks a model, and a rule where a principle has no words.

    Args:
        seed: of the run; the principle of a pair is a function of it, the iteration and the pair.
    """

    task: Task
    constitution: Constitution
    model: LanguageModel
    config: ConstitutionConfig
    rows: int
    seed: int
    iteration: int

    def choose(
        self, pairs: Sequence[Candidates], on_rows: Callable[[int], None] | None = None
    ) -> list[Choice]:
        """A choice for each pair that can be asked about, in their order.

        Raises UserError where none can, because the model cannot read any of the requests.
        """
        drawn = [self.constitution.draw(self._seed("feedback", pair)) for pair in pairs]
        asked = [number for number, principle in enumerate(drawn) if principle.is_spoken]
        readable = self._readable([(pairs[number], drawn[number]) for number in asked])
        if asked and not any(readable):
            raise UserError(
                f"the feedback model cannot read constitution '{self.constitution.name}': none of "
                f"{len(asked)} requests fits its context, or can be spelt by its tokenizer; name another "
                "constitution.path, or constitution.feedback"
            )
        kept = [number for number, is_good in zip(asked, readable, strict=True) if is_good]
        told: dict[int, Choice] = {}
        step = max(1, self.rows)
        for place in range(0, len(kept), step):
            part = kept[place : place + step]
            told |= zip(part, self._asked([(pairs[n], drawn[n]) for n in part]), strict=True)
            if on_rows:
                on_rows(place + len(part))
        for number, principle in enumerate(drawn):
            if not principle.is_spoken:
                told[number] = ruled(pairs[number], principle)
        return [told[number] for number in sorted(told)]

    def _readable(self, asked: Sequence[tuple[Candidates, Principle]]) -> list[bool]:
        """Which pairs the model can be asked about, in both orders."""
        texts = [self._texts(pair, principle) for pair, principle in asked]
        both = fits(self.model, [text for pair in texts for text in pair]) if texts else []
        return [one and two for one, two in zip(both[::2], both[1::2], strict=True)]

    def _texts(
        self, pair: Candidates, principle: Principle, thoughts: tuple[str, str] = ("", "")
    ) -> tuple[str, str]:
        ask = self.constitution.ask_choice
        return (
            ask(principle, pair.prompt.text, pair.first, pair.second, thoughts[0]),
            ask(principle, pair.prompt.text, pair.second, pair.first, thoughts[1]),
        )

    def _asked(self, asked: Sequence[tuple[Candidates, Principle]]) -> list[Choice]:
        thoughts, tokens = self._thoughts(asked) if self.config.thought else ([("", "")] * len(asked), None)
        texts = [
            text
            for (pair, principle), both in zip(asked, thoughts, strict=True)
            for text in self._texts(pair, principle, both)
        ]
        told = self._probabilities(texts)
        if self.config.thought:
            told = told.clip(*self.config.clamp)
        return [
            Choice(pair, principle, (float(one), float(1 - two)), 0 if tokens is None else tokens[number])
            for number, ((pair, principle), one, two) in enumerate(
                zip(asked, told[::2], told[1::2], strict=True)
            )
        ]

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Of the first answer against the second, [N]; NaN where the model gives neither of them."""
        one, two = (
            np.array([float(row.sum(dtype=float)) for row in score(self.model, texts, [answer] * len(texts))])
            for answer in self.constitution.form.answers
        )
        with np.errstate(all="ignore"):
            told = 1 / (1 + np.exp(two - one))
            return np.where(np.logaddexp(one, two) > math.log(SURE), told, np.nan)

    def _thoughts(
        self, asked: Sequence[tuple[Candidates, Principle]]
    ) -> tuple[list[tuple[str, str]], list[int]]:
        """What the model writes before it chooses, of either order, and the tokens of both."""
        ask = self.constitution.ask_thought
        texts = [
            ask(principle, pair.prompt.text, *replies)
            for pair, principle in asked
            for replies in ((pair.first, pair.second), (pair.second, pair.first))
        ]
        seeds = [self._seed(f"thought {order}", pair) for pair, _ in asked for order in ("first", "second")]
        draw = Draw(self.config.temperature, rows=self.rows)
        written = generate(
            self.model, texts, seeds=seeds, temperature=draw.temperature, max_tokens=self.task.max_tokens,
            stop=(self.task.end,), max_rows=draw.rows,
        )  # fmt: skip
        both = list(zip(written[::2], written[1::2], strict=True))
        return [(one.text, two.text) for one, two in both], [one.tokens + two.tokens for one, two in both]

    def _seed(self, purpose: str, pair: Candidates) -> int:
        return row_seed(self.seed, self.iteration, purpose, pair.prompt.id, pair.first, pair.second)


def ruled(pair: Candidates, principle: Principle) -> Choice:
    """By the rule of a principle alone: sure where one reply keeps it, a half where both or neither do."""
    one, two = (principle.rule.keeps(pair.prompt.text, text) for text in (pair.first, pair.second))
    told = 0.5 if one == two else float(one)
    return Choice(pair, principle, (told, told))


def preference(choice: Choice, labels: str) -> Preference | None:
    """A choice as a comparison, the likelier reply chosen; with "hard" labels for certain.

    None for a choice that is missing, and with hard labels for a tie.
    """
    share, pair = choice.share, choice.pair
    if choice.is_missing:
        return None
    better, worse = (pair.first, pair.second) if share >= 0.5 else (pair.second, pair.first)
    share = max(share, 1 - share)
    if labels == "hard":
        if share == 0.5:
            return None
        share = 1.0
    return Preference(pair.prompt.text, better, worse, share, pair.prompt.key)


def told(choices: Sequence[Choice]) -> dict[str, float]:
    """What is known of choices, by metrics tag.

    `agreement` is the share in which both orders find the same reply better, `sure` how far the mean of them
    is from a half, `position` how much likelier the reply that is shown first is than the other, `missing`
    the share without an answer, which the others do not count. Of choices in which a rule tells the replies
    apart `right` is the share that it confirms, a tie as half, and `steady` that in which both orders agree.
    """
    if not choices:
        return {}
    absent = sum(choice.is_missing for choice in choices) / len(choices)
    choices = [choice for choice in choices if not choice.is_missing]
    if not choices:
        return {"constitution/missing": absent}
    shares = np.array([choice.share for choice in choices])
    found = {
        "constitution/missing": absent,
        "constitution/agreement": float(np.mean([choice.agrees for choice in choices])),
        "constitution/sure": float(np.abs(shares - 0.5).mean()),
        "constitution/position": float(np.mean([c.orders[0] - c.orders[1] for c in choices])),
    }
    known = [(choice.share, truth) for choice in choices if (truth := choice.truth()) is not None]
    if known:
        found["constitution/right"] = float(
            np.mean(
                [0.5 if share == 0.5 else float((share > 0.5) == (truth > 0.5)) for share, truth in known]
            )
        )
        found["constitution/steady"] = float(np.mean([c.agrees for c in choices if c.truth() is not None]))
    return found
