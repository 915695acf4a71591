"""What a model learns to judge from: verdicts on its own completions, or judgements of a file (EFT data)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from engine.errors import UserError
from engine.language.learner.objective.text import Text
from engine.language.method.judged.assessor.assessor import Asked, Versus
from engine.language.method.judged.assessor.model_assessor import NO_ROOM, ModelAssessor
from engine.language.method.judged.assessor.reading import read_points
from engine.language.method.judged.config import JudgeConfig
from engine.language.problem.contamination import EvaluationIndex
from engine.language.problem.row_file import read_rows
from engine.language.task import Prompt


@dataclass(frozen=True)
class Lesson:
    """A completion and what a judge is to say of it."""

    prompt: Prompt
    completion: str
    score: float
    """In [0, 1]."""
    reply: str = ""
    """In words; empty: the score alone."""


def read_lessons(
    path: str, config: JudgeConfig, index: EvaluationIndex, tell: Callable[[str], None]
) -> list[Lesson]:
    """The judgements of a file, but for those on items of `index`, of which `tell` hears.

    UserError naming the line of one without prompt and completion, with a score that is none, or with a reply
    whose points cannot be read; and for a file without any.
    """
    found, out = [], 0
    for where, row in read_rows(Path(path)):
        for name in ("prompt", "completion"):
            if not isinstance(row.get(name), str) or not row[name]:
                raise UserError(f"{where}: {name} is no text; give prompt, completion and score or reply")
        reply = row.get("reply", "")
        if not isinstance(reply, str):
            raise UserError(f"{where}: reply is no text")
        score = _score(where, row.get("score"), reply, config.points)
        prompt = Prompt(row["prompt"], row["prompt"], row["prompt"])
        lesson = Lesson(prompt, row["completion"], score, reply)
        if index.find(lesson):
            out += 1
        else:
            found.append(lesson)
    told = f"{out} of {out + len(found)} judgements are, or hold, evaluation items"
    if not found:
        raise UserError(
            f"teach.path '{path}' has no judgement to learn from"
            + f": {told}" * bool(out)
            + "; give JSON lines"
        )
    if out:
        tell(f"teach.path '{path}': {told}; they are left out")
    return found


def _score(where: str, said: object, reply: str, points: int) -> float:
    if said is None and reply:
        told = read_points(reply, points)
        if told.share is None:
            raise UserError(f"{where}: reply gives no score from 0 to {points}: {told.reason}")
        return told.share
    try:
        score = float(said)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        score = -1.0
    if not 0 <= score <= 1:
        raise UserError(f"{where}: score {str(said)[:40]!r} is no number from 0 to 1")
    return score


def lesson_texts(
    judge: ModelAssessor,
    config: JudgeConfig,
    lessons: Sequence[Lesson],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Text]:
    """Lessons as the judge is asked and answers; what it has no room for is left out, of which `tell` hears.

    By tokens a score s is the answer that says right with weight s, and wrong with 1 - s, so that the chance
    of the former comes to be the score. In words it is the reply, or a line with the nearest points.
    """
    if config.ask == "comparison":
        return _versus_texts(judge, lessons, tell)
    rows = judge.question_rows([Asked(each.prompt, each.completion) for each in lessons])
    found = [
        [] if row is None else _answers(judge, config, lesson, row)
        for lesson, row in zip(lessons, rows, strict=True)
    ]
    _tell_out(tell, sum(not own for own in found), len(found))
    return [text for own in found for text in own]


def _answers(judge: ModelAssessor, config: JudgeConfig, lesson: Lesson, row: list[int]) -> list[Text]:
    """What is said after a row; nothing where that cannot be spelt."""
    if judge.answers_by_token:
        return answered(row, judge.choices(of_two=False), lesson.score, lesson.prompt.key)
    said = judge.reply_tokens(lesson.reply or f"Score: {round(lesson.score * config.points)}")
    return [] if said is None else [Text(row, said, key=lesson.prompt.key)]


def _tell_out(tell: Callable[[str], None], out: int, count: int) -> None:
    if out:
        tell(f"{out} of {count} judgements to learn are left out: {NO_ROOM}")


def answered(row: list[int], choices: tuple[int, int], score: float, key: str) -> list[Text]:
    """The two answers after a row, by their weights; one of weight 0 is none."""
    weights = ((choices[0], 1 - score), (choices[1], score))
    return [Text(row, [token], weight, key=key) for token, weight in weights if weight > 0]


def _versus_texts(judge: ModelAssessor, lessons: Sequence[Lesson], tell: Callable[[str], None]) -> list[Text]:
    """Every two of a problem whose scores differ, in both orders."""
    groups: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in lessons:
        groups[lesson.prompt.id].append(lesson)
    asked, first_wins = list[Versus](), list[bool]()
    for group in groups.values():
        for one, other in combinations(group, 2):
            if one.score == other.score or one.completion == other.completion:
                continue
            for first, second in ((one, other), (other, one)):
                asked.append(Versus(one.prompt, first.completion, second.completion))
                first_wins.append(first.score > second.score)
    rows, choices = judge.question_rows(asked), judge.choices(of_two=True)
    _tell_out(tell, rows.count(None), len(rows))
    return [
        text
        for each, row, wins in zip(asked, rows, first_wins, strict=True)
        if row is not None
        for text in answered(row, choices, float(wins), each.prompt.key)
    ]
