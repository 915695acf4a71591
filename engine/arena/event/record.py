"""Games and ratings of an event for other programs: PGN or SGF in one file, TensorBoard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine._core import Game, InputError
from engine.arena.event.result import GameResult
from engine.errors import UserError
from engine.game import inquiry
from engine.run import storage
from engine.run.tensorboard import EventFile

_ITERATION = re.compile(r"(?:^|[/\\])([0-9]{6})(?:[/\\;]|$)")
"""Of a checkpoint, in its path."""


def write_records(path: Path, game: Game, names: Sequence[str], results: Sequence[GameResult]) -> None:
    """Write all games into one file, in the format of their players' other programs.

    Raise UserError where the game has no such format, or the disk refuses.
    """
    check_records(game)
    texts = [record_text(game, names, result) for result in results]
    storage.make_folder(path.absolute().parent)
    storage.atomic_write(path, "\n".join(texts).encode())


def check_records(game: Game) -> None:
    """Raise UserError where a game's records have no format of their own."""
    if inquiry.record_text(game, game.initial(), {}) is None:
        raise UserError(f"--records: games of {game.name} have no file format of their own; leave it out")


def record_text(game: Game, names: Sequence[str], result: GameResult) -> str:
    """One game, of a kind that has a format."""
    try:
        state = game.parse(result.position)
        for action in result.actions:
            state.play(action)
    except (InputError, ValueError, TypeError) as error:
        raise UserError(
            f"--records: game {result.number} of the log is none of {game.name}: {error}"
        ) from None
    first, second = result.seats
    tags = {
        "event": "selfplay arena",
        "round": str(result.number + 1),
        "first": names[first],
        "second": names[second],
    }
    if result.termination != "rules":
        tags |= {"winner": _winner(result.outcome), "termination": _termination(result)}
    written = inquiry.record_text(game, state, tags)
    assert written is not None
    return written[1]


def _winner(outcome: float) -> str:
    return "first" if outcome > 0 else "second" if outcome < 0 else "none"


def _termination(result: GameResult) -> str:
    """`time` and `illegal` have words of their own in formats of records."""
    return result.termination if result.forfeit is None else result.forfeit.kind


def checkpoint_iteration(name: str) -> int | None:
    """The iteration of a player that is named by a checkpoint's path; None of any other."""
    found = _ITERATION.findall(name)
    return int(found[-1]) if found else None


def check_iterations(names: Sequence[str]) -> None:
    """Raise UserError where no player is a checkpoint with a number."""
    if all(checkpoint_iteration(name) is None for name in names):
        raise UserError(
            "--tensorboard: no player is a checkpoint with a number, such as RUN/checkpoints/000042"
        )


def write_ratings(folder: Path, document: Mapping[str, Any]) -> None:
    """Ratings of checkpoints over their iterations, for TensorBoard; raise UserError where there are none."""
    check_iterations(document["players"])
    rows = document["ratings"] or _rows_of_match(document["matches"])
    numbered = [(checkpoint_iteration(row["player"]), row) for row in rows if row["elo"] is not None]
    found = [(iteration, row) for iteration, row in numbered if iteration is not None]
    found.sort(key=lambda each: each[0])
    if not found:
        raise UserError("--tensorboard: no checkpoint has a rating; play games that are not all forfeited")
    events = EventFile(folder, found[0][0])
    try:
        for iteration, row in found:
            names = ("elo", "elo_low", "elo_high")
            events.scalars(iteration, {f"arena/{name}": row[name] for name in names})
    finally:
        events.close()


def _rows_of_match(matches: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of two players: the second one at 0."""
    (match,) = matches
    first = {"player": match["first"], **{name: match[name] for name in ("elo", "elo_low", "elo_high")}}
    return [first, {"player": match["second"], "elo": 0.0, "elo_low": 0.0, "elo_high": 0.0}]
