"""Queries of KataGo's protocol: what is to be analyzed, how deeply, and what is to be told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine._core import Game
from engine.player.thinking import Restriction
from engine.protocols.analysis.katago_board import Board, Turn, Warn, read_game, read_turns
from engine.protocols.analysis.katago_field import (
    FieldError,
    Fields,
    read_number,
    read_player,
    read_truth,
    read_whole,
    read_wholes,
    setting_number,
)

PERSPECTIVES = {
    "black": 0, "b": 0, "white": 1, "w": 1, "sidetomove": None,
}  # fmt: skip
"""Players whose winrates are reported, None for the one to move, by name."""

FIELDS = frozenset(
    {
        *("id", "action", "moves", "initialStones", "initialPlayer", "rules", "komi", "whiteHandicapBonus"),
        *("boardXSize", "boardYSize", "analyzeTurns", "maxVisits", "analysisPVLen", "overrideSettings"),
        *("rootPolicyTemperature", "rootFpuReductionMax", "includeOwnership", "includeMovesOwnership"),
        *("includePolicy", "includePVVisits", "includeOwnershipStdev", "includeMovesOwnershipStdev"),
        *("includeNoResultValue", "reportDuringSearchEvery", "firstReportDuringSearchAfter"),
        *("priority", "priorities", "avoidMoves", "allowMoves"),
    }
)

MAX_VISITS = 2**50
MAX_SECONDS = 1e6
MAX_PRIORITY = 2**62 - 1
MAX_PLIES = 10**9


@dataclass(frozen=True)
class Defaults:
    """Where a query does not say.

    perspective: as in PERSPECTIVES; pv_length: moves of a variation; seconds: a position, None for no limit.
    """

    visits: int
    perspective: int | None = 0
    pv_length: int = 15
    seconds: float | None = None


@dataclass(frozen=True)
class Telling:
    """What is told of a position."""

    perspective: int | None
    pv_length: int
    ownership: bool
    moves_ownership: bool
    policy: bool
    pv_visits: bool


@dataclass(frozen=True)
class KataGoQuery:
    """A query as it was read; priorities: of each turn."""

    identity: str
    board: Board
    turns: tuple[Turn, ...]
    priorities: tuple[int, ...]
    visits: int
    seconds: float | None
    every_s: float | None
    first_s: float | None
    restrictions: tuple[Restriction, ...]
    telling: Telling


def read_query(query: Fields, base: Game, defaults: Defaults, warn: Warn) -> KataGoQuery:
    """Raise FieldError for the first field that is wrong."""
    for name in query.keys() - FIELDS:
        warn(name[:60], "Unexpected or unused field, do you have a typo?")
    board = Board(read_game(query, base, warn))
    text = "Must specify an array of integers indicating turns to analyze"
    wanted = read_wholes(query, "analyzeTurns", text)
    turns = tuple(read_turns(query, board, wanted))
    settings = _Settings(query, defaults, warn)
    _require_fixed(query)
    every_s, first_s = (_read_report_time(query, name) for name in _REPORT_TIMES)
    return KataGoQuery(
        identity=query["id"], board=board, turns=turns, priorities=_read_priorities(query, wanted, turns),
        visits=settings.visits, seconds=settings.seconds, every_s=every_s, first_s=first_s,
        restrictions=tuple(_read_restrictions(query, board)), telling=_read_telling(query, settings, warn),
    )  # fmt: skip


_REPORT_TIMES = ("reportDuringSearchEvery", "firstReportDuringSearchAfter")


class _Settings:
    """Limits, the view of winrates and the length of variations: fields go over `overrideSettings`."""

    def __init__(self, query: Fields, defaults: Defaults, warn: Warn) -> None:
        self.visits, self.seconds = defaults.visits, defaults.seconds
        self.perspective, self.pv_length = defaults.perspective, defaults.pv_length
        settings = query.get("overrideSettings", {})
        if not isinstance(settings, dict):
            raise FieldError("overrideSettings", "Must be an object")
        unknown = [name for name, value in settings.items() if not self._take(name, value)]
        if unknown:
            warn("overrideSettings", f"Unknown config params: {','.join(unknown)[:1000]}")
        text = "Must be an integer from 1 to 2^50"
        self.visits = read_whole(query, "maxVisits", 1, MAX_VISITS, text, self.visits)
        text = "Must be an integer from 1 to 1000"
        self.pv_length = read_whole(query, "analysisPVLen", 1, 1000, text, self.pv_length)

    def _take(self, name: str, value: Any) -> bool:
        """Whether it is a setting that has its effect here."""
        if name in ("maxVisits", "maxPlayouts"):
            self.visits = int(setting_number(name, value, 1, MAX_VISITS))
        elif name == "maxTime":
            self.seconds = setting_number(name, value, 0, MAX_SECONDS)
        elif name == "analysisPVLen":
            self.pv_length = int(setting_number(name, value, 1, 1000))
        elif name == "reportAnalysisWinratesAs":
            if str(value).lower() not in PERSPECTIVES:
                text = f"Could not set settings: Could not parse config value for {name}: {str(value)[:60]}"
                raise FieldError("overrideSettings", text)
            self.perspective = PERSPECTIVES[str(value).lower()]
        else:
            return name == "wideRootNoise" and setting_number(name, value, 0, 5) == 0
        return True


def _require_fixed(query: Fields) -> None:
    """Refuse what would change the search and has no effect here."""
    temperature = read_number(
        query, "rootPolicyTemperature", 0.01, 100, "Must be a number from 0.01 to 100.0"
    )
    if temperature not in (None, 1.0):
        raise FieldError("rootPolicyTemperature", "Not supported by this engine; leave it out, or give 1")
    if read_number(query, "rootFpuReductionMax", 0, 2, "Must be a number from 0.0 to 2.0") is not None:
        raise FieldError("rootFpuReductionMax", "Not supported by this engine; leave it out")


def _read_report_time(query: Fields, name: str) -> float | None:
    text = "Must be number of seconds from 0.001 to 1000000.0"
    return read_number(query, name, 0.001, MAX_SECONDS, text)


def _read_telling(query: Fields, settings: _Settings, warn: Warn) -> Telling:
    for name in ("includeOwnershipStdev", "includeMovesOwnershipStdev", "includeNoResultValue"):
        if read_truth(query, name):
            warn(name, "Not supported by this engine, left out")
    return Telling(
        perspective=settings.perspective,
        pv_length=settings.pv_length,
        ownership=read_truth(query, "includeOwnership"),
        moves_ownership=read_truth(query, "includeMovesOwnership"),
        policy=read_truth(query, "includePolicy"),
        pv_visits=read_truth(query, "includePVVisits"),
    )


def _read_priorities(query: Fields, wanted: Sequence[int] | None, turns: Sequence[Turn]) -> tuple[int, ...]:
    given = read_wholes(query, "priorities", "Must specify an array of integers indicating priorities")
    if given is None:
        text = "Must be a number between -2^62 and 2^62"
        priority = read_whole(query, "priority", -MAX_PRIORITY, MAX_PRIORITY, text, 0)
        return (priority,) * len(turns)
    if wanted is None:
        raise FieldError("priorities", "Can only specify when also specifying analyzeTurns")
    if len(given) != len(wanted):
        raise FieldError("priorities", "Must be of matching length to analyzeTurns")
    if "priority" in query:
        raise FieldError("priority", "Cannot specify both priority and priorities")
    if beyond := [priority for priority in given if abs(priority) > MAX_PRIORITY]:
        raise FieldError("priorities", f"Invalid priority: {beyond[0]}")
    of_turn = dict(zip(wanted, given, strict=True))
    return tuple(of_turn[turn.number] for turn in turns)


def _read_restrictions(query: Fields, board: Board) -> list[Restriction]:
    if "allowMoves" in query and "avoidMoves" in query:
        raise FieldError("allowMoves", "Cannot specify both allowMoves and avoidMoves")
    field = "allowMoves" if "allowMoves" in query else "avoidMoves"
    text = "Must be a list of dicts with subfields 'player', 'moves', 'untilDepth'"
    entries = query.get(field, [])
    if not isinstance(entries, list):
        raise FieldError(field, text)
    restrictions: list[Restriction] = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"player", "moves", "untilDepth"} <= entry.keys():
            raise FieldError(field, text)
        player = read_player(entry, "player")
        if field == "allowMoves" and any(each.player == player for each in restrictions):
            raise FieldError(field, "Currently allowMoves only allows at most one entry per player")
        places = entry["moves"]
        if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
            raise FieldError("moves", "Must be an array of GTP board vertices")
        actions = frozenset(board.action_of("moves", place) for place in places)
        plies = read_whole(entry, "untilDepth", 1, MAX_PLIES, "Must be a positive integer")
        if actions or field == "allowMoves":
            restrictions.append(Restriction(player, actions, plies, field == "allowMoves"))
    return restrictions
