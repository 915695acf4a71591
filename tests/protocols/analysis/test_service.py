"""From lines to answers: order, the end of the input, and a flood."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_dialogue import answers_to
from scripted_thinker import ScriptedThinker

from engine.player import load_player
from engine.protocols.analysis import native, queue, service
from engine.protocols.analysis.job import Answer

PLAYER = load_player("mcts:3")


def dialogue(*lines: Any, **options: Any) -> list[Answer]:
    return answers_to(native.NativeDialect(PLAYER, ScriptedThinker(), PLAYER.simulations), *lines, **options)


def identities(answers: list[Answer]) -> list[Any]:
    return [answer["id"] for answer in answers]


def test_answers_come_in_the_order_of_lines_or_as_they_are_ready() -> None:
    lines = [{"id": n, "simulations": 10 - n} for n in range(5)]
    assert identities(dialogue(*lines)) == [0, 1, 2, 3, 4]
    assert sorted(identities(dialogue(*lines, in_order=False))) == [0, 1, 2, 3, 4]


def test_errors_keep_their_place() -> None:
    answers = dialogue({"id": 1, "simulations": 50}, "no JSON", {"id": 3})
    assert identities(answers) == [1, None, 3]
    assert "not JSON" in answers[1]["error"]


def test_what_is_under_way_at_the_end_is_finished() -> None:
    answers = dialogue({"id": 1, "simulations": 500}, {"id": 2, "simulations": 400})
    assert [answer["simulations"] for answer in answers] == [500, 400]


def test_or_left_where_that_is_asked() -> None:
    assert dialogue({"id": 1, "simulations": 10_000_000}, waits_at_end=False) == []


def test_empty_lines_are_none() -> None:
    assert identities(dialogue("", "  ", {"id": 1}, "\r")) == [1]


def test_a_cancel_ends_the_lines_of_an_id() -> None:
    endless = {"id": ["a", 1], "seconds": 1e6}
    answers = dialogue(endless, {"id": 2}, {"cancel": ["a", 1], "id": 9}, {"cancel": "a"})
    first, second, third, fourth = answers
    assert first["id"] == ["a", 1]
    assert first.get("cancelled") is True or "cancelled" in first["error"]
    assert (second["id"], second["simulations"]) == (2, 3)
    assert (third, fourth) == ({"id": 9, "cancelled": 1}, {"id": None, "cancelled": 0})


def test_a_flood_is_held_back_and_answered_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING", 40)
    monkeypatch.setattr(service, "MAX_WAITING", 60)
    most = []
    put = queue.JobQueue.put

    def counted(self: queue.JobQueue, job: Any) -> None:
        put(self, job)
        most.append(len(self._waiting))

    monkeypatch.setattr(queue.JobQueue, "put", counted)
    answers = dialogue(*({"id": n} for n in range(3000)))
    assert identities(answers) == list(range(3000))
    assert max(most) <= 41


def test_a_long_line_costs_no_more_than_itself() -> None:
    answers = dialogue('{"id": "' + "x" * (1 << 21) + '"}', {"id": 2})
    assert "longer than" in answers[0]["error"]
    assert answers[1]["id"] == 2


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"seconds": -1}, "seconds -1"),
        ({"seconds": True}, "seconds true"),
        ({"seconds": "1"}, 'seconds "1"'),
        ({"every": 0}, "every 0"),
        ({"multipv": 0}, "multipv 0"),
        ({"multipv": 8}, "multipv 8"),
        ({"priority": 1.5}, "priority 1.5"),
        ({"ownership": 1}, "ownership 1"),
        ({"ownership": True}, "no score"),
        ({"avoid": "1"}, 'avoid "1"'),
        ({"avoid": []}, "avoid []"),
        ({"avoid": ["9"]}, "'9'"),
        ({"avoid": ["1"], "allow": ["2"]}, "both"),
        ({"allow": [{"moves": ["1"], "depth": 2}]}, "'depth'"),
        ({"allow": [{"moves": ["1"], "plies": 0}]}, "plies 0"),
        ({"allow": [{"moves": ["1"], "player": 2}]}, "player 2"),
        ({"allow": [{"moves": [1]}]}, "1 is not a move"),
        ({"allow": ["1", {"moves": ["1"]}]}, "not an object"),
        ({"cancel": 1, "simulations": 3}, "'simulations'"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], wanted: str) -> None:
    bad, good = dialogue({"id": 1, **fields}, {"id": 2})
    assert bad["id"] == 1
    assert wanted in bad["error"]
    assert (good["id"], good["simulations"]) == (2, 3)
