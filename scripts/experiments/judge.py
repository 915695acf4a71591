"""A judge of Countdown that errs, as a program: `selfplay` is told `judge.program = judge.py:errs_in_ten`."""

from __future__ import annotations

import hashlib

from engine.language.task import Prompt
from games.text.countdown import Countdown

TASK = Countdown(graded=True)

ERRS = 0.1
"""Share of texts of which it says the opposite."""


def errs_in_ten(prompt: str, completion: str) -> float:
    """The verifier's score, and of one text in ten, always the same ones, one less it."""
    score = TASK.verify(Prompt(prompt, prompt, prompt), completion).score
    chance = int.from_bytes(hashlib.sha256(f"{prompt}\0{completion}".encode()).digest()[:8], "big") / 2**64
    return 1 - score if chance < ERRS else score
