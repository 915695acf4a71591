"""Rare kinds: which problems are drawn and how much texts count, exactly."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.learner.rarity import MOST, rarity_weights
from engine.language.material import draw
from engine.language.task import Prompt

PROMPTS = [Prompt(f"{n}", f"{n}", f"{n}", "rare" if n % 10 == 0 else "usual") for n in range(100)]


def test_a_text_counts_by_its_rarest_kind() -> None:
    kinds = [frozenset(each) for each in (["a"], ["a"], ["a", "b"], ["c", "a"], [])]
    weights = rarity_weights(kinds, 1.0)
    # "a" is in four of five texts, "b" and "c" in one; the last counts as if all were like it.
    assert [weight / weights[4] for weight in weights] == pytest.approx([1.25, 1.25, 5.0, 5.0, 1.0])
    halved = rarity_weights(kinds, 0.5)
    assert halved[2] / halved[4] == pytest.approx(math.sqrt(5))
    assert rarity_weights(kinds, 0.0) == [1.0] * 5
    assert rarity_weights([], 1.0) == []


@given(
    st.lists(st.frozensets(st.sampled_from("abcdef")), min_size=1, max_size=400), st.floats(0, 1)
)  # fmt: skip
def test_weights_are_one_on_average_and_bounded(kinds: list[frozenset[str]], power: float) -> None:
    weights = rarity_weights(kinds, power)
    assert sum(weights) == pytest.approx(len(kinds))
    assert max(weights) <= MOST * min(weights) * (1 + 1e-9)


def test_one_text_of_its_kind_among_thousands_is_not_all_of_a_batch() -> None:
    weights = rarity_weights([frozenset("a")] * 5000 + [frozenset("b")], 1.0)
    assert weights[-1] == pytest.approx(MOST * weights[0])


def test_strata_are_drawn_as_often_as_the_power_says() -> None:
    def share(rare: float) -> float:
        drawn = Counter(prompt.stratum for seed in range(300) for prompt in draw(PROMPTS, 5, seed, rare))
        return drawn["rare"] / drawn.total()

    assert share(0.0) == pytest.approx(0.1, abs=0.03)
    assert share(0.5) == pytest.approx(0.25, abs=0.04), "3 to 1 as 9 to 1 is"
    assert 0.4 < share(1.0) < 0.5, "without replacement a little less than half"


def test_a_draw_is_a_function_of_the_seed_and_of_different_problems_in_order() -> None:
    one, again, other = draw(PROMPTS, 20, 3, 0.7), draw(PROMPTS, 20, 3, 0.7), draw(PROMPTS, 20, 4, 0.7)
    assert one == again != other
    places = [PROMPTS.index(prompt) for prompt in one]
    assert places == sorted(set(places))
    assert len(places) == 20
    assert draw(PROMPTS, 100, 3, 0.7) == PROMPTS
