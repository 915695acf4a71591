"""Arguments of the analysis commands, in all the orders in which clients write them.

`[COLOR] [INTERVAL]` in any order, then pairs of key and value. avoid and allow take a color, moves with
commas between them and a number of plies, and may come again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from engine.errors import InputError
from engine.player.thinking import Restriction
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session
from engine.protocols.named_move import find_actions

LEAST_S, MOST_S = 0.01, 1e6
"""Between two reports."""

MAX_COUNT = 1_000_000

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")
_COLORS = ("b", "w", "black", "white")
_FLAGS = ("ownership", "movesOwnership", "rootInfo", "pvVisits")
_UNKNOWN = ("ownershipStdev", "movesOwnershipStdev", "pvEdgeVisits", "noResultValue")
"""What KataGo tells and this program does not know."""


@dataclass(frozen=True)
class Wish:
    """What an analysis is to tell.

    player: who is to move, None: whose turn it is. every_s: between two reports, None where none is said.
    min_moves: at least so many moves, visited or not; max_moves at most. pv_plies: of a variation at most.
    """

    player: int | None = None
    every_s: float | None = None
    min_moves: int = 0
    max_moves: int = MAX_COUNT
    ownership: bool = False
    moves_ownership: bool = False
    root_info: bool = False
    pv_visits: bool = False
    pv_plies: int = MAX_COUNT
    restrictions: tuple[Restriction, ...] = field(default=())


def read_wish(session: Session, arguments: Sequence[str]) -> Wish:
    """What the words of a command ask for; raise GtpError with the word that is wrong."""
    words = iter(arguments)
    wish, lists = Wish(pv_plies=session.settings.pv_plies), _Lists(session)
    for word in words:
        if word.lower() in _COLORS:
            wish = replace(wish, player=session.player_of(word))
        elif _NUMBER.fullmatch(word):
            wish = replace(wish, every_s=_interval(word))
        elif word in ("avoid", "allow"):
            lists.add(word, [_value(words, word) for _ in range(3)])
        else:
            wish = _with_key(session, wish, word, _value(words, word))
    return replace(wish, restrictions=lists.restrictions())


def _with_key(session: Session, wish: Wish, key: str, value: str) -> Wish:
    if key == "interval":
        return replace(wish, every_s=_interval(value))
    if key in ("minmoves", "maxmoves"):
        count = _count(key, value, 0)
        return replace(wish, min_moves=count) if key == "minmoves" else replace(wish, max_moves=count)
    if key in _FLAGS or key in _UNKNOWN:
        flag = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
        if flag is None:
            raise GtpError(f"{key} '{value[:40]}' is neither true nor false")
        if flag and key in _UNKNOWN:
            raise GtpError(f"{key} is not known here; leave it out")
        if flag and key in ("ownership", "movesOwnership"):
            _check_ownership(session, key)
        return _with_flag(wish, key, flag)
    known = ", ".join(["interval", "minmoves", "maxmoves", "avoid", "allow", *_FLAGS])
    raise GtpError(f"'{key[:40]}' is none of {known}")


def _with_flag(wish: Wish, key: str, flag: bool) -> Wish:
    if key == "ownership":
        return replace(wish, ownership=flag)
    if key == "movesOwnership":
        return replace(wish, moves_ownership=flag)
    if key == "rootInfo":
        return replace(wish, root_info=flag)
    return replace(wish, pv_visits=flag) if key == "pvVisits" else wish


def _check_ownership(session: Session, key: str) -> None:
    if not session.game.has_score and (session.goban is None or key != "ownership"):
        why = (
            "points do not decide this game"
            if session.goban is None
            else "these rules do not count as it stands"
        )
        raise GtpError(f"{key}: {why}; leave it out")
    if not session.player.simulations:
        raise GtpError(f"{key}: this player does not search; leave it out")


class _Lists:
    """The moves to avoid and those allowed, as they come."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._avoided: list[Restriction] = []
        self._allowed: dict[int, Restriction] = {}

    def add(self, kind: str, words: Sequence[str]) -> None:
        """Words: a color, moves, a number of plies."""
        player = self._session.player_of(words[0])
        plies = _count(f"{kind}: plies", words[2], 1)
        names = [name for name in words[1].split(",") if name]
        actions = frozenset(
            action for name in names for action in named_actions(self._session, player, name, kind)
        )
        if kind == "avoid":
            self._avoided.append(Restriction(player, actions, plies))
            return
        before = self._allowed.get(player)
        if before is not None and before.plies != plies:
            raise GtpError("allow: all moves of a color need the same number of plies")
        actions |= before.actions if before is not None else frozenset()
        self._allowed[player] = Restriction(player, actions, plies, allowed=True)

    def restrictions(self) -> tuple[Restriction, ...]:
        """All of them."""
        return (*self._avoided, *self._allowed.values())


def named_actions(session: Session, player: int, name: str, what: str) -> frozenset[int]:
    """The actions that a player's move of this name may be, legal now or not; raise GtpError for none."""
    game, state = session.game, session.state
    try:
        return find_actions(game, state, player, name)
    except InputError:
        clicked = session.clicks.starting(game, state, name) if state.player() == player else ()
    if not clicked:
        raise GtpError(f"{what}: '{name[:40]}' is no move")
    return frozenset(clicked)


def _interval(text: str) -> float:
    """Seconds for centiseconds."""
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise GtpError(f"interval '{text[:40]}' is no number of centiseconds")
    return min(max(float(text) / 100, LEAST_S), MOST_S)


def _count(what: str, text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8 and least <= int(text) <= MAX_COUNT):
        raise GtpError(f"{what} '{text[:40]}' is no number from {least} to {MAX_COUNT}")
    return int(text)


def _value(words: Iterator[str], key: str) -> str:
    value = next(words, None)
    if value is None:
        raise GtpError(f"'{key[:40]}' has no value")
    return value
