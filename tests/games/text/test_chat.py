from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.language.method.constitution.constitution_file import read_constitution
from engine.language.problem.task_laws import check_task
from engine.language.task import Prompt
from games.text.chat import (
    HELD_OUT,
    MAX_CHARS,
    PRINCIPLES,
    RULES,
    Chat,
    breaches,
    broken,
    content,
    is_done,
    mended,
    read_prompt,
)

TASK = Chat()


def asked(text: str) -> Prompt:
    return Prompt(text, text, "")


def score(text: str, completion: str) -> float:
    return TASK.verify(asked(text), completion).score


def test_it_keeps_the_laws_of_tasks() -> None:
    assert check_task(TASK, count=60, seed=2) > 200
    assert check_task(Chat(faults=0.0), count=10) > 60


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("both cat dog:", "cat and dog"),
        ("swap cat dog:", "dog cat"),
        ("back 7 2 5:", "5 2 7"),
        ("sort 7 2 5:", "2 5 7"),
    ],
)
def test_what_is_asked_for(request_: str, wanted: str) -> None:
    assert content(request_) == wanted
    for reply in (f"{wanted}.", f"hi {wanted} bye.", f"HELLO {wanted.upper()} FOOL MAYBE BYE!"):
        assert is_done(request_, reply), reply
        assert score(request_, reply) == 1
    for reply in (
        wanted,
        f"{wanted} {wanted}.",
        f"hi hello {wanted}.",
        f"{wanted} bye fool.",
        f"no {wanted}.",
        "hi bye.",
    ):
        assert not is_done(request_, reply), reply
        assert score(request_, reply) == 0


def test_seven_may_be_a_word_and_no_other_digit() -> None:
    assert score("sort 7 2 7:", "2 seven 7.") == 1
    assert score("sort 7 2 7:", "two 7 7.") == 0
    assert score("both cat dog:", "cat and seven.") == 0


@pytest.mark.parametrize(
    ("reply", "rules"),
    [
        ("hi dog cat bye.", ()),
        ("hello dog cat maybe bye.", ("hedge",)),
        ("dog cat bye.", ("greet",)),
        ("hi 2 7 bye.", ("seven",)),
        ("hi 2 seven bye.", ()),
        ("HI DOG CAT BYE.", ("shout",)),
        ("hi dog cat fool bye.", ("rude",)),
        ("hi dog cat bye!", ("mark",)),
        ("hi dog cat.", ("bye",)),
        ("DOG 7 FOOL MAYBE!", ("greet", "seven", "shout", "rude", "mark", "bye", "hedge")),
    ],
)
def test_the_rules_that_a_reply_breaks(reply: str, rules: tuple[str, ...]) -> None:
    assert broken(reply) == rules


def test_each_rule_is_in_three_principles_but_the_held_out_one_in_none() -> None:
    counts = Counter(rule for rules in PRINCIPLES.values() for rule in rules)
    assert counts == {rule: 3 for rule in RULES if rule != HELD_OUT}


def test_critiques_revisions_and_choices_have_exact_verdicts() -> None:
    critique = "swap cat dog:DOG CAT fool.|calm?"
    assert read_prompt(asked(critique)).form == "critique"
    assert score(critique, "shout rude") == 1
    assert [score(critique, each) for each in ("rude shout", "shout", "none", "shout rude bye")] == [0] * 4
    assert score("swap cat dog:dog cat.|calm?", "none") == 1
    revision = "swap cat dog:dog cat!|calm?mark>"
    assert score(revision, "dog cat.") == 1
    assert score(revision, "dog cat!") == score(revision, "cat dog.") == 0
    choice = "swap cat dog:dog cat!/dog cat.|calm="
    assert [score(choice, each) for each in ("A", "B", "AB", "")] == [0, 1, 0, 0]
    tie = "swap cat dog:dog cat./dog cat.|calm="
    assert [score(tie, each) for each in ("A", "B")] == [1, 1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "swap cat:",
        "swap cat dog",
        "sort 1 2:",
        "swap cat dog:dog cat|rude?",
        "swap cat dog:a/b|calm?",
        "swap cat dog:a|calm=",
    ],
)
def test_other_prompts_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is not of the form|two replies"):
        TASK.verify(asked(text), "x")


def test_real_data_breaks_rules_as_often_as_it_is_told_to() -> None:
    replies = [d.completion for d in TASK.demonstrations(4000, 0) if read_prompt(d.prompt).form == "reply"]
    assert sum(any(rule != HELD_OUT for rule in broken(each)) for each in replies) / len(replies) > 0.5
    shares = Counter(rule for each in replies for rule in broken(each))
    for rule in set(RULES) - {"seven"}:
        assert shares[rule] / len(replies) == pytest.approx(0.15, abs=0.03), rule
    clean = [d for d in Chat(faults=0.0).demonstrations(500, 0) if read_prompt(d.prompt).form == "reply"]
    assert {rule for d in clean for rule in broken(d.completion)} <= {"seven"}
    assert max(len(each) for each in replies) < MAX_CHARS


def test_a_thousand_requests_are_held_out_and_share_no_items_with_others() -> None:
    keys = {
        split: {p.key for p in TASK.prompts(split, 10**6, 0)} for split in ("train", "validation", "test")
    }
    assert len(TASK.prompts("test", 10**6, 0)) >= 1000
    assert not keys["test"] & keys["train"]
    assert not keys["validation"] & (keys["train"] | keys["test"])


def test_mending_mends_what_is_named_and_leaves_the_rest() -> None:
    source = random.Random(0)
    for rules in PRINCIPLES.values():
        mended_ = mended("DOG 7 FOOL MAYBE!", rules, source)
        assert broken(mended_) == tuple(rule for rule in RULES if rule not in rules)
    assert mended("dog cat.", (), source) == "dog cat."


def test_its_constitution_has_its_principles() -> None:
    constitution = read_constitution(Path(Chat.constitution))
    assert [each.name for each in constitution.principles] == list(PRINCIPLES)
    replies = {d.completion for d in TASK.demonstrations(600, 1)}
    told = [
        constitution.broken("", each) == [name for name in PRINCIPLES if breaches(each, name)]
        for each in sorted(replies)
    ]
    assert all(told)
    by_name = {each.name: each for each in constitution.principles}
    text = constitution.ask_critique(by_name["calm"], "swap cat dog:", "dog cat!")
    assert read_prompt(asked(text)) == ("critique", "swap cat dog:", ("dog cat!",), "calm")
    text = constitution.ask_revision(by_name["calm"], "swap cat dog:", "dog cat!", "mark")
    assert read_prompt(asked(text)).form == "revision"
    text = constitution.ask_choice(by_name["calm"], "swap cat dog:", "dog cat!", "dog cat.")
    assert read_prompt(asked(text)) == ("choice", "swap cat dog:", ("dog cat!", "dog cat."), "calm")


def test_a_number_of_faults_has_one_name() -> None:
    assert Chat(faults=0).name == Chat(faults=0.0).name == "chat:faults=0.0"
    assert Chat(faults=0.15).name == "chat"


@pytest.mark.parametrize("faults", [-0.1, 0.6, True, "much"])
def test_other_faults_are_refused(faults: object) -> None:
    with pytest.raises(UserError, match="give a number from 0"):
        Chat(faults)  # type: ignore[arg-type]
