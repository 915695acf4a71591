"""Critique and revise: a model says what its reply breaks of a principle, and writes it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.constitution.constitution import Constitution, Principle
from engine.language.model.generation.generation import Completion, generate
from engine.language.model.model import LanguageModel
from engine.language.rollout import Draw, Verify, row_seed
from engine.language.round_trip import fits
from engine.language.task import Task

TRIES = 4
"""Completions drawn anew where no model is asked and the last one breaks a rule."""

T = TypeVar("T")

SHOWN = 80
"""Characters of a critique that are recorded."""


@dataclass
class Draft:
    """A reply on its way."""

    episode: Episode
    """As it was first written."""
    text: str
    notes: list[str] = field(default_factory=list)
    """The principle of each round, with what was said."""
    tokens: int = 0
    """Written to revise it."""
    stages: list[str] = field(default_factory=list)
    """The reply after each round in which it was written again."""


@dataclass
class Reviser:
    """Asks a model to mend replies.

    Args:
        seed: of the run; each text drawn is a function of it, the iteration, the reply and the round.
    """

    task: Task
    constitution: Constitution
    model: LanguageModel
    draw: Draw
    seed: int
    iteration: int
    unasked: int = 0
    """Replies that the model has no room for, or cannot spell with the request; they stay as they are."""
    asked: int = 0

    def revise(
        self, episodes: Sequence[Episode], rounds: int, on_rows: Callable[[int], None] | None = None
    ) -> list[Draft]:
        """So many rounds on each reply, in their order; `on_rows` is told of replies times rounds.

        Raises UserError where the model cannot read one of the requests.
        """
        drafts = [Draft(episode, episode.completion) for episode in episodes]
        for number in range(rounds):
            drawn = [self.constitution.draw(self._seed("principle", draft, number)) for draft in drafts]
            spoken = [pair for pair in zip(drafts, drawn, strict=True) if pair[1].is_spoken]
            others = [pair for pair in zip(drafts, drawn, strict=True) if not pair[1].is_spoken]
            self._ask(spoken, number)
            self._draw_again(others, number)
            if on_rows:
                on_rows((number + 1) * len(drafts))
        if self.asked and self.unasked == self.asked:
            raise UserError(
                f"the model cannot read constitution '{self.constitution.name}': none of {self.asked} "
                "requests fits its context, or can be spelt by its tokenizer; name another by "
                "constitution.path, or another model"
            )
        return drafts

    def _ask(self, pairs: Sequence[tuple[Draft, Principle]], number: int) -> None:
        """Critique, then revision."""
        texts = [
            self.constitution.ask_critique(principle, draft.episode.prompt.text, draft.text)
            for draft, principle in pairs
        ]
        pairs, texts = self._readable(pairs, texts)
        critiques = self._written(texts, [self._seed("critique", draft, number) for draft, _ in pairs])
        for (draft, _), critique in zip(pairs, critiques, strict=True):
            draft.tokens += critique.tokens
        said = [critique.text for critique in critiques]
        texts = [
            self.constitution.ask_revision(principle, draft.episode.prompt.text, draft.text, critique)
            for (draft, principle), critique in zip(pairs, said, strict=True)
        ]
        told = [(draft, f"{principle.name}: {' '.join(each.split())[:SHOWN]}") for (draft, principle), each
                in zip(pairs, said, strict=True)]  # fmt: skip
        told, texts = self._readable(told, texts)
        written = self._written(texts, [self._seed("revision", draft, number) for draft, _ in told])
        for (draft, note), revision in zip(told, written, strict=True):
            draft.tokens += revision.tokens
            draft.notes.append(note)
            if revision.ended and revision.text.strip():
                draft.text = revision.text
                draft.stages.append(revision.text)

    def _draw_again(self, pairs: Sequence[tuple[Draft, Principle]], number: int) -> None:
        """What breaks a rule is written anew, the first that keeps it taken."""
        left = [
            (draft, principle)
            for draft, principle in pairs
            if not principle.rule.keeps(draft.episode.prompt.text, draft.text)
        ]
        for attempt in range(TRIES):
            seeds = [self._seed("again", draft, f"{number} {attempt}") for draft, _ in left]
            written = self._written([draft.episode.prompt.text for draft, _ in left], seeds)
            rest = []
            for (draft, principle), fresh in zip(left, written, strict=True):
                draft.tokens += fresh.tokens
                if fresh.ended and principle.rule.keeps(draft.episode.prompt.text, fresh.text):
                    draft.text = fresh.text
                    draft.notes.append(f"{principle.name}: drawn again")
                    draft.stages.append(fresh.text)
                else:
                    rest.append((draft, principle))
            left = rest

    def _readable(
        self, pairs: Sequence[tuple[Draft, T]], texts: Sequence[str]
    ) -> tuple[list[tuple[Draft, T]], list[str]]:
        """Those whose text the model can read."""
        good = fits(self.model, texts) if texts else []
        self.asked += len(texts)
        self.unasked += good.count(False)
        kept = [pair for pair, is_good in zip(pairs, good, strict=True) if is_good]
        return kept, [text for text, is_good in zip(texts, good, strict=True) if is_good]

    def _written(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Completion]:
        return generate(
            self.model, texts, seeds=seeds, temperature=self.draw.temperature,
            max_tokens=self.task.max_tokens, stop=(self.task.end,), max_rows=self.draw.rows,
        )  # fmt: skip

    def _seed(self, purpose: str, draft: Draft, number: object) -> int:
        first = draft.episode
        return row_seed(self.seed, self.iteration, purpose, first.prompt.id, first.seed, number)


def as_episodes(drafts: Sequence[Draft], verify: Verify, *, every: bool = False) -> list[Episode]:
    """The last revision of each reply with its verdict, `every` one of them with those of the rounds before.

    The notes of critiques are the reason of its verdict.
    """
    texts = [
        (draft, text, is_last)
        for draft in drafts
        for stages in [[*dict.fromkeys(draft.stages[:-1] if every else ()), draft.text]]
        for text, is_last in [(each, place == len(stages) - 1) for place, each in enumerate(stages)]
    ]
    verdicts = verify([(draft.episode.prompt, text) for draft, text, _ in texts])
    return [
        replace(
            draft.episode,
            completion=text,
            result=replace(result, reason=_reason(result.reason, draft.notes)),
            source="revision",
            tokens=draft.tokens if is_last else 0,
            ended=draft.episode.ended or bool(draft.stages),
            ids=None,
        )
        for (draft, text, is_last), result in zip(texts, verdicts, strict=True)
    ]


def _reason(reason: str, notes: Sequence[str]) -> str:
    return " | ".join([*([reason] if reason else []), *notes])
