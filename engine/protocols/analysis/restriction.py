"""Moves that a request leaves out or keeps to, as restrictions of the search."""

from __future__ import annotations

import json
from typing import Any

from engine._core import Game, State
from engine.errors import UserError
from engine.player.thinking import Restriction
from engine.protocols.named_move import find_actions
from engine.protocols.request import Request, check_fields, read_count

RULE_FIELDS = ("moves", "player", "plies")
"""Of an entry of `avoid` or `allow`."""

MAX_PLIES = 1_000_000


def read_restrictions(request: Request, game: Game, state: State) -> list[Restriction]:
    """Those of `avoid`, or of `allow`; raise UserError for both at once."""
    if request.get("avoid") is not None and request.get("allow") is not None:
        raise UserError("avoid and allow are given both; give one")
    return [
        restriction
        for name in ("avoid", "allow")
        if request.get(name) is not None
        for restriction in _read_rules(name, request[name], game, state)
    ]


def _read_rules(name: str, value: Any, game: Game, state: State) -> list[Restriction]:
    """A list of moves of the player to move, or of objects with `moves`, `player` (0 or 1) and `plies`."""
    if not isinstance(value, list) or not value:
        raise UserError(f"{name} {json.dumps(value)[:60]} is not a list of moves")
    rules = [{"moves": value}] if all(isinstance(move, str) for move in value) else value
    return [_read_rule(name, rule, game, state) for rule in rules]


def _read_rule(name: str, rule: Any, game: Game, state: State) -> Restriction:
    if not isinstance(rule, dict) or not isinstance(rule.get("moves"), list) or not rule["moves"]:
        raise UserError(f"{name} {json.dumps(rule)[:60]} is not an object with a list of moves")
    check_fields(rule, RULE_FIELDS)
    player = read_count(rule, "player", 0, 1, state.player())
    plies = read_count(rule, "plies", 1, MAX_PLIES, 1)
    assert player is not None
    assert plies is not None
    actions: set[int] = set()
    for move in rule["moves"]:
        if not isinstance(move, str):
            raise UserError(f"{name}: {json.dumps(move)[:60]} is not a move")
        if player == state.player() and plies == 1:
            actions.add(state.parse_action(move))
        else:
            actions |= find_actions(game, state, player, move)
    return Restriction(player, frozenset(actions), plies, name == "allow")
