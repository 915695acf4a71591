"""Games by name: registered ones, with options, and anyone's `package.module:Name`."""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from engine._core import Game, InputError, State
from engine.errors import UserError, describe_error

GROUP = "selfplay.games"
"""Entry-point group in which installed packages declare their games."""

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def suggest(name: str, known: Iterable[str], what: str = "known") -> str:
    """The end of an error message: the closest known name, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'? ({what}: {', '.join(names)})"
    return f"{what}: {', '.join(names) or 'none'}"


def game_names() -> list[str]:
    """Names of the registered games, sorted."""
    return sorted(_registered())


def load_game(spec: str, **options: Any) -> Game:
    """Build the game that `spec` names: `connect4`, `go:size=9,komi=7`, `package.module:Name[:a=b]`.

    `options` go over those written in `spec`. Raise UserError for an unknown name or option and for a
    value that the game refuses.
    """
    factory, written = _resolve(spec)
    return _build(spec, factory, {**written, **options})


def option_names(spec: str) -> list[str]:
    """Names of the options that the game of `spec` takes."""
    return _option_names(_resolve(spec)[0])


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


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _resolve(spec: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    registered = _registered()
    name, _, rest = spec.partition(":")
    if name in registered:
        return _load_entry(registered[name]), _parse_options(spec, rest) if rest else {}
    attribute, _, options = rest.partition(":")
    if rest and "=" not in attribute:
        factory = _load_attribute(spec, name, attribute)
        return factory, _parse_options(spec, options) if options else {}
    raise UserError(f"unknown game '{name}'; {suggest(name, registered)}; or give package.module:Name")


def _load_entry(entry: EntryPoint) -> Callable[..., Any]:
    try:
        factory: Callable[..., Any] = entry.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"game '{entry.name}' cannot be loaded from '{entry.value}': {error}") from error
    return factory


def _load_attribute(spec: str, module_name: str, attribute: str) -> Callable[..., Any]:
    if not _MODULE.fullmatch(module_name) or not attribute.isidentifier():
        raise UserError(f"game '{spec}' is not of the form package.module:Name")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"game '{spec}': cannot import '{module_name}': {reason}") from error
    if not callable(getattr(module, attribute, None)):
        names = [name for name, value in vars(module).items() if inspect.isclass(value)]
        known = suggest(attribute, names, "there")
        raise UserError(f"game '{spec}': '{module_name}' has no '{attribute}'; {known}")
    factory: Callable[..., Any] = getattr(module, attribute)
    return factory


def _parse_options(spec: str, text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in text.split(","):
        key, separator, value = part.partition("=")
        if not separator or not key.isidentifier() or not value:
            raise UserError(f"game '{spec}': option '{part}' is not of the form name=value")
        if key in options:
            raise UserError(f"game '{spec}': option '{key}' is given twice")
        options[key] = _parse_value(value)
    return options


def _parse_value(text: str) -> Any:
    """A number, true or false; anything else stays a string."""
    if text in ("true", "false") or re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _option_names(factory: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    return [parameter.name for parameter in parameters if parameter.kind in (1, 3)]


def _build_error(error: Exception, options: Mapping[str, Any]) -> str:
    if isinstance(error, TypeError) and "incompatible" in str(error):
        given = ", ".join(f"{name}={json.dumps(value)[:40]}" for name, value in options.items())
        return f"an option has a value of the wrong type: {given or 'none was given'}"
    return " ".join(describe_error(error).split())[:400]


def _build(spec: str, factory: Callable[..., Any], options: dict[str, Any]) -> Game:
    known = _option_names(factory)
    for option in options:
        if option not in known:
            name = spec.partition(":")[0]
            raise UserError(
                f"game '{name}' has no option '{option}'; {suggest(option, known, 'its options')}"
            )
    try:
        game = factory(**options)
    except (InputError, UserError) as error:
        raise UserError(f"game '{spec}': {error}") from error
    except Exception as error:
        raise UserError(f"game '{spec}': {_build_error(error, options)}") from error
    if not isinstance(game, Game):
        raise UserError(
            f"game '{spec}' gives a {type(game).__name__}; it must be a subclass of engine._core.Game"
        )
    return game
