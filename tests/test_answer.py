"""Answers read out of completions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.problem.answer import Answer, Choice, Exact, Numeric, Regex


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("The answer is 1,234.50 dollars.", "2469/2"),
        ("-3/4", "-3/4"),
        ("6 / 8", "3/4"),
        ("\u22125", "-5"),
        ("3*12=36;7+36=43;", "43"),
        ("#### 7\nas 3 of 4", "7"),
        ("answer: 5. Not 6. Answer: 8, 9", "8"),
        ("I take 3, then 4. The answer", "4"),
        ("1e3", "1000"),
        ("2.5E-1", "1/4"),
        ("$1,000,000", "1000000"),
        ("50%", "50"),
        ("+7", "7"),
        ("x=3", "3"),
        ("5.", "5"),
        ("12,34", "34"),
        ("1/0", ""),
        ("none", ""),
        ("12abc", ""),
        ("9" * 41, ""),
        ("1e9999", ""),
        ("٣", ""),
        ("1e999", str(10**999)),
    ],
)
def test_numbers(text: str, number: str) -> None:
    assert Numeric().read(text) == number


def test_numbers_are_compared_with_a_tolerance() -> None:
    assert Numeric().verify("so 0.3333333", "1/3").score == 1
    assert Numeric().verify("0.333", "1/3").score == 0
    assert Numeric(0.01).verify("0.333", "1/3").score == 1
    assert Numeric(0).verify("1000000001", "1,000,000,000").score == 0
    assert Numeric().verify("0.0000001", "0").score == 1
    assert Numeric().verify("-5", "5").reason == "another answer"
    for tolerance in (-1, 2, float("nan"), "x", True):
        with pytest.raises(UserError, match="tolerance is"):
            Numeric(tolerance)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(B)", "B"),
        (" B.", "B"),
        ("b) Paris", "B"),
        ("answer: B", "B"),
        ("The answer is (c).", "C"),
        ("Answer is **D**", "D"),
        ("It is (A) or (B)", "B"),
        ("answer: A\nNo. answer: E", "E"),
        ("#### C", "C"),
        ("answer: a cat", ""),
        ("I think so", ""),
        ("A cat", ""),
        ("answer: Because", ""),
        ("Berlin", ""),
        ("", ""),
    ],
)
def test_letters(text: str, letter: str) -> None:
    assert Choice().read(text) == letter


def test_whole_texts_and_matches() -> None:
    assert Exact().verify(" yes\n", "yes").score == 1
    assert Exact().verify("yes no", "yes").score == 0
    assert Exact().verify(" \n", "yes").flags == ("empty",)
    boxed = Regex(r"box\{(.*?)\}")
    assert boxed.verify("box{1} box{ 2 }", "2").score == 1
    assert boxed.verify("2", "2").reason == "no match"
    with pytest.raises(UserError, match="not a regular expression: "):
        Regex("(")
    with pytest.raises(UserError, match="has 2 groups; give one"):
        Regex("(a)(b)")


@pytest.mark.parametrize("answer", [Exact(), Numeric(), Choice()])
@given(text=st.text(alphabet=st.sampled_from("1,234./eE-+ ()AB#answer:is\n\0\ud800é")) | st.text())
def test_any_text_is_judged_and_its_canonical_form_is_its_own(answer: Answer, text: str) -> None:
    result = answer.verify(text, "3")
    assert result.score in (0, 1)
    assert result == answer.verify(text, "3")
    if result.parsed and not isinstance(answer, Choice):
        assert answer.read(result.parsed) == result.parsed or len(result.parsed) > 40


@pytest.mark.parametrize(
    "unit",
    ["1", "1,", "1,234", "1/", "1e1", ".1", "answer ", "answer: ", "(A", "####", " ", "-", "1 / ", "*"],
)
def test_reading_is_linear(unit: str) -> None:
    text = unit * (2_000_000 // len(unit))
    started = time.process_time()
    for answer in (Exact(), Numeric(), Choice()):
        answer.verify(text, "1")
    assert time.process_time() - started < 1
