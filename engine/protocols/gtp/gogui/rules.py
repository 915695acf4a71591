"""Commands by which GoGui shows and plays any game of two players (GoGui manual, chapter "Rules")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine._core import State
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.gogui.clicks import point_lines
from engine.protocols.gtp.gogui.marks import EMPTY, PLAIN, owner
from engine.protocols.gtp.gogui.points import LETTERS, PASS, Points
from engine.protocols.gtp.session import Session

COMMANDS = Commands()

DARK, OUTSIDE, BEGUN = "#b58863", "#808080", "#66aa55"
"""Colors of dark squares, of points beside the board, and of clicks made so far."""

_Rule = Callable[[Session, Points], str]


def _rule(name: str, does: str) -> Callable[[_Rule], _Rule]:
    """Enter a command without arguments; from then on the client speaks in points of any game."""

    def enter(rule: _Rule) -> _Rule:
        @COMMANDS.command(f"gogui-rules_{name}", does)
        def run(session: Session, arguments: Sequence[str]) -> str:
            del arguments
            points = session.clicks.points(session.game)
            session.clicks.are_on = session.goban is None  # whose moves are points already
            return rule(session, points)

        return rule

    return enter


@_rule("game_id", "the name of the game")
def game_id(session: Session, points: Points) -> str:
    """A capital letter, then small ones and digits."""
    del points
    name = session.game.name.partition(":")[0].lower()
    return "".join(letter for letter in name if letter.isascii() and letter.isalnum()).capitalize()


@_rule("board_size", "the side of the square that the board lies in")
def board_size(session: Session, points: Points) -> str:
    """A number."""
    del session
    return str(points.size)


@_rule("board", "X for black, O for white and . for an empty point, row by row from the top")
def board(session: Session, points: Points) -> str:
    """Points beside the game's board are empty."""
    return point_lines(points, colored(session, points, session.state), EMPTY)


@_rule("board_gfx", "what else the board shows, as graphics commands")
def board_gfx(session: Session, points: Points) -> str:
    """Letters of pieces, colors of squares, points beside the board, and what clicks would choose."""
    marks = points.marks(session.state)
    lines = []
    if outside := [point for point in points.all_points() if point not in marks]:
        lines.append(f"COLOR {OUTSIDE} {' '.join(outside)}")
    pieces = {point: mark for point, mark in marks.items() if mark not in (EMPTY, *PLAIN)}
    if any(owner(mark) is not None for mark in pieces.values()):
        dark = [point for point in marks if (LETTERS.index(point[0]) + int(point[1:])) % 2]
        lines.append(f"COLOR {DARK} {' '.join(dark)}")
    if begun := session.clicks.pending(session.state):
        lines.append(f"COLOR {BEGUN} {' '.join(begun)}")
    labels = pieces | _choice_labels(session)
    if labels:
        lines.append("LABEL " + " ".join(f"{point} {label}" for point, label in labels.items()))
    return "\n".join(lines)


@_rule("legal_moves", "the points that may be played next, and pass")
def legal_moves(session: Session, points: Points) -> str:
    """None once the game is over."""
    del points
    left = session.clicks.left(session.game, session.state)
    return " ".join(dict.fromkeys(path[0] for path in left.values()))


@_rule("side_to_move", "black or white")
def side_to_move(session: Session, points: Points) -> str:
    """Whose click the next is."""
    del points
    return session.colors[session.state.player()]


@_rule("final_result", "black, white or draw, unknown while the game runs")
def final_result(session: Session, points: Points) -> str:
    """Who has won."""
    del points
    outcome = session.state.outcome()
    if outcome is None:
        return "unknown"
    mover = session.state.player()
    return "draw" if outcome == 0 else session.colors[mover if outcome > 0 else 1 - mover]


@_rule("captured_count", "how many white and how many black pieces have been taken")
def captured_count(session: Session, points: Points) -> str:
    """Of the game so far; pieces that change sides are not taken."""
    taken = [0, 0]
    before = _counts(points, session.history.start)
    for step in session.history.steps:
        after = _counts(points, step.state)
        if step.action is not None:
            own, other = step.player, 1 - step.player
            placed = after[own] - before[own]
            taken[other] += max(0, before[other] - after[other] - max(0, placed - 1))
            taken[own] += 0 if placed >= 0 else 1 - placed
        before = after
    white = session.colors.index("white")
    return f"{taken[white]} {taken[1 - white]}"


@COMMANDS.command("gogui-rules_setup", "POSITION: play on from there, in the game's own notation")
def setup(session: Session, arguments: Sequence[str]) -> str:
    """The first position where none is given."""
    session.begin_from(session.game.parse(" ".join(arguments)))
    return ""


def colored(session: Session, points: Points, state: State) -> dict[str, str]:
    """X or O by point, of black and of white."""
    letters = [PLAIN[("black", "white").index(color)] for color in session.colors]
    owners = {point: owner(mark) for point, mark in points.marks(state).items() if mark != EMPTY}
    return {point: letters[player] for point, player in owners.items() if player is not None}


def _choice_labels(session: Session) -> dict[str, str]:
    """Names of moves on the points that choose among them, where the points alone do not tell."""
    state = session.state
    left = session.clicks.left(session.game, state)
    choices = session.clicks.points(session.game).choices(state) if left else set()
    return {
        path[0]: _label(state.action_text(action))
        for action, path in left.items()
        if len(path) == 1 and action in choices and path[0] != PASS
    }


def _label(name: str) -> str:
    return "_".join(name.split()) or "?"


def _counts(points: Points, state: State) -> tuple[int, int]:
    owners = [owner(mark) for mark in points.marks(state).values() if mark != EMPTY]
    return owners.count(0), owners.count(1)
