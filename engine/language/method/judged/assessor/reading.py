"""The points in a judge's reply; what is not in form is missing, never 0."""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.language.monitor.metric.hacking import echo_shingles

ECHO = 0.5
"""Share of a reply's shingles that stand in what was asked, from which it is an echo."""

_NUMBER = r"[0-9]{1,4}(?:\.[0-9]{1,4})?"
_SCORE = re.compile(
    rf"^[\W_]*(?:(?:final|total|overall)\s+)?score[\s*_:=\"'`]*[:=][\s*_\"'`]*(?P<points>{_NUMBER})"
    rf"(?:\s*(?:/|out of)\s*(?P<most>{_NUMBER}))?(?:\s*points?)?[\s*_.\"'`)}}\]]*$",
    re.IGNORECASE,
)
_HEAD = re.compile(r"^[\W_]*(?:(?:final|total|overall)\s+)?score[\s*_:=\"'`]*[:=]", re.IGNORECASE)


class Points(NamedTuple):
    """What a reply says."""

    share: float | None
    """Of all points; None: it says nothing in form."""
    place: int = 0
    """Where in the reply the number begins."""
    reason: str = ""
    """Why there is none, in a few words."""


def read_points(reply: str, points: int, asked: str = "") -> Points:
    """The score that the last line headed `Score:` of a reply gives, over `points`.

    Missing where no line is such, where it holds no single number from 0 to `points` (a range, NaN, a word,
    a number out of something else), where lines contradict each other, and where most of the reply stands in
    what was `asked`: a score that the judge has only read, perhaps in what it judges, is not its own.
    """
    if not reply.strip():
        return Points(None, reason="an empty reply")
    if echoed(reply, asked):
        return Points(None, reason="an echo of what was asked")
    lines = [line for line in _lines(reply) if _HEAD.match(line[1])]
    if not lines:
        return Points(None, reason="no line 'Score: N'")
    found = [(start, _SCORE.match(line)) for start, line in lines]
    start, last = found[-1]
    if last is None:
        return Points(None, reason=f"no single number in {lines[-1][1].strip()[:40]!r}")
    if {match["points"] if match else "" for _, match in found} != {last["points"]}:
        return Points(None, reason="lines with different scores")
    most, value = last["most"], float(last["points"])
    if most is not None and float(most) != points:
        return Points(None, reason=f"a score out of {most[:8]}, not of {points}")
    if value > points:
        return Points(None, reason=f"{last['points'][:8]} points of {points}")
    return Points(value / points, start + last.start("points"))


def echoed(reply: str, asked: str) -> bool:
    """Whether most of a reply is what was asked."""
    own = echo_shingles((reply,))
    return bool(own) and len(own & echo_shingles((asked,))) >= ECHO * len(own)


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines that hold something, each with where it begins."""
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            found.append((start, line.rstrip()))
        start += len(line)
    return found
