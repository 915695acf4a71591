"""What is learnt from: thresholds, distinct solutions, the cap of a problem, real data."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from engine.language.episode import Episode, Source
from engine.language.learner.filter import (
    Example,
    mark_kept,
    mix,
    most_different,
    pass_rates,
    shared,
)
from engine.language.measure.evaluation import majority
from engine.language.problem.jsonl_task import JsonlTask
from engine.language.settings import FilterConfig, MixConfig
from engine.language.task import UNJUDGED, Demonstration, Prompt, Split, Task, VerifyResult


class Letters(Task):
    """Whatever; a completion that has a `!` leaks."""

    name = "letters"

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        return []

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        return VerifyResult(1.0, completion)

    def leaks(self, prompt: Prompt, completion: str) -> bool:
        return "!" in completion


def episode(
    problem: str, completion: str, score: float = 1.0, *, path: str = "", source: Source = "model"
) -> Episode:
    return Episode(
        prompt=Prompt(problem, problem, problem),
        completion=completion,
        result=VerifyResult(score, "7", path=path),
        source=source,
        iteration=1,
        model="",
        seed=0,
        temperature=1.0,
        logprob=-1.0,
        tokens=len(completion),
    )


def kept(episodes: list[Episode], threshold: float = 1.0, **settings: object) -> list[str]:
    marked = mark_kept(Letters(), episodes, FilterConfig(**settings), threshold)
    assert [replace(e, kept=False) for e in marked] == episodes, "order and content stay"
    return [e.completion for e in marked if e.kept]


def test_a_score_below_the_threshold_is_out() -> None:
    episodes = [episode("p", "a;", 0.5), episode("p", "b;", 0.7), episode("p", "c;", 1.0)]
    assert kept(episodes, 0.7) == ["b;", "c;"]
    assert kept(episodes, 0.0) == ["a;", "b;", "c;"]


def test_a_completion_cut_off_is_out_whatever_it_scores() -> None:
    assert kept([replace(episode("p", "a;"), ended=False)]) == []


def test_a_problem_keeps_one_of_each_solution_and_another_problem_may_have_it_too() -> None:
    episodes = [
        episode("p", "1+2=3;", path="s"),
        episode("p", "2+1=3;", path="s"),
        episode("q", "1+2=3;", path="s"),
    ]
    assert kept(episodes) == ["1+2=3;", "1+2=3;"]
    assert len(kept(episodes, distinct=False)) == 3


def test_ways_that_end_in_one_answer_are_kept_all_and_one_way_but_for_space_once() -> None:
    episodes = [
        episode("p", "3+4=7. The answer is 7."),
        episode("p", "4+3=7. The answer is 7."),
        episode("p", "2*3=6, 6+1=7. The answer is 7."),
        episode("p", "3+4=7.  The answer\u00a0is 7.\u200b "),
    ]
    assert kept(episodes, per_prompt=9) == [each.completion for each in episodes[:3]]


@pytest.mark.parametrize(
    ("verifier", "answer", "ways"),
    [
        ("numeric", "24", ["8*3=24. #### 24", "48/2=24. #### 24", "20+4=24. #### 24", "30-6=24. #### $24"]),
        ("choice", "B", ["A is small. Answer: B", "C is large. Answer: B", "Answer: (B)", "I choose B."]),
    ],
)
def test_a_file_keeps_every_derivation_and_they_vote_for_one_answer(
    tmp_path: Path, verifier: str, answer: str, ways: list[str]
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"prompt": "p", "answer": answer}))
    task = JsonlTask(str(path), verifier=verifier)
    (prompt,) = [p for split in get_args(Split) for p in task.prompts(split, 1, 0)]
    wrong = "10+10=20. Answer: 20" if verifier == "numeric" else "Answer: C"
    found = [replace(episode("p", way), result=task.verify(prompt, way)) for way in (wrong, *ways, wrong)]
    assert kept(found) == ways
    assert majority(found) == 1


def test_a_hint_may_not_leak_but_a_completion_without_one_may_say_what_it_likes() -> None:
    episodes = [episode("p", "a!;", source="hint"), episode("p", "b!;")]
    assert kept(episodes) == ["b!;"]
    assert kept(episodes, leaks=False) == ["a!;", "b!;"]


def test_the_cap_keeps_the_most_different_paths() -> None:
    paths = ["a;b;c;", "a;b;d;", "x;y;z;", "a;b;"]
    assert kept([episode("p", path) for path in paths], per_prompt=2) == ["a;b;c;", "x;y;z;"]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1, max_size=7), st.integers(1, 5))
def test_most_different_are_chosen_greedily(paths: list[list[str]], count: int) -> None:
    chosen = most_different(paths, count)
    assert len(chosen) == min(count, len(paths))
    assert chosen == sorted(set(chosen))
    assert 0 in chosen
    if len(paths) > count > 1:
        distances = [Levenshtein.distance(paths[0], path) for path in paths]
        assert any(distances[i] == max(distances) for i in chosen)


REAL = [Demonstration(Prompt(name, name, name), f"{name};") for name in "uvw"]


def test_real_data_joins_once_or_by_its_share() -> None:
    own = [episode("p", f"{number};") for number in range(9)]
    assert len(mix(own, REAL, MixConfig(), 0)) == 12
    shared = mix(own, REAL, MixConfig(real_fraction=0.5), 0)
    counts = Counter(example.completion for example in shared)
    assert len(shared) == 18
    assert [counts[f"{name};"] for name in "uvw"] == [3, 3, 3]
    assert mix(own, REAL, MixConfig(real=False), 0) == [Example("p", f"{n};", key="p") for n in range(9)]


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.9])
def test_the_share_of_real_data_is_what_is_asked_for(fraction: float) -> None:
    own = [episode("p", f"{number};") for number in range(100)]
    shared = mix(own, REAL, MixConfig(real_fraction=fraction), 3)
    real = sum(example.prompt in "uvw" for example in shared)
    assert real / len(shared) == pytest.approx(fraction, abs=0.01)


def test_shared_items_are_drawn_evenly() -> None:
    drawn = Counter(shared("abc", 7, 0.5, 1))
    assert (drawn.total(), set(drawn), set(drawn.values())) == (7, set("abc"), {2, 3})
    assert len(shared("abc", 8, 0.2, 1)) == len(set(shared("abc", 8, 0.2, 1))) == 2
    assert shared("", 7, 0.5, 1) == []
    assert shared("abc", 0, 0.5, 1) == []


def test_the_chance_to_be_right_by_shares_and_by_probabilities() -> None:
    """A likely completion comes often, or once where none comes twice."""
    often = [replace(episode("p", "a"), logprob=math.log(0.9)) for _ in range(9)]
    rare = [replace(episode("p", f"b{number}", 0.0), logprob=math.log(0.01)) for number in range(5)]
    assert pass_rates(often + rare[:1], distinct=False) == {"p": 0.9}
    assert pass_rates(often[:1] + rare, distinct=True) == {"p": pytest.approx(0.9 / 0.95)}
    # All may be next to impossible.
    least = [replace(each, logprob=each.logprob - 2000) for each in often[:1] + rare]
    assert pass_rates(least, distinct=True) == {"p": pytest.approx(0.9 / 0.95)}
    assert pass_rates([], distinct=True) == {}


def test_what_no_judge_has_judged_makes_no_problem_harder() -> None:
    right, silent = episode("p", "a"), VerifyResult(0.0, None, flags=(UNJUDGED,))
    unjudged = [replace(episode(name, "b"), result=silent) for name in ("p", "q")]
    for distinct in (True, False):
        assert pass_rates([right, *unjudged], distinct=distinct) == {"p": 1.0}
