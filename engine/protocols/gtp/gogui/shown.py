"""What the player thinks, drawn on GoGui's board (its manual, chapter "Analyze Commands")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.player.thinking import MoveReport, Report
from engine.protocols.gtp.analysis.arguments import MAX_COUNT, Wish
from engine.protocols.gtp.analysis.lines import shown_moves
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.gogui.clicks import point_lines
from engine.protocols.gtp.gogui.points import PASS
from engine.protocols.gtp.kata.parameters import PARAMETERS, change_parameter, shown_parameter
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session
from engine.protocols.gtp.thinking import Found, Limits

COMMANDS = Commands()

BEST, OTHER = "#00c000", "#80e080"
"""Colors of the best move and of the next ones."""

BEST_MOVES = 8

_MENU: list[tuple[str, str, str, Callable[[Session], bool]]] = []
"""Type, label, command and whether it is offered, in the order of the menu."""


def _always(session: Session) -> bool:
    del session
    return True


def _knows_owners(session: Session) -> bool:
    return session.game.has_score and session.player.simulations > 0


def _shown(
    kind: str, label: str, name: str, offered: Callable[[Session], bool] = _always
) -> Callable[[Callable[[Session], str]], Callable[[Session], str]]:
    """Enter a command without arguments, and its line of the menu."""

    def enter(show: Callable[[Session], str]) -> Callable[[Session], str]:
        @COMMANDS.command(f"gogui-{name}", f"{label} as {kind}", offered)
        def run(session: Session, arguments: Sequence[str]) -> str:
            del arguments
            return show(session)

        _MENU.append((kind, label, f"gogui-{name}", offered))
        return show

    return enter


@_shown("gfx", "Best Moves", "best_moves")
def best_moves(session: Session) -> str:
    """Win rates of the best moves, in per cent, and the value in the status line."""
    report = _thought(session).report
    moves = shown_moves(report, Wish(max_moves=BEST_MOVES))
    at = _points_of(session, moves)
    points = list(dict.fromkeys(at[move.action] for move in moves if at.get(move.action, PASS) != PASS))
    rates: dict[str, int] = {}
    for move in reversed(moves):
        rates[at.get(move.action, PASS)] = _per_cent(move.value)
    lines = []
    if points:
        lines.append(f"COLOR {BEST} {points[0]}")
        lines.append("LABEL " + " ".join(f"{point} {rates[point]}" for point in points))
    if points[1:]:
        lines.append(f"COLOR {OTHER} {' '.join(points[1:])}")
    return "\n".join([*lines, f"TEXT {_value_text(session, report)}"])


@_shown("pspairs", "Visits", "visits")
def visits(session: Session) -> str:
    """Of the search, by point."""
    report = _thought(session).report
    totals = _by_point(session, {move.action: float(move.visits) for move in report.moves})
    return " ".join(f"{point} {total:.0f}" for point, total in totals.items() if total)


@_shown("dboard", "Policy", "policy")
def policy(session: Session) -> str:
    """Shares that the moves have before the search: black squares of Black's, white ones of White's."""
    report = _thought(session, simulations=1).report
    shares = _by_point(session, {move.action: move.prior for move in report.moves})
    return _board(session, {point: _sign(session) * share for point, share in shares.items()})


@_shown("dboard", "Ownership", "ownership", _knows_owners)
def ownership(session: Session) -> str:
    """Who will own each cell at the end."""
    found = _thought(session).ownership()
    if found is None:
        raise GtpError("nothing is known of owners")
    points = session.clicks.points(session.game)
    height, width = found.owners.shape
    return _board(
        session,
        {
            points.point(row, column): _sign(session) * float(found.owners[row, column])
            for row in range(height)
            for column in range(width)
        },
    )


@_shown("var", "Principal Variation", "principal_variation")
def principal_variation(session: Session) -> str:
    """The moves expected, each with its color; a move of several clicks has them all."""
    report = _thought(session).report
    walker, words = session.state.clone(), []
    begun = len(session.clicks.pending(session.state))
    for action in report.moves[0].pv:
        path = session.clicks.points(session.game).paths(walker)[action]
        color = session.colors[walker.player()][0]
        words += [f"{color} {point}" for point in path[begun:]]
        walker.play(action)
        begun = 0
    return " ".join(words)


@_shown("string", "Value", "value")
def value(session: Session) -> str:
    """Of the position, for whom it is."""
    return _value_text(session, _thought(session).report)


@_shown("sboard", "Names of Moves", "move_names")
def move_names(session: Session) -> str:
    """In the game's notation, on the points that are clicked for them."""
    state, names = session.state, dict[str, str]()
    for action, path in session.clicks.left(session.game, state).items():
        name = "_".join(state.action_text(action).split())
        names[path[0]] = f"{names[path[0]]}…" if path[0] in names else name
    return point_lines(session.clicks.points(session.game), names, '""')


@COMMANDS.command("gogui-param", "[NAME VALUE]: settings of the search, or a change of one")
def param(session: Session, arguments: Sequence[str]) -> str:
    """As a dialogue of GoGui's reads them."""
    if len(arguments) >= 2:
        change_parameter(session, arguments[0], arguments[1])
        return ""
    lines = []
    for name, each in PARAMETERS.items():
        text = shown_parameter(session, name)
        is_flag = each.kind == "check"
        lines.append(f"[bool] {name} {int(text == 'true')}" if is_flag else f"[string] {name} {text}")
    return "\n".join(lines)


@COMMANDS.command("gogui-analyze_commands", "the analyze menu of GoGui")
def analyze_commands(session: Session, arguments: Sequence[str]) -> str:
    """A type, a label and a command a line."""
    del arguments
    own = [f"{kind}/{label}/{name}" for kind, label, name, offered in _MENU if offered(session)]
    others = ["param/Search Settings/gogui-param", "none/Clear Cache/clear_cache"]
    return "\n".join([*own, *others])


def _thought(session: Session, simulations: int | None = None) -> Found:
    """What the player thinks of the position on the board, within the limits of a move."""
    state = session.state
    if state.outcome() is not None:
        raise GtpError("the game is over")
    count = simulations or session.settings.simulations or session.player.simulations or 1
    return session.think(state, Limits(min(count, MAX_COUNT)))


def _points_of(session: Session, moves: Sequence[MoveReport]) -> dict[int, str]:
    """The next click of each move that is still open."""
    left = session.clicks.left(session.game, session.state)
    return {move.action: left[move.action][0] for move in moves if move.action in left}


def _by_point(session: Session, values: dict[int, float]) -> dict[str, float]:
    """Sums over the moves that are clicked at each point; a pass is at none."""
    totals: dict[str, float] = {}
    for action, path in session.clicks.left(session.game, session.state).items():
        if path[0] != PASS:
            totals[path[0]] = totals.get(path[0], 0.0) + values.get(action, 0.0)
    return totals


def _board(session: Session, values: dict[str, float]) -> str:
    points = session.clicks.points(session.game)
    return point_lines(points, {point: f"{each:.4f}" for point, each in values.items()}, "0.0")


def _sign(session: Session) -> int:
    return 1 if session.colors[session.state.player()] == "black" else -1


def _per_cent(value: float) -> int:
    return round(50 * (value + 1))


def _value_text(session: Session, report: Report) -> str:
    color = session.colors[session.state.player()].capitalize()
    win, draw, loss = (round(100 * share) for share in report.wdl)
    return f"{color} to move: value {report.value:+.3f}, wins {win} %, draws {draw} %, loses {loss} %, " + (
        f"{report.visits} visits"
    )
