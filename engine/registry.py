"""Games by name: registered ones, with options, and anyone's `package.module:Name`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine._core import Game, State
from engine.errors import UserError
from engine.plugin import Plugins, suggest

GROUP = "selfplay.games"
"""Entry-point group in which installed packages declare their games."""

_GAMES = Plugins("game", GROUP, Game, "engine._core.Game")


def game_names() -> list[str]:
    """Names of the registered games, sorted."""
    return _GAMES.names()


def load_game(spec: str, **options: Any) -> Game:
    """Build the game that `spec` names: `connect4`, `go:size=9,komi=7`, `package.module:Name[:a=b]`.

    `options` go over those written in `spec`. Raise UserError for an unknown name or option and for a
    value that the game refuses.
    """
    game: Game = _GAMES.load(spec, options)
    return game


def option_names(spec: str) -> list[str]:
    """Names of the options that the game of `spec` takes."""
    return _GAMES.option_names(spec)


def preset(game: Game, name: str) -> dict[str, Any]:
    """The settings layer of a game's preset; `default` is empty where the game brings none."""
    presets: Mapping[str, Mapping[str, Any]] = getattr(game, "presets", {})
    if name in presets:
        return dict(presets[name])
    if name == "default":
        return {}
    known = suggest(name, {*presets, "default"}, "its presets")
    raise UserError(f"game '{game.name}' has no preset '{name}'; {known}")


def position_text(game: Game, state: State) -> str:
    """A position in the game's own notation, the one that `Game.parse` reads.

    A game with a notation beyond its moves says so with a method `position_text(state)`. Otherwise it is
    the moves from the start: side by side where each is one letter, else with spaces between them.
    """
    own: Callable[[State], str] | None = getattr(game, "position_text", None)
    if own is not None:
        return own(state)
    start, actions = state.position()
    walker = game.parse(start)
    moves = []
    for action in actions:
        moves.append(walker.action_text(action))
        walker.play(action)
    if start:
        return " ".join([start, *moves])
    return ("" if all(len(move) == 1 for move in moves) else " ").join(moves)
