"""The analysis commands: `analyze` in all its forms, moves that are chosen while it is told, and searches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine._core import State
from engine.player.thinking import Ownership, Query, Report, check_query
from engine.protocols.gtp import agreement
from engine.protocols.gtp.analysis.arguments import Wish, read_wish
from engine.protocols.gtp.analysis.lines import cgos_line, kata_line, leela_line
from engine.protocols.gtp.command import Commands, Run
from engine.protocols.gtp.session import Session
from engine.protocols.gtp.thinking import Found, Limits, OwnersOf

COMMANDS = Commands()

USUAL_INTERVAL_S = 1.0
"""Of an analysis that names none."""

POLL_S = 0.005
CANCELLED = "cancelled"
"""In place of a move, where a search was to be given up."""

Line = Callable[[Report, Wish, OwnersOf], str]


class Teller:
    """Writes reports on a position into the answer under way, but for one that says the same as the last.

    Where the rules have players agree about dead stones, owners are found before, as if areas counted.
    """

    def __init__(self, session: Session, wish: Wish, line: Line, state: State) -> None:
        self._session = session
        self._wish = wish
        self._line = line
        self._last = ""
        session.reply.begin()
        board = session.goban
        is_asked_now = board is not None and board.counts_dead and (wish.ownership or line is cgos_line)
        self._owners = session.ownership(state) if is_asked_now else None

    def tell(self, report: Report, owners: OwnersOf) -> None:
        """One line, once anything has been found."""
        if not report.visits and self._session.player.simulations:
            return
        if self._owners is not None:
            owners = self._owners_before
        text = self._line(report, self._wish, owners)
        if text != self._last:
            self._session.reply.line(text)
        self._last = text

    def _owners_before(self, action: int | None = None) -> Ownership | None:
        del action
        return self._owners


def _analysis(line: Line) -> Run:
    """Tell what is found until the client sends a line, then nothing more."""

    def run(session: Session, arguments: Sequence[str]) -> str:
        wish = read_wish(session, arguments)
        state = _position(session, wish)
        teller = Teller(session, wish, line, state)
        every_s = wish.every_s or USUAL_INTERVAL_S
        found = session.think(
            state, Limits(), wish.restrictions, until_line=True, every_s=every_s, on_report=teller.tell
        )
        teller.tell(found.report, found.ownership)
        while not session.inbox.is_waiting:
            time.sleep(POLL_S)
        return ""

    return run


def _move(line: Line) -> Run:
    """Choose a move and make it, telling what is found meanwhile."""

    def run(session: Session, arguments: Sequence[str]) -> str:
        wish = read_wish(session, arguments)
        teller = Teller(session, wish, line, _position(session, wish))
        player = session.state.player() if wish.player is None else wish.player
        choice = agreement.choose(
            session, player, wish.restrictions, every_s=wish.every_s, on_report=teller.tell
        )
        if choice.found is not None:
            teller.tell(choice.found.report, choice.found.ownership)
        session.commit(choice)
        return f"play {choice.text}"

    return run


def _search(line: Line | None, cancellable: bool) -> Run:
    """Choose a move and leave the position as it is."""

    def run(session: Session, arguments: Sequence[str]) -> str:
        wish = read_wish(session, arguments)
        state = _position(session, wish)
        teller = None if line is None else Teller(session, wish, line, state)
        found = _searched(session, state, wish, teller, cancellable)
        if cancellable and session.inbox.is_waiting:
            text = CANCELLED
        else:
            if teller is not None:
                teller.tell(found.report, found.ownership)
            text = state.action_text(found.report.best)
        return text if teller is None else f"play {text}"

    return run


def _searched(session: Session, state: State, wish: Wish, teller: Teller | None, cancellable: bool) -> Found:
    limits = session.limits(state.player(), time.monotonic())
    tell = None if teller is None else teller.tell
    every_s = None if teller is None else wish.every_s
    return session.think(
        state, limits, wish.restrictions, until_line=cancellable, every_s=every_s, on_report=tell
    )


def _position(session: Session, wish: Wish) -> State:
    """What is thought about; raise GtpError or InputError where nothing can be."""
    state, _ = session.facing(session.state.player() if wish.player is None else wish.player)
    check_query(Query(state, restrictions=wish.restrictions), session.game)
    return state


_ARGUMENTS = "[COLOR] [CENTISECONDS] [KEY VALUE]…"

for _name, _format in {"analyze": kata_line, "kata-analyze": kata_line, "lz-analyze": leela_line}.items():
    COMMANDS.command(_name, f"{_ARGUMENTS}: tell what is found until a line comes")(_analysis(_format))

for _name, _format in {
    "genmove_analyze": kata_line,
    "kata-genmove_analyze": kata_line,
    "lz-genmove_analyze": leela_line,
    "cgos-genmove_analyze": cgos_line,
}.items():
    COMMANDS.command(_name, f"{_ARGUMENTS}: choose and make a move, telling meanwhile")(_move(_format))

for _name, _search_format, _cancellable in (
    ("kata-search", None, False),
    ("kata-search_cancellable", None, True),
    ("kata-search_analyze", kata_line, False),
    ("kata-search_analyze_cancellable", kata_line, True),
):
    COMMANDS.command(_name, f"{_ARGUMENTS}: choose a move without making it")(
        _search(_search_format, _cancellable)
    )
