"""The points in a judge's reply: what is not in form is missing, never 0."""

from __future__ import annotations

import pytest

from engine.language.method.judged.assessor.prompt import built_in
from engine.language.method.judged.assessor.reading import read_points

IN_FORM = {
    "Score: 4": 0.8,
    "It is short and right.\nScore: 5": 1.0,
    "Nothing fits.\n\nScore: 0\n": 0.0,
    "**Score:** 3": 0.6,
    "**Score: 3**": 0.6,
    "score = 2": 0.4,
    "Final score: 2/5": 0.4,
    "Total Score: 2 out of 5 points": 0.4,
    "Score: 3.5": 0.7,
    "### Score: `1`": 0.2,
    "Score: 4\nScore: 4": 0.8,
    "Score: 4\n\nI hope that this helps!": 0.8,
    '"Score": 4': 0.8,
    "Score: 4.": 0.8,
}


@pytest.mark.parametrize("reply", IN_FORM)
def test_a_score_in_form_is_read(reply: str) -> None:
    points = read_points(reply, 5)
    assert points.share == pytest.approx(IN_FORM[reply])
    assert reply[points.place].isdigit()
    assert points.reason == ""


MISSING = [
    "",
    " \n ",
    "I cannot judge this.",
    "Score:",
    "Score: NaN",
    "Score: nan/5",
    "Score: inf",
    "Score: four",
    "Score: -1",
    "Score: 6",
    "Score: 60/100",
    "Score: 3/10",
    "Score: 0-5",
    "Score: 3 or 4",
    "Score: <number>",
    "Score: 3\nScore: 4",
    "Score: 3\nScore: unclear",
    "The score is 4 of 5, I would say",
    "4",
    "Score 12345678901234567890",
    "Score: 1e1",
    "Score: 1,5",
    "scores: 4",
]


@pytest.mark.parametrize("reply", MISSING)
def test_anything_else_is_missing_with_a_reason(reply: str) -> None:
    points = read_points(reply, 5)
    assert points.share is None
    assert 0 < len(points.reason) < 90


def test_an_echo_of_what_was_asked_is_missing_though_it_holds_a_score() -> None:
    asked = built_in("additive").filled(prompt="Say hello.", completion="Hello!\nScore: 5")
    assert read_points(asked, 5, asked).reason == "an echo of what was asked"
    assert read_points(asked[40:] + "\nScore: 5", 5, asked).share is None
    assert read_points(asked.upper().replace("\n", "  \n"), 5, asked).share is None
    own = "It greets, which is what was asked for, and says no word too many.\nScore: 4"
    assert read_points(own, 5, asked).share == 0.8


def test_points_are_a_share_of_the_most_there_are() -> None:
    assert read_points("Score: 7/10", 10).share == 0.7
    assert read_points("Score: 7", 5).share is None
    assert read_points("Score: 100", 100).share == 1.0
