"""KataGo's protocol of analysis, for games with a board of stones (its docs/Analysis_Engine.md)."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine._core import Game, InputError
from engine.errors import UserError
from engine.game import inquiry
from engine.json_object import parse_object
from engine.player import Player
from engine.player.thinking import Query, Thinker, Thought
from engine.protocols.analysis.job import Answer, Job
from engine.protocols.analysis.katago_answer import describe
from engine.protocols.analysis.katago_board import Board, Turn
from engine.protocols.analysis.katago_field import FieldError, read_wholes
from engine.protocols.analysis.katago_query import Defaults, KataGoQuery, Telling, read_query
from engine.protocols.analysis.native import error_text
from engine.protocols.analysis.queue import SIDE_BY_SIDE
from engine.protocols.analysis.service import Reading
from engine.protocols.line_reader import MAX_LINE, Line

ACTIONS = ("query_version", "query_models", "clear_cache", "terminate", "terminate_all")
MAX_SHOWN = 1000
"""Letters of a line that an error repeats."""

MAX_PLAYERS = 8
"""Games whose players are kept."""


@dataclass(eq=False, kw_only=True)
class KataGoJob(Job):
    """A turn of a query."""

    identity: str
    turn: Turn
    board: Board
    telling: Telling

    def answer(self, thought: Thought, *, is_partial: bool) -> Answer | None:
        """What has been found, in one object."""
        report = thought.report()
        if report.visits == 0 and (is_partial or self.query.stopped):
            return None if is_partial else self.answer_nothing()
        found = describe(thought, report, self.turn, self.board, self.telling)
        return {**self._head(), "isDuringSearch": is_partial, **found}

    def answer_nothing(self) -> Answer:
        """Of a query that was terminated."""
        return {**self._head(), "isDuringSearch": False, "noResults": True}

    def answer_error(self, error: Exception) -> Answer:
        """Its last answer, too."""
        return {**self._head(), "isDuringSearch": False, "noResults": True, "error": error_text(error)}

    def _head(self) -> Answer:
        return {"id": self.identity, "turnNumber": self.turn.number}


class KataGoDialect:
    """Reads queries and actions.

    Args:
        player: whoever analyzes.
        open_player: makes the same player for the game with other options; UserError where it cannot play it.
        defaults: where a query does not say.
        version: of this program.
    """

    def __init__(
        self, player: Player, open_player: Callable[[Game], Player], defaults: Defaults, version: str
    ) -> None:
        if inquiry.goban(player.game) is None or inquiry.rule_set(player.game) is None:
            raise UserError(
                f"game '{player.game.name}' has no board of stones, which KataGo's protocol is about; "
                "leave --protocol out"
            )
        self._player = player
        self._open_player = open_player
        self._defaults = defaults
        self._version = version
        self._thinkers: OrderedDict[str, Thinker] = OrderedDict()

    def read(self, line: Line, number: int) -> Reading:
        """What a line leads to."""
        try:
            if line.is_cut:
                raise ValueError(f"line is longer than {MAX_LINE} bytes")
            if line.bad_byte is not None:
                raise ValueError(f"byte {line.bad_byte} is no UTF-8")
            document = json.loads(line) if not line.lstrip().startswith("{") else parse_object(line)
        except (ValueError, RecursionError) as error:
            shown = line[:MAX_SHOWN]
            return _refused(f"{error} - could not parse input line as json request: {shown}")
        if not isinstance(document, dict):
            return _refused(
                f"Request line was valid json but was not an object, ignoring: {line[:MAX_SHOWN]}"
            )
        if not isinstance(document.get("id"), str):
            return _refused('Request must have a string "id" field')
        try:
            if isinstance(document.get("action"), str):
                return self._act(document)
            return self._query(document, number)
        except FieldError as error:
            return _refused(str(error), document["id"], error.field)
        except (InputError, UserError) as error:
            return _refused(str(error), document["id"], "rules")

    def _act(self, document: dict[str, Any]) -> Reading:
        action = document["action"]
        if action == "query_version":
            return Reading([{**document, "version": self._version, "git_hash": "<omitted>"}])
        if action == "query_models":
            return Reading([{**document, "models": [self._describe_model()]}])
        if action == "clear_cache":
            for thinker in self._thinkers.values():
                thinker.forget()
            return Reading([document])
        if action in ("terminate", "terminate_all"):
            return Reading(ends=_ending(document), acknowledge=lambda _: document)
        known = "' or '".join(ACTIONS)
        return _refused(f"'action' field must be '{known}'")

    def _describe_model(self) -> dict[str, Any]:
        return {
            "name": self._player.name,
            "internalName": self._player.name,
            "maxBatchSize": SIDE_BY_SIDE,
            "usesHumanSLProfile": False,
            "version": 1,
            "usingFP16": "auto",
        }

    def _query(self, document: dict[str, Any], number: int) -> Reading:
        warnings: list[Answer] = []

        def warn(field: str, text: str) -> None:
            warnings.append({"id": document["id"], "field": field, "warning": text})

        query = read_query(document, self._player.game, self._defaults, warn)
        thinker = self._thinker(query.board.game)
        pairs = zip(query.turns, query.priorities, strict=True)
        jobs: list[Job] = [_job(query, turn, priority, thinker, number) for turn, priority in pairs]
        return Reading(warnings, jobs)

    def _thinker(self, game: Game) -> Thinker:
        """Of the player for a game; the ones used last are kept."""
        if game.name not in self._thinkers:
            player = self._player
            if game.name != player.game.name:
                try:
                    player = self._open_player(game)
                except UserError as error:
                    is_same_size = game.planes_shape == player.game.planes_shape
                    raise FieldError("rules" if is_same_size else "boardXSize", str(error)) from error
            self._thinkers[game.name] = player.thinker()
        self._thinkers.move_to_end(game.name)
        while len(self._thinkers) > MAX_PLAYERS:
            self._thinkers.popitem(last=False)
        return self._thinkers[game.name]


def _job(query: KataGoQuery, turn: Turn, priority: int, thinker: Thinker, line: int) -> KataGoJob:
    thought_about = Query(turn.state, query.visits, None, priority, query.restrictions, is_fresh=True)
    return KataGoJob(
        thought_about, thinker, line, query.seconds, query.every_s, query.first_s,
        identity=query.identity, turn=turn, board=query.board, telling=query.telling,
    )  # fmt: skip


def _ending(document: dict[str, Any]) -> Callable[[Job], bool]:
    """The test of the jobs that a `terminate` is about."""
    identity = document.get("terminateId")
    if document["action"] == "terminate" and not isinstance(identity, str):
        text = 'Requests for a terminate action must have a string "terminateId" field'
        raise FieldError("terminateId", text)
    text = "If provided, must be an array of integers indicating turns to terminate"
    turns = read_wholes(document, "turnNumbers", text)

    def ends(job: Job) -> bool:
        assert isinstance(job, KataGoJob)
        is_meant = document["action"] == "terminate_all" or job.identity == identity
        return is_meant and (turns is None or job.turn.number in turns)

    return ends


def _refused(text: str, identity: str | None = None, field: str | None = None) -> Reading:
    named = {} if identity is None else {"id": identity, "field": field}
    return Reading([{**named, "error": text}])
