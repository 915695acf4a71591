"""A language model as a judge: it replies in words, or by its very next token."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.language.method.judged.assessor.assessor import Asked, Assessor, Judgement, Versus
from engine.language.method.judged.assessor.prompt import (
    COMPARISON_PLACES,
    SCORE_PLACES,
    JudgePrompt,
    built_in,
    read_prompt,
)
from engine.language.method.judged.assessor.reading import read_points
from engine.language.method.judged.config import JudgeConfig
from engine.language.model.codec import Tokens
from engine.language.model.generation.generation import Completion, generate
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import choice_logprobs
from engine.language.rollout import row_seed
from engine.language.round_trip import fits

IN_FORM = 0.5
"""Probability that the two answers have together, from which a token is an answer."""

LETTERS = (("0", "1"), ("n", "y"), ("N", "Y"), ("-", "+"))
"""Of models that spell by single characters: what says wrong and right, the first that can be spelt."""

WORDS, WORDS_OF_TWO = ("0", "1"), ("2", "1")
"""Of other models, as the built-in prompts name them."""


NO_ROOM = "too long for the judge, or not to be spelt by it"


class ModelAssessor(Assessor):
    """A local model, asked in words that its tokenizer and chat template wrap, or by bare tokens.

    A model that spells by single characters knows no words: without a prompt of the user's it reads problem,
    completion and end token, of two completions each with its own, and its next token is the verdict.

    Args:
        model: that judges.
        config: of the judge.
        rows: replies written side by side.
    """

    def __init__(self, model: LanguageModel, config: JudgeConfig, rows: int) -> None:
        self.kind = "self" if config.by == "self" else "learned"
        self._model, self._config, self._rows = model, config, rows
        self.answers_by_token = uses_token(model, config)
        self.is_drawn = not (self.answers_by_token and config.weighted)
        self._prompts = {False: self._prompt(SCORE_PLACES), True: self._prompt(COMPARISON_PLACES)}
        own = self._prompts[config.ask == "comparison"]
        self.sentences = own.sentences if own else ()

    def check(self) -> None:
        """UserError where it could not give an answer that is one token."""
        if self.answers_by_token:
            self.choices(of_two=self._config.ask == "comparison")

    def scores(self, asked: Sequence[Asked], seed: int) -> list[Judgement]:
        """By the share of all points, or the chance of the answer that says right."""
        if not self.answers_by_token:
            return self._in_words(asked, seed)
        return self._by_token(self.question_rows(asked), False, seed)

    def comparisons(self, asked: Sequence[Versus], seed: int) -> list[Judgement]:
        """By the chance of the answer that names the first."""
        return self._by_token(self.question_rows(asked), True, seed)

    def question_rows(self, asked: Sequence[Asked] | Sequence[Versus]) -> list[Tokens | None]:
        """What it reads of each question; None where it cannot spell it, or has no room for it."""
        if not asked:
            return []
        if self._prompts[isinstance(asked[0], Versus)] is None:
            return [self._bare_row(each) for each in asked]
        texts = [self._question(each) for each in asked]
        good = fits(self._model, texts)
        rows = iter(self._model.encode_prompts([text for text, fit in zip(texts, good, strict=True) if fit]))
        return [next(rows) if fit else None for fit in good]

    def reply_tokens(self, reply: str) -> Tokens | None:
        """A reply with its end token; None where it cannot be spelt."""
        codec = self._model.codec
        try:
            return [*codec.encode_completions([""], [reply])[0], codec.end]
        except UserError:
            return None

    def _question(self, asked: Asked | Versus) -> str:
        prompt = self._prompts[isinstance(asked, Versus)]
        assert prompt is not None
        return prompt.filled(**{**asked._asdict(), "prompt": asked.prompt.text})

    def _bare_row(self, asked: Asked | Versus) -> Tokens | None:
        """Problem and completions, each with its end token; None where it cannot be spelt, or is too long."""
        codec, text = self._model.codec, asked.prompt.text
        try:
            row = list(codec.encode_prompts([text])[0])
            for completion in asked[1:]:
                row += [*codec.encode_completions([text], [completion])[0], codec.end]
        except UserError:
            return None
        return row if len(row) < self._model.context else None

    def choices(self, *, of_two: bool) -> tuple[int, int]:
        """The tokens that say wrong and right, or that the second is better, and the first."""
        codec, words = self._model.codec, WORDS_OF_TWO if of_two else WORDS
        tried = [self._config.answers] if self._config.answers else LETTERS if codec.by_letters else [words]
        for wrong, right in tried:
            try:
                rows = codec.encode_completions(["", ""], [wrong, right])
            except UserError:
                continue
            if rows[0][:1] != rows[1][:1]:
                return rows[0][0], rows[1][0]
        named = " or ".join("/".join(pair) for pair in tried)
        raise UserError(
            f"the judge's tokenizer has no two tokens for {named}; name two answers that it can tell apart "
            "by their first token (judge.answers)"
        )

    def _spellings(self, *, of_two: bool) -> tuple[list[int], list[int]]:
        """The tokens of each answer: those of words that the user has not named may follow a space, too."""
        choices = self.choices(of_two=of_two)
        found = [choices[0]], [choices[1]]
        if not self._config.answers and not self._model.codec.by_letters:
            words = WORDS_OF_TWO if of_two else WORDS
            rows = self._model.codec.encode_completions(["", ""], [f" {word}" for word in words])
            if all(len(row) == 1 for row in rows) and not {rows[0][0], rows[1][0]} & set(choices):
                found[0].append(rows[0][0])
                found[1].append(rows[1][0])
        return found

    def _prompt(self, places: tuple[str, ...]) -> JudgePrompt | None:
        """What it is asked; None: nothing but what is judged."""
        of_two = places is COMPARISON_PLACES
        if self._config.prompt and of_two == (self._config.ask == "comparison"):
            return read_prompt(self._config.prompt, places)
        if self.answers_by_token and self._model.codec.by_letters:
            return None
        return built_in("comparison" if of_two else "token" if self.answers_by_token else "additive")

    def _by_token(self, rows: Sequence[Tokens | None], of_two: bool, seed: int) -> list[Judgement]:
        """What the next token after each row says; None is a row that the model has no room for."""
        there = [row for row in rows if row is not None]
        wrong, right = self._spellings(of_two=of_two)
        found = choice_logprobs(self._model, there, [[*wrong, *right]] * len(there))
        sides = (np.split(each.astype(np.float64), [len(wrong)]) for each in found)
        table = (np.array([np.logaddexp.reduce(side) for side in both]) for both in sides)
        return [
            Judgement(None, NO_ROOM)
            if row is None
            else self._verdict(next(table), row_seed(seed, "judge", number))
            for number, row in enumerate(rows)
        ]

    def _verdict(self, logprobs: NDArray[np.float64], seed: int) -> Judgement:
        wrong, right = (float(each) for each in np.exp(logprobs))
        if not wrong + right >= IN_FORM:
            return Judgement(None, "neither of the two answers")
        if self._config.weighted:
            return Judgement(right / (wrong + right))
        if self._config.temperature == 0:
            return Judgement(0.5 if wrong == right else float(right > wrong))
        odds = (float(logprobs[0]) - float(logprobs[1])) / self._config.temperature
        return Judgement(float(Random(seed).random() < 1 / (1 + np.exp(min(odds, 700.0)))))

    def _in_words(self, asked: Sequence[Asked], seed: int) -> list[Judgement]:
        """Replies that are drawn, each with the score that its last line gives."""
        model, config, texts = self._model, self._config, [self._question(each) for each in asked]
        good = [place for place, row in enumerate(self.question_rows(asked)) if row is not None]
        replies = generate(
            model, [texts[place] for place in good],
            seeds=[row_seed(seed, asked[place].prompt.id, asked[place].completion) for place in good],
            temperature=config.temperature, max_tokens=config.max_tokens, max_rows=self._rows,
        )  # fmt: skip
        self.tokens += sum(reply.tokens for reply in replies)
        found = [Judgement(None, NO_ROOM)] * len(texts)
        weighed: list[tuple[int, Tokens, list[int]]] = []
        for place, reply in zip(good, replies, strict=True):
            points = read_points(reply.text, config.points, texts[place])
            found[place] = Judgement(points.share, points.reason)
            if config.weighted and points.share is not None and (other := self._others(reply, points.place)):
                weighed.append((place, model.encode_prompts([texts[place]])[0] + other[0], other[1]))
        table = choice_logprobs(model, [row for _, row, _ in weighed], [ids for _, _, ids in weighed])
        for (place, _, ids), row in zip(weighed, table, strict=True):
            chances = np.exp(row.astype(np.float64) - row.max())
            mean = float((chances * np.arange(len(ids))).sum() / chances.sum())
            found[place] = Judgement(mean / config.points)
        return found

    def _others(self, reply: Completion, place: int) -> tuple[Tokens, list[int]] | None:
        """(the reply's tokens before its score, what tokens stand for 0, 1, … there).

        None where the score is no single token, or other scores are none.
        """
        codec, tokens = self._model.codec, [int(token) for token in reply.ids]
        while tokens and tokens[-1] in self._model.ends:
            tokens.pop()
        ends = codec.ends(tokens, reply.text)
        at = next((number for number, end in enumerate(ends) if end > place), None)
        if at is None:
            return None
        begin = ends[at - 1] if at else 0
        before, after = reply.text[begin:place], reply.text[place : ends[at]]
        if not after.isdigit() or (ends[at] < len(reply.text) and reply.text[ends[at]] in "0123456789."):
            return None
        spelt = {piece: token for token, piece in reversed(list(enumerate(codec.pieces())))}
        wanted = [f"{before}{points}" for points in range(self._config.points + 1)]
        if any(piece not in spelt for piece in wanted):
            return None
        return tokens[:at], [spelt[piece] for piece in wanted]


def uses_token(model: LanguageModel, config: JudgeConfig) -> bool:
    """Whether a model answers with its next token; comparisons are always answered so."""
    if config.ask == "comparison":
        return True
    return config.form == "token" or (config.form == "auto" and model.codec.by_letters)
