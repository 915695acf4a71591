"""Lines that make no sense, by the thousand: each is answered once, and sound ones as ever."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from analysis_dialogue import answers_to

from engine.player import Player, load_player
from engine.protocols.analysis.katago import KataGoDialect
from engine.protocols.analysis.katago_query import Defaults
from engine.protocols.analysis.native import FIELDS, NativeDialect
from engine.registry import load_game

GAMES = ["connect4", "chess", "go:size=5", "tictactoe", "othello", "nim"]
LINES = 400

WEIRD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, 10**400, 2**63, "", " ", "x", "1", "e2e4", "pass",
    "\x00", "é", "\ud800", "\U0001f600", "a" * 3000, [], {}, [[]], [None], [1], ["1"], ["1", "1"],
    [["B", "C3"]],
    {"moves": ["1"]}, {"moves": []}, [{"moves": ["1"], "plies": 3}], [{"moves": ["1"], "player": 1}],
    [[[[[]]]]], {"a": {"b": [1, {}]}}, ["\ud800"], [{}], "44" * 50,
]  # fmt: skip
BYTES = [
    b"", b"\x00", b"\xff\xfe", b"{", b"}", b"[]", b"null", b'"x"', b"{}{}", b'{"id": NaN}', b'{"id": 1e999}',
    b'{"id": 1, "id": 2}', b"[" * 5000, b'{"a":' * 5000, b'{"id": "\xff"}', b"\xef\xbb\xbf{}", b"quit", b"\r",
    b'{"moves": "' + b"1 " * 5000 + b'"}',
]  # fmt: skip
OWN = [name for name in FIELDS if name != "id"]


def native_line(choose: random.Random) -> Any:
    if choose.random() < 0.15:
        return choose.choice(BYTES)
    request = {name: choose.choice(WEIRD) for name in choose.sample(OWN, choose.randint(0, 3))}
    if choose.random() < 0.1:
        request[choose.choice(["cancel", "simulation", "ID", ""])] = choose.choice(WEIRD)
    # Limits stay small: it is about the words, not the work.
    for name in ("seconds", "every", "simulations"):
        if isinstance(request.get(name), int | float) and not isinstance(request[name], bool):
            request[name] = min(request[name], 3) if name == "simulations" else -1
    return {"id": choose.choice(WEIRD), **request}


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("player", ["mcts:3", "random"])
def test_every_line_is_answered_once_in_order(game: str, player: str) -> None:
    choose = random.Random(f"{game} {player}")
    asked = load_player(player, load_game(game))
    lines: list[Any] = [native_line(choose) for _ in range(LINES)]
    lines = [*lines, {"id": "sound"}]
    answers = answers_to(NativeDialect(asked, asked.thinker(), asked.simulations), *lines)
    full = [line for line in lines if not isinstance(line, bytes) or line.strip()]
    assert len(answers) == len(full)
    for line, answer in zip(full, answers, strict=True):
        json.dumps(answer, allow_nan=False)
        assert len(answer.get("error", "")) < 3000
        if isinstance(line, dict):
            assert answer["id"] == line["id"] or "is not finite" in answer.get("error", "")
    assert "best" in answers[-1]
    assert any("best" in answer for answer in answers[:-1])


KATAGO = {
    "rules": "chinese", "komi": 7.5, "boardXSize": 5, "boardYSize": 5, "moves": [], "maxVisits": 2,
}  # fmt: skip
MORE = [
    "initialStones", "initialPlayer", "whiteHandicapBonus", "analyzeTurns", "analysisPVLen", "includePolicy",
    "rootPolicyTemperature", "rootFpuReductionMax", "includeOwnership", "includeMovesOwnership",
    "overrideSettings", "includePVVisits", "includeOwnershipStdev", "priority", "priorities",
    "avoidMoves", "allowMoves",
    "reportDuringSearchEvery", "action", "terminateId", "turnNumbers",
]  # fmt: skip
SETTINGS = ["maxVisits", "maxTime", "reportAnalysisWinratesAs", "analysisPVLen", "wideRootNoise", "xx"]


def katago_line(choose: random.Random, number: int) -> Any:
    if choose.random() < 0.15:
        return choose.choice(BYTES)
    query: dict[str, Any] = {"id": f"q{number}", **KATAGO}
    for name in choose.sample([*KATAGO, *MORE], choose.randint(0, 3)):
        query[name] = choose.choice(WEIRD)
        if choose.random() < 0.2:
            query.pop(name)
    if choose.random() < 0.2:
        query["overrideSettings"] = {choose.choice(SETTINGS): choose.choice(WEIRD)}
    if choose.random() < 0.2:
        places = ["C3", "A1", "(0,0)", "pass", "Z9", "E5"]
        query["moves"] = [[choose.choice("BWx"), choose.choice(places)] for _ in range(choose.randint(0, 6))]
    if isinstance(query.get("maxVisits"), int):
        query["maxVisits"] = min(query["maxVisits"], 3)
    settings = query.get("overrideSettings")
    if isinstance(settings, dict) and "maxVisits" in settings:
        query["maxVisits"] = 2
    if choose.random() < 0.1:
        query["id"] = choose.choice(WEIRD)
    return query


def test_every_query_of_katagos_protocol_has_one_last_answer() -> None:
    choose = random.Random(5)
    player = load_player("mcts:2", load_game("go:size=5"))
    opened: Callable[[Any], Player] = lambda game: load_player("mcts:2", game)  # noqa: E731
    lines: list[Any] = [katago_line(choose, number) for number in range(3 * LINES)]
    lines = [*lines, {"id": "sound", **KATAGO}]
    dialect = KataGoDialect(player, opened, Defaults(2), "")
    answers = answers_to(dialect, *lines, in_order=False)
    for answer in answers:
        json.dumps(answer, allow_nan=False)
    last = Counter(
        answer.get("id") for answer in answers if "warning" not in answer and not answer.get("isDuringSearch")
    )
    queries = [
        line for line in lines if isinstance(line, dict) and not {"analyzeTurns", "action"} & set(line)
    ]
    single = [line["id"] for line in queries if str(line["id"]).startswith("q")]
    assert [name for name in single if last[name] != 1] == []
    assert len(single) > 2 * LINES
    assert last["sound"] == 1
    assert sum("moveInfos" in answer for answer in answers) > 100
