"""The game and the positions that a query in KataGo's protocol tells of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from engine._core import Game, State
from engine.errors import InputError
from engine.game import inquiry
from engine.game.offer import Goban
from engine.protocols.analysis.katago_field import (
    FieldError,
    Fields,
    read_number,
    read_pairs,
    read_player,
    read_whole,
)

MAX_SIDE = 25
MAX_KOMI = 400.0
MAX_MOVES = 5000
USUAL_KOMI = {False: 7.5, True: 6.5}
"""By whether the rules count territory, where a query brings none."""

Warn = Callable[[str, str], None]
"""Is told a field and what is not taken as asked."""

_CELL = re.compile(r"\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*\)")


@dataclass(frozen=True)
class Turn:
    """A position of a query: after so many moves, by the rules of `game`."""

    number: int
    game: Game
    state: State


class Board:
    """A board of one size under rules, on which a query's stones and moves are put.

    Args:
        game: its rules.
    """

    def __init__(self, game: Game) -> None:
        found = inquiry.goban(game)
        assert found is not None
        self.game = game
        self.goban: Goban = found

    @cached_property
    def _actions(self) -> dict[str, int]:
        start = self.game.initial()
        return {start.action_text(action).lower(): action for action in range(self.game.num_actions)}

    def action_of(self, field: str, text: str, *, allows_pass: bool = True) -> int:
        """The action of a place such as `D4`, `(3,5)`, from the top left, or `pass`."""
        columns, rows = self.goban.size
        cell = _CELL.fullmatch(text.strip())
        action: int | None
        if cell is not None:
            column, row = int(cell[1]), int(cell[2])
            action = row * columns + column if column < columns and row < rows else None
        else:
            action = self._actions.get(text.strip().lower())
        if action is None or (action == columns * rows and not allows_pass):
            raise FieldError(field, f"Could not parse board location: {text[:60]}")
        return action

    def text_of(self, action: int) -> str:
        """The place of an action."""
        return self.game.initial().action_text(action)

    def start(self, stones: Sequence[tuple[int, int]], player: int) -> State:
        """A position with these stones, as (player, action), of which the last at a place counts."""
        there = {action: owner for owner, action in stones}
        black, white = ([self.text_of(cell) for cell in there if there[cell] == who] for who in (0, 1))
        try:
            if not there and player == 0:
                return self.game.initial()
            if len(black) > 1 and not white and player == 1:
                return self.goban.handicap(black)
            return self.goban.placed(black, white, player)
        except InputError as error:
            raise FieldError("initialStones", str(error)) from error

    def after(self, state: State, player: int, action: int, *, only_black: bool) -> State:
        """The position after a move of whichever player; InputError where it is illegal.

        Where the other one was to move, what ko forbids is forgotten. only_black: whether none but Black has
        moved or has stones: then stones in a row are a handicap.
        """
        text = self.text_of(action)
        if state.player() != player or state.outcome() is not None:
            black, white = self.goban.stones(state)
            if only_black and black and player == 0 and action < self.game.num_actions - 1:
                return self.goban.handicap([*black, text])
            state = self.goban.placed(black, white, player)
        else:
            state = state.clone()
        state.play(state.parse_action(text))
        return state

    def open(self, state: State) -> State:
        """The position itself, or the same board with the game going on where it is over."""
        if state.outcome() is None:
            return state
        return self.goban.placed(*self.goban.stones(state), state.player())


def read_game(query: Fields, base: Game, warn: Warn) -> Game:
    """The game of a query's size, rules and komi; `warn` is told what is not taken as asked."""
    text = f"Must provide an integer from 2 to {MAX_SIDE}"
    columns, rows = (read_whole(query, name, 2, MAX_SIDE, text) for name in ("boardXSize", "boardYSize"))
    game = _read_rules(_board(base).resized(columns, rows), query)
    counts_dead = _board(game).counts_dead
    text = f"Must be a integer or half-integer from {-MAX_KOMI} to {MAX_KOMI}"
    komi = read_number(query, "komi", -MAX_KOMI, MAX_KOMI, text)
    if komi is None:
        komi = USUAL_KOMI[counts_dead]
    if komi * 2 != int(komi * 2):
        raise FieldError("komi", text)
    if counts_dead:
        asked = json.dumps(inquiry.rule_set(game))
        game = inquiry.with_rule_set(game, {"scoring": "AREA", "tax": "NONE"})
        used = json.dumps(inquiry.rule_set(game))
        warn("rules", f"Rules {asked} not supported by neural net, using {used} instead")
    return _board(game).with_komi(komi)


def _board(game: Game) -> Goban:
    found = inquiry.goban(game)
    assert found is not None
    return found


def _read_rules(game: Game, query: Fields) -> Game:
    rules = query.get("rules")
    if not isinstance(rules, str | dict):
        text = (
            'Must specify rules string, such as "chinese" or "tromp-taylor", or a JSON object with detailed '
            "rules parameters."
        )
        raise FieldError("rules", text)
    try:
        game = inquiry.with_rule_set(game, rules)
    except InputError as error:
        raise FieldError("rules", f"Could not parse rules: {error}") from error
    if "whiteHandicapBonus" not in query:
        return game
    try:
        return inquiry.with_rule_set(game, {"whiteHandicapBonus": query["whiteHandicapBonus"]})
    except InputError as error:
        raise FieldError("whiteHandicapBonus", str(error)) from error


def read_turns(query: Fields, board: Board, wanted: Sequence[int] | None) -> Iterator[Turn]:
    """The positions after so many of the query's moves, ascending; None: after all. FieldError."""
    stones = read_pairs(query, "initialStones") if "initialStones" in query else []
    placed = [(player, board.action_of("initialStones", text, allows_pass=False)) for player, text in stones]
    if "moves" not in query:
        raise FieldError("moves", "Must specify an array of [player,location] pairs")
    pairs = read_pairs(query, "moves")
    if len(pairs) > MAX_MOVES:
        raise FieldError("moves", f"There are {len(pairs)} moves; give at most {MAX_MOVES}")
    moves = [(player, board.action_of("moves", text)) for player, text in pairs]
    first = read_player(query, "initialPlayer") if "initialPlayer" in query else _first(placed, moves)
    turns = {len(moves)} if wanted is None else set(wanted)
    for number in wanted or ():
        if not 0 <= number <= len(moves):
            raise FieldError("analyzeTurns", f"Invalid turn number: {number}")
    state = board.start(placed, first)
    only_black = all(player == 0 for player, _ in placed)
    for number in range(len(moves) + 1):
        if number in turns:
            yield Turn(number, board.game, board.open(state))
        if number == len(moves):
            return
        player, action = moves[number]
        only_black = only_black and player == 0
        try:
            state = board.after(state, player, action, only_black=only_black)
        except InputError as error:
            raise FieldError("moves", f"Illegal move {number}: {board.text_of(action)}") from error


def _first(stones: Sequence[tuple[int, int]], moves: Sequence[tuple[int, int]]) -> int:
    if moves:
        return moves[0][0]
    return int(len(stones) > 1 and all(player == 0 for player, _ in stones))
