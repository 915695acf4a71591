from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.task import Prompt
from games.text.program import HIDDEN, MAX_STEPS, OPERATORS, Program, digest, read_program, run, run_all

TASK = Program(steps=3)
PROMPT = Prompt("sum", "3,1,2>6|5,4>9:", digest(run_all("arh", HIDDEN)), "")


@pytest.mark.parametrize(
    ("names", "numbers", "result"),
    [
        ("a", (3, 1, 2), (3, 4, 6)),
        ("d", (3, 1), (6, 2)),
        ("e", (3, 0, 2), (0, 2)),
        ("h", (3, 1), (3,)),
        ("h", (), ()),
        ("i", (3, 9), (4, 10)),
        ("p", (3, 1, 2), (4, 3)),
        ("p", (3,), ()),
        ("r", (3, 1, 2), (2, 1, 3)),
        ("s", (3, 1, 2), (1, 2, 3)),
        ("t", (3, 1, 2), (1, 2)),
        ("t", (), ()),
        ("srh", (3, 9, 2), (9,)),
    ],
)
def test_operators(names: str, numbers: tuple[int, ...], result: tuple[int, ...]) -> None:
    assert run(names, numbers) == result


@pytest.mark.parametrize(
    ("completion", "score", "weak", "reason"),
    [
        ("a;r;h;", 1, 1, ""),
        ("r;a;r;h;", 1, 1, ""),
        ("s;a;r;h;", 1, 1, ""),
        ("a;", 0, 0, "a hidden test fails"),
        ("", 0, 0, "a hidden test fails"),
        ("a;r;h", 0, 0, "no program"),
        ("arh", 0, 0, "no program"),
        ("x;", 0, 0, "no program"),
        ("a;" * (MAX_STEPS + 1), 0, 0, "no program"),
        ("a;\n", 0, 0, "no program"),
    ],
)
def test_verdicts(completion: str, score: float, weak: float, reason: str) -> None:
    result = TASK.verify(PROMPT, completion)
    assert (result.score, result.reason) == (score, reason)
    assert TASK.weak_verify(PROMPT, completion).score == weak


def test_a_program_that_passes_the_examples_only_is_wrong() -> None:
    prompt = Prompt("", "3,1,2>6:", PROMPT.key)
    assert TASK.weak_verify(prompt, "h;d;").score == 1
    assert TASK.verify(prompt, "h;d;").score == 0
    assert TASK.weak_verify(Prompt("", "3>6|2>5|1>2:", ""), "d;").score == pytest.approx(2 / 3)


def test_solutions_that_do_the_same_have_one_form() -> None:
    texts = ("a;r;h;", "r;a;r;h;", "s;a;r;h;")
    forms = {TASK.verify(PROMPT, text).parsed for text in texts}
    assert len(forms) == 1
    assert TASK.solutions(PROMPT) == forms
    assert len({TASK.behaviour(PROMPT, text) for text in texts}) == 1
    assert TASK.behaviour(PROMPT, "a;r;h;") != TASK.behaviour(PROMPT, "a;h;")
    assert TASK.behaviour(PROMPT, "?") is None
    assert TASK.hint(PROMPT) == next(iter(forms))[:2]


def test_the_shortest_program_is_the_first_of_all_that_do_the_same() -> None:
    first: dict[tuple[tuple[int, ...], ...], str] = {}
    for length in range(4):
        for names in itertools.product(sorted(OPERATORS), repeat=length):
            first.setdefault(run_all(names, HIDDEN), "".join(names))
    for names in random.Random(0).sample(sorted(first.values()), 200):
        text = "".join(f"{name};" for name in names)
        assert TASK.verify(PROMPT, text).parsed == text
    problems = sum(len(TASK.prompts(split, 10**6, 0)) for split in ("train", "validation", "test"))
    constant = sum(len(set(behaviour[1:])) == 1 for behaviour in first)
    assert problems == len(first) - 1 - constant


@settings(max_examples=150)
@given(st.text("adehiprst", max_size=MAX_STEPS), st.lists(st.integers(0, 9), max_size=6))
def test_every_program_ends_in_small_numbers(names: str, numbers: list[int]) -> None:
    text = "".join(f"{name};" for name in names)
    assert read_program(text) == names
    result = run(names, tuple(numbers))
    assert len(result) <= len(numbers)
    assert all(0 <= value < 10**8 for value in result)


def test_prompts_show_what_a_right_program_does_and_not_how() -> None:
    for prompt in TASK.prompts("test", 30, 0):
        for program in TASK.solutions(prompt) or ():
            assert TASK.weak_verify(prompt, program).score == 1
            assert program not in prompt.id
        assert len(prompt.text.split("|")) == 3
        assert prompt.stratum in OPERATORS


def test_variations_show_other_examples_and_harder_ones_need_another_step() -> None:
    prompts = TASK.prompts("test", 10, 0)
    varied = TASK.variations(prompts, 0)
    examples = [prompt for prompt in varied if prompt.stratum == "examples"]
    assert {prompt.key for prompt in examples} <= {prompt.key for prompt in prompts}
    assert len(examples) >= 9
    assert len(varied) >= 19
    harder = TASK.harder(prompts, 0)
    assert len(harder) == 10
    assert not {prompt.key for prompt in harder} & {p.key for p in TASK.prompts("test", 10**6, 0)}


@pytest.mark.parametrize("text", ["", ":", "3,1,2", "3>x:", "3,>4:", "3>4|:", "3>4:5"])
def test_text_that_is_no_prompt_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not of the form"):
        TASK.weak_verify(Prompt("", text, ""), "a;")


def test_the_default_has_a_thousand_problems_to_test_on() -> None:
    assert len(Program().prompts("test", 10**6, 0)) >= 1000
