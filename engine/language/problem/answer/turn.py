"""Where a completion's own answer ends: at the end of its turn, or before a next problem that it makes up."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_PROBLEMS = 8
"""Headings of problems that are looked at."""

_TURN_END = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|endoftext|end_of_text|end_of_turn|return|eos)\|>"
    r"|<\|end\|>(?!\s*<\|start\|>\s*assistant)|</s>|<eos>|<end_of_turn>|<\uff5cend\u2581of\u2581sentence\uff5c>"
)
_PROBLEM = re.compile(
    r"^[ \t#*>_]*(?:q|question|problem|exercise|human|user|instruction|aufgabe|frage|pregunta|domanda"
    r"|вопрос|задача|问题|问|题目)[ \t*_]*(?:[0-9]*[ \t*_]*[:\uff1a]|[0-9]+[.)]?[ \t*_]*$)",
    re.IGNORECASE | re.MULTILINE,
)


def first_turn(text: str) -> str:
    """A text up to the first mark of a chat template or tokenizer, after anything, that ends a turn."""
    struck = text.find("<s>", 1)  # HTML; a tokenizer writes it at the start alone
    for match in _TURN_END.finditer(text):
        if match[0] == "</s>" and 0 < struck < match.start():
            continue
        if text[: match.start()].strip():
            return text[: match.start()]
    return text


def before_problems(text: str) -> Iterator[str]:
    """What stands before each of the first headings such as `Question:`, where anything does."""
    found = (text[: match.start()] for match in _PROBLEM.finditer(text))
    for number, before in enumerate(found):
        if number == MAX_PROBLEMS:
            return
        if before.strip():
            yield before
