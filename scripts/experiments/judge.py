"""A judge of Countdown that errs: a function that `judge.program` names."""

from __future__ import annotations

import hashlib
from collections import Counter

from engine.language.task import Prompt
from games.text.countdown import Countdown

TASK = Countdown(graded=True)

ERRS, TIMES = 0.1, 3
"""Share of its judgements in which it says the opposite; how often it is asked before it repeats itself."""

_asked = Counter[str]()


def errs_in_ten(prompt: str, completion: str) -> float:
    """The verifier's score, and in one judgement of ten one less it, each of TIMES in a row by itself."""
    text = f"{prompt}\0{completion}"
    number, _asked[text] = _asked[text] % TIMES, _asked[text] + 1
    score = TASK.verify(Prompt(prompt, prompt, prompt), completion).score
    chance = int.from_bytes(hashlib.sha256(f"{text}\0{number}".encode()).digest()[:8], "big") / 2**64
    return 1 - score if chance < ERRS else score
