"""Rules of Go in KataGo's spelling, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import InputError
from engine.game import inquiry
from engine.registry import load_game


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("tromp-taylor", "tromp-taylor"), ("Tromp-Taylor", "tromp-taylor"), ("chinese", "chinese"),
        ("chinese-ogs", "chinese-ogs"), ("chinese-kgs", "chinese-ogs"), ("japanese", "japanese"),
        ("korean", "japanese"), ("aga", "aga"), ("bga", "aga"), ("new-zealand", "new-zealand"),
        ("new_zealand", "new-zealand"), ("NZ", "new-zealand"), ("goe", "tromp-taylor"),
    ],
)  # fmt: skip
def test_a_name_is_the_set_of_that_name_and_the_komi_stays(name: str, ours: str) -> None:
    game = load_game("go:size=7x5,komi=3.5,handicap=C3+E3")
    found = inquiry.with_rule_set(game, name)
    assert found.name == load_game(f"go:size=7x5,rules={ours},komi=3.5,handicap=C3+E3").name


@pytest.mark.parametrize("name", ["tromp-taylor", "chinese", "chinese-ogs", "aga", "new-zealand", "japanese"])
def test_what_is_told_is_read_again(name: str) -> None:
    game = load_game(f"go:size=9,rules={name}")
    told = inquiry.rule_set(game)
    assert told is not None
    for rules in (told, json.dumps(told)):
        assert inquiry.with_rule_set(load_game(f"go:size=9,komi={game.komi}"), rules).name == game.name  # type: ignore[attr-defined]
    mixed = load_game("go:size=9,ko=situational,suicide=false,handicap_bonus=stones")
    assert inquiry.rule_set(mixed) == {
        "ko": "SITUATIONAL", "suicide": False, "scoring": "AREA", "tax": "NONE", "whiteHandicapBonus": "N",
        "hasButton": False, "friendlyPassOk": False,
    }  # fmt: skip
    assert inquiry.with_rule_set(game, inquiry.rule_set(mixed) or "").name.startswith("go:size=9,ko=situ")


def test_a_part_alone_leaves_the_others() -> None:
    game = inquiry.with_rule_set(load_game("go:size=9,rules=aga"), {"ko": "simple"})
    assert inquiry.rule_set(game) == inquiry.rule_set(load_game("go:size=9,rules=aga")) | {"ko": "SIMPLE"}  # type: ignore[operator]
    eyes = inquiry.with_rule_set(game, {"tax": "SEKI", "scoring": "TERRITORY"})
    assert (inquiry.rule_set(eyes) or {})["scoring"] == "TERRITORY"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("gomoku", "unknown rules 'gomoku'; known: tromp-taylor"),
        ("stone-scoring", "a group tax"),
        ("aga-button", "a button"),
        ("{bad", "no JSON object"),
        ("{}x", "no JSON object"),
        ({"ko": "SPIGHT"}, "ko 'SPIGHT' is none of SIMPLE, POSITIONAL, SITUATIONAL"),
        ({"ko": True}, "ko 'True' is none"),
        ({"tax": "ALL"}, "tax ALL"),
        ({"tax": "SEKI"}, "tax SEKI and scoring AREA"),
        ({"suicide": 3}, "neither true nor false"),
        ({"hasButton": True}, "hasButton true is not played"),
        ({"friendlyPassOk": "true"}, "friendlyPassOk true is not played"),
        ({"cake": 1}, "unknown part 'cake'"),
        ({"whiteHandicapBonus": "N-2"}, "none of 0, N, N-1"),
    ],
)
def test_what_is_not_played_is_refused_by_name(rules: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        inquiry.with_rule_set(load_game("go:size=9"), rules)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
