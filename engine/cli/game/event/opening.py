"""Openings of a match, as options name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import typer

from engine.cli.game.record import one_line
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game, State
    from engine.arena.opening import Order

PLIES = (0, 4)
"""Lengths of random openings."""
SOLVER_PLIES = (8, 12)
"""The same where a solver plays: the first plies take it minutes each."""


@dataclass(frozen=True)
class OpeningChoice:
    """What the options say of openings: a file or a game's suite, lengths as `A-B`, order, first one."""

    source: str | None
    plies: str | None
    order: str
    start: int

    def states(self, game: Game, pairs: int, is_solved: bool, seed: int) -> list[State]:
        """Openings for so many pairs; longer random ones where a solver plays."""
        if self.source is None and (self.order, self.start) != ("given", 1):
            raise UserError("--opening-order and --opening-start are of a file; give --openings FILE")
        plies = read_plies(self.plies, SOLVER_PLIES if is_solved else PLIES)
        of_record = plies[1] if self.plies is not None else None
        return choose_openings(
            game, self.source, pairs, plies, seed, cast("Order", self.order), self.start, of_record
        )


def read_plies(text: str | None, default: tuple[int, int]) -> tuple[int, int]:
    """Read `A-B`, or `B` for 0-B: the lengths of random openings."""
    if text is None:
        return default
    found = re.fullmatch(r"(?:([0-9]{1,3})-)?([0-9]{1,3})", text)
    if found is None:
        raise UserError(f"--opening-plies '{text}' is not of the form A-B, such as 0-4")
    low, high = int(found[1] or 0), int(found[2])
    if low > high:
        raise UserError(f"--opening-plies '{text}': {low} is above {high}; put the smaller one first")
    return low, high


def choose_openings(
    game: Game,
    source: str | None,
    pairs: int,
    plies: tuple[int, int],
    seed: int,
    order: Order = "given",
    start: int = 1,
    record_plies: int | None = None,
) -> list[State]:
    """Openings of a match: the first of a file or of the game's suite, or random ones.

    What is to be told of a file goes to stderr; the last three are those of `load_openings`.
    """
    from engine.arena.opening import load_openings, random_openings

    if source is None:
        return random_openings(game, pairs, plies[1], seed, plies[0])
    found = load_openings(game, source, order=order, seed=seed, start=start, plies=record_plies)
    for note in found.notes:
        typer.echo(f"warning: {one_line(note)}", err=True)
    if len(found.states) < pairs:
        most = 2 * len(found.states)
        raise UserError(f"openings '{source}' are enough for {most} games; give --games {most} or fewer")
    return found.states[:pairs]
