"""Steps of one token each, in the order of their exact probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.language.search.proposal import Intern, ProposedStep, Question
from engine.language.task import Prompt, Task

if TYPE_CHECKING:
    from engine.language.model.codec import Tokens
    from engine.language.model.decoding.text_cache import TextCache
    from engine.language.model.model import LanguageModel

Ranking = tuple[NDArray[np.int64], NDArray[np.float32]]
"""The likeliest tokens after a text, likeliest first, and their probabilities at temperature 1."""

_UNFINISHED = "\ufffd"
"""What decoders write for the first bytes of a character."""


class TokenSteps:
    """The likeliest next tokens of texts; asked again about a text it goes on down the list.

    Texts are kept as tokens, so that a tokenizer whose texts do not join as its tokens do brings no other
    text before the model than the one that was written. A text's tokens are ranked in one forward pass, the
    first time that it is asked about, which counts as one generated token whatever the number of steps.

    Args:
        model: that ranks.
        task: whose `end` and limit of tokens end a completion.
        prompts: of the trees.
        interns: of the trees.
        most: steps of one text in all.
    """

    def __init__(
        self, model: LanguageModel, task: Task, prompts: Sequence[Prompt], interns: list[Intern], most: int
    ) -> None:
        self._model, self._task, self._most, self._interns = model, task, most, interns
        self._prompts, self._heads = prompts, model.encode_prompts([prompt.text for prompt in prompts])
        self._rankings: list[dict[tuple[int, ...], Ranking]] = [{} for _ in prompts]

    def tokens(self, question: Question) -> Tokens:
        """Prompt and completion as tokens, without the one that ended it where that added no text."""
        steps = self._interns[question.tree].steps
        written = [steps[action] for action in question.path]
        if written and written[-1].ends and not written[-1].cut and not written[-1].text:
            written.pop()
        return self._heads[question.tree] + [step.token for step in written]

    def propose(
        self, questions: Sequence[Question], known: TextCache | None = None
    ) -> tuple[list[list[tuple[ProposedStep, float]]], list[int]]:
        """The next steps of each text with their probabilities, and the tokens that each answer cost.

        `known` are prompts read before.
        """
        costs = self._rank(questions, known)
        taken: list[list[tuple[int, float]]] = []
        for question in questions:
            intern = self._interns[question.tree]
            tokens, probs = self._rankings[question.tree][question.path]
            first = intern.asked.get(question.path, 0)
            last = min(first + question.count, len(tokens))
            intern.asked[question.path] = last
            taken.append(list(zip(tokens[first:last].tolist(), probs[first:last].tolist(), strict=True)))
        rows = [
            [*self._written(question), token]
            for question, found in zip(questions, taken, strict=True)
            for token, _ in found
        ]
        texts = iter(self._model.codec.decode(rows))
        steps = [
            [(self._step(question, token, next(texts)), prob) for token, prob in found]
            for question, found in zip(questions, taken, strict=True)
        ]
        return steps, costs

    def _rank(self, questions: Sequence[Question], known: TextCache | None) -> list[int]:
        """Rank the next tokens of texts met for the first time; 1 for each of those, else 0."""
        from engine.language.model.scoring import top_tokens

        new = [q for q in questions if q.path not in self._rankings[q.tree]]
        if new:
            tokens, logprobs = top_tokens(self._model, [self.tokens(q) for q in new], self._most, known)
            for question, ids, row in zip(new, tokens, np.exp(logprobs), strict=True):
                possible = row > 0
                self._rankings[question.tree][question.path] = (ids[possible], row[possible])
        fresh = {(q.tree, q.path) for q in new}
        return [int((q.tree, q.path) in fresh) for q in questions]

    def _written(self, question: Question) -> Tokens:
        steps = self._interns[question.tree].steps
        return [steps[action].token for action in question.path]

    def _step(self, question: Question, token: int, text: str) -> ProposedStep:
        """What a token makes of a text: `text` is all of the completion with it, decoded."""
        task, model, before = self._task, self._model, question.completion
        ended = token in model.ends or task.end in text
        room = model.context - len(self._heads[question.tree])
        full = question.tokens + 1 >= min(task.max_tokens, room)
        if ended:
            text = text.split(task.end, 1)[0]
        elif not full:
            text = settled(text, task.end)
        # Where a decoder writes the start of a text anew, the token's own text stands for what it added.
        added = text[len(before) :] if text.startswith(before) else model.codec.decode([[token]])[0]
        complete = ended or self._completes(question, before + added)
        return ProposedStep(added, 1, complete or full, full and not complete, token)

    def _completes(self, question: Question, after: str) -> bool:
        steps = whole_steps(self._task, after)
        if len(steps) == len(whole_steps(self._task, question.completion)):
            return False
        return self._task.is_complete(self._prompts[question.tree], steps)


def settled(text: str, end: str) -> str:
    """`text` without what the next token may still change: part of a character, part of `end`."""
    text = text.rstrip(_UNFINISHED)
    for size in range(min(len(end) - 1, len(text)), 0, -1):
        if text.endswith(end[:size]):
            return text[:-size]
    return text


def whole_steps(task: Task, completion: str) -> str:
    """The steps of a completion that have been written to their ends."""
    return (
        completion[: completion.rfind(task.step_end) + len(task.step_end)]
        if task.step_end in completion
        else ""
    )
