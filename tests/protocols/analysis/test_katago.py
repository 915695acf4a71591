"""KataGo's protocol: what queries mean and what is answered."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from analysis_dialogue import answers_to
from katago_dialogue import BASE, NINE, analysed, ask, dialect, open_player, query
from scripted_thinker import ScriptedThinker

from engine._core import Game
from engine.player import Player, load_player
from engine.player.thinking import Ownership
from engine.protocols.analysis.job import Answer
from engine.protocols.analysis.katago import KataGoDialect
from engine.protocols.analysis.katago_answer import View
from engine.protocols.analysis.katago_query import Defaults
from engine.registry import load_game


def test_an_answer_has_the_fields_that_are_documented() -> None:
    answer = analysed(
        moves=[["B", "E5"]], includeOwnership=True, includePolicy=True, includeMovesOwnership=True,
        maxVisits=150,
    )  # fmt: skip
    assert set(answer) == {
        "id", "turnNumber", "isDuringSearch", "moveInfos", "rootInfo", "ownership", "policy",
    }  # fmt: skip
    assert (answer["id"], answer["turnNumber"], answer["isDuringSearch"]) == ("q", 1, False)
    root, first = answer["rootInfo"], answer["moveInfos"][0]
    assert {"winrate", "scoreLead", "scoreSelfplay", "scoreStdev", "utility", "visits"} <= set(root)
    assert (root["currentPlayer"], root["visits"]) == ("W", 150)
    assert len(root["thisHash"]) == len(root["symHash"]) == 32
    assert {
        "move", "visits", "winrate", "scoreMean", "scoreStdev", "scoreLead", "scoreSelfplay", "prior",
        "utility", "lcb", "utilityLcb", "order", "pv", "ownership",
    } <= set(first)  # fmt: skip
    assert [info["order"] for info in answer["moveInfos"]] == list(range(len(answer["moveInfos"])))
    assert all(info["pv"][0] == info["move"] for info in answer["moveInfos"])
    assert sum(info["visits"] for info in answer["moveInfos"]) == 149
    assert len(answer["ownership"]) == len(first["ownership"]) == 81
    assert len(answer["policy"]) == 82
    json.dumps(answer, allow_nan=False)


NUMBER, TEXT, NUMBERS, TEXTS = "number", "text", "numbers", "texts"
OF_MOVE = {
    **dict.fromkeys(["edgeVisits", "edgeWeight", "lcb", "order", "playSelectionValue", "prior"], NUMBER),
    **dict.fromkeys(["scoreLead", "scoreMean", "scoreSelfplay", "scoreStdev", "utility"], NUMBER),
    **dict.fromkeys(["utilityLcb", "visits", "weight", "winrate"], NUMBER),
    **dict.fromkeys(["ownership", "pvEdgeVisits", "pvVisits"], NUMBERS),
    "move": TEXT, "pv": TEXTS,
}  # fmt: skip
"""What KataGo 1.18.1 says of a move, asked for all it tells, but `isSymmetryOf` of moves that it mirrors."""
OF_ROOT = {
    **dict.fromkeys(["rawWinrate", "scoreLead", "scoreSelfplay", "scoreStdev", "utility"], NUMBER),
    **dict.fromkeys(["visits", "weight", "winrate"], NUMBER),
    **dict.fromkeys(["currentPlayer", "symHash", "thisHash"], TEXT),
}  # fmt: skip
"""And of the position but for `rawLead` and what else its network alone foretells."""


def kind(value: Any) -> str:
    if isinstance(value, list):
        return f"{kind(value[0])}s"
    return TEXT if isinstance(value, str) else NUMBER


def test_names_and_kinds_are_those_of_katago() -> None:
    answer = analysed(
        moves=[["B", "E5"]], includeOwnership=True, includePolicy=True, includeMovesOwnership=True,
        includePVVisits=True, maxVisits=150,
    )  # fmt: skip
    assert {name: kind(value) for name, value in answer["rootInfo"].items()} == OF_ROOT
    for info in answer["moveInfos"]:
        assert {name: kind(value) for name, value in info.items()} == OF_MOVE
        assert len(info["pvVisits"]) == len(info["pvEdgeVisits"]) == len(info["pv"])
        assert info["pvVisits"][0] == info["visits"]
        assert info["pvVisits"] == sorted(info["pvVisits"], reverse=True)


def test_the_policy_is_row_by_row_from_the_top_and_a_pass_last() -> None:
    policy = analysed(moves=[["B", "A9"], ["W", "J1"]], includePolicy=True)["policy"]
    assert policy[0] == policy[80] == -1
    legal = [prior for prior in policy if prior >= 0]
    assert len(legal) == 80
    assert sum(legal) == pytest.approx(1)


def test_every_turn_that_is_asked_for_is_answered_once() -> None:
    moves = [["B", "E5"], ["W", "E6"], ["B", "E4"]]
    found = ask(query(moves=moves, analyzeTurns=[3, 0, 1, 1]))
    assert sorted(answer["turnNumber"] for answer in found) == [0, 1, 3]
    assert {answer["turnNumber"]: answer["rootInfo"]["currentPlayer"] for answer in found} == {
        0: "B", 1: "W", 3: "W",
    }  # fmt: skip
    assert analysed(moves=moves)["turnNumber"] == 3


def test_winrates_are_turned_to_who_is_asked_for() -> None:
    black, white, mover = (
        analysed(moves=[["B", "E5"]], overrideSettings={"reportAnalysisWinratesAs": side})["rootInfo"]
        for side in ("BLACK", "WHITE", "SIDETOMOVE")
    )
    assert black["winrate"] == pytest.approx(1 - white["winrate"])
    assert white == mover
    assert black["scoreLead"] == -white["scoreLead"]
    assert black["utility"] == -white["utility"]
    assert black["scoreStdev"] == white["scoreStdev"]
    usual = answers_to(dialect(perspective=None), query(moves=[["B", "E5"]]))[0]["rootInfo"]
    assert usual == mover


def test_a_view_turns_owners_with_the_values() -> None:
    found = Ownership(np.array([[1, -0.5], [0, 0.25]], np.float32), 3.5, "network")
    assert View(1).owners(found) == [1, -0.5, 0, 0.25]
    assert View(-1).owners(found) == [-1, 0.5, 0, -0.25]
    assert (View(-1).winrate(0.5), View(1).winrate(0.5), View(-1).points(3.5)) == (0.25, 0.75, -3.5)


@pytest.mark.parametrize(
    ("fields", "player", "drawn"),
    [
        ({"initialStones": [["B", "C3"], ["W", "D4"]]}, "B", "C3 D4"),
        ({"initialStones": [["B", "C3"]], "initialPlayer": "W"}, "W", "C3"),
        ({"initialStones": [["B", "C3"], ["B", "G7"]]}, "W", "C3 G7"),
        ({"initialStones": [["B", "C3"], ["B", "G7"]], "initialPlayer": "black"}, "B", "C3 G7"),
        ({"initialStones": [["B", "C3"], ["W", "C3"]]}, "B", "C3"),
        ({"moves": [["b", "c3"], ["B", "(3,5)"], ["B", "G7"]]}, "W", "C3 D4 G7"),
        ({"moves": [["W", "C3"]]}, "B", "C3"),
        ({"moves": [["B", "C3"], ["W", "pass"], ["W", "D4"]]}, "B", "C3 D4"),
        ({"moves": [["B", "C3"], ["W", "pass"], ["B", "pass"]]}, "W", "C3"),
        ({"moves": [["B", "pass"], ["W", "pass"], ["B", "D4"], ["W", "C3"]]}, "B", "C3 D4"),
    ],
)
def test_positions_are_as_they_are_told(fields: dict[str, Any], player: str, drawn: str) -> None:
    answer = analysed(**fields, includePolicy=True)
    assert answer["rootInfo"]["currentPlayer"] == player
    occupied = [place for place, prior in enumerate(answer["policy"]) if prior == -1]
    start = NINE.initial()
    assert {start.action_text(place) for place in occupied} == set(drawn.split())


@pytest.mark.parametrize(
    ("rules", "komi", "name"),
    [
        ("tromp-taylor", 7.5, "go:size=9"),
        ("Chinese", 7.5, "go:size=9,rules=chinese"),
        ("tromp-taylor", 6, "go:size=9,komi=6"),
        ({"ko": "SIMPLE", "scoring": "AREA", "suicide": True}, 7.5, "go:size=9,ko=simple"),
    ],
)
def test_rules_are_kept(rules: Any, komi: float, name: str) -> None:
    asked: list[str] = []

    def opened(game: Game) -> Player:
        asked.append(game.name)
        return load_player("mcts:20", game)

    other = load_player("mcts:20", load_game("go:size=5"))
    (answer,) = answers_to(
        KataGoDialect(other, opened, Defaults(20), ""), query(rules=rules, komi=komi), query("a", moves=0)
    )[:1]
    assert "moveInfos" in answer
    assert asked == [name]


def test_territory_is_counted_as_area_and_that_is_told() -> None:
    fields = {key: value for key, value in BASE.items() if key != "komi"}
    warning, answer = ask({"id": "q", **fields, "rules": "japanese"})
    assert (warning["id"], warning["field"]) == ("q", "rules")
    assert "TERRITORY" in warning["warning"]
    assert answer["rootInfo"]["visits"] == 20


def test_a_handicap_bonus_is_white_s() -> None:
    stones = {"initialStones": [["B", "C3"], ["B", "G7"]]}
    without, with_bonus = (
        analysed(**stones, whiteHandicapBonus=bonus)["rootInfo"]["scoreLead"] for bonus in ("0", "N")
    )
    assert isinstance(without, float)
    assert with_bonus != without


def test_limits() -> None:
    assert analysed(maxVisits=7)["rootInfo"]["visits"] == 7
    assert analysed(overrideSettings={"maxVisits": "9"})["rootInfo"]["visits"] == 9
    assert analysed(overrideSettings={"maxVisits": 9}, maxVisits=5)["rootInfo"]["visits"] == 5
    assert analysed(maxVisits=2**50, overrideSettings={"maxTime": 0.3})["rootInfo"]["visits"] > 1
    assert max(len(info["pv"]) for info in analysed(maxVisits=400, analysisPVLen=1)["moveInfos"]) == 1


def test_unknown_settings_are_warned_of_and_the_query_is_answered() -> None:
    settings = {"cpuctExploration": 1.1, "wideRootNoise": 0.04, "maxTime": 5}
    warning, answer = ask(query(overrideSettings=settings))
    assert warning == {
        "id": "q", "field": "overrideSettings",
        "warning": "Unknown config params: cpuctExploration,wideRootNoise",
    }  # fmt: skip
    assert "moveInfos" in answer
    assert "moveInfos" in analysed(overrideSettings={"wideRootNoise": 0.0})


def test_an_unknown_field_is_warned_of() -> None:
    warning, answer = ask(query(maxVisit=3))
    assert (warning["id"], warning["field"]) == ("q", "maxVisit")
    assert "Unexpected or unused field" in warning["warning"]
    assert "moveInfos" in answer


class StoppedPlayer:
    """Begins to think, and finds nothing until it is stopped."""

    name, simulations = "scripted", 5

    def __init__(self) -> None:
        self.game = NINE
        self.made = ScriptedThinker()

    def thinker(self, *, memory_mb: float | None = None) -> ScriptedThinker:
        return self.made


def scripted(*lines: Any) -> list[Answer]:
    player: Any = StoppedPlayer()
    return answers_to(KataGoDialect(player, open_player, Defaults(5), ""), *lines, in_order=False)


def test_what_is_terminated_answers_with_what_there_is() -> None:
    endless = query("a", maxVisits=10_000_000)
    end = {"id": "t", "action": "terminate", "terminateId": "a"}
    found = scripted(endless, query("b"), end)
    assert sorted(answer["id"] for answer in found) == ["a", "b", "t"]
    of = {answer["id"]: answer for answer in found}
    assert of["t"] == end
    assert of["a"]["isDuringSearch"] is False
    assert of["a"].get("noResults") is True or of["a"]["rootInfo"]["visits"] < 10_000_000


def test_some_turns_or_all_queries_are_terminated() -> None:
    endless = query("a", moves=[["B", "E5"]], analyzeTurns=[0, 1], maxVisits=10_000_000)
    one = {"id": "t", "action": "terminate", "terminateId": "a", "turnNumbers": [1]}
    rest = {"id": "u", "action": "terminate_all"}
    nothing = {"id": "v", "action": "terminate", "terminateId": "zzz"}
    found = scripted(endless, query("b", maxVisits=10_000_000), nothing, one, rest)
    finals = [(answer["id"], answer.get("turnNumber")) for answer in found]
    assert sorted(finals, key=str) == [("a", 0), ("a", 1), ("b", 0), ("t", None), ("u", None), ("v", None)]


def test_what_never_began_has_no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.protocols.analysis.queue.SIDE_BY_SIDE", 1)
    found = scripted(
        query("a", maxVisits=10_000_000, priority=1), query("b"), {"id": "t", "action": "terminate_all"}
    )
    assert {"id": "b", "turnNumber": 0, "isDuringSearch": False, "noResults": True} in found


def test_partial_answers_are_marked() -> None:
    found = scripted(query(maxVisits=4, reportDuringSearchEvery=0.001))
    assert [answer["isDuringSearch"] for answer in found][-1] is False
    slow = ask(query(maxVisits=3000, reportDuringSearchEvery=0.001))
    assert slow[0]["isDuringSearch"] is True
    assert slow[0]["rootInfo"]["visits"] > 0
    assert [answer["isDuringSearch"] for answer in slow].count(False) == 1


def test_priorities_of_turns() -> None:
    moves = [["B", "E5"], ["W", "E6"]]
    found = scripted(query(moves=moves, analyzeTurns=[0, 1, 2], priorities=[1, 3, 2]))
    assert [answer["turnNumber"] for answer in found] == [1, 2, 0]


def test_actions() -> None:
    version, models, cache = ask(
        {"id": "v", "action": "query_version", "more": [1]},
        {"id": "m", "action": "query_models"},
        {"id": "c", "action": "clear_cache"},
    )
    assert version == {
        "id": "v", "action": "query_version", "more": [1], "version": "1.2.3", "git_hash": "<omitted>",
    }  # fmt: skip
    assert models["models"][0]["name"] == "mcts:20"
    assert cache == {"id": "c", "action": "clear_cache"}
