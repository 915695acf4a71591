"""Answers read out of completions.

The tables in data/answers are forms that models write, one a row: what is right scores 1, what is not
scores 0, and a form that can be read in two ways is not read. `⏎` stands for a new line.
"""

import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.problem.answer import expression
from engine.language.problem.answer.answer import Answer, Choice, Exact, Numeric, Regex
from engine.language.problem.answer.option import read_options

TABLES = Path(__file__).resolve().parents[2] / "data" / "answers"


def rows(name: str) -> list[list[str]]:
    lines = (TABLES / name).read_text(encoding="utf-8").split("\n")
    return [line.replace("⏎", "\n").split("\t") for line in lines if line]


@pytest.mark.parametrize(("score", "gold", "completion"), rows("numeric.tsv"))
def test_a_number_is_right_or_not_read(score: str, gold: str, completion: str) -> None:
    assert Numeric().check(gold) == ""
    result = Numeric().verify(completion, gold)
    assert result.score == int(score), result
    assert Numeric().verify(gold, gold).score == 1


@pytest.mark.parametrize(("letter", "completion"), rows("choice.tsv"))
def test_one_option_is_chosen_or_none(letter: str, completion: str) -> None:
    assert Choice().read(completion) == letter.strip("-")


@pytest.mark.parametrize(
    "gold",
    [
        "",
        "many",
        "x",
        "12:00",
        "3:5",
        "5 or 6",
        "5, 6",
        "5 and 6",
        "3-5",
        "3+4",
        "5 ± 1",
        "x > 5",
        "2x=5",
        "5x",
        "1/0",
        "12,34",
        "1 2",
        "May 5",
        "2024-01-05",
        "192.168.1.1",
        "0.333...",
        "9^{9^9}",
        "{1,2}",
        "3+4i",
        "∞",
    ],
)
def test_what_is_not_one_value_is_no_answer_of_a_file(gold: str) -> None:
    assert Numeric().check(gold) == "it cannot be read as one value"


def test_whole_numbers_of_any_length_are_compared_exactly() -> None:
    long = "123456789" * 1000
    assert Numeric().verify(f"The answer is {long}.", long).score == 1
    assert Numeric().verify(f"The answer is {long[:-1]}8.", long).score == 0
    assert Numeric(1.0).verify("8888889", "8888888").score == 0
    assert Numeric().verify(long * 3, long).score == 0


def test_thoughts_count_for_no_verifier() -> None:
    for answer, right in ((Exact(), "yes"), (Choice(), "B"), (Numeric(), "7"), (Regex(r"(\w+)$"), "yes")):
        assert answer.verify(f"<think>no A 3</think>\n{right}", right).score == 1
        assert answer.verify(f"<think>{right}", right).score == 0
        long = "so on " * 9000
        assert answer.verify(f"<think>{long}{right}", right).score == 0
        assert answer.verify(f"<think>{long}</think>{right}", right).score == 1
        assert answer.verify(f"{right}</think>", right).score == 0
    assert Regex(r"<think>(\w+)").verify("<think>yes", "yes").score == 1


@pytest.mark.parametrize(
    ("completion", "is_right"),
    [
        ("cafe\u0301", True),
        ("\ufeffcaf\u00e9\u200b", True),
        ("ca\u00adf\u00e9", True),
        ("\u00a0caf\u00e9\u2003", True),
        ("caf\u00e9\r\n", True),
        ("cafe", False),
        ("Caf\u00e9", False),
        ("c\u0430f\u00e9", False),
        ("\uff43af\u00e9", False),
    ],
)
def test_exact_means_as_it_is_seen(completion: str, is_right: bool) -> None:
    assert Exact().verify(completion, "caf\u00e9").score == is_right
    assert Exact().verify("caf\u00e9", completion).score == is_right


def test_without_the_judge_plain_numbers_stay_and_the_rest_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    expression.read_constant.cache_clear()
    plain = ["5", "-1,234.5", "3/4", "2 2/3", "$5", "5%", "6 kg", "1e3", "x = 5", "½"]
    assert [Numeric().verify(text, text).score for text in plain] == [1] * len(plain)
    remedy = "math-verify is not installed; pip install 'selfplay[text]'"
    assert Numeric().check("7\\pi").endswith(f"{remedy}: it cannot be read")
    result = Numeric().verify("\\boxed{\\frac{1}{2}}", "0.5")
    assert (result.score, result.reason) == (0, remedy)
    expression.read_constant.cache_clear()


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
        ("answer: 5. Not 6. Answer: 8", "8"),
        ("answer: 5. Not 6. Answer: 8, 9", ""),
        ("I take 3, then 4. The answer", "4"),
        ("1e3", "1000"),
        ("2.5E-1", "1/4"),
        ("$1,000,000", "1000000"),
        ("50%", "50%"),
        ("+7", "7"),
        ("x=3", "3"),
        ("5.", "5"),
        ("12,34", ""),
        ("1/0", ""),
        ("none", ""),
        ("12abc", ""),
        ("9" * 41, "9" * 41),
        ("1e9999", ""),
        ("٣", "3"),
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
    assert Numeric().verify("0.0000001", "0").score == 0
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
        ("It is (A) or (B)", ""),
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


LISTED = "Which is a bacterium?\nA. Paris\nB. B. Franklin\nC. E. coli\nD. both A and C\nE. none\nAnswer:"


@pytest.mark.parametrize(
    ("completion", "letter"),
    [
        ("C", "C"),
        ("C. E. coli", "C"),
        ("The answer is C. E. coli", "C"),
        ("E. coli", ""),
        ("The answer is E. coli.", ""),
        ("E", "E"),
        ("E. none", "E"),
        ("B. Franklin", "B"),
        ("Answer: (D) Both A and C", "D"),
        ("A. Paris or C. E. coli", ""),
        ("A. Paris\nB. B. Franklin\nC. E. coli", ""),
        ("B. B. Franklin", "B"),
        ("B", "B"),
        ("J. Smith", ""),
        ("J", ""),
        ("A. Paris is right.", "A"),
    ],
)
def test_the_options_of_a_problem_tell_a_choice_from_an_initial(completion: str, letter: str) -> None:
    for problem in (LISTED, "Which?\nA. x\nB. y\n\n" + LISTED):
        assert Choice().of(problem).read(completion) == letter
    for gold in "ABCDE":
        assert Choice().of(LISTED).verify(completion, gold).score == (letter == gold)


def test_options_are_read_where_a_problem_lists_them() -> None:
    for problem in ("Q? (A) x (B) y (C) z", "A) x\nB) y\nC) z\nAnswer:", "Q\nA: x\nB: y\nC: z"):
        options = read_options(problem)
        assert options is not None
        assert options.texts == {"A": "x", "B": "y", "C": "z"}
    assert read_options("A. is alone") is None
    assert read_options("no list") is None
    many = "".join(f"{letter}. x{letter}\n" for letter in "ABCDEFGHIJ")
    assert Choice().of(many).read("J. xJ") == "J"
    assert Choice().of("A. x\nB. y").verify("C", "C").score == 1, "the list is not all of the options"


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
    [
        *("1", "1,", "1,234", "1/", "1e1", ".1", "answer ", "answer: ", "(A", "####", " ", "-", "1 / ", "*"),
        *(
            "(1) ",
            "1 (",
            "1 or ",
            "1\nQuestion:\n",
            "</s>",
            '{"a": ',
            "\\boxed{1}",
            "rounded to ",
            "A. x\n",
            "if ",
        ),
    ],
)
def test_reading_is_linear(unit: str) -> None:
    text = unit * (2_000_000 // len(unit))
    started = time.process_time()
    for answer in (Exact(), Numeric(), Choice()):
        answer.verify(text, "1")
    assert time.process_time() - started < 1
