"""Our own protocol: requests about positions of any game, in its notation and for the player to move."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine._core import State
from engine.errors import InputError, UserError, describe_error
from engine.player import Player
from engine.player.analysis import variation_text
from engine.player.thinking import NOT_PROVEN, MoveReport, Ownership, Query, Report, Thinker, Thought
from engine.protocols.analysis.job import Answer, Job
from engine.protocols.analysis.restriction import read_restrictions
from engine.protocols.analysis.service import Reading
from engine.protocols.line_reader import MAX_LINE, Line
from engine.protocols.request import (
    Request,
    check_fields,
    parse_request,
    place_text,
    read_count,
    read_flag,
    read_seconds,
    read_state,
)

FIELDS = (
    "id", "position", "moves", "simulations", "seconds", "multipv", "ownership", "avoid", "allow", "priority",
    "every",
)  # fmt: skip
CANCEL_FIELDS = ("id", "cancel")
MAX_SIMULATIONS = 10_000_000
MAX_SECONDS = 1e6
MIN_EVERY_S = 0.001
MAX_PRIORITY = 2**31 - 1


@dataclass(eq=False, kw_only=True)
class NativeJob(Job):
    """A request that is being answered. multipv: variations that are told, 0 for none; identity: its id."""

    identity: Any
    multipv: int = 0
    with_ownership: bool = False

    def answer(self, thought: Thought, *, is_partial: bool) -> Answer | None:
        """What the search says, with what was asked for beside it."""
        report = thought.report()
        if report.visits == 0 and report.proof == NOT_PROVEN and (is_partial or self.query.stopped):
            return None if is_partial else self.answer_nothing()
        answer = {"id": self.identity, **describe_report(report)}
        if self.multipv:
            answer["variations"] = [
                _describe_variation(report.state, move) for move in report.moves[: self.multipv]
            ]
        if self.with_ownership:
            answer["ownership"] = _describe_ownership(thought.ownership())
        if is_partial:
            answer["partial"] = True
        elif self.query.stopped:
            answer["cancelled"] = True
        return answer

    def answer_nothing(self) -> Answer:
        """It was cancelled in time."""
        return {"id": self.identity, "error": "cancelled before it began"}

    def answer_error(self, error: Exception) -> Answer:
        """Why not, in a line."""
        return {"id": self.identity, "error": error_text(error)}


@dataclass
class NativeDialect:
    """Reads requests for one player. simulations, seconds: of a request that sets no limit."""

    player: Player
    thinker: Thinker
    simulations: int | None
    seconds: float | None = None

    def read(self, line: Line, number: int) -> Reading:
        """A request or a cancel; every line gets one last answer."""
        request: Request = {}
        try:
            request = _parse(line)
            if "cancel" in request:
                return _read_cancel(request)
            return Reading(jobs=[self._job(request, number)])
        except (UserError, InputError) as error:
            text = str(error)
        except Exception as error:  # of the rules of a user's game: the next request may fare better
            text = describe_error(error)
        return Reading([{"id": request.get("id"), "error": text}])

    def _job(self, request: Request, number: int) -> NativeJob:
        check_fields(request, (*FIELDS, "cancel"))
        simulations = read_count(request, "simulations", 1, MAX_SIMULATIONS)
        seconds = read_seconds(request, "seconds", 0, MAX_SECONDS)
        every_s = read_seconds(request, "every", MIN_EVERY_S, MAX_SECONDS)
        multipv = read_count(request, "multipv", 1, self.player.game.num_actions, 0)
        priority = read_count(request, "priority", -MAX_PRIORITY, MAX_PRIORITY, 0)
        with_ownership = read_flag(request, "ownership")
        state = read_state(self.player.game, request)
        if state.outcome() is not None:
            raise UserError(f"the game is over {place_text(request)}; there is nothing to search")
        if with_ownership and not self.player.game.has_score:
            raise UserError(
                f"ownership: game '{self.player.game.name}' has no score, so nobody owns its cells"
            )
        if simulations is None and seconds is None:
            simulations, seconds = self.simulations, self.seconds
        assert multipv is not None
        assert priority is not None
        restrictions = read_restrictions(request, self.player.game, state)
        query = Query(state, simulations, None, priority, restrictions, is_fresh=True)
        return NativeJob(
            query, self.thinker, number, seconds, every_s,
            identity=request.get("id"), multipv=multipv, with_ownership=with_ownership,
        )  # fmt: skip


def describe_report(report: Report) -> dict[str, Any]:
    """A report in the notation of its game; `visits` and `prior` by the number of the action."""
    state, ordered = report.state, sorted(report.moves, key=lambda move: move.action)
    texts = [state.action_text(move.action) for move in ordered]
    return {
        "best": state.action_text(report.best),
        "value": report.value,
        "wdl": list(report.wdl),
        "visits": {text: move.visits for text, move in zip(texts, ordered, strict=True)},
        "prior": {text: move.prior for text, move in zip(texts, ordered, strict=True)},
        "pv": variation_text(state, report.moves[0].pv),
        "simulations": report.simulations,
    }


def error_text(error: Exception) -> str:
    """What a client is told of an error."""
    return str(error) if isinstance(error, UserError | InputError) else describe_error(error)


def _describe_variation(state: State, move: MoveReport) -> dict[str, Any]:
    return {
        "move": state.action_text(move.action),
        "visits": move.visits,
        "value": move.value,
        "wdl": list(move.wdl),
        "lcb": move.lcb,
        "prior": move.prior,
        "proof": None if move.proof == NOT_PROVEN else move.proof,
        "pv": variation_text(state, move.pv),
    }


def _describe_ownership(found: Ownership | None) -> dict[str, Any] | None:
    if found is None:
        return None
    owners = [[round(float(owner), 4) for owner in row] for row in found.owners]
    return {"owners": owners, "score": float(found.score), "source": found.source}


def _parse(line: Line) -> Request:
    if line.is_cut:
        raise UserError(f"line is longer than {MAX_LINE} bytes")
    if line.bad_byte is not None:
        raise UserError(f"line {line[:60]!a}: not JSON: byte {line.bad_byte} is no UTF-8")
    return parse_request(line)


def _read_cancel(request: Request) -> Reading:
    check_fields(request, CANCEL_FIELDS)
    wanted = _identity(request["cancel"])

    def ends(job: Job) -> bool:
        assert isinstance(job, NativeJob)
        return _identity(job.identity) == wanted

    return Reading(ends=ends, acknowledge=lambda count: {"id": request.get("id"), "cancelled": count})


def _identity(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
