"""Which completions are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.config.config import build_section
from engine.language.episode import Episode
from engine.language.method.preference.config import PreferenceConfig
from engine.language.method.preference.pairing import against_real, by_score, of_duels, of_episodes, opinions
from engine.language.settings import FilterConfig
from engine.language.task import Demonstration, Prompt, VerifyResult

ONE, TWO = Prompt("one", "1=", "k1"), Prompt("two", "2=", "k2")


def wrote(text: str, score: float, prompt: Prompt = ONE, **more: Any) -> Episode:
    return Episode(prompt, text, VerifyResult(score), "model", 1, "", 0, 1.0, -1.0, len(text), **more)


GROUP = [wrote("a", 1.0), wrote("b", 0.0), wrote("c", 0.5), wrote("d", 0.25), wrote("e", 1.0, TWO)]


def pairs(
    episodes: Sequence[Episode], threshold: float = 0.0, per_prompt: int = 100, seed: int = 1, **settings: Any
) -> list[tuple[str, str]]:
    config = build_section(PreferenceConfig, settings)
    limits = FilterConfig(per_prompt=per_prompt)
    found = by_score(episodes, config, limits, threshold, seed)
    return [(better.completion, worse.completion) for better, worse in found]


def test_best_and_worst_of_a_problem() -> None:
    assert pairs(GROUP) == [("a", "b")]
    assert pairs([*GROUP, wrote("f", 0.75, TWO)]) == [("a", "b"), ("e", "f")]


def test_other_pairings() -> None:
    assert pairs(GROUP, pairing="best-rest") == [("a", "b"), ("a", "d"), ("a", "c")]
    assert pairs(GROUP, pairing="all")[0] == ("a", "b")
    assert set(pairs(GROUP, pairing="all")) == {
        ("a", "b"), ("a", "c"), ("a", "d"), ("c", "b"), ("c", "d"), ("d", "b"),
    }  # fmt: skip
    found = {pair for seed in range(60) for pair in pairs(GROUP, pairing="random", seed=seed)}
    assert found == set(pairs(GROUP, pairing="all"))
    assert len(pairs(GROUP, pairing="random")) == 1


def test_no_more_pairs_than_asked_for_and_the_clearest_first() -> None:
    assert pairs(GROUP, pairing="all", per_prompt=2) == [("a", "b"), ("a", "d")]
    assert pairs(GROUP, pairing="best-rest", per_prompt=1) == [("a", "b")]


def test_the_gap_and_the_threshold() -> None:
    assert pairs(GROUP, gap=0.5, pairing="all") == [("a", "b"), ("a", "d")]
    assert pairs(GROUP, gap=0.999) == [("a", "b")]
    assert pairs(GROUP[1:], threshold=1.0) == []
    assert pairs(GROUP[1:], threshold=0.5) == [("c", "b")]


def test_ties_are_no_pair() -> None:
    assert pairs([wrote("a", 1.0), wrote("b", 1.0)]) == []
    assert pairs([wrote("a", 0.0), wrote("b", 0.0)], pairing="all") == []


def test_equal_texts_are_no_pair_though_a_judge_should_score_them_apart() -> None:
    twice = [wrote("a", 1.0), wrote(" a ", 0.0)]
    assert pairs(twice) == []
    assert pairs(twice, pairing="all") == []


def test_a_verdict_that_is_no_number_is_in_no_pair() -> None:
    assert pairs([wrote("a", 1.0), wrote("b", float("nan"))]) == []


def test_one_that_was_cut_off_may_be_the_worse_one_alone() -> None:
    cut = replace(GROUP[0], ended=False)
    assert pairs([cut, *GROUP[1:]]) == [("c", "b")]
    (found,) = of_episodes(
        by_score([GROUP[0], replace(GROUP[1], ended=False)], PreferenceConfig(), FilterConfig(), 0.0, 1)
    )
    assert (found.chosen.ended, found.rejected.ended, found.key) == (True, False, "k1")


def test_which_of_equal_scores_depends_on_the_seed_alone() -> None:
    group = [wrote(letter, float(letter in "ab")) for letter in "abcdef"]
    assert pairs(group, seed=3) == pairs(group[:], seed=3)
    assert len({tuple(pairs(group, seed=seed)) for seed in range(40)}) == 8


def test_iterations_are_apart() -> None:
    later = replace(GROUP[1], iteration=2)
    assert pairs([GROUP[0], later]) == []


def test_real_data_takes_turns_and_other_prompts_are_out() -> None:
    real = [Demonstration(ONE, "x"), Demonstration(TWO, "z"), Demonstration(ONE, "y")]
    own = [wrote(letter, 0.0) for letter in "abc"] + [wrote("d", 0.0, Prompt("three", "3=", "k3"))]
    found = of_duels(against_real(own, real))
    assert [(each.chosen.text, each.rejected.text) for each in found] == [("x", "a"), ("y", "b"), ("x", "c")]
    assert [each.is_wanted for each in opinions(found)] == [True, False] * 3


@pytest.mark.parametrize("order", [1, -1])
def test_the_best_is_found_in_any_order(order: int) -> None:
    assert pairs(GROUP[::order])[0] == ("a", "b")
