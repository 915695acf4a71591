from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.language.method.constitution import rule as rules
from engine.language.method.constitution.constitution import Constitution, dialogue
from engine.language.method.constitution.constitution_file import (
    PROSE,
    constitution_of,
    read_constitution,
)
from engine.language.model.conversation import conversation
from games.text import chat

COUNTDOWN = Path(chat.__file__).parent / "constitutions" / "countdown.toml"


def of(*principles: dict[str, Any], **other: Any) -> Constitution:
    return constitution_of({"principle": list(principles), **other})


@pytest.mark.parametrize(
    ("part", "kept", "broken"),
    [
        ({"pattern": "[a-z ]+"}, ["hi you"], ["Hi", "hi 7", "", "hi you."]),
        ({"require": "^hi "}, ["hi you", "hi "], ["you hi ", "Hi you"]),
        ({"require": ["hi", "you"]}, ["you hi", "hi you"], ["hi", "you"]),
        ({"forbid": ["fool", "oaf"]}, ["hi", ""], ["fool", "an oaf", "foolish"]),
        ({"forbid": "a.b"}, ["ab"], ["a\nb", "axb"]),
        ({"max_length": 3}, ["", "abc"], ["abcd"]),
        ({"function": "kept_rules:has_two_words"}, ["hi you"], ["hi", ""]),
        ({"function": "kept_rules:repeats_no_prompt"}, ["hi"], ["say a thing"]),
        ({"require": "a", "forbid": "b", "max_length": 2}, ["a", "ca"], ["", "ab", "cca"]),
    ],
)
def test_parts_of_a_rule(part: dict[str, Any], kept: list[str], broken: list[str]) -> None:
    constitution = of({"name": "one", **part})
    assert [constitution.broken("say", text) for text in kept] == [[]] * len(kept)
    assert [constitution.broken("say", text) for text in broken] == [["one"]] * len(broken)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({}, "has no principle"),
    "empty list": ({"principle": []}, "has no principle"),
    "no table": ({"principle": [3]}, "principle 1 is no table"),
    "nameless": ({"principle": [{"forbid": "x"}]}, "principle 1: name"),
    "says nothing": ({"principle": [{"name": "a", "weight": 2.0}]}, "'a' says nothing"),
    "half": ({"principle": [{"name": "a", "critique": "?"}]}, "one of critique and revision"),
    "twice": ({"principle": [{"name": "a", "forbid": "x"}] * 2}, "two principles are named 'a'"),
    "weightless": ({"principle": [{"name": "a", "forbid": "x", "weight": 0}]}, "'a': weight"),
    "endless weight": ({"principle": [{"name": "a", "forbid": "x", "weight": float("inf")}]}, "'a': weight"),
    "misspelt": ({"principle": [{"name": "a", "forbids": "x"}]}, "'a': forbids"),
    "no pattern": ({"principle": [{"name": "a", "forbid": "("}]}, "not a regular expression"),
    "finds all": ({"principle": [{"name": "a", "forbid": [""]}]}, "an empty pattern"),
    "no module": ({"principle": [{"name": "a", "function": "nowhere.at_all:f"}]}, "cannot be loaded"),
    "no function": ({"principle": [{"name": "a", "function": "kept_rules:none"}]}, "cannot be loaded"),
    "a number": ({"principle": [{"name": "a", "function": "kept_rules:NUMBER"}]}, "is no function"),
    "no form": ({"principle": [{"name": "a", "forbid": "x"}], "form": 3}, "form is no table"),
    "other form": ({"principle": [{"name": "a", "forbid": "x"}], "form": {"critic": ""}}, "form.critic"),
    "other place": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"critique": "{reply}"}},
        "has no {reply}",
    ),
    "attribute": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"critique": "{prompt.__class__}"}},
        "has no {prompt.__class__}",
    ),
    "no reply": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"critique": "{critique_request}"}},
        "lacks {completion} or {dialogue}",
    ),
    "one order": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"choice": "{first}"}},
        "lacks {second}",
    ),
    "format": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"choice": "{first:d}{second}"}},
        "{first} has a format",
    ),
    "conversion": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"choice": "{first}{second!z}"}},
        "{second} has a format",
    ),
    "blank": ({"principle": [{"name": "a", "critique": " ", "revision": "\n"}]}, "'a' says nothing"),
    "same answers": (
        {"principle": [{"name": "a", "forbid": "x"}], "form": {"answers": ["A", "A"]}},
        "two different texts",
    ),
    "other table": ({"principle": [{"name": "a", "forbid": "x"}], "rules": []}, "'rules' is not known"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_constitution_is_refused_by_name(case: str) -> None:
    content, told = REFUSED[case]
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        constitution_of(content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({"require": "(?i)please"}, {"forbid": "(?i)please"}, "'one' requires what 'other' forbids"),
        ({"require": "thank you"}, {"forbid": "you"}, "'one' requires 'thank you', in which 'other' forbids"),
        ({"require": "cat"}, {"forbid": "[a-d]"}, "'one' requires 'cat', in which 'other' forbids"),
        ({"require": "thank you"}, {"max_length": 4}, "longer than the 4 characters"),
        ({"require": "cat", "forbid": "cat"}, {"forbid": "dog"}, "'one' requires what 'one' forbids"),
        ({"require": "cat"}, {"forbid": "(?i)CAT"}, "'one' requires 'cat', in which 'other' forbids"),
        ({"require": "cat"}, {"forbid": "(?:cat|dog)"}, "'one' requires 'cat', in which 'other' forbids"),
        ({"pattern": "cat"}, {"pattern": "dog"}, "'one' allows 'cat' alone, which 'other' refuses"),
        ({"max_length": 2}, {"pattern": "cat"}, "'other' allows 'cat' alone, which 'one' refuses"),
        ({"pattern": "cat"}, {"forbid": "^c"}, "'one' allows 'cat' alone, which 'other' refuses"),
        ({"pattern": "cat", "require": "dog"}, {"forbid": "x"}, "'one' allows 'cat' alone, which 'one'"),
    ],
)
def test_contradictions_are_told(one: dict[str, Any], other: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        of({"name": "one", **one}, {"name": "other", **other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"require": "cat"}, {"forbid": "^cat"}),
        ({"require": "cat"}, {"forbid": r"\bcat\b"}),
        ({"require": "c.t"}, {"forbid": "cat"}),
        ({"require": "cat"}, {"forbid": "x*"}),
        ({"require": "cat"}, {"forbid": "cat dog"}),
        ({"require": "cat"}, {"max_length": 3}),
        ({"require": "hi"}, {"forbid": "hi(?! )"}),
        ({"require": "(?i)cat"}, {"forbid": "cat"}),
        ({"pattern": "cat"}, {"require": "^c", "max_length": 3}),
        ({"pattern": "c+"}, {"pattern": "cc"}),
    ],
)
def test_what_some_text_keeps_is_no_contradiction(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert len(of({"name": "one", **one}, {"name": "other", **other}).principles) == 2


def test_ten_thousand_principles_are_read_and_drawn_from() -> None:
    rows = [{"name": f"p{i}", "forbid": f"bad{i}x", "require": f"good{i}x"} for i in range(10_000)]
    constitution = of(*rows)
    assert len({constitution.draw(seed).name for seed in range(500)}) > 450
    assert len(constitution.broken("", "", 64)) == 64
    with pytest.raises(UserError, match="'p77' requires what 'late' forbids"):
        of(*rows, {"name": "late", "forbid": "good77x"})
    with pytest.raises(UserError, match="100,001 principles"):
        constitution_of({"principle": [{}] * 100_001})


def test_principles_are_drawn_by_weight_and_by_seed_alone() -> None:
    constitution = of({"name": "a", "forbid": "x"}, {"name": "b", "forbid": "y", "weight": 3.0})
    drawn = [constitution.draw(seed).name for seed in range(2000)]
    assert Counter(drawn)["b"] / 2000 == pytest.approx(0.75, abs=0.04)
    assert drawn == [constitution.draw(seed).name for seed in range(2000)]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"function": "kept_rules:raises"}, "raised ValueError"),
        ({"function": "kept_rules:says_maybe"}, "returned 'maybe'; give true or false"),
        ({"function": "kept_rules:hangs"}, "took more than"),
        ({"forbid": "(a+)+$"}, "took more than"),
    ],
)
def test_a_rule_that_fails_or_hangs_is_told(
    part: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "DEADLINE_S", 0.2)
    constitution = of({"name": "slow", **part})
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        constitution.broken("", "a" * 60 + "b")
    assert "'slow'" in str(caught.value)


def test_a_long_text_is_looked_at_to_a_limit_but_counted_whole() -> None:
    constitution = of({"name": "a", "forbid": "x"}, {"name": "b", "max_length": rules.MAX_CHARS + 3})
    assert constitution.broken("", "a" * rules.MAX_CHARS + "xxxx") == ["b"]


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    for data, told in (
        (b"name = ", "is not valid TOML"),
        (b"\xff", "is not valid TOML"),
        (b"", "has no principle"),
        (b"# " + b"x" * (1 << 24), "more than 16,777,216 bytes"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=told):
            read_constitution(path)
    for missing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UserError, match="give a TOML file"):
            read_constitution(missing)


def test_own_constitutions_can_be_read() -> None:
    prose = read_constitution(PROSE)
    assert len(prose.principles) >= 10
    assert all(each.is_spoken and each.choice for each in prose.principles)
    steps = read_constitution(COUNTDOWN)
    assert not any(each.is_spoken for each in steps.principles)
    assert steps.broken("", "3*12=36;36+7=43;") == []
    assert steps.broken("", "36/12=3;3-3=0;") == ["no-division", "no-zero"]
    assert steps.broken("", "12*1=12;12+1=13;") == ["no-one"]
    assert steps.broken("", "12+10=22;10*11=110;") == []


def test_prose_is_asked_for_as_a_conversation() -> None:
    prose = read_constitution(PROSE)
    first = prose.principles[0]
    told = conversation(prose.ask_revision(first, "How?", " So {x}. ", "It is {rude}."))
    assert told == [
        {"role": "user", "content": "How?"},
        {"role": "assistant", "content": "So {x}."},
        {"role": "user", "content": first.critique},
        {"role": "assistant", "content": "It is {rude}."},
        {"role": "user", "content": first.revision},
    ]
    before = dialogue("How?", "So.") + "\n\nuser: Why?\n\nassistant:"
    assert conversation(prose.ask_critique(first, before, "Since."))[-2] == {  # type: ignore[index]
        "role": "assistant",
        "content": "Since.",
    }
    asked = prose.ask_choice(first, "How?", "one", "two")
    assert asked.index("(A) one") < asked.index("(B) two") < asked.index(first.choice)
    thought = prose.ask_choice(first, "How?", "one", "two", "one is better")
    assert thought.endswith("one is better\n\nAnswer:")
