"""Comparisons in both orders: who wins, and whether order decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from engine.language.method.judged.assessor.assessor import Asked, Assessor, Judgement, Versus
from engine.language.method.judged.assessor.comparison import compare, meetings
from engine.language.task import Prompt

PROMPT = Prompt("p", "p", "p")


class Says(Assessor):
    """Compares by a function of the two texts."""

    def __init__(self, says: Callable[[str, str], float | None]) -> None:
        self.says = says
        self.asked = 0

    def scores(self, asked: Sequence[Asked], seed: int) -> list[Judgement]:
        raise AssertionError

    def comparisons(self, asked: Sequence[Versus], seed: int) -> list[Judgement]:
        self.asked += len(asked)
        return [Judgement(self.says(each.first, each.second), "no idea") for each in asked]


def longer(first: str, second: str) -> float:
    return 0.5 + 0.5 * ((len(first) > len(second)) - (len(first) < len(second)))


def test_the_better_one_wins_in_any_order() -> None:
    (found,) = compare(Says(longer), [(PROMPT, ["a", "aaaa", "aa"])], 2, 0)
    assert [each.score for each in found.scores] == [0.0, 1.0, 0.5]
    assert set(found.agrees.values()) == {True}


def test_a_judge_that_names_the_first_one_says_nothing_and_agrees_with_itself_nowhere() -> None:
    (found,) = compare(Says(lambda *_: 0.9), [(PROMPT, ["a", "b", "c"])], 2, 0)
    assert [each.score for each in found.scores] == [0.5] * 3
    assert set(found.agrees.values()) == {False}


def test_ties_agree() -> None:
    (found,) = compare(Says(lambda *_: 0.5), [(PROMPT, ["a", "b"])], 2, 0)
    assert [each.score for each in found.scores] == [0.5, 0.5]
    assert found.agrees == {(0, 1): True}


def test_what_is_not_answered_in_both_orders_is_missing_and_no_loss() -> None:
    def says(first: str, second: str) -> float | None:
        return None if first == "silent" else longer(first, second)

    (found,) = compare(Says(says), [(PROMPT, ["aaa", "silent", "a"])], 2, 0)
    assert [each.score for each in found.scores] == [1.0, None, 0.0]
    assert found.agrees_at(1) is None
    assert found.scores[1].reason == "no idea"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("opponents", [1, 2, 5])
def test_each_meets_as_many_as_there_are_places_for_and_each_two_once(count: int, opponents: int) -> None:
    found = meetings(count, opponents)
    assert len(set(found)) == len(found)
    assert all(i < j for i, j in found)
    met = [sum(place in pair for pair in found) for place in range(count)]
    assert set(met) == {min(2 * opponents, count - 1)}


def test_both_orders_are_asked_once() -> None:
    judge = Says(longer)
    compare(judge, [(PROMPT, ["a", "b", "c", "d"]), (PROMPT, ["a"])], 2, 0)
    assert judge.asked == 2 * 6
