"""Moves made by clicks on points, one `play` or `genmove` a click."""

from __future__ import annotations

from collections.abc import Sequence

from engine._core import Game, State
from engine.errors import UserError
from engine.protocols.gtp.gogui.points import Path, Points
from engine.protocols.gtp.position import History
from engine.protocols.gtp.request import GtpError


class Clicks:
    """The clicks of a session: those of a move that is not complete, and of the moves made so far.

    are_on: whether the client speaks in points, as one that asks for the rules does. Then a text that is both
    a point and a move of the game is the point, and moves of several clicks are made in steps.
    """

    def __init__(self) -> None:
        self.are_on = False
        self._points: dict[str, Points] = {}
        self._state: State | None = None
        self._clicked: Path = ()
        self._wanted: int | None = None
        self._made: list[tuple[State, Path]] = []

    def points(self, game: Game) -> Points:
        """Of a game; raise UserError where it has none."""
        if game.name not in self._points:
            self._points = {game.name: Points(game)}
        return self._points[game.name]

    def pending(self, state: State) -> Path:
        """Clicks of a move that has been begun in this position."""
        return self._clicked if state is self._state else ()

    def left(self, game: Game, state: State) -> dict[int, Path]:
        """The moves that the clicks so far leave, each with its clicks to come; none after the game."""
        if state.outcome() is not None:
            return {}
        begun = self.pending(state)
        return {
            action: path[len(begun) :]
            for action, path in self.points(game).paths(state).items()
            if path[: len(begun)] == begun
        }

    def chosen(self, game: Game, state: State) -> int | None:
        """The move whose first clicks the player itself has made; None where it has to choose."""
        if self.pending(state) and self._wanted in self.left(game, state):
            return self._wanted
        return None

    def click(self, game: Game, history: History, point: str) -> bool:
        """Take a text for a click, if it is one; the move is made with its last. False: it is none here."""
        moves = self.starting(game, history.state, point)
        if not moves:
            return False
        if not self.are_on and (len(moves) > 1 or len(next(iter(moves.values()))) > 1):
            return False  # half a move is none to a client that knows nothing of clicks
        self._go_on(history, moves)
        return True

    def starting(self, game: Game, state: State, point: str) -> dict[int, Path]:
        """The moves whose next click this is; none where it is no click, and for a game without points."""
        try:
            left = self.left(game, state)
        except UserError:
            if self.are_on:
                raise
            return {}
        return {action: path for action, path in left.items() if path[0] == normal_point(point)}

    def answer(self, game: Game, history: History, action: int) -> str:
        """Make the next click of a move of the player's own, and say it."""
        left = self.left(game, history.state)
        point = left[action][0]
        self._wanted = action
        self._go_on(history, {each: path for each, path in left.items() if path[0] == point})
        return point

    def take_back(self, history: History) -> bool:
        """Take the last click back; False where the last step was not made by clicks."""
        if self.pending(history.state):
            self._begin(history.state, self._clicked[:-1])
            return True
        path = next((path for state, path in self._made if state is history.state), ())
        if len(path) < 2:
            return False
        history.take_back()
        self._begin(history.state, path[:-1])
        return True

    def _go_on(self, history: History, moves: dict[int, Path]) -> None:
        state = history.state
        clicked = (*self.pending(state), next(iter(moves.values()))[0])
        ended = [action for action, path in moves.items() if len(path) == 1]
        if not ended:
            self._begin(state, clicked, self._wanted)
            return
        try:
            history.advance(state.player(), ended[0])
        except GtpError:
            self._begin(state, ())
            raise
        known = {id(step.state) for step in history.steps}
        self._made = [*(made for made in self._made if id(made[0]) in known), (history.state, clicked)]
        self._begin(history.state, ())

    def _begin(self, state: State, clicked: Path, wanted: int | None = None) -> None:
        self._state, self._clicked, self._wanted = state, clicked, wanted


def normal_point(text: str) -> str:
    """A point as this program writes it: a capital letter, or `pass`."""
    return text.lower() if text.lower() == "pass" else text.upper()


def point_lines(points: Points, values: dict[str, str], empty: str) -> str:
    """A text for every point, row by row from the top; `empty` where there is no value."""
    row_length = points.size
    texts = [values.get(point, empty) for point in points.all_points()]
    rows: list[Sequence[str]] = [texts[at : at + row_length] for at in range(0, len(texts), row_length)]
    return "\n".join(" ".join(row) for row in rows)
