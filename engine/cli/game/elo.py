"""The command `elo`: the arithmetic of matches alone, JSON lines in and out."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from engine.cli.stream import each, serve
from engine.errors import UserError
from engine.protocols.request import Request, check_fields

if TYPE_CHECKING:
    from engine.arena.sprt import Sprt

FIELDS = ("id", "counts", "elo0", "elo1", "alpha", "beta", "model")

MAX_COUNT = 10**9
"""Games or pairs of one kind; doubles tell more of them no longer apart."""

LINES_AT_ONCE = 64


def elo() -> None:
    """Do the arithmetic of matches: JSON lines in, JSON lines out.

    In: {"id", "counts", "elo0"?, "elo1"?, "alpha"?, "beta"?, "model"?}. Counts are wins, draws, losses, or
    pairs of 0, 1/2, 1, 3/2, 2 points. elo0 and elo1 ask for an SPRT, whose model is logistic, normalized,
    bayesian or cutechess. Out: {"id", "elo", "low", "high", "los", "nelo", "llr", "state", ...}, null where
    infinite or not asked for.
    """
    serve(each(answer), LINES_AT_ONCE)


def answer(request: Request) -> dict[str, Any]:
    """Fields of the answer to one line; raise UserError."""
    from engine.arena.elo import draw_ratio, estimate_elo, moments, pairs_ratio

    check_fields(request, FIELDS)
    counts = _read_counts(request)
    test = _read_test(request)
    ratio = None if test is None else test.ratio(counts)
    total, found = sum(counts), estimate_elo(counts)
    return {
        "games": total * (len(counts) - 1) // 2,
        "score": moments(counts)[0] if total else None,
        "elo": finite(found.elo),
        "low": finite(found.low),
        "high": finite(found.high),
        "los": found.los,
        "nelo": finite(found.nelo),
        "nelo_low": finite(found.nelo_low),
        "nelo_high": finite(found.nelo_high),
        "draw_ratio": draw_ratio(counts),
        "pairs_ratio": pairs_ratio(counts),
        "llr": ratio,
        "state": None if test is None or ratio is None else test.judge(ratio),
        "llr_low": None if test is None else test.bounds[0],
        "llr_high": None if test is None else test.bounds[1],
    }


def finite(value: float) -> float | None:
    """A number as JSON has it; None where it is infinite."""
    return value if math.isfinite(value) else None


def _read_counts(request: Request) -> list[int]:
    """Going up with the points."""
    counts = request.get("counts")
    if not isinstance(counts, list) or len(counts) not in (3, 5):
        raise UserError(
            f"counts {json.dumps(counts)[:60]} are not a list of wins, draws, losses, nor of the pairs of "
            "0, ½, 1, 1½, 2 points"
        )
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_COUNT:
            raise UserError(f"counts: {json.dumps(count)[:60]} is not a whole number from 0 to {MAX_COUNT}")
    return counts if len(counts) == 5 else counts[::-1]


def _read_test(request: Request) -> Sprt | None:
    from engine.arena.sprt import Sprt

    given = {name: request[name] for name in FIELDS[2:] if request.get(name) is not None}
    if not given:
        return None
    for name in ("elo0", "elo1"):
        if name not in given:
            raise UserError(
                f"{name} is missing: an SPRT, whose {next(iter(given))} is given, needs elo0 and elo1"
            )
    model = given.pop("model", "logistic")
    if not isinstance(model, str):
        raise UserError(f"model {json.dumps(model)[:60]} is not a string")
    numbers = {name: _number(name, value) for name, value in given.items()}
    return Sprt(**numbers, model=model)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise UserError(f"{name} {json.dumps(value)[:60]} is not a finite number")
    return float(value)
