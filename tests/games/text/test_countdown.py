from __future__ import annotations

import itertools
import re
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.task import Prompt, Split, split_of
from games.text.arithmetic import legal_steps, needed_operators, reachable, solutions, take
from games.text.countdown import Countdown

TASK = Countdown()


def problem(text: str) -> Prompt:
    numbers = sorted(int(number) for number in text.partition("=")[0].split())
    return Prompt(id=text, text=text, key=" ".join(map(str, numbers)))


PROMPT = problem("12 3 7=43:")


@pytest.mark.parametrize(("top", "multisets", "items"), [(14, 560, 5853), (18, 1140, 10669)])
def test_three_numbers_make_the_known_number_of_problems(top: int, multisets: int, items: int) -> None:
    task = Countdown(max_number=top)
    prompts = [prompt for split in get_args(Split) for prompt in task.prompts(split, 10**6, 0)]
    assert len({prompt.id for prompt in prompts}) == len(prompts) == items
    assert len({prompt.key for prompt in prompts}) == multisets


@pytest.mark.parametrize(
    ("completion", "score", "reason"),
    [
        ("3*12=36;36+7=43;", 1, ""),
        ("12*3=36;7+36=43;", 1, ""),
        ("3*12=36;", 0, "2 numbers are left"),
        ("3*12=36;36-7=29;", 0, "29 is not 43"),
        ("36+7=43;", 0, "step 1 takes a number that is not there"),
        ("3*12=36;36+3=39;", 0, "step 2 takes a number that is not there"),
        ("3*12=37;37+6=43;", 0, "step 1 does not compute"),
        ("3*12=36;36+7=43;43/1=43;", 0, "more steps than numbers allow"),
        ("3*12=36;36+7=43", 0, "step 2 is not of the form a+b=c;"),
        ("3*12=36; 36+7=43;", 0, "step 2 is not of the form a+b=c;"),
        ("03*12=36;36+7=43;", 0, "step 1 is not of the form a+b=c;"),
        ("3**12=36;36+7=43;", 0, "step 1 is not of the form a+b=c;"),
        ("3-12=-9;", 0, "step 1 is not of the form a+b=c;"),
        ("3/12=0;", 0, "step 1 does not compute"),
        ("٣*12=36;36+7=43;", 0, "step 1 is not of the form a+b=c;"),
        ("43", 0, "step 1 is not of the form a+b=c;"),
    ],
)
def test_verdicts(completion: str, score: float, reason: str) -> None:
    result = TASK.verify(PROMPT, completion)
    assert (result.score, result.reason) == (score, reason)


def test_solutions_that_differ_in_order_only_have_one_form() -> None:
    prompt = problem("1 2 3 4=21:")
    texts = ["1+2=3;3+4=7;3*7=21;", "3+4=7;2+1=3;7*3=21;", "4+3=7;1+2=3;3*7=21;"]
    assert {TASK.verify(prompt, text).parsed for text in texts} == {"1+2=3;3+4=7;3*7=21;"}
    other = TASK.verify(prompt, "1+2=3;3*4=12;12+3=15;")
    assert other.parsed == "1+2=3;3*4=12;3+12=15;"


def test_a_step_that_another_needs_first_stays_behind_it() -> None:
    prompt = problem("7 3 3 1=11:")
    text = "7+3=10;10-3=7;7+1=8;"
    assert TASK.verify(prompt, text).parsed == "3+7=10;10-3=7;1+7=8;"


@pytest.mark.parametrize(
    "text", ["3 7 12:43=", "3=4:", "3 7 12=43", "3 7 12=43:9", "a b=1:", "3  7=4:", "9" * 99]
)
def test_text_that_is_no_prompt_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not of the form"):
        TASK.verify(Prompt("", text, ""), "")


def expressions(values: tuple[Fraction, ...]) -> set[Fraction]:
    """An oracle: every value of every expression over all of some numbers, no part negative or broken."""
    if len(values) == 1:
        return set(values)
    found = set()
    for size in range(1, len(values)):
        for chosen in itertools.combinations(range(len(values)), size):
            left = expressions(tuple(values[i] for i in chosen))
            right = expressions(tuple(values[i] for i in range(len(values)) if i not in chosen))
            for a, b in itertools.product(left, right):
                found |= {a + b, a - b, a * b} | ({a / b} if b else set())
    return {value for value in found if value >= 0 and value.denominator == 1}


@settings(max_examples=40)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=4))
def test_reachable_targets_are_those_of_all_expressions(numbers: list[int]) -> None:
    multiset = tuple(sorted(numbers))
    assert set(reachable(multiset)) == {int(v) for v in expressions(tuple(map(Fraction, multiset)))}


@settings(max_examples=40)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=4), st.data())
def test_solutions_are_every_right_play_in_canonical_form(numbers: list[int], data: st.DataObject) -> None:
    multiset = tuple(sorted(numbers))
    target = data.draw(st.sampled_from(sorted(reachable(multiset))))
    prompt = problem(f"{' '.join(map(str, numbers))}={target}:")
    plays = [("", multiset)]
    for _ in multiset[1:]:
        plays = [(text + s.text(), take(left, s) or ()) for text, left in plays for s in legal_steps(left)]
    right = {text for text, left in plays if left == (target,)}
    forms = {TASK.verify(prompt, text).parsed for text in list(right)[:300]}
    found = solutions(multiset, target)
    assert forms <= found <= right
    if len(right) <= 300:
        assert forms == found
    signs = [{sign for sign in "+-*/" if sign in text} for text in found]
    assert needed_operators(reachable(multiset)[target]) == "".join(
        sign for sign in "+-*/" if all(sign in used for used in signs)
    )


@settings(max_examples=200)
@given(st.from_regex(r"([0-9]{1,2}[-+*/][0-9]{1,2}=[0-9]{1,3};){1,3}", fullmatch=True))
def test_the_verifier_agrees_with_an_independent_reading(text: str) -> None:
    left: list[int] | None = [12, 3, 7]
    for step in text.split(";")[:-1]:
        a, sign, b, c = re.fullmatch(r"(\d+)(.)(\d+)=(\d+)", step).groups()  # type: ignore[union-attr]
        value = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}.get(sign)
        if sign == "/" and int(b):
            value = int(a) // int(b) if int(a) % int(b) == 0 else None
        plain = all(str(int(number)) == number for number in (a, b, c))
        if left is None or not plain or value != int(c) or value < 0:
            left = None
            break
        try:
            left.remove(int(a))
            left.remove(int(b))
        except ValueError:
            left = None
            break
        left.append(value)
    assert (TASK.verify(PROMPT, text).score == 1) == (left == [43])


def test_a_graded_score_falls_with_the_distance() -> None:
    task = Countdown(graded=True)
    scores = [
        task.verify(PROMPT, text).score
        for text in ("3*12=36;36+7=43;", "7*3=21;21+12=33;", "7*3=21;21-12=9;")
    ]
    assert scores == [1, 1 / (1 + 10 / 4), 1 / (1 + 34 / 4)]
    assert task.verify(PROMPT, "3*12=36;").score == 0
    near = task.verify(problem("12 3 7=44:"), "3*12=36;36+7=43;")
    assert near.score == 0.8


def test_hints_begin_a_solution_and_leaks_are_seen() -> None:
    assert TASK.hint(PROMPT) == "3*12=36;"
    assert TASK.hint(problem("1 1 1=60:")) is None
    assert TASK.legal_steps(PROMPT, "3*12=36;") == sorted(
        ["36+7=43;", "7+36=43;", "36-7=29;", "36*7=252;", "7*36=252;"]
    )
    assert TASK.leaks(PROMPT, "43*1=43;")
    assert not TASK.leaks(PROMPT, "3*12=36;36+7=43;")
    assert TASK.is_complete(PROMPT, "3*12=36;36+7=43;")
    assert not TASK.is_complete(PROMPT, "3*12=36;")


def test_strata_name_the_operators_that_every_solution_needs() -> None:
    prompts = TASK.prompts("test", 10**6, 0)
    assert len(prompts) >= 1000
    assert len({prompt.stratum for prompt in prompts}) > 8
    for prompt in prompts[:50]:
        for text in TASK.solutions(prompt) or ():
            assert set(prompt.stratum) <= set(text)


def test_solver_demonstrations_are_one_style() -> None:
    demonstrations = Countdown(demonstrations="solver").demonstrations(50, 0)
    for item in demonstrations:
        assert item.completion == TASK.verify(item.prompt, item.completion).parsed
    hindsight = TASK.demonstrations(50, 0)
    assert any(item.completion != TASK.verify(item.prompt, item.completion).parsed for item in hindsight)


def test_variations_keep_the_split_and_say_what_they_vary() -> None:
    prompts = TASK.prompts("test", 30, 0)
    varied = TASK.variations(prompts, 0)
    orders = [prompt for prompt in varied if prompt.stratum == "order"]
    assert {prompt.key for prompt in orders} <= {prompt.key for prompt in prompts}
    assert len(orders) >= 25
    assert sum(prompt.stratum == "numbers" for prompt in varied) == 30
    harder = TASK.harder(prompts, 0)
    assert len(harder) == 30
    assert all(18 < max(map(int, prompt.key.split())) <= 27 for prompt in harder)
    assert len(Countdown(max_number=2, max_target=2).harder(prompts, 0)) < 30


def test_demonstrations_end_where_there_are_no_more() -> None:
    few = Countdown(max_number=3, max_target=5)
    demonstrations = few.demonstrations(10**5, 0)
    assert 10 < len({(d.prompt.id, d.completion) for d in demonstrations}) == len(demonstrations) < 5000


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("2 3 1=7:", None),
        ("2 3 1=7", False),
        ("2 3 1=7: ", False),
        ("2 3=6:", False),
        ("2 3 1 1=7:", False),
        ("2 3 19=7:", False),
        ("0 3 1=3:", False),
        ("2 3 1=61:", False),
        ("1 1 1=50:", False),
        ("02 3 1=7:", False),
        ("2 3 1=07:", False),
        ("", False),
    ],
)
def test_a_problem_is_read_where_it_is_one_of_the_training_split(text: str, is_read: bool | None) -> None:
    found = Countdown().problem(text)
    if is_read is None:
        is_read = split_of("1 2 3") == "train"
    assert (found is not None) == is_read
    assert found is None or found.text == text


@pytest.mark.parametrize(
    ("completion", "partial", "both"),
    [
        ("3*12=36;7+36=43;", 1.0, 1.0),
        ("3*12=36;36-7=29;", 0.5, 0.5),
        ("3*12=36;7+36=44;", 0.25, 0.25),
        ("3*12=36;7+36=43", 0.25, 0.25),
        ("3*12=36;", 0.25, 0.25),
        ("3*12=35;7+36=43;", 0.0, 0.0),
        ("7+36=43;3*12=36;", 0.0, 0.0),
        ("7+3=10;10+12=22;", 0.5, 0.5),
        ("3*12=36;7+36=43;1+1=2;", 0.5, 0.5),
        ("", 0.0, 0.0),
        ("3*12=36;" * 10_000, 0.25, 0.25),
    ],
)
def test_right_steps_have_partial_credit(completion: str, partial: float, both: float) -> None:
    prompt = Prompt("p", "12 3 7=43:", "3 7 12")
    assert Countdown(partial=True).verify(prompt, completion).score == partial
    assert Countdown(partial=True, graded=True).verify(prompt, completion).score == both
    near = Prompt("p", "12 3 7=44:", "3 7 12")
    assert Countdown(partial=True, graded=True).verify(near, "3*12=36;7+36=43;").score == 0.8
    assert Countdown().verify(prompt, completion).score == float(partial == 1)
