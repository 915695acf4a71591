"""Problems from a file of prompts and answers, one JSON object a line, verified without a user's code."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from engine.errors import UserError
from engine.json_object import parse_object
from engine.language.problem.answer import Answer, Choice, Exact, Numeric, Regex
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of

VERIFIERS = ("exact", "numeric", "choice", "regex")
MAX_CHARS = 100_000
"""Of a prompt, an answer or a completion in the file."""


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    prompt: Prompt
    answer: str
    completion: str


class JsonlTask(Task):
    """A task that is a file. Answers stay here: no prompt carries one.

    Args:
        path: of the file, UTF-8.
        prompt: the column with the text that the model continues.
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

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Compare with the answer of the prompt's row, which its text names as well."""
        expected = self._answers.get(prompt.id) or self._answers.get(_identity(prompt.text))
        if expected is None:
            raise UserError(f"task '{self.name}' has no prompt {prompt.id[:80]!r}")
        return self._answer.verify(completion, expected)

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
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(f"prompts '{path}': {error.strerror}; give a JSON-lines file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"prompts '{path}' are not UTF-8: byte {error.start}") from error
    rows: dict[str, tuple[int, Row]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(f"{path}:{number}", line, columns, answer, end)
        before, known = rows.setdefault(row.prompt.id, (number, row))
        if known != row:
            raise UserError(f"{path}:{number}: the prompt of line {before} with another answer or split")
    if not rows:
        raise UserError(f"prompts '{path}': there are none; give one JSON object a line")
    return [row for _, row in rows.values()]


def _row(where: str, line: str, columns: dict[str, str], answer: Answer, end: str) -> Row:
    def refuse(complaint: str) -> NoReturn:
        raise UserError(f"{where}: {complaint}")

    try:
        document = parse_object(line, parse_number=str)
    except ValueError as error:
        refuse(str(error))
    found = {use: _text(where, document, column) for use, column in columns.items() if column}
    text, expected, completion = found["prompt"], found["answer"].strip(), found.get("completion", "")
    if not text.strip():
        refuse(f"'{columns['prompt']}' is empty")
    complaint = answer.check(expected)
    if complaint:
        refuse(f"'{columns['answer']}' is {expected[:80]!r}: {complaint} by this verifier")
    for column in ("completion", "answer"):
        if end in found.get(column, "").strip():
            refuse(f"'{columns[column]}' holds {end!r}, which ends a completion; give another end")
    key = text if "split" not in found else _key(where, text, found["split"])
    return Row(Prompt(_identity(text), text, key), expected, completion)


def _identity(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _text(where: str, document: dict[str, Any], column: str) -> str:
    """The text of a column; numbers as they are written."""
    if column not in document:
        raise UserError(f"{where}: no '{column}'; there are {', '.join(sorted(document))[:200] or 'none'}")
    value = document[column]
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
