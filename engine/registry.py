"""Games by name: registered ones, with options, and anyone's `file.py:Name` or `package.module:Name`."""

from __future__ import annotations

from typing import Any

from engine._core import Game, State
from engine.errors import UserError
from engine.game import inquiry
from engine.plugin import Plugins, suggest

GROUP = "selfplay.games"
"""Entry-point group in which installed packages declare their games."""

_GAMES = Plugins("game", GROUP, Game, "engine._core.Game")


def game_names() -> list[str]:
    """Names of the registered games, sorted."""
    return _GAMES.names()


def load_game(spec: str, **options: Any) -> Game:
    """Build the game that `spec` names: `connect4`, `go:size=9,komi=7`, `file.py:Name[:a=b]`.

    A file is run as the code it is, so a spec comes from the user; one in a run directory is refused.
    `options` go over those written in `spec`. Raise UserError for an unknown name or option and for a
    value that the game refuses.
    """
    game: Game = _GAMES.load(spec, options)
    return game


def located_game(spec: str) -> str:
    """`spec` as it holds in every directory: a file or module of the user's by its whole path."""
    return _GAMES.located(spec)


def is_same_game(one: str, other: str) -> bool:
    """Whether two specs name the same game, wherever the file of a user's lies."""
    return _GAMES.is_same(one, other)


def option_names(spec: str) -> list[str]:
    """Names of the options that the game of `spec` takes."""
    return _GAMES.option_names(spec)


def game_options(spec: str) -> dict[str, Any]:
    """Options that the game of `spec` takes, with their defaults."""
    return _GAMES.options(spec)


def preset(game: Game, name: str) -> dict[str, Any]:
    """The settings layer of a game's preset; `default` is empty where the game brings none."""
    presets = inquiry.presets(game)
    if name in presets:
        return presets[name]
    if name == "default":
        return {}
    known = suggest(name, {*presets, "default"}, "its presets")
    raise UserError(f"game '{game.name}' has no preset '{name}'; {known}")


def position_text(game: Game, state: State) -> str:
    """A position in the game's own notation, the one that `Game.parse` reads.

    A game with a notation beyond its moves says so with a method `position_text(state)`. Otherwise it is
    the moves from the start: side by side where each is one letter, else with spaces between them.
    """
    own = inquiry.own_position_text(game, state)
    if own is not None:
        return own
    start, actions = state.position()
    walker = game.parse(start)
    moves = []
    for action in actions:
        moves.append(walker.action_text(action))
        walker.play(action)
    if start:
        return " ".join([start, *moves])
    return ("" if all(len(move) == 1 for move in moves) else " ").join(moves)
