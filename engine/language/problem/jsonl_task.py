"""Problems from a file of prompts and answers, verified without a user's code."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from engine.errors import UserError
from engine.language.model.conversation import completion_text, conversation_text
from engine.language.problem.answer.answer import Answer, Choice, Exact, Numeric, Regex
from engine.language.problem.row_file import READ, read_rows
from engine.language.spelling import spaced_once
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of

VERIFIERS = ("exact", "numeric", "choice", "regex")
MAX_CHARS = 100_000
"""Of a prompt, an answer or a completion in the file."""


@dataclass(frozen=True)
class Row:
    """One row of the file."""

    prompt: Prompt
    answer: str
    completion: str
    split: str


class JsonlTask(Task):
    """A task that is a file. Answers stay here: no prompt carries one.

    Prompts that differ in white space only are one problem; the first of them is taken.

    Args:
        path: of the file, UTF-8: JSON lines, or where its name ends in `.json` an array or object of rows;
            gzip of either.
        prompt: the column with the text that the model continues, or with messages of role and content
            (`engine.language.model.conversation`).
        answer: the column with the right answer; text or a number.
        verifier: how a completion is compared with it: `exact`, `numeric`, `choice` or `regex`.
        completion: a column with whole completions to learn from, on rows of the training split; without one
            the answer itself is the completion, except for `regex`.
        split: a column that says train, validation or test; without one a hash of the prompt decides.
        pattern: for `regex`; its one group is the answer.
        tolerance: for `numeric`, relative.
        end: ends a completion.
        max_tokens: of a completion.

    Raise UserError naming the file and the line for whatever cannot be used.
    """

    def __init__(
        self,
        path: str,
        prompt: str = "prompt",
        answer: str = "answer",
        verifier: str = "exact",
        completion: str = "",
        split: str = "",
        pattern: str = "",
        tolerance: float = 1e-6,
        end: str = "\n",
        max_tokens: int = 256,
    ) -> None:
        if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or not 1 <= max_tokens <= 1 << 20:
            raise UserError(f"max_tokens is {max_tokens!r}; give a whole number from 1 to {1 << 20}")
        if not isinstance(end, str) or not end:
            raise UserError(f"end is {end!r}; give the text that ends a completion")
        if prompt == answer:
            raise UserError(f"'{prompt}' is the column of prompts and of answers; name two")
        self._answer = _answer(verifier, pattern, tolerance)
        self.name = f"jsonl:{Path(str(path)).name}"
        self.files = (str(path),) if Path(str(path)).is_file() else ()  # a pipe is read but once
        self.inline = self._answer.inline
        self.end, self.step_end = end, "\n"
        self.max_tokens = self.max_step_tokens = max_tokens
        columns = {"prompt": prompt, "answer": answer, "completion": completion, "split": split}
        self._rows = _read(Path(str(path)), columns, self._answer, end)
        self._answers = {row.prompt.id: row.answer for row in self._rows}
        self._without_answers = verifier == "regex"

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Rows of a split in an order of the seed's."""
        return [row.prompt for row in itertools.islice(self._shuffled(split, seed), count)]

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """Completions of the file, or its answers."""
        rows = (row for row in self._shuffled("train", seed) if row.completion or not self._without_answers)
        return [
            Demonstration(row.prompt, row.completion or row.answer) for row in itertools.islice(rows, count)
        ]

    def prepare(self) -> None:
        """Of the verifier."""
        self._answer.prepare()

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Compare with the answer of the prompt's row, which its text names as well."""
        expected = self._answers.get(prompt.id) or self._answers.get(_identity(prompt.text))
        if expected is None:
            raise UserError(f"task '{self.name}' has no prompt {prompt.id[:80]!r}")
        answer = self._answer.of(prompt.text) if isinstance(self._answer, Choice) else self._answer
        return answer.verify(completion, expected)

    def _shuffled(self, split: Split, seed: int) -> list[Row]:
        rows = [row for row in self._rows if split_of(row.prompt.key) == split]
        random.Random(f"{seed} {split}").shuffle(rows)
        return rows


def _answer(verifier: str, pattern: str, tolerance: float) -> Answer:
    if verifier not in VERIFIERS:
        raise UserError(f"verifier is {verifier!r}; give {', '.join(VERIFIERS[:-1])} or {VERIFIERS[-1]}")
    if bool(pattern) != (verifier == "regex"):
        raise UserError("a pattern is needed for the verifier 'regex', and for no other")
    if verifier == "regex":
        return Regex(str(pattern))
    return {"exact": Exact(), "numeric": Numeric(tolerance), "choice": Choice()}[verifier]


def _read(path: Path, columns: dict[str, str], answer: Answer, end: str) -> list[Row]:
    rows: dict[str, tuple[str, Row]] = {}
    for where, document in read_rows(path):
        row = _row(where, document, columns, answer, end)
        before, known = rows.setdefault(row.prompt.id, (where, row))
        if (known.answer, known.completion, known.split) != (row.answer, row.completion, row.split):
            line = before.removeprefix(str(path)).lstrip(": ")
            line = f"line {line}" if line.isdecimal() else line
            raise UserError(f"{where}: the prompt of {line} with another answer, completion or split")
    if not rows:
        raise UserError(f"prompts '{path}': there are none; give {READ}")
    return [row for _, row in rows.values()]


def _row(where: str, document: dict[str, Any], columns: dict[str, str], answer: Answer, end: str) -> Row:
    def refuse(complaint: str) -> NoReturn:
        raise UserError(f"{where}: {complaint}")

    found = {use: _text(where, document, column, use) for use, column in columns.items() if column}
    text, expected, completion = found["prompt"], found["answer"].strip(), found.get("completion", "")
    if not text.strip():
        refuse(f"'{columns['prompt']}' is empty")
    complaint = answer.check(expected)
    if complaint:
        refuse(f"'{columns['answer']}' is {expected[:80]!r}: {complaint} by this verifier")
    for column in ("completion", "answer"):
        if end in found.get(column, "").strip():
            refuse(f"'{columns[column]}' holds {end!r}, which ends a completion; give another end")
    split = found.get("split", "")
    key = _key(where, text, split) if split else text
    return Row(Prompt(_identity(text), text, key), expected, completion, split)


def _identity(text: str) -> str:
    """The same for prompts that differ in white space, or in what cannot be seen, only."""
    return hashlib.sha256(spaced_once(text).encode(errors="surrogatepass")).hexdigest()[:16]


def _text(where: str, document: dict[str, Any], column: str, use: str) -> str:
    """The text of a column; numbers as they are written, prompts and completions from messages."""
    if column not in document:
        raise UserError(f"{where}: no '{column}'; there are {', '.join(sorted(document))[:200] or 'none'}")
    value = document[column]
    if isinstance(value, list) and use in ("prompt", "completion"):
        try:
            value = conversation_text(value) if use == "prompt" else completion_text(value)
        except ValueError as error:
            raise UserError(f"{where}: '{column}': {error}") from error
    if not isinstance(value, str):
        raise UserError(f"{where}: '{column}' is {json.dumps(value)[:80]}; give text or a number")
    if len(value) > MAX_CHARS:
        raise UserError(f"{where}: '{column}' has {len(value)} characters; the most is {MAX_CHARS}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: '{column}' has half of a surrogate pair; give valid Unicode") from None
    return value


def _key(where: str, text: str, split: str) -> str:
    """A key of this prompt alone that belongs to a given split."""
    if split not in get_args(Split):
        raise UserError(f"{where}: split {split[:80]!r}; give {', '.join(get_args(Split))}")
    keys = (f"{text}\x1f{number}" for number in itertools.count())
    return next(key for key in keys if split_of(key) == split)
