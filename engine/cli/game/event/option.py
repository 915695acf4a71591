"""Options of the command arena: which were given, and what they say of players."""

from __future__ import annotations

import math
from collections.abc import Sequence

import typer

from engine.errors import UserError


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_others(context: typer.Context, known: Sequence[str], why: str) -> None:
    """Raise UserError for an option that would do nothing."""
    for name in context.params:
        if name not in known and is_given(context, name):
            raise UserError(f"--{name.replace('_', '-')} is of {why}; leave it out")


def read_anchors(texts: Sequence[str], names: Sequence[str]) -> dict[int, float]:
    """Read `PLAYER=ELO`; raise UserError for a player that does not play, and for what is no Elo."""
    anchors: dict[int, float] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            elo = float(number)
        except ValueError:
            elo = math.nan
        if not equals or not abs(elo) <= 10_000:
            raise UserError(f"--anchor '{text}' is not of the form PLAYER=ELO, such as random=0")
        if list(names).count(name) != 1:
            raise UserError(f"--anchor '{text}': '{name}' is none of the players {', '.join(names)}")
        anchors[names.index(name)] = elo
    return anchors
