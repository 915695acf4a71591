"""A recorded game, read or to be written, and what the rules say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine._core import Game, InputError, State
from engine.errors import UserError
from engine.game.inquiry import describe
from engine.registry import position_text

MAX_PLIES = 20_000
"""Moves of the longest game that is read."""


@dataclass(frozen=True)
class Move:
    """An action; `implied` where the record leaves it out, as a pass between two moves of one color."""

    action: int
    implied: bool = False


@dataclass(frozen=True)
class Record:
    """A legal game. Records are equal that were written alike but for comments and layout."""

    game: Game = field(compare=False)
    name: str
    """Of the game, with the options that the record asks for."""
    start: str
    """A position in the game's notation; empty for the usual one."""
    moves: tuple[Move, ...]
    tags: Mapping[str, str]
    """What the file says of players and event, under the file format's names; the result is not among it."""
    result: str
    """As written in the file; empty where it is not."""
    describe: Callable[[Record, State], dict[str, Any]] = field(default=lambda *_: {}, compare=False)
    """Of the final position, what the format's games have beside the rest of `answer`."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    marks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Points by property, where the final position has some that its result rests on: TB and TW of SGF."""

    def positions(self) -> Iterator[tuple[State, Move | None]]:
        """Every position with the move played there, the final one with None; one state, played on."""
        state = self.game.parse(self.start)
        for move in self.moves:
            yield state, move
            state.play(move.action)
        yield state, None

    def answer(self) -> dict[str, Any]:
        """What `selfplay record` answers; plies are counted as in the file, implied moves left out."""
        moves, counts = [], []
        state = self.game.parse(self.start)
        for state, move in self.positions():
            if move is None or not move.implied:
                counts.append(len(state.legal_actions()))
            if move is not None and not move.implied:
                moves.append(state.action_text(move.action))
        outcome = state.outcome()
        described: dict[str, Any] = describe(self.game, state)
        return {
            "game": self.name,
            "tags": dict(self.tags),
            "plies": len(moves),
            "moves": moves,
            "legal_counts": counts,
            "to_play": state.player(),
            "terminal": outcome is not None,
            "outcome": None if outcome is None else int(outcome if state.player() == 0 else -outcome),
            "written_result": self.result or None,
            "position": position_text(self.game, state),
            "text": state.text(),
            **described,
            **self.describe(self, state),
        }


def play_move(state: State, text: str, where: str) -> int:
    """Play a move of the game's notation; its action. Raise UserError that begins with `where`."""
    try:
        action = state.parse_action(text)
    except InputError as error:
        raise UserError(f"{where}: {error}") from error
    state.play(action)
    return action


def shortened(text: str, most: int = 60) -> str:
    """A text of any length in quotes, for error messages."""
    return repr(text if len(text) <= most else text[:most] + "…")
