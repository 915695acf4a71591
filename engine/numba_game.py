"""Games whose rules are Numba functions over a state of fixed size.

They are compiled to C functions that search, self-play and the decoding of records call without Python.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numba import carray, cfunc, from_dtype, types  # type: ignore[attr-defined]
from numba.core.errors import NumbaError
from numpy.typing import DTypeLike, NDArray

from engine import _core
from engine.errors import UserError
from engine.game.python_game import Symmetry, description, draw_planes, source_of

_ACTIONS = types.CPointer(types.int32)  # type: ignore[no-untyped-call]
_PLANES = types.CPointer(types.float32)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Rules:
    """Functions under `@numba.njit`. `state` is an array of the game's `state_dtype`.

    Only `start` and `play` may change it, and two positions must be the same exactly where their bytes are.
    Numbers that are not of the types below are converted.
    """

    start: Callable[..., Any]
    """start(state): write the position before the first move over zeros."""
    legal_actions: Callable[..., Any]
    """legal_actions(state, out): write them, ascending, to int32 [num_actions]; return how many, 0 at the
    end."""
    play: Callable[..., Any]
    """play(state, action): make a legal move."""
    player: Callable[..., Any]
    """player(state): 0 for the player who moves first in the game, 1 for the other."""
    outcome: Callable[..., Any]
    """outcome(state): 1.0 won, 0.0 drawn, -1.0 lost, for the player to move; NaN while the game runs."""
    encode: Callable[..., Any]
    """encode(state, planes): write what the network sees over zeros, float32 [C, H, W]."""
    winning_action: Callable[..., Any] | None = None
    """winning_action(state): the lowest action that wins at once, or -1."""
    turn: Callable[..., Any] | None = None
    """turn(state, symmetry, out): write the state turned by the symmetry over zeros. With it turned positions
    share their evaluation."""
    score: Callable[..., Any] | None = None
    """score(state, owner): points by which the player to move leads as the board stands; the owner of each
    cell, float32 [H, W], over zeros: 1 the player to move, -1 the other. The learner has the network foretell
    both as they are at the end."""


class NumbaGame(_core.FunctionGame):
    """A game of Numba functions. A subclass calls this constructor; arguments as for PythonGame.

    Args:
        state_bytes: size of a state, 1 to 65,536.
        rules: the functions.
        state_dtype: what a state is an array of. Numbers as wide as the rules want them are the fastest: to
            `view` a state as another type takes longer than most rules.

    Raises UserError where a function does not compile, with Numba's reason, or where the sizes do not fit.
    """

    def __init__(
        self,
        *,
        name: str,
        num_actions: int,
        planes_shape: tuple[int, int, int],
        max_plies: int,
        state_bytes: int,
        rules: Rules,
        state_dtype: DTypeLike = np.uint8,
        action_names: Sequence[str] | None = None,
        symmetries: Sequence[Symmetry] = (),
    ) -> None:
        self._rules = rules
        self._planes_shape = planes_shape
        self._dtype = np.dtype(state_dtype)
        if state_bytes % self._dtype.itemsize:
            raise UserError(f"game '{name}': {state_bytes} state_bytes are no whole number of {self._dtype}")
        self._compiled = _compile(name, rules, state_bytes, self._dtype, num_actions, planes_shape)
        super().__init__(
            **description(
                name, num_actions, planes_shape, max_plies, action_names, symmetries, rules.score is not None
            ),
            state_bytes=state_bytes,
            addresses={role: function.address for role, function in self._compiled.items()},
            text=weakref.WeakMethod(self._draw),
        )

    def _draw(self, state: NDArray[np.uint8]) -> str:
        return self.text(state.view(self._dtype))

    def text(self, state: NDArray[Any]) -> str:
        """A drawing for terminals and logs; by default the planes, a letter each."""
        planes = np.zeros(self._planes_shape, np.float32)
        self._rules.encode(state, planes)
        return draw_planes(planes)

    def source(self) -> str:
        """Where the moves are made, as file:line."""
        return source_of(self._rules.play)


@functools.cache
def _compile(
    name: str,
    rules: Rules,
    state_bytes: int,
    dtype: np.dtype[Any],
    num_actions: int,
    planes_shape: tuple[int, int, int],
) -> dict[str, Any]:
    """Each given function as a C function, by the name of its field."""
    wrap = _wrappers(rules, state_bytes, dtype, num_actions, planes_shape)
    compiled = {}
    for field in fields(rules):
        function = vars(rules)[field.name]
        if function is None:
            continue
        signature, wrapper = wrap[field.name]
        try:
            compiled[field.name] = cfunc(signature)(wrapper)
        except NumbaError as error:
            reason = " ".join(str(error).split())[:600]
            where = source_of(function)
            raise UserError(f"game '{name}': {field.name} ({where}) does not compile: {reason}") from error
    return compiled


def _wrappers(
    rules: Rules,
    state_bytes: int,
    dtype: np.dtype[Any],
    num_actions: int,
    planes_shape: tuple[int, int, int],
) -> dict[str, tuple[Any, Callable[..., Any]]]:
    """Signature of each C function, and what turns its pointers into arrays."""
    start, legal_actions, play, player = rules.start, rules.legal_actions, rules.play, rules.player
    outcome, encode = rules.outcome, rules.encode
    winning_action: Any = rules.winning_action
    turn: Any = rules.turn
    score: Any = rules.score
    size = state_bytes // dtype.itemsize
    pointer = types.CPointer(from_dtype(dtype))  # type: ignore[no-untyped-call]

    def call_start(state: Any) -> None:
        start(carray(state, size))

    def call_legal_actions(state: Any, out: Any) -> Any:
        return legal_actions(carray(state, size), carray(out, num_actions))

    def call_play(state: Any, action: Any) -> None:
        play(carray(state, size), action)

    def call_player(state: Any) -> Any:
        return player(carray(state, size))

    def call_outcome(state: Any) -> Any:
        return outcome(carray(state, size))

    def call_encode(state: Any, planes: Any) -> None:
        encode(carray(state, size), carray(planes, planes_shape))

    def call_winning_action(state: Any) -> Any:
        return winning_action(carray(state, size))

    def call_turn(state: Any, symmetry: Any, out: Any) -> None:
        turn(carray(state, size), symmetry, carray(out, size))

    def call_score(state: Any, owner: Any) -> Any:
        return score(carray(state, size), carray(owner, planes_shape[1:]))

    return {
        "start": (types.void(pointer), call_start),
        "legal_actions": (types.int32(pointer, _ACTIONS), call_legal_actions),
        "play": (types.void(pointer, types.int32), call_play),
        "player": (types.int32(pointer), call_player),
        "outcome": (types.float32(pointer), call_outcome),
        "encode": (types.void(pointer, _PLANES), call_encode),
        "winning_action": (types.int32(pointer), call_winning_action),
        "turn": (types.void(pointer, types.int32, pointer), call_turn),
        "score": (types.float32(pointer, _PLANES), call_score),
    }
