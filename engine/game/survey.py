"""What a game brings and lacks, every offer tried once: what `selfplay check` tells beside the laws."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine._core import Game, InputError, State
from engine.config import build_config
from engine.errors import UserError
from engine.game import inquiry
from engine.game.offer import OFFERS
from engine.game.truth_set import ILLEGAL, TruthSet

TRIED = 50
"""Positions of a truth set that are parsed, the first ones."""

ALIKE = 0.75
"""Likeness, from 0 to 1, from which on a name is taken for a slip in that of an offer."""


@dataclass(frozen=True)
class Survey:
    """Offers by name, in the order of OFFERS. doubts: lines about names that look like one and are none."""

    offered: list[str]
    lacking: list[str]
    doubts: list[str]


def survey(game: Game) -> Survey:
    """Ask a game for all it brings; raise UserError for an offer of a wrong form or content.

    What takes a position is asked for the first one.
    """
    offered = [name for name in OFFERS if inquiry.is_offered(game, name)]
    for name in offered:
        _TRIALS[name](game)
    return Survey(offered, [name for name in OFFERS if name not in offered], doubts(game))


def doubts(game: Game) -> list[str]:
    """A line for every name of the game's own that resembles an offer it does not make."""
    lines = []
    for name in _own_names(game):
        close = difflib.get_close_matches(name.lower(), OFFERS, 1, ALIKE)
        if name not in OFFERS and close and not inquiry.is_offered(game, close[0]):
            lines.append(f"'{name}' is nothing that the engine asks for; did you mean {close[0]}?")
    return lines


def _own_names(game: Game) -> list[str]:
    """Public names that the game's classes define, but for those of the engine, and those set on itself."""
    classes = [kind for kind in type(game).__mro__ if kind.__module__.partition(".")[0] not in _OTHERS]
    known = {name for kind in type(game).__mro__ if kind not in classes for name in vars(kind)}
    names = {name for kind in classes for name in vars(kind)} | vars(game).keys()
    return sorted(name for name in names - known if not name.startswith("_"))


_OTHERS = ("engine", "builtins", "pybind11_builtins")


def _try_presets(game: Game) -> None:
    for name, layer in inquiry.presets(game).items():
        try:
            build_config(layer)
        except UserError as error:
            raise UserError(f"game '{game.name}': preset '{name}': {error}") from error


def _try_position_text(game: Game) -> None:
    start = game.initial()
    text = inquiry.own_position_text(game, start)
    try:
        same = text is not None and game.parse(text).key() == start.key()
    except InputError as error:
        raise UserError(f"game '{game.name}': position_text() gives what parse() refuses: {error}") from error
    if not same:
        raise UserError(f"game '{game.name}': position_text() gives another position's text, {text!r}")


def _try_record(game: Game) -> None:
    inquiry.record_text(game, game.initial(), {"event": "check", "round": "1"})


def _try_truth_sets(game: Game) -> None:
    for truth in inquiry.truth_sets(game):
        for index, position in enumerate(truth.positions[:TRIED]):
            _check_position(game, truth, index, _parse(game, truth, position))


def _parse(game: Game, truth: TruthSet, position: str) -> State:
    try:
        return game.parse(position)
    except InputError as error:
        raise UserError(f"game '{game.name}': truth set '{truth.name}': {error}") from error


def _check_position(game: Game, truth: TruthSet, index: int, state: State) -> None:
    marked = [action for action in range(game.num_actions) if truth.outcomes[index][action] != ILLEGAL]
    if marked != state.legal_actions():
        where = f"game '{game.name}': truth set '{truth.name}': position '{truth.positions[index]}'"
        raise UserError(f"{where} has the legal actions {state.legal_actions()}, and outcomes for {marked}")


def _try_checkpoint(ask: Callable[[Game], Path | None], name: str) -> Callable[[Game], None]:
    def attempt(game: Game) -> None:
        path = ask(game)
        if path is None or not path.is_dir():
            raise UserError(f"game '{game.name}': {name}() names '{path}', which is no folder")

    return attempt


def _try_move_cells(game: Game) -> None:
    start = game.initial()
    for action in start.legal_actions():
        inquiry.move_cells(game, start, action)


def _try_rule_set(game: Game) -> None:
    rules = inquiry.rule_set(game)
    if rules is not None and inquiry.rule_set(inquiry.with_rule_set(game, rules)) != rules:
        raise UserError(f"game '{game.name}': with_rule_set(rule_set()) has other rules")


def _try_uci_games(game: Game) -> None:
    games = inquiry.uci_games(game)
    if not any(game.name in (each.name for each in pair if each is not None) for pair in games.values()):
        raise UserError(f"game '{game.name}': uci_games() leaves out the game itself")


_TRIALS: Mapping[str, Callable[[Game], object]] = {
    "presets": _try_presets,
    "start_is_symmetric": inquiry.start_is_symmetric,
    "source": inquiry.source,
    "position_text": _try_position_text,
    "describe": lambda game: inquiry.describe(game, game.initial()),
    "record_suffix": _try_record,
    "record_text": _try_record,
    "openings": inquiry.openings,
    "truth_sets": _try_truth_sets,
    "solver": inquiry.solver,
    "pretrained_checkpoint": _try_checkpoint(inquiry.pretrained_checkpoint, "pretrained_checkpoint"),
    "bench_checkpoint": _try_checkpoint(inquiry.bench_checkpoint, "bench_checkpoint"),
    "reference_run": inquiry.reference_run,
    "goban": inquiry.goban,
    "untrainable": inquiry.untrainable,
    "board_marks": lambda game: inquiry.board_marks(game, game.initial()),
    "move_cells": _try_move_cells,
    "first_color": inquiry.first_color,
    "uci_variant": inquiry.uci_variant,
    "uci_games": _try_uci_games,
    "without_claims": inquiry.without_claims,
    "rule_set": inquiry.rule_set,
    "with_rule_set": _try_rule_set,
}
"""How each offer is tried."""
