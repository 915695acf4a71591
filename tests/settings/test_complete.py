"""Every setting of both models has a test in this folder that fails where the setting does nothing."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

import pytest
from pydantic import Field
from shown import GAMES, MODELS, TEXT, all_settings, shown

from engine.config import Section


@pytest.mark.parametrize("world", MODELS)
def test_every_setting_does_something_by_test(world: str) -> None:
    settings = {key for model in MODELS[world] for key in all_settings(model)}
    named = {key for model, key in shown() if model == world}
    assert sorted(settings - named) == [], "settings that no test shows to do anything"
    assert sorted(named - settings) == [], "tests of settings that there are not"


def test_no_test_is_of_another_model() -> None:
    assert {world for world, _ in shown()} == {GAMES, TEXT}


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
