"""The process of a judge that is a function: `python -m engine.language.method.judged.assessor.worker SPEC`.

With `--check` behind it nothing is asked: it ends with 0 where the function is found.

The function is called with a problem's text and a completion, or with a problem's text and two completions,
and returns a score from 0 to 1, None where it has none. What it prints goes to standard error.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from typing import Any

from engine.errors import UserError, describe_error
from engine.json_object import parse_object
from engine.plugin import Plugins
from engine.sandbox.value import printable

FUNCTIONS = Plugins("judge", "selfplay.judges", object, "a function")


def main(spec: str, *, is_checked: bool = False) -> int:
    """Answer the lines of standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the function prints is no answer
    try:
        function = FUNCTIONS.find(spec)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if is_checked:
        return 0
    for line in sys.stdin:
        answers.write(json.dumps(answer(function, parse_object(line))) + "\n")
        answers.flush()
    return 0


def answer(function: Callable[..., Any], question: dict[str, Any]) -> dict[str, Any]:
    """What the function says of one question."""
    number = question.pop("id")
    try:
        score = function(*question.values())
    except (Exception, SystemExit) as error:
        return {"id": number, "error": printable(" ".join(describe_error(error).split()), 200)}
    if isinstance(score, bool) or not (score is None or isinstance(score, int | float)):
        return {"id": number, "error": f"a {type(score).__name__} for a score"}
    if score is not None and not math.isfinite(score):
        return {"id": number, "error": f"{score} for a score"}
    return {"id": number, "score": score}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], is_checked=sys.argv[2:] == ["--check"]))
