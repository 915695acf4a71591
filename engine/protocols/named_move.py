"""Moves that are named for either player and for later positions, not for the one on the board alone."""

from __future__ import annotations

from engine._core import Game, State

_MAX_NAMED = 1 << 16
"""Actions of a game whose names are all known; of larger ones only the legal moves are."""


def find_actions(game: Game, state: State, player: int, text: str) -> frozenset[int]:
    """The actions that a player's move may be, in this position or a later one; raise InputError for none.

    A game may name a move by the pieces on the board: then it is read as one of this position, or of the next
    where the other player moves here.
    """
    view, wanted = _view(state, player), text.lower()
    every = range(game.num_actions) if game.num_actions <= _MAX_NAMED else view.legal_actions()
    found = frozenset(action for action in every if view.action_text(action).lower() == wanted)
    return found or frozenset({view.parse_action(text)})


def _view(state: State, player: int) -> State:
    """A position with this player to move, the nearest there is."""
    if state.player() == player:
        return state
    for action in state.legal_actions():
        child = state.clone()
        child.play(action)
        if child.player() == player and child.outcome() is None:
            return child
    return state
