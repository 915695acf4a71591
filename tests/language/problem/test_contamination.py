from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.problem.contamination import EvaluationIndex, Hit, overlap, refuse_overlap
from engine.language.problem.task_registry import load_task
from engine.language.task import Demonstration, Prompt

WORDS = [f"{a}{b}" for a in ("ba", "ko", "mi", "su", "te") for b in ("la", "ri", "no", "du", "pe", "fa")]


def prose(number: int, words: int = 30) -> str:
    source = random.Random(number)
    return "Question: " + " ".join(source.choice(WORDS) for _ in range(words)) + "?"


def record(text: str, key: str = "") -> Demonstration:
    return Demonstration(Prompt(text, text, key or text), "")


@pytest.mark.parametrize("spec", ["countdown", "addition", "program", "textgame", "grammar"])
def test_leaked_items_are_flagged_and_clean_ones_are_not(spec: str) -> None:
    task = load_task(spec)
    items = task.prompts("test", 250, 0)
    real = (
        {item.prompt.id: item.completion for item in task.held_out("test", 250, 0)}
        if spec == "grammar"
        else {}
    )
    index = EvaluationIndex(items, real)
    clean = task.demonstrations(1000, 1)
    leaked = [Demonstration(item, real.get(item.id, "")) for item in items[:100]]
    hits = overlap([*clean, *leaked], index)
    flagged = {hit.index for hit in hits}
    assert len(flagged & set(range(len(clean), len(clean) + 100))) >= 90
    assert len(flagged & set(range(len(clean)))) <= len(clean) // 100


def test_text_alone_is_enough_where_keys_are_lost() -> None:
    index = EvaluationIndex([Prompt(str(n), prose(n), f"q{n}") for n in range(300)])
    leaked = [record(f"As seen: {prose(n).upper()}  Answer: 7.") for n in range(100)]
    halves = [record(prose(n)[: len(prose(n)) * 2 // 3]) for n in range(100, 200)]
    clean = [record(prose(n)) for n in range(1000, 3000)]
    assert [hit.item for hit in overlap(leaked, index)] == [str(n) for n in range(100)]
    assert len(overlap(halves, index)) >= 90
    assert len(overlap(clean, index)) <= 20


def test_what_every_item_begins_with_is_no_item() -> None:
    rules = "Solve the puzzle below step by step and write the answer in the end of all: "
    items = [Prompt(str(n), rules + prose(n, 12), f"q{n}") for n in range(50)]
    index = EvaluationIndex(items)
    assert overlap([record(rules + prose(n, 12)) for n in range(100, 200)], index) == []
    assert len(overlap([record(items[7].text)], index)) == 1


def test_short_items_are_met_whole() -> None:
    index = EvaluationIndex([Prompt("a", "12 3 7=43:", "3 7 12"), Prompt("b", "2 3 7=43:", "2 3 7")])
    assert overlap([record("so 12 3 7 = 43: 3*12")], index) == [Hit(0, "a", "text")]
    assert overlap([record("12 3 7=44:"), record("112 3 7=43:")], index) == []
    assert overlap([record("7 3 12=43:", "3 7 12")], index) == [Hit(0, "a", "key")]
    tiny = EvaluationIndex([Prompt("c", "4+0=", "0+4")])
    assert overlap([record("14+0=14"), record("1+4+0=5;4+0=4")], tiny) == []
    assert overlap([record("4 + 0 =", "x"), Demonstration(Prompt("", "4+0=", ""), "4;")], tiny) == [
        Hit(0, "c", "text"),
        Hit(1, "c", "text"),
    ]


def test_a_training_set_with_items_is_refused_by_name() -> None:
    task = load_task("countdown")
    items = task.prompts("test", 20, 0)
    index = EvaluationIndex(items)
    clean = task.demonstrations(30, 0)
    refuse_overlap(clean, index)
    leaked = [Demonstration(item, "") for item in items[:5]]
    with pytest.raises(
        UserError, match=r"5 of 35 training records hold evaluation items: 'countdown .*, …; leave"
    ):
        refuse_overlap([*clean, *leaked], index)


@given(st.lists(st.text(max_size=40), max_size=6), st.text(max_size=60))
def test_any_text_can_be_indexed_and_looked_up(items: list[str], text: str) -> None:
    index = EvaluationIndex([Prompt(str(n), item, str(n)) for n, item in enumerate(items)])
    assert len(index) == len(items)
    found = index.by_text(text)
    assert found is None or found in map(str, range(len(items)))


def test_an_item_without_text_meets_nothing() -> None:
    index = EvaluationIndex([Prompt("a", "", "k"), Prompt("b", " ", "l")])
    assert overlap([record("anything", "m"), record("", "n")], index) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("o", "o\u200b"),
        lambda text: "\ufeff" + text.replace(" ", "\u00a0"),
        lambda text: text.replace(" ", "\n\n "),
        lambda text: text.replace("a", "\u00ad\uff41"),
        lambda text: text.upper(),
    ],
)
def test_what_cannot_be_seen_hides_no_item(change: Callable[[str], str]) -> None:
    index = EvaluationIndex([Prompt(str(n), prose(n), prose(n)) for n in range(50)])
    for n in range(20):
        assert index.by_text(change(prose(n))) == str(n)
    assert index.by_key(f" {prose(3)}\u200b".replace(" ", "  ")) == "3"
    assert index.by_key(prose(3).replace("a", "\u0430")) is None, "letters that look alike are others"
    short = EvaluationIndex([Prompt("c", "4+0=", "0+4")])
    assert overlap([record("4\u200b+0=")], short) == [Hit(0, "c", "text")]
