"""Games whose rules are plain Python: the base classes, and the symmetries of boards.

Python rules are called once for every step of every simulation, so such a game is searched some hundred times
slower than one in Numba (engine/numba_game.py); both pass through the same search.
"""

from __future__ import annotations

import copy
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import _core
from engine.errors import InputError, UserError

MAX_ACTIONS = 1 << 20
"""Of any game."""

Symmetry = tuple[list[int], list[int]]
"""(cells, actions): cell c of the turned planes holds cell cells[c] of the original, and action a of the
original is action actions[a] of the turned board."""


class PythonState:
    """A position of a PythonGame: a user writes the first five methods, the others are optional.

    Values are for the player to move. A position must depend on nothing but itself, and a game must end
    within the game's `max_plies`.
    """

    def player(self) -> int:
        """0 for the player who moves first in the game, 1 for the other."""
        raise _missing(self, "player")

    def legal_actions(self) -> Sequence[int]:
        """Actions in ascending order; none once the game is over."""
        raise _missing(self, "legal_actions")

    def play(self, action: int) -> None:
        """Make a move, which is legal."""
        del action
        raise _missing(self, "play")

    def outcome(self) -> float | None:
        """1 won, 0 drawn, -1 lost, for the player to move; None while the game runs."""
        raise _missing(self, "outcome")

    def encode(self) -> NDArray[np.float32]:
        """What the network sees, planes [C, H, W]: all that the rules and the value depend on."""
        raise _missing(self, "encode")

    def text(self) -> str:
        """A drawing for terminals and logs; by default the planes, a letter each."""
        return draw_planes(self.encode())

    def clone(self) -> PythonState:
        """A copy that shares nothing."""
        return copy.deepcopy(self)

    def winning_action(self) -> int:
        """The lowest action that wins at once, -1 where there is none; the default does not look."""
        return -1

    def score(self) -> tuple[float, NDArray[np.float32]]:
        """(points by which the player to move leads as the board stands, owner of each cell [H, W]).

        Owners are 1 for the player to move, -1 for the other and 0 for nobody. Called at the end of games
        made with `has_score`: the learner has the network foretell both.
        """
        raise _missing(self, "score")

    def key(self) -> int | None:
        """A hash below 2**64, equal for positions with equal planes, player, legal actions and outcome.

        None, the default, takes one of just these.
        """
        return None

    def canonical(self) -> tuple[int, int] | None:
        """(key, symmetry) of the orientation that stands for all turned ones; None finds it by planes."""
        return None


class PythonGame(_core.PythonGame):
    """Rules in Python. A subclass calls this constructor and has a method `start`.

    Args:
        name: as on the command line, options included: "mygame:size=5".
        num_actions: actions are 0 to num_actions - 1.
        planes_shape: (C, H, W) of PythonState.encode.
        max_plies: no game is longer.
        action_names: how moves are written and read; their numbers by default.
        symmetries: without the identity; `board_symmetries` makes those of a board. Where one of them turns
            the position before the first move into another, the class says `start_is_symmetric = False`.
        has_score: points on the board decide the game, and PythonState.score tells them.
    """

    def __init__(
        self,
        *,
        name: str,
        num_actions: int,
        planes_shape: tuple[int, int, int],
        max_plies: int,
        action_names: Sequence[str] | None = None,
        symmetries: Sequence[Symmetry] = (),
        has_score: bool = False,
    ) -> None:
        described = description(
            name, num_actions, planes_shape, max_plies, action_names, symmetries, has_score
        )
        super().__init__(**described, start=weakref.WeakMethod(self.start))

    def start(self) -> PythonState:
        """The position before the first move."""
        raise _missing(self, "start")

    def source(self) -> str:
        """Where the moves are made, as file:line."""
        return source_of(type(self.start()).play)


def _missing(thing: object, method: str) -> UserError:
    kind = type(thing)
    return UserError(f"class {kind.__name__} of {kind.__module__} has no method {method}")


def description(
    name: str,
    num_actions: int,
    planes_shape: tuple[int, int, int],
    max_plies: int,
    action_names: Sequence[str] | None,
    symmetries: Sequence[Symmetry],
    has_score: bool,
) -> dict[str, Any]:
    """What the core wants to know of any user's game, with the defaults and the identity filled in."""
    if not 1 <= num_actions <= MAX_ACTIONS:
        raise InputError(f"game '{name}': num_actions is {num_actions}; give 1 to {MAX_ACTIONS}")
    numbers = [str(action) for action in range(num_actions)]
    identity = (list(range(planes_shape[1] * planes_shape[2])), list(range(num_actions)))
    return {
        "name": name,
        "num_actions": num_actions,
        "planes_shape": planes_shape,
        "max_plies": max_plies,
        "action_names": numbers if action_names is None else list(action_names),
        "symmetries": [identity, *symmetries],
        "has_score": has_score,
    }


def board_symmetries(height: int, width: int, other_actions: int = 0) -> list[Symmetry]:
    """The turns and mirror images of a board without the identity: seven of a square, three of a rectangle.

    Symmetry s transposes the board where s & 1, then reverses its rows where s & 2, then its columns
    where s & 4; a rectangle has those without s & 1 alone. Action a is cell a, row by row from the top;
    `other_actions` after them, such as a pass, stay.
    """
    board = np.arange(height * width).reshape(height, width)
    result = []
    for symmetry in range(1, 8):
        if symmetry & 1 and height != width:
            continue
        turned = board.T if symmetry & 1 else board
        turned = turned[::-1] if symmetry & 2 else turned
        turned = turned[:, ::-1] if symmetry & 4 else turned
        cells = turned.ravel()
        actions = np.concatenate([np.argsort(cells), board.size + np.arange(other_actions)])
        result.append((cells.tolist(), actions.tolist()))
    return result


def draw_planes(planes: NDArray[Any]) -> str:
    """Rows of letters: `a` for a cell that the first plane marks, `b` for the second, `.` for neither."""
    _, height, width = planes.shape
    letters = np.full((height, width), ".")
    for index in reversed(range(min(len(planes), 26))):
        letters[planes[index] != 0] = chr(ord("a") + index)
    return "\n".join(" ".join(row) for row in letters) + "\n"


def source_of(function: Callable[..., Any]) -> str:
    """file:line of a function's definition."""
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
