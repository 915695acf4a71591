"""A judge of the settings' choice, as the loop asks it."""

from __future__ import annotations

import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import UserError
from engine.language.measure.watch import HALF
from engine.language.method.judged.assessor.assessor import Asked, Assessor, Judgement, TaskAssessor, mean_of
from engine.language.method.judged.assessor.command import check_program, command_of
from engine.language.method.judged.assessor.comparison import compare
from engine.language.method.judged.assessor.prompt import (
    COMPARISON_PLACES,
    SCORE_PLACES,
    built_in,
    read_prompt,
)
from engine.language.method.judged.config import JudgeConfig
from engine.language.method.turn import Library, Turn
from engine.language.method.verdict import Judge, Pair
from engine.language.rollout import row_seed
from engine.language.task import Kind, Prompt

if TYPE_CHECKING:
    from engine.language.method.judged.assessor.model_assessor import ModelAssessor
    from engine.language.model.model import LanguageModel

FEW = 10
"""Completions none of which has a score that are borne."""

T = TypeVar("T")


class ChosenJudge(Judge):
    """Asks whoever the section `judge` names: each text of a problem once, several times where replies vary.

    What it says is a function of the turn and the pair; of comparisons, of the problem's other completions
    that are asked about with it, too. Where it says nothing at all of FEW completions or more, a UserError
    tells why.
    """

    def __init__(self, config: JudgeConfig) -> None:
        self.config = config
        self.kind: Kind = "self" if config.by == "self" else "learned"
        places = COMPARISON_PLACES if config.ask == "comparison" else SCORE_PLACES
        self.prompts = (
            read_prompt(config.prompt, places).sentences if config.prompt else built_in_sentences(config)
        )

    def ready(self, model: LanguageModel, library: Library) -> None:
        """UserError for no model, one that cannot spell its answers, and a function that is not found."""
        config = self.config
        if config.by == "program":
            check_program(config.program, config.timeout_s)
        elif config.by != "verifier":
            judge_model(model, config, library, rows=1).check()

    def scores(self, turn: Turn, pairs: Sequence[Pair]) -> list[float | None]:
        """None where a judgement is missing."""
        return [each.score for each in self.judgements(turn, pairs)]

    def judgements(self, turn: Turn, pairs: Sequence[Pair], purpose: str = "judge") -> list[Judgement]:
        """Why one is missing stands in it; `purpose` is that of the seeds."""
        asked = list(dict.fromkeys(Asked(*pair) for pair in pairs))
        assessor, seed = assessor_of(turn, self.config), row_seed(turn.seed, purpose, turn.iteration)
        times = self.config.samples if assessor.is_drawn else 1
        told = [self._asked_once(turn, assessor, asked, row_seed(seed, number)) for number in range(times)]
        table = {each: mean_of([once[each] for once in told]) for each in asked}
        held(turn.library, ("tokens", turn.iteration), list[int]).append(assessor.tokens)
        self._tell_missing(turn, list(table.values()))
        found = [table[Asked(*pair)] for pair in pairs]
        return leaning(turn, self.config, pairs, found) if self.config.bias else found

    def agrees(self, turn: Turn, pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[bool | None]:
        """Of comparisons in swapped order, where replies are drawn once more; of others nothing is known."""
        assessor = assessor_of(turn, self.config)
        if self.config.ask == "comparison":
            return self._agrees_swapped(turn, assessor, pairs)
        if not assessor.is_drawn:
            return [None] * len(pairs)
        again = self.judgements(turn, pairs, "again")
        return [
            None if one is None or two.score is None else (one >= HALF) == (two.score >= HALF)
            for one, two in zip(scores, again, strict=True)
        ]

    def written(self, length: float) -> float:
        """Half of the longest reply, where it replies in words, as often as it is asked."""
        del length
        config = self.config
        in_words = config.by in ("self", "model") and config.ask == "score" and config.form == "additive"
        return config.samples * config.max_tokens / 2 if in_words else 0.0

    def _asked_once(
        self, turn: Turn, assessor: Assessor, asked: Sequence[Asked], seed: int
    ) -> dict[Asked, Judgement]:
        if self.config.ask == "score":
            return dict(zip(asked, assessor.scores(asked, seed), strict=True))
        groups = grouped(asked)
        alone = [own[0].prompt for own in groups.values() if len(own) == 1]
        others = greedy(turn, alone)
        texts = [
            (
                own[0].prompt,
                [*(each.completion for each in own), *others.get(own[0].prompt.id, [])[: len(own) == 1]],
            )
            for own in groups.values()
        ]
        found = compare(assessor, texts, self.config.opponents, seed)
        return {
            each: judgement
            for own, compared in zip(groups.values(), found, strict=True)
            for each, judgement in zip(own, compared.scores[: len(own)], strict=True)
        }

    def _agrees_swapped(self, turn: Turn, assessor: Assessor, pairs: Sequence[Pair]) -> list[bool | None]:
        """Whether the same of a completion and the next of its problem wins in both orders."""
        groups = grouped(list(dict.fromkeys(Asked(*pair) for pair in pairs)))
        texts = [(own[0].prompt, [each.completion for each in own]) for own in groups.values()]
        found = compare(assessor, texts, 1, row_seed(turn.seed, "swapped", turn.iteration))
        table = {
            each: compared.agrees_at(place)
            for own, compared in zip(groups.values(), found, strict=True)
            for place, each in enumerate(own)
        }
        return [table[Asked(*pair)] for pair in pairs]

    def _tell_missing(self, turn: Turn, judgements: Sequence[Judgement]) -> None:
        """Say once an iteration how many are missing and why."""
        reasons = Counter(each.reason for each in judgements if each.score is None)
        missing, count = reasons.total(), len(judgements)
        if not missing:
            return
        told = "; ".join(f"{times} {reason}" for reason, times in reasons.most_common(3))
        line = f"the judge gave no score to {missing} of {count} completions: {told}"
        if missing == count >= FEW:
            remedies = {
                "self": "mend what it is asked (judge.prompt), or teach it (self-rewarding: teach.labels)",
                "model": "mend what it is asked (judge.prompt), or name another (judge.path)",
            }
            raise UserError(f"{line}; {remedies.get(self.config.by, 'mend the judge')}")
        once = held(turn.library, ("told", turn.iteration), list[str])
        if not once:
            once.append(line)
            turn.reporter.message(f"{line}; they are left out")


def chosen_judge(config: JudgeConfig) -> ChosenJudge | None:
    """Whoever the section names; None where the task's verifier judges as it is."""
    return None if config.is_nobody else ChosenJudge(config)


def check_judge(config: JudgeConfig) -> None:
    """Refuse a judge that is not named, and settings that it has no use for; UserError."""
    by = f"judge.by = {config.by!r}"
    for name, given, owner in (("path", config.path, "model"), ("program", config.program, "program")):
        if config.by == owner and not given:
            raise UserError(f"{by} needs judge.{name}")
        if given and config.by != owner:
            raise UserError(f"judge.{name} has no effect with {by}; set judge.by = {owner!r}")
    asks = config.by in ("self", "model")
    for_models = {"prompt": config.prompt, "answers": config.answers, "chat": config.chat}
    for name in [name for name, value in for_models.items() if value and not asks]:
        raise UserError(f"judge.{name} is for judges that are models, not with {by}; leave it out")
    if config.chat and config.by == "self":
        raise UserError("judge.chat is of another model; the one that learns has model.chat")
    if config.ask == "comparison" and config.form == "additive":
        raise UserError("judge.form = 'additive' scores one by one; comparisons are answered by token")
    if config.by == "verifier" and config.ask == "comparison":
        raise UserError("judge.ask = 'comparison' is for judges, not for the task's verifier")
    if config.by == "program":
        command_of(config.program)
    if config.prompt:
        read_prompt(config.prompt, COMPARISON_PLACES if config.ask == "comparison" else SCORE_PLACES)


def built_in_sentences(config: JudgeConfig) -> Sequence[str]:
    """What a judge without a prompt of the user's is told."""
    if config.by in ("program", "verifier"):
        return ()
    if config.ask == "comparison":
        return built_in("comparison").sentences
    return built_in("token" if config.form == "token" else "additive").sentences


def assessor_of(turn: Turn, config: JudgeConfig) -> Assessor:
    """Whoever the settings name; a program or another model is started or read once a run."""
    from engine.language.method.judged.assessor.program import ProgramAssessor

    if config.by == "verifier":
        return TaskAssessor(turn.task.kind, turn.truth)
    if config.by == "program":

        def start() -> ProgramAssessor:
            made = ProgramAssessor(config)
            weakref.finalize(turn.library, made.close)
            return made

        return held(turn.library, ("program", config), start)
    return judge_model(turn.writer, config, turn.library, turn.config.loop.rows)


def judge_model(own: LanguageModel, config: JudgeConfig, library: Library, rows: int) -> ModelAssessor:
    """The model that `judge.path` names, or the writer's `own`; UserError where it cannot be read."""
    from engine.language.method.judged.assessor.model_assessor import ModelAssessor

    if config.by == "self":
        return ModelAssessor(own, config, rows)
    model = library.model(config.path)
    return ModelAssessor(with_chat(model) if config.chat else model, config, rows)


def with_chat(model: Any) -> Any:
    """The same network, asked in its tokenizer's chat template."""
    from engine.language.model.model import LanguageModel

    wrapped = LanguageModel(model.network, model.codec.tokenizer, chat=True, value_head=model.value_head)
    wrapped.ability = model.ability
    return wrapped


_HELD: weakref.WeakKeyDictionary[Library, dict[Any, Any]] = weakref.WeakKeyDictionary()
"""What a run's judges keep from call to call."""


def held(library: Library, name: object, make: Callable[[], T]) -> T:
    """What a run keeps under a name; `make` gives it where there is nothing yet."""
    table = _HELD.setdefault(library, {})
    if name not in table:
        table[name] = make()
    found: T = table[name]
    return found


def grouped(asked: Sequence[Asked]) -> dict[str, list[Asked]]:
    """By problem, in their order."""
    groups: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        groups[each.prompt.id].append(each)
    return groups


def tokens_written(turn: Turn) -> int:
    """By judges in a turn so far, in this process."""
    return sum(held(turn.library, ("tokens", turn.iteration), list[int]))


def greedy(turn: Turn, prompts: Sequence[Prompt]) -> dict[str, list[str]]:
    """What the run's first model writes on problems, each written once a run; by id."""
    from engine.language.model.generation.generation import generate

    known = held(turn.library, "greedy", dict[str, list[str]])
    new = [prompt for prompt in prompts if prompt.id not in known]
    if new:
        written = generate(
            turn.first, [prompt.text for prompt in new], seeds=[0] * len(new), temperature=0.0,
            max_tokens=turn.task.max_tokens, stop=(turn.task.end,), max_rows=turn.config.loop.rows,
        )  # fmt: skip
        known.update((prompt.id, [each.text]) for prompt, each in zip(new, written, strict=True))
    return known


def leaning(
    turn: Turn, config: JudgeConfig, pairs: Sequence[Pair], judgements: Sequence[Judgement]
) -> list[Judgement]:
    """Judgements of which the share `judge.bias` is what a biased judge likes instead."""
    if config.leaning == "length":
        codec = turn.accepted.codec
        rows = codec.encode_completions([prompt.text for prompt, _ in pairs], [text for _, text in pairs])
        liked = [min(1.0, len(row) / turn.task.max_tokens) for row in rows]
    else:
        answers = [result.parsed for result in turn.truth(pairs)]
        ends: dict[str, Counter[str]] = defaultdict(Counter)
        for (prompt, _), answer in zip(pairs, answers, strict=True):
            ends[prompt.id][answer] += 1
        liked = [
            (ends[prompt.id][answer] - 1) / max(1, ends[prompt.id].total() - 1)
            for (prompt, _), answer in zip(pairs, answers, strict=True)
        ]
    share = config.bias
    return [
        each if each.score is None else Judgement((1 - share) * each.score + share * like)
        for each, like in zip(judgements, liked, strict=True)
    ]
