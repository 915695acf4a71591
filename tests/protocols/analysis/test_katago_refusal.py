"""KataGo's protocol: what is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from analysis_dialogue import answers_to
from katago_dialogue import NINE, ask, open_player, query

from engine._core import Game
from engine.errors import UserError
from engine.player import Player, load_player
from engine.protocols.analysis.katago import KataGoDialect
from engine.protocols.analysis.katago_query import Defaults
from engine.registry import load_game


@pytest.mark.parametrize(
    ("fields", "field", "wanted"),
    [
        ({"boardXSize": 1}, "boardXSize", "integer from 2 to 25"),
        ({"boardYSize": 26}, "boardYSize", "integer from 2 to 25"),
        ({"boardXSize": "9"}, "boardXSize", "integer"),
        ({"boardXSize": True}, "boardXSize", "integer"),
        ({"boardXSize": None}, "boardXSize", "integer"),
        ({"rules": "checkers"}, "rules", "Could not parse rules: "),
        ({"rules": {"ko": "HARD"}}, "rules", "Could not parse rules: "),
        ({"rules": 3}, "rules", "Must specify rules string"),
        ({"rules": "stone-scoring"}, "rules", "Could not parse rules: "),
        ({"komi": 7.3}, "komi", "half-integer"),
        ({"komi": 401}, "komi", "half-integer"),
        ({"komi": "7.5"}, "komi", "half-integer"),
        ({"komi": 10**400}, "komi", "half-integer"),
        ({"whiteHandicapBonus": "N+1"}, "whiteHandicapBonus", "N+1"),
        ({"whiteHandicapBonus": 5}, "whiteHandicapBonus", "5"),
        ({"moves": None}, "moves", "array of pairs"),
        ({"moves": "E5"}, "moves", "array of pairs"),
        ({"moves": [["B", "E5", "x"]]}, "moves", "array of pairs"),
        ({"moves": [["B", 5]]}, "moves", "array of pairs"),
        ({"moves": [["R", "E5"]]}, "moves", "Could not parse player: R"),
        ({"moves": [["B", "I5"]]}, "moves", "Could not parse board location: I5"),
        ({"moves": [["B", "K5"]]}, "moves", "Could not parse board location: K5"),
        ({"moves": [["B", "(9,0)"]]}, "moves", "Could not parse board location: (9,0)"),
        ({"moves": [["B", "E5"], ["W", "E5"]]}, "moves", "Illegal move 1: E5"),
        ({"initialStones": [["B", "pass"]]}, "initialStones", "Could not parse board location: pass"),
        (
            {"initialStones": [["B", "A1"], ["W", "A2"], ["W", "B1"]]},
            "initialStones",
            "no liberty",
        ),
        ({"initialPlayer": "R"}, "initialPlayer", 'Must be "b" or "w"'),
        ({"analyzeTurns": [1]}, "analyzeTurns", "Invalid turn number: 1"),
        ({"analyzeTurns": [-1]}, "analyzeTurns", "Invalid turn number: -1"),
        ({"analyzeTurns": [0.5]}, "analyzeTurns", "array of integers"),
        ({"analyzeTurns": 0}, "analyzeTurns", "array of integers"),
        ({"maxVisits": 0}, "maxVisits", "integer from 1"),
        ({"maxVisits": 2.5}, "maxVisits", "integer from 1"),
        ({"analysisPVLen": 0}, "analysisPVLen", "integer from 1 to 1000"),
        ({"rootPolicyTemperature": 2}, "rootPolicyTemperature", "Not supported"),
        ({"rootPolicyTemperature": 0}, "rootPolicyTemperature", "number from"),
        ({"rootFpuReductionMax": 0}, "rootFpuReductionMax", "Not supported"),
        ({"includeOwnership": 1}, "includeOwnership", "Must be a boolean"),
        ({"includePolicy": "yes"}, "includePolicy", "Must be a boolean"),
        ({"reportDuringSearchEvery": 0}, "reportDuringSearchEvery", "number of seconds"),
        ({"priority": 1.5}, "priority", "number between"),
        ({"priorities": [1]}, "priorities", "Can only specify when"),
        ({"priorities": [1, 2], "analyzeTurns": [0]}, "priorities", "matching length"),
        ({"priorities": [1], "analyzeTurns": [0], "priority": 1}, "priority", "both"),
        ({"priorities": [2**62], "analyzeTurns": [0]}, "priorities", "Invalid priority"),
        ({"overrideSettings": []}, "overrideSettings", "Must be an object"),
        ({"overrideSettings": {"maxVisits": "x"}}, "overrideSettings", "Could not set settings: "),
        ({"overrideSettings": {"maxTime": 10**400}}, "overrideSettings", "Could not set settings: "),
        (
            {"overrideSettings": {"reportAnalysisWinratesAs": "RED"}},
            "overrideSettings",
            "RED",
        ),
        ({"avoidMoves": [], "allowMoves": []}, "allowMoves", "both"),
        ({"avoidMoves": {}}, "avoidMoves", "list of dicts"),
        ({"avoidMoves": [{"player": "B", "moves": []}]}, "avoidMoves", "untilDepth"),
        (
            {"avoidMoves": [{"player": "B", "moves": ["Z"], "untilDepth": 1}]},
            "moves",
            "Could not parse board location: Z",
        ),
        (
            {"avoidMoves": [{"player": "B", "moves": ["A1"], "untilDepth": 0}]},
            "untilDepth",
            "positive integer",
        ),
        (
            {"allowMoves": [{"player": "B", "moves": ["A1"], "untilDepth": 1}] * 2},
            "allowMoves",
            "one entry per player",
        ),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], field: str, wanted: str) -> None:
    (answer,) = ask(query(**fields))
    assert (set(answer), answer["id"], answer["field"]) == ({"id", "field", "error"}, "q", field)
    assert wanted in answer["error"]


@pytest.mark.parametrize("name", ["boardXSize", "boardYSize", "moves", "rules"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    (answer,) = ask({key: value for key, value in query().items() if key != name})
    assert (answer["id"], answer["field"]) == ("q", name)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("{", "could not parse input line as json request: {"),
        ("[1]", "was not an object"),
        ("3", "was not an object"),
        ("{}", '"id"'),
        ('{"id": 3}', '"id"'),
        ('{"id": "a", "id": "b"}', "twice"),
        ('{"id": NaN}', "NaN"),
        (b'{"id": "\xff"}', "UTF-8"),
        (b"\x00\x01\x02", "could not parse"),
        ("[" * 100_000, "could not parse"),
        ('{"id": "' + "x" * (1 << 20) + '"}', "longer than"),
        ('{"id": "a", "action": "dance"}', "'action' field must be"),
    ],
)
def test_a_line_that_is_no_query_is_answered_so(line: Any, wanted: str) -> None:
    bad, good = ask(line, query("good"))
    assert wanted in bad["error"]
    assert len(json.dumps(bad)) < 5000
    assert "moveInfos" in good


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "terminate"},
        {"action": "terminate", "terminateId": 3},
        {"action": "terminate", "terminateId": "a", "turnNumbers": "1"},
        {"action": "terminate_all", "turnNumbers": [1.5]},
    ],
)
def test_an_action_that_is_wrong_names_its_field(fields: dict[str, Any]) -> None:
    (answer,) = ask({"id": "t", **fields})
    assert answer["field"] == ("turnNumbers" if "turnNumbers" in fields else "terminateId")


def test_what_the_player_cannot_play_is_one_line() -> None:
    def refuse(game: Game) -> Player:
        raise UserError(f"the network does not play {game.name}")

    player = load_player("mcts:20", NINE)
    asked = KataGoDialect(player, refuse, Defaults(20), "")
    size, rules, good = answers_to(asked, query(boardXSize=13), query(komi=5.5), query())
    assert (size["field"], rules["field"]) == ("boardXSize", "rules")
    assert "does not play go:size=9,komi=5.5" in rules["error"]
    assert "moveInfos" in good


def test_a_game_without_stones_is_refused_at_the_start() -> None:
    player = load_player("mcts:20", load_game("connect4"))
    with pytest.raises(UserError, match="no board of stones"):
        KataGoDialect(player, open_player, Defaults(20), "")


def test_a_query_of_many_moves_is_bounded() -> None:
    (answer,) = ask(query(moves=[["B", "pass"]] * 5001))
    assert "5001 moves" in answer["error"]
