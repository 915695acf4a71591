"""Every setting of both models has a test in this folder that fails where the setting does nothing."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from shown import GAMES, MODELS, TEXT, all_settings, shown

from engine.config.section import Section
from engine.language.method.registry import read_text_settings
from engine.language.settings import GONE, without_gone


@pytest.mark.parametrize("world", MODELS)
def test_every_setting_does_something_by_test(world: str) -> None:
    settings = {key for model in MODELS[world] for key in all_settings(model)}
    named = {key for model, key in shown() if model == world}
    assert sorted(settings - named) == [], "settings that no test shows to do anything"
    assert sorted(named - settings) == [], "tests of settings that there are not"


def test_no_test_is_of_another_model() -> None:
    assert {world for world, _ in shown()} == {GAMES, TEXT}


def test_settings_of_earlier_runs_that_are_gone_are_left_out_by_name() -> None:
    names = {key.partition("=")[0] for model in MODELS[TEXT] for key in all_settings(model)}
    assert not names & set(GONE)
    old: dict[str, Any] = {"task": "countdown", "method": "alphazero", "search": {"c_puct": 3.0}}
    for section, name in (key.split(".") for key in GONE):
        old.setdefault(section, {})[name] = 1
    told: list[str] = []
    assert read_text_settings(without_gone(old, told.append)).search.c_puct == 3.0
    assert len(told) == 1
    assert all(key in told[0] for key in GONE)


def test_a_choice_and_a_place_of_a_list_are_settings_of_their_own() -> None:
    class Inner(Section):
        warn: float = 1.0

    class Outer(Section):
        plain: int = 1
        word: Literal["a", "b"] = "a"
        pair: tuple[Annotated[float, Field(ge=0)], float] = (0.0, 1.0)
        several: tuple[int, ...] = ()
        inner: Inner = Inner()

    found = Counter(all_settings(Outer))
    assert found == Counter(["plain", "word=a", "word=b", "pair.0", "pair.1", "several", "inner.warn"])
