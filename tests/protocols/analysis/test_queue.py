"""Which positions are thought about side by side, what goes first, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from scripted_thinker import ScriptedThinker

from engine.player.thinking import Query, Thought
from engine.protocols.analysis import queue as queue_module
from engine.protocols.analysis.job import Answer, Job
from engine.protocols.analysis.queue import SIDE_BY_SIDE, Found, JobQueue
from engine.registry import load_game

GAME = load_game("connect4")


@dataclass(eq=False, kw_only=True)
class NamedJob(Job):
    name: Any

    def answer(self, thought: Thought, *, is_partial: bool) -> Answer | None:
        return {"name": self.name, "visits": thought.report().visits, "partial": is_partial}

    def answer_nothing(self) -> Answer:
        return {"name": self.name, "nothing": True}

    def answer_error(self, error: Exception) -> Answer:
        return {"name": self.name, "error": str(error)}


def job(thinker: ScriptedThinker, name: Any, position: str = "", visits: int = 2, **fields: Any) -> NamedJob:
    query = Query(GAME.parse(position), visits, priority=fields.pop("priority", 0))
    return NamedJob(query, thinker, 0, name=name, **fields)


def run(queue: JobQueue) -> list[Found]:
    found: list[Found] = []
    while not queue.is_idle:
        found += queue.step()
    return found


def names(found: list[Found]) -> list[Any]:
    return [each.answer["name"] for each in found]


def filled(*jobs: NamedJob) -> JobQueue:
    queue = JobQueue()
    for each in jobs:
        queue.put(each)
    return queue


def test_positions_share_batches() -> None:
    thinker = ScriptedThinker()
    found = run(filled(*(job(thinker, n, "1234567"[:n]) for n in range(7))))
    assert [len(batch) for batch in thinker.batches] == [7, 7]
    assert sorted(names(found)) == list(range(7))
    assert all(each.is_last and each.answer["visits"] == 2 for each in found)


def test_the_highest_priority_goes_first_then_the_earliest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "SIDE_BY_SIDE", 1)
    thinker = ScriptedThinker()
    jobs = [job(thinker, n, priority=priority) for n, priority in enumerate([0, 5, 0, 5, -1, 2**30])]
    assert names(run(filled(*jobs))) == [5, 1, 3, 0, 2, 4]


def test_what_comes_later_with_priority_overtakes_what_is_under_way() -> None:
    thinker = ScriptedThinker()
    queue = filled(*(job(thinker, "slow", visits=1000) for _ in range(SIDE_BY_SIDE)))
    assert list(queue.step()) == []
    queue.put(job(thinker, "urgent", "1", priority=1))
    assert names([*queue.step(), *queue.step()]) == ["urgent"]


def test_no_more_than_a_bound_is_thought_about_at_a_time() -> None:
    thinker = ScriptedThinker()
    queue = filled(*(job(thinker, n, visits=10) for n in range(3 * SIDE_BY_SIDE)))
    assert len(run(queue)) == 3 * SIDE_BY_SIDE
    assert {len(batch) for batch in thinker.batches} == {SIDE_BY_SIDE}


def test_rising_priorities_do_not_begin_without_bound() -> None:
    thinker = ScriptedThinker()
    queue = JobQueue()
    for priority in range(queue_module.MOST_BEGUN + 10):
        queue.put(job(thinker, priority, visits=10**6, priority=priority))
        assert list(queue.step()) == []
    assert len(queue._begun) == queue_module.MOST_BEGUN


def test_stopping_what_waits_and_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "SIDE_BY_SIDE", 1)
    thinker = ScriptedThinker()
    jobs = [job(thinker, name, visits=10**6) for name in "abac"]
    queue = filled(*jobs)
    list(queue.step())
    count, found = queue.stop(lambda each: isinstance(each, NamedJob) and each.name == "a")
    assert count == 2
    assert [each.answer for each in found] == [{"name": "a", "nothing": True}]
    (ended,) = queue.step()
    assert (ended.answer["name"], ended.answer["visits"], ended.is_last) == ("a", 1, True)
    assert queue.stop(lambda each: isinstance(each, NamedJob) and each.name == "a") == (0, [])
    count, found = queue.stop(lambda _: True)
    assert (count, names(found)) == (2, ["b", "c"])
    assert run(queue) == []


def test_partial_answers_come_until_the_last() -> None:
    thinker = ScriptedThinker()
    found = run(filled(job(thinker, "a", visits=2000, every_s=1e-9)))
    assert found[0].answer["partial"] is True
    assert [each.answer["partial"] for each in found].count(False) == 1
    assert [each.is_last for each in found] == [not each.answer["partial"] for each in found]
    once = run(filled(job(thinker, "b", visits=2000, first_s=1e-9)))
    assert [each.answer["partial"] for each in once] == [True, False]


def test_telling_takes_half_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    thinker = ScriptedThinker()
    asked = job(thinker, "a", visits=10**6, every_s=1e-9)
    now = [100.0]
    monkeypatch.setattr("engine.protocols.analysis.job.time.monotonic", lambda: now[0])
    asked.begin()
    assert asked.is_due(100.1)
    asked.postpone(took=3.0)
    assert not asked.is_due(102.9)
    assert asked.is_due(103.1)


def test_of_several_that_fail_together_each_is_tried_alone() -> None:
    bad = GAME.parse("44")
    thinker = ScriptedThinker(poison={bad.key()})
    queue = filled(job(thinker, "good", "1"), job(thinker, "bad", "44"), job(thinker, "better", "2"))
    found = {each.answer["name"]: each.answer for each in run(queue)}
    assert found["bad"] == {"name": "bad", "error": "a bad position"}
    assert found["good"]["visits"] == found["better"]["visits"] == 2
    assert [len(batch) for batch in thinker.batches] == [3, 1, 1, 1, 1, 1]
    assert thinker.forgotten == 2


def test_a_position_that_cannot_begin_is_told() -> None:
    class Refusing(ScriptedThinker):
        def begin(self, query: Query) -> Any:
            raise ValueError("no move is left")

    found = run(filled(job(Refusing(), "a"), job(ScriptedThinker(), "b")))
    assert [each.answer for each in found] == [
        {"name": "a", "error": "no move is left"},
        {"name": "b", "visits": 2, "partial": False},
    ]


def test_memory_that_is_short_is_no_fault_of_a_position() -> None:
    class Starved(ScriptedThinker):
        def step(self) -> bool:
            raise MemoryError

    with pytest.raises(MemoryError):
        run(filled(job(Starved(), "a")))


def test_thinkers_of_several_games_take_turns_by_priority() -> None:
    one, other = ScriptedThinker(), ScriptedThinker()
    queue = filled(job(one, "a", visits=3), job(other, "b", visits=3), job(other, "c", visits=3, priority=1))
    assert names(run(queue)) == ["c", "a", "b"]
    assert (len(one.batches), len(other.batches)) == (3, 6)
