from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.problem.task_registry import load_task
from engine.language.task import split_of
from games.text.grammar import Grammar

TASK = Grammar()
PROMPT = TASK.prompts("test", 1, 0)[0]
D, P, A, N, V = (TASK.classes[kind][0] for kind in ("determiner", "preposition", "adjective", "noun", "verb"))


@pytest.mark.parametrize(
    ("words", "probability"),
    [
        ([D, N, V, D, N], (0.7 * 0.8) ** 2),
        ([D, A, N, V, D, N], 0.3 * 0.8 * 0.7 * 0.8),
        ([D, N, P, D, A, N, V, D, N], 0.7 * 0.2 * 0.3 * 0.7 * 0.8),
        ([D, N, V], 0),
        ([D, N, D, N], 0),
        ([D, A, A, N, V, D, N], 0),
        ([D, N, P, D, N, P, D, N, V, D, N], 0),
        ([D, N, V, D, N, V, D, N], 0),
        ([D, "xyzzy", V, D, N], 0),
        ([D, "", N, V, D, N], 0),
    ],
)
def test_sentences_by_hand(words: list[str], probability: float) -> None:
    text = "".join(word + " " for word in words)
    result = TASK.verify(PROMPT, text)
    assert result.score == (probability > 0)
    assert TASK.verify(PROMPT, text[:-1]).score == 0
    if probability:
        shares = math.prod(math.exp(TASK.log_share[word]) for word in words)
        assert TASK.logprob(text) == pytest.approx(math.log(probability * shares))
        assert result.parsed == text


def test_words_follow_the_law_of_zipf() -> None:
    shares = TASK.shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert len(shares) == 2000
    nouns = TASK.classes["noun"]
    assert shares[nouns[0]] / shares[nouns[9]] == pytest.approx(10)
    assert sum(share < 1e-3 for share in shares.values()) > 1500
    found = Counter(
        word for item in TASK.demonstrations(3000, 0) for word in TASK.modes(item.prompt, item.completion)
    )
    total = sum(found.values())
    assert set(found) <= set(shares)
    for word in (D, P, A, N, V):
        expected = shares[word] * total
        assert abs(found[word] - expected) < 5 * math.sqrt(expected)


def test_sampled_sentences_are_as_likely_as_the_grammar_says() -> None:
    """The mean of -ln p over draws is the entropy; over the exact one-word classes it is known by hand."""
    flat = Grammar(zipf=0, words=100)
    sizes = {kind: len(words) for kind, words in flat.classes.items()}
    assert sum(sizes.values()) == 100
    drawn = [-flat.logprob(flat.sentence(number)) for number in range(2000)]
    choice = -sum(p * math.log(p) for p in (0.3, 0.7))
    place = -sum(p * math.log(p) for p in (0.2, 0.8))
    named = (
        choice + math.log(sizes["determiner"]) + 0.3 * math.log(sizes["adjective"]) + math.log(sizes["noun"])
    )
    phrase = named + place + 0.2 * (math.log(sizes["preposition"]) + named)
    assert sum(drawn) / len(drawn) == pytest.approx(2 * phrase + math.log(sizes["verb"]), rel=0.03)


@given(st.integers(0, 10**6))
def test_every_sentence_is_of_the_grammar(number: int) -> None:
    text = TASK.sentence(number)
    assert TASK.verify(PROMPT, text).score == 1
    assert len(text) < TASK.max_tokens
    assert len(TASK.modes(PROMPT, text)) == text.count(" ")


def test_sentences_held_out_are_of_their_split() -> None:
    test = TASK.held_out("test", 200, 0)
    assert all(split_of(item.prompt.key) == "test" for item in test)
    train = TASK.demonstrations(20_000, 0)
    assert 12_000 < len(train) < 14_000
    assert not {item.prompt.key for item in train} & {item.prompt.key for item in test}


def test_options_are_in_its_name() -> None:
    task = load_task("grammar:words=500,sentences=1000,zipf=1.2")
    assert task.name == "grammar:words=500,sentences=1000,zipf=1.2"
    assert len(task.demonstrations(10**6, 0)) < 1000
