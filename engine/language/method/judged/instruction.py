"""Self-instruct: new problems that a model makes after examples, known, similar and unfit ones dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from rapidfuzz.distance import Indel
from rapidfuzz.process import extractOne

from engine.errors import UserError
from engine.language.learner.objective.text import Text
from engine.language.material import evaluation_prompts
from engine.language.method.judged.assessor.prompt import built_in
from engine.language.method.judged.config import InstructionConfig
from engine.language.method.turn import Turn
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.problem.contamination import EvaluationIndex, tokens_of
from engine.language.rollout import row_seed
from engine.language.task import Prompt, Task

MAX_TOKENS = 256
"""Of a problem."""

BETWEEN = "\n\n"
"""Examples."""


@dataclass
class Instructed:
    """What came of an iteration's texts."""

    prompts: list[Prompt] = field(default_factory=list)
    drawn: int = 0
    unfit: int = 0
    """That state no problem of the task."""
    held: int = 0
    """That are, or hold, an evaluation item."""
    similar: int = 0
    """That are known, or nearly."""
    tokens: int = 0

    def figures(self) -> dict[str, float]:
        """By metrics tag."""
        parts = {"unfit": self.unfit, "evaluation": self.held, "similar": self.similar}
        return {
            "instruction/new": float(len(self.prompts)),
            **{f"instruction/{name}": count / max(1, self.drawn) for name, count in parts.items()},
        }


class Known:
    """Problems by their words: ROUGE-L (Lin 2004) of a new text with the nearest of them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._letters: dict[str, str] = {}
        self._rows = [self._row(text) for text in texts]

    def similarity(self, text: str) -> float:
        """F1 of the longest common subsequence of words; 0 where nothing is known."""
        best = extractOne(self._row(text), self._rows, scorer=Indel.normalized_similarity)
        return 0.0 if best is None else float(best[1])

    def add(self, text: str) -> None:
        """Know one more."""
        self._rows.append(self._row(text))

    def _row(self, text: str) -> str:
        """A letter a word; twice the common letters over all of both is then the F1."""
        letters = self._letters
        return "".join(letters.setdefault(word, chr(0x10000 + len(letters))) for word in tokens_of(text))


def check_instruction(task: Task, config: InstructionConfig) -> None:
    """UserError where new problems are wanted of a task that reads none from text."""
    if config.prompts and type(task).problem is Task.problem:
        raise UserError(
            f"task '{task.name}' reads no problem from a text (Task.problem), so a model cannot make new "
            "ones; set instruction.prompts to 0"
        )


def new_problems(turn: Turn, config: InstructionConfig) -> Instructed:
    """As many as `config` asks for, or fewer where its attempts do not give them.

    Each is of the task, holds no evaluation item, and is below `config.similarity` with all that are known:
    those to practise on, real data, what earlier iterations made, and those before it here.
    """
    check_instruction(turn.task, config)
    found = Instructed()
    earlier = {episode.prompt.id: episode.prompt for episode in turn.archive.episodes()}
    pool = list({prompt.id: prompt for prompt in (*turn.prompts, *(d.prompt for d in turn.real))}.values())
    known = Known([prompt.text for prompt in {**earlier, **{p.id: p for p in pool}}.values()])
    index = EvaluationIndex(evaluation_prompts(turn.task, turn.config))
    source = Random(row_seed(turn.seed, "instruction", turn.iteration))
    for attempt in range(config.attempts):
        left = config.prompts - len(found.prompts)
        if left <= 0:
            break
        asked = [
            question(turn.accepted, source.sample(pool, min(config.shots, len(pool)))) for _ in range(left)
        ]
        written = generate(
            turn.accepted, asked,
            seeds=[row_seed(turn.seed, "problem", turn.iteration, attempt, n) for n in range(left)],
            temperature=config.temperature, max_tokens=MAX_TOKENS, stop=stops(turn.accepted),
            max_rows=turn.config.loop.rows,
        )  # fmt: skip
        for each in written:
            found.tokens += each.tokens
            _take(turn.task, each.text, index, known, config.similarity, found)
    return found


def _take(
    task: Task, text: str, index: EvaluationIndex, known: Known, similarity: float, found: Instructed
) -> None:
    found.drawn += 1
    prompt = task.problem(text.strip())
    if prompt is None:
        found.unfit += 1
    elif index.by_key(prompt.key) or index.by_text(prompt.text):
        found.held += 1
    elif known.similarity(prompt.text) >= similarity:
        found.similar += 1
    else:
        known.add(prompt.text)
        found.prompts.append(prompt)


def question(model: LanguageModel, examples: Sequence[Prompt]) -> str:
    """What the model goes on from: examples after an instruction; nothing where it knows no words."""
    if model.codec.by_letters:
        return ""
    return built_in("instruction").filled(examples=BETWEEN.join(each.text for each in examples))


def stops(model: LanguageModel) -> tuple[str, ...]:
    """What ends a problem besides the end token."""
    return () if model.codec.by_letters or model.codec.chat else (BETWEEN,)


def problem_texts(model: LanguageModel, prompts: Sequence[Prompt]) -> list[Text]:
    """Lessons to write problems, for a model that knows no words to be asked with; none for others."""
    codec = model.codec
    if not codec.by_letters:
        return []
    head = codec.encode_prompts([""])[0]
    rows = codec.encode_completions([""] * len(prompts), [prompt.text for prompt in prompts])
    return [Text(head, [*row, codec.end], key=each.key) for row, each in zip(rows, prompts, strict=True)]
