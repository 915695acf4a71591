"""The laws every game keeps, checked on uniformly random games from its start."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from functools import partial

import numpy as np

from engine._core import Game, InputError, State
from engine.game.inquiry import source, start_is_symmetric
from engine.game.unraised import Unraised
from engine.registry import position_text

ALL_CHECKED = 40
"""Plies up to which most positions are also parsed and replayed; half of those at this ply."""

ILLEGAL_TRIED = 16
"""Illegal actions tried at a position beside the two just out of range, for a large game has many."""

Seen = dict[int, tuple[bytes, list[int], float | None]]
"""By key: a digest of the planes, the legal actions, the outcome."""


class LawError(AssertionError):
    """A game breaks a law; the message names the law, the moves that lead there and what was seen."""


def check_laws(game: Game, walks: int = 100, seed: int = 0) -> int:
    """Check the laws on every position of `walks` random games; the number of positions checked.

    The laws stand in cpp/core/game.h. In long games what takes as long as the game so far is checked on a
    random part of the positions. Raise LawError at the first position that breaks one, UserError for an
    exception in a game of Numba functions.
    """
    unraised = Unraised(game)
    try:
        return _walk(game, walks, random.Random(seed), unraised)
    finally:
        unraised.close()
        unraised.check()  # what follows from an exception is no news beside it


def _walk(game: Game, walks: int, randomness: random.Random, unraised: Unraised) -> int:
    _check_symmetry_tables(game)
    seen: Seen = {}
    positions = 0
    start = game.initial()
    key = start.key()
    _check_position(game, start, seen)
    if start.legal_actions():
        start.play(start.legal_actions()[0])
    again = game.initial()
    _require(again, "every game starts from a fresh position", again.key() == key and again.ply() == 0)
    _check_position(game, again, seen)
    for _ in range(walks):
        state = game.initial()
        twins = _twins(game)
        while True:
            unraised.check()
            _check_position(game, state, seen)
            _check_twins(game, state, twins)
            if randomness.random() < ALL_CHECKED / (ALL_CHECKED + state.ply()):
                _check_copies(game, state)
            positions += 1
            actions = state.legal_actions()
            if not actions:
                break
            action = randomness.choice(actions)
            state = _checked_move(game, state, action, randomness)
            _move_twins(game, state, twins, action)
    return positions


def _require(state: State, law: str, holds: bool, seen: object = "") -> None:
    if not holds:
        start, actions = state.position()
        detail = f"; {seen}" if seen != "" else ""
        raise LawError(f"{law} (start '{start}', actions {actions}){detail}")


def _check_winning_action(state: State, actions: list[int]) -> None:
    claimed = state.winning_action()
    if claimed < 0:
        return
    _require(state, "a winning action is legal", claimed in actions, claimed)
    child = state.clone()
    child.play(claimed)
    outcome = child.outcome()
    won = None if outcome is None else outcome if child.player() == state.player() else -outcome
    _require(state, "a winning action wins at once", won == 1, claimed)


def _check_position(game: Game, state: State, seen: Seen) -> None:
    actions, outcome = state.legal_actions(), state.outcome()
    _require(state, "the player is 0 or 1", state.player() in (0, 1), state.player())
    _require(state, "there is an outcome or a legal action, never both", (outcome is None) == bool(actions))
    _require(state, "legal actions ascend", actions == sorted(set(actions)), actions)
    _require(state, "actions are below num_actions", all(0 <= a < game.num_actions for a in actions), actions)
    _require(state, "an outcome is in [-1, 1]", outcome is None or -1 <= outcome <= 1, outcome)
    _require(state, "the game ends within max_plies", state.ply() <= game.max_plies, state.ply())
    has_plies_left = bool(actions) <= (state.ply() < game.max_plies)
    _require(state, "a running game has plies left", has_plies_left, _where_moves_are_made(game, state))
    planes = state.encode()
    _require(state, "planes have planes_shape", planes.shape == tuple(game.planes_shape), planes.shape)
    _require(state, "planes are float32", planes.dtype == np.float32, planes.dtype)
    _require(state, "planes are finite", bool(np.isfinite(planes).all()))
    _require(state, "there is a drawing", bool(state.text().strip()))
    _check_score(game, state)
    summary = (hashlib.blake2b(planes.tobytes(), digest_size=16).digest(), actions, outcome)
    same = seen.setdefault(state.key(), summary) == summary
    _require(state, "an equal key means equal planes, legal actions and outcome", same)
    _check_notation(state, actions)
    _check_winning_action(state, actions)


def _check_score(game: Game, state: State) -> None:
    scored = state.score() if game.has_score else None
    if scored is None:
        return
    points, owner = scored
    _require(state, "owners are 1, 0 or -1", bool(np.isin(owner, (-1, 0, 1)).all()))
    _require(state, "a score is finite", bool(np.isfinite(points)), points)
    outcome = state.outcome()
    agrees = outcome is None or np.sign(points) == np.sign(outcome)
    _require(state, "the score at the end has the sign of the outcome", bool(agrees), (points, outcome))


def _where_moves_are_made(game: Game, state: State) -> str:
    place = source(game)
    where = f"; moves are made at {place}" if place is not None else ""
    return f"the game still runs after {state.ply()} plies{where}; end it there, or raise max_plies"


def _check_copies(game: Game, state: State) -> None:
    start, actions = state.position()
    replayed = game.parse(start)
    for action in actions:
        replayed.play(action)
    written = game.parse(position_text(game, state))
    copies = (("position() replayed", replayed), ("its text parsed", written), ("clone()", state.clone()))
    for name, copy in copies:
        same = (copy.key(), copy.player(), copy.ply()) == (state.key(), state.player(), state.ply())
        _require(state, f"{name} gives the same key, player and ply", same)
        _require(state, f"{name} gives the same planes", np.array_equal(copy.encode(), state.encode()))
        _require(state, f"{name} gives the same actions", copy.legal_actions() == state.legal_actions())
        _require(state, f"{name} gives the same outcome", copy.outcome() == state.outcome())


def _check_notation(state: State, actions: list[int]) -> None:
    texts = [state.action_text(action) for action in actions]
    _require(state, "two actions have two texts", len(set(texts)) == len(texts), texts)
    for action, text in zip(actions, texts, strict=True):
        _require(state, "parse_action reads action_text", state.parse_action(text) == action, text)
    refused = _raises(lambda: state.parse_action("no such move"))
    _require(state, "parse_action refuses nonsense with InputError", refused)


def _twins(game: Game) -> dict[int, State]:
    """The start under every symmetry.

    Symmetries that turn the start into another position lead to positions that no game reaches; a game that
    has such says so with `start_is_symmetric = False`.
    """
    start = game.initial()
    planes, cells = _flat(start), game.cell_symmetries
    turns = range(1, len(cells))
    keeping = [turn for turn in turns if np.array_equal(planes[:, cells[turn]], planes)]
    symmetric = not start_is_symmetric(game) or keeping == list(turns)
    _require(start, "symmetries keep the start, unless start_is_symmetric is False", symmetric, keeping)
    return {turn: game.initial() for turn in keeping}


def _move_twins(game: Game, state: State, twins: dict[int, State], action: int) -> None:
    for turn, twin in twins.items():
        turned = int(game.action_symmetries[turn, action])
        _require(state, "a turned move is legal when turned", turned in twin.legal_actions(), turned)
        twin.play(turned)


def _check_twins(game: Game, state: State, twins: dict[int, State]) -> None:
    key, symmetry = state.canonical()
    _require(state, "canonical() names a symmetry", 0 <= symmetry < len(game.cell_symmetries), symmetry)
    planes = _flat(state)
    for turn, twin in twins.items():
        turned = planes[:, game.cell_symmetries[turn]]
        _require(state, "a turned position has the turned planes", np.array_equal(_flat(twin), turned), turn)
        _require(state, "a turned position has the same canonical key", twin.canonical()[0] == key, turn)
        _require(
            state, "a turned position has the turned owners", _owners_turn(game, state, twin, turn), turn
        )


def _owners_turn(game: Game, state: State, twin: State, turn: int) -> bool:
    if not game.has_score:
        return True
    ours, turned = state.score(), twin.score()
    assert ours is not None
    assert turned is not None
    cells = game.cell_symmetries[turn]
    return ours[0] == turned[0] and np.array_equal(ours[1].ravel()[cells], turned[1].ravel())


def _flat(state: State) -> np.ndarray:
    planes = state.encode()
    return planes.reshape(planes.shape[0], -1)


def _checked_move(game: Game, state: State, action: int, randomness: random.Random) -> State:
    before = (state.key(), state.ply(), state.legal_actions(), state.encode().tobytes())
    child = state.clone()
    child.play(action)
    after = (state.key(), state.ply(), state.legal_actions(), state.encode().tobytes())
    _require(state, "clone() then play() leaves the original untouched", before == after)
    _require(state, "a move adds one ply", child.ply() == state.ply() + 1)
    illegal_actions = sorted(set(range(game.num_actions)).difference(before[2]))
    tried = randomness.sample(illegal_actions, min(ILLEGAL_TRIED, len(illegal_actions)))
    for illegal in [-1, *tried, game.num_actions]:
        refused = _raises(partial(state.clone().play, illegal))
        _require(state, "play() refuses an illegal action", refused, illegal)
    return child


def _raises(act: Callable[[], object]) -> bool:
    try:
        act()
    except InputError:
        return True
    return False


def _check_symmetry_tables(game: Game) -> None:
    start = game.initial()
    for name, tables in (("action", game.action_symmetries), ("cell", game.cell_symmetries)):
        size = tables.shape[1]
        whole = np.arange(size)
        _require(start, f"the first {name} symmetry is the identity", np.array_equal(tables[0], whole))
        permutes = all(np.array_equal(np.sort(table), whole) for table in tables)
        _require(start, f"{name} symmetries are permutations", permutes)
    _require(start, "action tables cover all actions", game.action_symmetries.shape[1] == game.num_actions)
    cells = game.planes_shape[1] * game.planes_shape[2]
    _require(start, "cell tables cover all cells", game.cell_symmetries.shape[1] == cells)
