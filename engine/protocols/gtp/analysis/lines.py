"""Reports as lines: Leela Zero's, KataGo's and Sabaki's, and CGOS's JSON.

All values are for the player to move. A win rate is won games and half the drawn ones, in [0, 1].
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.player.thinking import MoveReport, Ownership, Report
from engine.protocols.gtp.analysis.arguments import Wish
from engine.protocols.gtp.thinking import OwnersOf

PER_CENT_OF_PER_CENT = 10_000
"""Units of Leela Zero's shares."""

_CGOS_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"
"""Of owners from -1 to 1."""


def shown_moves(report: Report, wish: Wish) -> Sequence[MoveReport]:
    """The moves to tell, the best first: those visited, all where nothing is, and as many as wished."""
    visited = sum(move.visits > 0 for move in report.moves)
    count = max(visited or len(report.moves), wish.min_moves)
    visited_first = sorted(report.moves, key=lambda move: move is not report.moves[0] and not move.visits)
    return visited_first[: min(count, wish.max_moves)]


def leela_line(report: Report, wish: Wish, owners: OwnersOf) -> str:
    """Shares as whole numbers of 1/10000."""
    del owners
    return " ".join(
        f"info move {_text(report, move)} visits {move.visits} winrate {_units(_rate(move.value))} "
        f"prior {_units(move.prior)} lcb {_units(_rate(move.lcb))} order {order} "
        f"pv {_line(report, move, wish)}"
        for order, move in enumerate(shown_moves(report, wish))
    )


def kata_line(report: Report, wish: Wish, owners: OwnersOf) -> str:
    """Shares with a decimal point, which tells Sabaki that they are none of 1/10000."""
    ownership = owners() if wish.ownership else None
    parts = [
        _kata_move(report, wish, order, move, owners(move.action) if wish.moves_ownership else None)
        for order, move in enumerate(shown_moves(report, wish))
    ]
    if wish.root_info:
        parts.append(_root_info(report, ownership))
    if ownership is not None:
        parts.append(f"ownership {_cells(ownership)}")
    return " ".join(parts)


def cgos_line(report: Report, wish: Wish, owners: OwnersOf) -> str:
    """One object (CGOS's "GTP Extension for Move Analysis"); a variation begins after its move."""
    found = {
        "winrate": _rounded(_rate(report.value)),
        "visits": report.visits,
        "moves": [
            {
                "move": _text(report, move),
                "visits": move.visits,
                "winrate": _rounded(_rate(move.value)),
                "prior": _rounded(move.prior),
                "pv": " ".join(variation_texts(report, move, wish.pv_plies)[1:]),
            }
            for move in shown_moves(report, wish)
        ],
    }
    if (ownership := owners()) is not None:
        found["score"] = _rounded(ownership.score)
        found["ownership"] = "".join(
            _CGOS_LETTERS[round((min(max(owner, -1.0), 1.0) + 1) / 2 * 62)]
            for owner in ownership.owners.ravel().tolist()
        )
    return json.dumps(found, separators=(",", ":"))


def variation_texts(report: Report, move: MoveReport, plies: int) -> list[str]:
    """The moves expected, this one first, in the game's notation."""
    walker, texts = report.state.clone(), []
    for action in move.pv[:plies]:
        texts.append(_one_word(walker.action_text(action)))
        walker.play(action)
    return texts


def _kata_move(report: Report, wish: Wish, order: int, move: MoveReport, after: Ownership | None) -> str:
    counts = move.pv_visits[: wish.pv_plies] if wish.pv_visits else ()
    visits = f" pvVisits {' '.join(map(str, counts))}" if counts else ""
    lead = "" if after is None else f"scoreMean {_number(after.score)} scoreLead {_number(after.score)} "
    cells = "" if after is None else f" movesOwnership {_cells(after)}"
    return (
        f"info move {_text(report, move)} visits {move.visits} utility {_number(move.value)} "
        f"winrate {_number(_rate(move.value))} {lead}prior {_number(move.prior)} "
        f"lcb {_number(_rate(move.lcb))} utilityLcb {_number(move.lcb)} order {order} "
        f"pv {_line(report, move, wish)}{visits}{cells}"
    )


def _root_info(report: Report, ownership: Ownership | None) -> str:
    text = (
        f"rootInfo visits {report.visits} utility {_number(report.value)} "
        f"winrate {_number(_rate(report.value))}"
    )
    if ownership is not None:
        text += f" scoreLead {_number(ownership.score)}"
    if report.raw_wdl is not None:
        text += f" rawWinrate {_number(report.raw_wdl[0] + report.raw_wdl[1] / 2)}"
    return text


def _cells(ownership: Ownership) -> str:
    """Row by row from the top."""
    return " ".join(_number(owner) for owner in ownership.owners.ravel().tolist())


def _line(report: Report, move: MoveReport, wish: Wish) -> str:
    return " ".join(variation_texts(report, move, wish.pv_plies))


def _text(report: Report, move: MoveReport) -> str:
    return _one_word(report.state.action_text(move.action))


def _one_word(text: str) -> str:
    """A move's name without blanks, which would end it."""
    return "_".join(text.split()) or "?"


def _rate(value: float) -> float:
    return min(max((value + 1) / 2, 0.0), 1.0)


def _units(share: float) -> int:
    return round(min(max(share, 0.0), 1.0) * PER_CENT_OF_PER_CENT)


def _number(value: float) -> str:
    """Always with a decimal point, never with an exponent."""
    text = f"{value:.6f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _rounded(value: float) -> float:
    return round(float(value), 6)
