"""Variants: which games a player plays under UCI, and how their moves are spelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from engine._core import Game, State
from engine.errors import InputError, UserError, describe_error
from engine.game import inquiry
from engine.player.player import Player
from engine.protocols.uci.command import UciError
from engine.registry import position_text

OpenPlayer = Callable[[Game | None, int], Player]
"""Makes the player for a game, by default its own, with so many threads; UserError where it plays another."""


HALFMOVES = 4
"""The word of a FEN that counts moves towards a draw."""


def position_fen(game: Game, state: State) -> str:
    """A position without its history where the game can write that, else as the game writes it."""
    fen = inquiry.describe(game, state).get("fen")
    return fen if isinstance(fen, str) else position_text(game, state)


@dataclass
class Rules:
    """A game as a client sees it. game: that the player plays. speller: whose spelling of moves is used."""

    game: Game
    speller: Game
    _last: tuple[str, list[str], State] | None = field(default=None, init=False, compare=False)

    @cached_property
    def unclaimed(self) -> Game:
        """The same, going on where an end would have to be claimed."""
        return inquiry.without_claims(self.game)

    def read(self, text: str, moves: Sequence[str]) -> State:
        """A position, "" for the start, and moves from it; raise UciError."""
        try:
            state = self._go_on(text, moves)
        except UciError:
            if self.unclaimed is self.game:
                raise
            return self._played_on(text, moves)
        if state.outcome() is None or self.unclaimed is self.game:
            return state
        return self._played_on(text, moves)

    def _go_on(self, text: str, moves: Sequence[str]) -> State:
        """From the position read last where its moves begin these: rules of one's own may be slow."""
        if self._last is not None and self._last[0] == text and self._last[1] == moves[: len(self._last[1])]:
            state = self._last[2].clone()
            _play(state, moves, len(self._last[1]))
        else:
            state = _read(self.game, text, moves)
        self._last = (text, list(moves), state.clone())
        return state

    def _played_on(self, text: str, moves: Sequence[str]) -> State:
        """A position beyond an end that nobody has claimed: as if it had no history."""
        state = _read(self.unclaimed, text, moves)
        words = position_fen(self.unclaimed, state).split()
        if len(words) > HALFMOVES:
            words[HALFMOVES] = "0"
        return _read(self.game, " ".join(words), [])

    def spell(self, state: State, actions: Sequence[int]) -> list[str]:
        """Moves one after another, as far as they are legal."""
        walker, speller, texts = state.clone(), self._speller_at(state), []
        for action in actions:
            try:
                text = walker.action_text(action)
                walker.play(action)
                if speller is not None:
                    own = speller.parse_action(text)
                    text = speller.action_text(own)
                    speller.play(own)
            except InputError:
                break
            texts.append(text)
        return texts

    def _speller_at(self, state: State) -> State | None:
        if self.speller is self.game:
            return None
        try:
            return inquiry.without_claims(self.speller).parse(position_fen(self.game, state))
        except InputError:
            return None


class Variants:
    """Those of a player.

    Args:
        player: as it was named.
        open_player: makes it for other games.
    """

    def __init__(self, player: Player, open_player: OpenPlayer) -> None:
        self._own = player.game
        self._open_player = open_player
        self._games = inquiry.uci_games(self._own)
        if not self._games:
            raise UserError(
                f"game '{self._own.name}' is not written as UCI has it: give --game of one that is, or use "
                "selfplay gtp"
            )
        first = next(iter(self._games))
        self.names = [
            name for name in self._games if name == first or self._is_playable(self._games[name][0])
        ]
        self.left_out = [name for name in self._games if name not in self.names]

    @property
    def shuffles(self) -> bool:
        """Whether UCI_Chess960 asks for another game."""
        return any(self._games[name][1] is not None for name in self.names)

    def rules(self, name: str, shuffled: bool) -> Rules:
        """Of a variant; where the player plays one spelling alone, the other is written for it."""
        usual, other = self._games[name]
        asked, instead = (other, usual) if shuffled and other is not None else (usual, other or usual)
        if self._is_playable(asked):
            return Rules(asked, asked)
        return Rules(instead if self._is_playable(instead) else self._own, asked)

    def _is_playable(self, game: Game) -> bool:
        try:
            self._open_player(game, 1)
        except UserError:
            return False
        return True


def _read(game: Game, text: str, moves: Sequence[str]) -> State:
    try:
        state = game.parse(text) if text else game.initial()
    except Exception as error:
        raise UciError(f"position refused: {_reason(error)}") from error
    _play(state, moves, 0)
    return state


def _play(state: State, moves: Sequence[str], done: int) -> None:
    """The moves of a position from the one numbered `done` on."""
    for number in range(done, len(moves)):
        try:
            state.play(state.parse_action(moves[number]))
        except Exception as error:
            raise UciError(f"position refused at move {number + 1}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InputError | UserError) else describe_error(error)
