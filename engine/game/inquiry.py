"""Asking a game what it brings beside its rules: one function an offer, see engine.game.offer for each.

All raise UserError where the game has the name in another form than is declared.
"""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine._core import Game, InputError, State
from engine.errors import UserError
from engine.game.offer import OFFERS, Goban, Solver
from engine.game.truth_set import ILLEGAL, TruthSet

_REFERENCE_NUMBERS = ("minutes", "positions")


def is_offered(game: Game, name: str) -> bool:
    """Whether a game has the attribute or method of this name in OFFERS, in whatever form."""
    assert name in OFFERS
    return getattr(game, name, None) is not None


def presets(game: Game) -> dict[str, dict[str, Any]]:
    """Layers of settings by the preset's name; none for many games."""
    found = _attribute(game, "presets")
    if found is None:
        return {}
    fits = isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(layer, Mapping) for name, layer in found.items()
    )
    _require(game, "presets", fits, found)
    return {name: dict(layer) for name, layer in found.items()}


def start_is_symmetric(game: Game) -> bool:
    """False where the game says that some symmetry turns its start into another position."""
    found = _attribute(game, "start_is_symmetric")
    if found is None:
        return True
    _require(game, "start_is_symmetric", isinstance(found, bool | np.bool_), found)
    return bool(found)


def source(game: Game) -> str | None:
    """file:line of what makes its moves."""
    return _text(game, "source")


def own_position_text(game: Game, state: State) -> str | None:
    """A position in a notation of the game's own; see engine.registry.position_text for any game."""
    text = _text(game, "position_text", state)
    _require(game, "position_text", text is None or text.isprintable(), text)
    return text


def describe(game: Game, state: State) -> dict[str, Any]:
    """Fields that the game adds to what the rules say of a position; none for many games."""
    if not is_offered(game, "describe"):
        return {}
    found = _called(game, "describe", state)
    fits = isinstance(found, Mapping) and all(isinstance(name, str) for name in found)
    _require(game, "describe", fits, found)
    return dict(found)


def record_text(game: Game, state: State, tags: Mapping[str, str]) -> tuple[str, str] | None:
    """(suffix, text) of a played game in a file format of the game's own; None where it has none."""
    suffix = _attribute(game, "record_suffix")
    if (suffix is None) != (not is_offered(game, "record_text")):
        names = ("record_suffix", "record_text")
        missing, there = names if suffix is None else reversed(names)
        raise UserError(f"game '{game.name}' has {there} and no {missing}; the two go together")
    if suffix is None:
        return None
    fits = isinstance(suffix, str) and suffix.isascii() and suffix.isalnum()
    _require(game, "record_suffix", fits, suffix)
    text = _text(game, "record_text", state, tags)
    assert text is not None
    return suffix, text


def openings(game: Game) -> list[State]:
    """The balanced positions that a game brings for matches; none for many games."""
    if not is_offered(game, "openings"):
        return []
    found = _called(game, "openings")
    _require(game, "openings", isinstance(found, Iterable) and not isinstance(found, str), found)
    states: list[State] = []
    keys: dict[int, str] = {}
    for text in found:
        _require(game, "openings", isinstance(text, str), text)
        where = f"game '{game.name}': openings() gives '{text[:60]}'"
        try:
            state = game.parse(text)
        except (InputError, ValueError) as error:
            raise UserError(f"{where}, which parse() refuses: {error}") from error
        if state.outcome() is not None:
            raise UserError(f"{where}, in which the game is over")
        first = keys.setdefault(state.canonical()[0], text)
        if len(keys) == len(states):
            raise UserError(f"{where}, which is '{first[:60]}' once more, turned or mirrored or as it is")
        states.append(state)
    return states


def truth_sets(game: Game) -> list[TruthSet]:
    """The positions of known value that a game brings; none for most games."""
    if not is_offered(game, "truth_sets"):
        return []
    found = _called(game, "truth_sets")
    _require(game, "truth_sets", isinstance(found, Iterable), found)
    sets = list(found)
    for each in sets:
        _require(game, "truth_sets", isinstance(each, TruthSet), each)
        _check_truth_set(game, each)
    names = [each.name for each in sets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(
            f"game '{game.name}': truth_sets() gives two sets '{twice[0]}'; each needs its own name"
        )
    return sets


def require_solver(game: Game) -> None:
    """Raise UserError where a game has no exact solver."""
    if not is_offered(game, "solver"):
        raise UserError(f"game '{game.name}' has no exact solver")


def solver(game: Game) -> Solver:
    """The game's exact solver; raise UserError where it has none."""
    require_solver(game)
    found: Solver = _called(game, "solver")
    fits = all(callable(getattr(found, name, None)) for name in ("score", "scores", "outcomes"))
    _require(game, "solver", fits, found)
    return found


def pretrained_checkpoint(game: Game) -> Path | None:
    """The folder of the network that comes with a game."""
    return _path(game, "pretrained_checkpoint")


def bench_checkpoint(game: Game) -> Path | None:
    """The folder of the network that a game is measured with."""
    return _path(game, "bench_checkpoint")


def reference_run(game: Game) -> dict[str, Any] | None:
    """The run that a game's published results come from."""
    if not is_offered(game, "reference_run"):
        return None
    found = _called(game, "reference_run")
    fits = (
        isinstance(found, Mapping)
        and isinstance(found.get("machine"), str)
        and all(_is_positive(found.get(name)) for name in _REFERENCE_NUMBERS)
    )
    _require(game, "reference_run", fits, found)
    return dict(found)


def goban(game: Game) -> Goban | None:
    """The board of a game of Go."""
    if not is_offered(game, "goban"):
        return None
    found: Goban = _called(game, "goban")
    names = [name for name in vars(Goban) if not name.startswith("_")]
    _require(game, "goban", all(hasattr(found, name) for name in names), found)
    return found


def untrainable(game: Game) -> str | None:
    """Why self-play cannot train on it, with the remedy; None where it can."""
    if not is_offered(game, "untrainable"):
        return None
    found: str | None = _called(game, "untrainable")
    _require(game, "untrainable", found is None or (isinstance(found, str) and bool(found.strip())), found)
    return found


def board_marks(game: Game, state: State) -> list[list[str]] | None:
    """Marks of a position's cells [H][W]; None where the game does not tell."""
    if not is_offered(game, "board_marks"):
        return None
    found = _called(game, "board_marks", state)
    fits = isinstance(found, list | tuple) and all(
        isinstance(row, str | list | tuple) and all(isinstance(mark, str) and mark for mark in row)
        for row in found
    )
    _require(game, "board_marks", fits and len({len(row) for row in found}) == 1 and len(found[0]) > 0, found)
    return [list(row) for row in found]


def move_cells(game: Game, state: State, action: int) -> list[tuple[int, int]] | None:
    """Cells to point at for a legal move; None where the game does not tell."""
    if not is_offered(game, "move_cells"):
        return None
    found = _called(game, "move_cells", state, action)
    fits = isinstance(found, list | tuple) and all(
        isinstance(cell, list | tuple)
        and len(cell) == 2
        and all(isinstance(place, int) and not isinstance(place, bool) and place >= 0 for place in cell)
        for cell in found
    )
    _require(game, "move_cells", fits, found)
    return [(int(row), int(column)) for row, column in found]


def first_color(game: Game) -> str:
    """`black` or `white`: the color of the player who moves first."""
    found = _attribute(game, "first_color")
    if found is None:
        return "black"
    _require(game, "first_color", found in ("black", "white"), found)
    return str(found)


def uci_variant(game: Game) -> str | None:
    """What it is called in the Universal Chess Interface; None where it is not played there."""
    found = _attribute(game, "uci_variant")
    if found is None:
        return None
    fits = isinstance(found, str) and re.fullmatch("[a-z0-9-]+", found) is not None
    _require(game, "uci_variant", fits, found)
    return str(found)


def rule_set(game: Game) -> dict[str, Any] | None:
    """Rules in use, as other programs write them; None where the game has but one set."""
    if is_offered(game, "rule_set") != is_offered(game, "with_rule_set"):
        names = ("rule_set", "with_rule_set")
        there, missing = names if is_offered(game, "rule_set") else reversed(names)
        raise UserError(f"game '{game.name}' has {there} and no {missing}; the two go together")
    if not is_offered(game, "rule_set"):
        return None
    found = _called(game, "rule_set")
    fits = isinstance(found, Mapping) and all(isinstance(name, str) for name in found)
    _require(game, "rule_set", fits, found)
    return dict(found)


def with_rule_set(game: Game, rules: str | Mapping[str, Any]) -> Game:
    """The game under other rules; raise UserError where it has but one set, InputError for bad rules."""
    if rule_set(game) is None:
        raise UserError(f"game '{game.name}' has no other rules")
    found = _called(game, "with_rule_set", rules)
    _require(game, "with_rule_set", isinstance(found, Game), found)
    assert isinstance(found, Game)
    return found


def uci_games(game: Game) -> dict[str, tuple[Game, Game | None]]:
    """By the value of UCI_Variant the game, and the one under UCI_Chess960; none where UCI is not for it."""
    if not is_offered(game, "uci_games"):
        own = uci_variant(game)
        return {} if own is None else {own: (game, None)}
    found = _called(game, "uci_games")
    fits = isinstance(found, Mapping) and all(
        isinstance(name, str)
        and isinstance(pair, tuple)
        and len(pair) == 2
        and isinstance(pair[0], Game)
        and isinstance(pair[1], Game | None)
        for name, pair in found.items()
    )
    _require(game, "uci_games", fits and bool(found), found)
    return dict(found)


def without_claims(game: Game) -> Game:
    """The game going on where its end would have to be claimed; itself where it does not say."""
    if not is_offered(game, "without_claims"):
        return game
    found: Game = _called(game, "without_claims")
    _require(game, "without_claims", isinstance(found, Game), found)
    return found


def _attribute(game: Game, name: str) -> Any:
    """What a game has under the name of an offer; None where it has nothing."""
    found = getattr(game, name, None)
    if callable(found):
        raise UserError(f"game '{game.name}': {name} is a method; it must be {OFFERS[name].gives}")
    return found


def _called(game: Game, name: str, *arguments: Any) -> Any:
    """What a game's method, which is there, gives for these arguments."""
    method, offer = getattr(game, name), OFFERS[name]
    if not callable(method):
        raise UserError(
            f"game '{game.name}': {name} is {_shown(method)}; it must be a method {offer.form} that gives "
            f"{offer.gives}"
        )
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError as error:
        raise UserError(f"game '{game.name}': {name} cannot be called as {offer.form}: {error}") from error
    except ValueError:
        pass  # a function of C++ does not tell its arguments
    return method(*arguments)


def _text(game: Game, name: str, *arguments: Any) -> str | None:
    """What the method gives, a text; None where there is no such method."""
    if not is_offered(game, name):
        return None
    found: str = _called(game, name, *arguments)
    _require(game, name, isinstance(found, str), found)
    return found


def _path(game: Game, name: str) -> Path | None:
    """The same of a method that gives a path."""
    if not is_offered(game, name):
        return None
    found = _called(game, name)
    _require(game, name, isinstance(found, str | os.PathLike), found)
    return Path(found)


def _require(game: Game, name: str, fits: bool, found: Any) -> None:
    if not fits:
        offer = OFFERS[name]
        verb, must = ("gives", "give") if offer.is_method else ("is", "be")
        raise UserError(
            f"game '{game.name}': {offer.form} {verb} {_shown(found)}; it must {must} {offer.gives}"
        )


def _check_truth_set(game: Game, found: TruthSet) -> None:
    where = f"game '{game.name}': truth_sets() gives {_shown(found.name)}"
    if not (isinstance(found.name, str) and found.name.strip() and found.name.isprintable()):
        raise UserError(f"{where} for a set's name; it must be a text of one line")
    if not (
        isinstance(found.positions, list | tuple) and all(isinstance(text, str) for text in found.positions)
    ):
        raise UserError(
            f"{where}, whose positions are {_shown(found.positions)}; they must be a list of texts"
        )
    if not found.positions:
        raise UserError(f"{where}, which has no position; give it some, or leave it out")
    shape = (len(found.positions), game.num_actions)
    arrays = {"outcomes": found.outcomes} | ({} if found.scores is None else {"scores": found.scores})
    for name, array in arrays.items():
        if not (isinstance(array, np.ndarray) and array.dtype.kind in "iuf"):
            raise UserError(f"{where}, whose {name} are {_shown(array)}; they must be an array of numbers")
        if array.shape != shape:
            raise UserError(f"{where}, whose {name} are {array.shape}; they must be {shape}")
    if not np.isin(found.outcomes, (-1, 0, 1, ILLEGAL)).all():
        raise UserError(f"{where}, whose outcomes are not all 1, 0, -1 or ILLEGAL")
    if found.scores is not None and not np.isfinite(found.scores[found.outcomes != ILLEGAL]).all():
        raise UserError(f"{where}, whose scores are not all finite")


def _is_positive(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}, {text[:40]}…"
