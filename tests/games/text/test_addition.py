from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.task import Prompt
from games.text.addition import Addition

TASK = Addition()
RIGHT = "4+9+0=13;2+5+1=8;6+2+0=8;883;"


def problem(left: int, right: int) -> Prompt:
    text = f"{left}+{right}="
    return Prompt(text, text, f"{min(left, right)}+{max(left, right)}", str(len(str(left))))


PROMPT = problem(624, 259)


@pytest.mark.parametrize(
    ("completion", "strict", "free"),
    [
        (RIGHT, "", ""),
        ("883;", "line 1 is not right", ""),
        ("4+9+0=13;2+5+0=7;6+2+0=8;883;", "line 2 is not right", ""),
        ("4+9+0=13;2+5+1=8;6+2+0=8;", "the sum is not right", "the sum is not right"),
        ("4+9+0=13;2+5+1=8;6+2+0=8;882;", "the sum is not right", "the sum is not right"),
        ("4+9+0=13;2+5+1=8;883;", "line 3 is not right", ""),
        (RIGHT + "883;", "line 5 is not right", ""),
        (RIGHT[:-1], "the sum is not right", "the sum is not right"),
        ("", "empty", "empty"),
        (f"{'0' * 80};883;", "overlong", "overlong"),
        ("nonsense;883;", "line 1 is not right", ""),
    ],
)
def test_verdicts(completion: str, strict: str, free: str) -> None:
    for task, reason in ((TASK, strict), (Addition(strict=False), free)):
        result = task.verify(PROMPT, completion)
        assert result.reason == reason
        assert result.score == (not reason)
        assert result.parsed == ("" if reason else RIGHT if task.strict else "883;")


@given(st.integers(0, 99999), st.integers(0, 99999))
def test_every_line_adds_up(left: int, right: int) -> None:
    width = max(len(str(left)), len(str(right)))
    left, right = (
        left + 10 ** (width - 1) * (len(str(left)) < width),
        right + 10 ** (width - 1) * (len(str(right)) < width),
    )
    (text,) = TASK.solutions(problem(left, right))
    *lines, total = text[:-1].split(";")
    assert int(total) == left + right
    assert len(lines) == width
    digits = ""
    for line in lines:
        a, b, c, s = map(int, re.fullmatch(r"(\d)\+(\d)\+([01])=(\d+)", line).groups())  # type: ignore[union-attr]
        assert a + b + c == s
        digits = str(s) + digits if line is lines[-1] else str(s % 10) + digits
    assert int(digits) == left + right


def test_without_a_scratchpad_the_sum_is_all() -> None:
    task = Addition(scratchpad=False)
    assert task.verify(PROMPT, "883;").score == 1
    assert task.verify(PROMPT, RIGHT).score == 0
    assert task.demonstrations(3, 0)[0].completion.count(";") == 1
    assert not task.leaks(PROMPT, "883;")


@pytest.mark.parametrize(
    ("completion", "leaks"),
    [
        (RIGHT, False),
        ("883;", True),
        ("883+0+0=883;4+9+0=13;", True),
        ("4+9+0=13;2+5+1=8;883;", True),
        ("4+9+0=13;2+5+1=9;6+2+1=9;", False),
        ("", False),
    ],
)
def test_a_sum_before_its_lines_is_a_leak(completion: str, leaks: bool) -> None:
    assert TASK.leaks(PROMPT, completion) is leaks


def test_one_digit_sums_do_not_leak_their_own_line() -> None:
    assert not TASK.leaks(problem(4, 9), "4+9+0=13;13;")


def test_hinted_demonstrations_come_first_for_the_longer_lengths() -> None:
    task = Addition(demonstrated=2, hinted=5)
    found = task.demonstrations(40, 0)
    assert [d.prompt.stratum for d in found[:10]] == ["3"] * 5 + ["4"] * 5
    for item in found[:10]:
        assert item.prompt.text.endswith(f"={task.hint(item.prompt)}")
        assert task.verify(item.prompt, item.completion).score == 1
    assert all(item.prompt.stratum in "12" and item.prompt.text.endswith("=") for item in found[10:])
    everywhere = Addition(digits=2, hinted=3).demonstrations(6, 0)
    assert [d.prompt.stratum for d in everywhere] == ["1"] * 3 + ["2"] * 3


def test_variations_turn_the_numbers_or_draw_new_ones() -> None:
    prompts = TASK.prompts("test", 40, 0)
    varied = TASK.variations(prompts, 0)
    orders = [prompt for prompt in varied if prompt.stratum == "order"]
    numbers = [prompt for prompt in varied if prompt.stratum == "numbers"]
    assert {prompt.key for prompt in orders} <= {prompt.key for prompt in prompts}
    assert not {prompt.key for prompt in numbers} & {prompt.key for prompt in prompts}
    assert len(orders) > 20
    assert len(numbers) > 25
    for prompt in TASK.harder(prompts, 0):
        assert len(prompt.text) == len("12345+12345=")
        (answer,) = TASK.solutions(prompt)
        assert len(answer) < TASK.max_tokens


def test_lengths_are_as_likely() -> None:
    strata = [prompt.stratum for prompt in TASK.prompts("train", 400, 0)]
    assert all(strata.count(length) > 60 for length in "234")
    assert 20 < strata.count("1") <= 100


@given(st.text(max_size=20))
def test_text_that_is_no_prompt_is_refused(text: str) -> None:
    if not re.fullmatch(r"[0-9]+\+[0-9]+=(\([0-9]+\))?", text, re.ASCII):
        with pytest.raises(UserError, match="not of the form"):
            TASK.verify(Prompt("", text, ""), "")
    with pytest.raises(UserError, match="not of the form"):
        TASK.verify(Prompt("", "12+3=", ""), "")
