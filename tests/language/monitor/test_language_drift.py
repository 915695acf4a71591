"""Drift is measured on tokens as drawn: a model and itself are 0 nats apart, whatever its tokenizer does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tokenizer_kinds import KINDS, model_with

from engine.language.measure.watch import Watch, drawn_tokens
from engine.language.method.registry import build_text_config
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score, score_and_entropy, score_tokens
from engine.language.rollout import Draw, Policy, sample
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult

TEXTS = [f"{a} - {b} = {a - b} ; x bc{a} y" for a in range(9) for b in range(9)]


class Sums(Task):
    """Problems of unequal lengths; a completion is right where it has a 1."""

    name, max_tokens, inline = "sums", 12, True

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        texts = [" - ".join(["1"] * (1 + n)) + " =" for n in range(8)]
        return [Prompt(f"{split}{n}", text, f"{split}{n}") for n, text in enumerate(texts)][:count]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        return VerifyResult(float("1" in completion), completion)

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        return [Demonstration(p, "3 = 3") for p in self.prompts("train", 8, 0)[:count]]


class Enough(Sums):
    """What ends with a character in the middle of tokens."""

    end = "1"


def verdicts(task: Task) -> Any:
    return lambda pairs: [task.verify(prompt, text) for prompt, text in pairs]


def look(task: Task, model: LanguageModel, base: LanguageModel) -> Any:
    sizes = {"monitor": {"prompts": 8, "samples": 16}, "measure": {"validation": 4}}
    config = build_text_config("rft", "sums", sizes)
    holdout = task.demonstrations(4, 0)
    return Watch(task, config, holdout, base, verdicts(task)).look(model)


@pytest.mark.parametrize("task", [Sums(), Enough()], ids=["end token", "stop string"])
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_has_not_drifted_from_itself(kind: str, chat: bool, task: Task) -> None:
    model = model_with(KINDS[kind](TEXTS), chat=chat)
    found = look(task, model, model)
    assert set(found.kl) == {0.0}
    assert {episode.ended for episode in found.probe} >= {False}, "none was cut at the limit"
    assert [len(row) for row in found.entropy] == [len(drawn_tokens(each)) for each in found.probe]
    assert found.holdout.kl == [0.0] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_another_model_has_drifted_by_what_its_tokens_say(kind: str) -> None:
    tokenizer = KINDS[kind](TEXTS)
    model, base = model_with(tokenizer), model_with(tokenizer, seed=2)
    found = look(Sums(), model, base)
    for episode, kl in list(zip(found.probe, found.kl, strict=True))[::9]:
        head, ids = model.encode_prompts([episode.prompt.text]), [drawn_tokens(episode)]
        told = [float(score_tokens(each, head, ids)[0].sum(dtype=float)) for each in (model, base)]
        assert kl == pytest.approx(told[0] - told[1], abs=1e-3)
        assert told[0] == pytest.approx(episode.logprob, abs=1e-3)
    assert np.mean(found.kl) > 0.1


@pytest.mark.parametrize(
    "draw",
    [Draw(), Draw(0.0), Draw(0.6), Draw(1.7), Draw(top_k=3), Draw(top_p=0.6), Draw(distinct=True)],
    ids=["plain", "greedy", "cold", "hot", "top-k", "top-p", "distinct"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_has_the_tokens_that_its_likelihood_is_of(kind: str, draw: Draw) -> None:
    """However they were drawn: ln p is of the whole distribution at temperature 1."""
    model, task = model_with(KINDS[kind](TEXTS)), Enough()
    prompts = task.prompts("train", 8, 0)
    episodes = sample(task, [Policy(model, "")], prompts, 4, draw, verdicts(task), seed=1, iteration=0)
    heads = model.encode_prompts([episode.prompt.text for episode in episodes])
    rows = score_and_entropy(model, heads, [drawn_tokens(episode) for episode in episodes])
    for episode, row in zip(episodes, rows, strict=True):
        assert row.shape == (len(drawn_tokens(episode)), 2)
        assert float(row[:, 0].sum(dtype=float)) == pytest.approx(episode.logprob, abs=1e-3)


def test_the_end_is_scored_as_it_was_drawn() -> None:
    """A network may end a text with tokens that are not the tokenizer's end."""
    model = model_with(KINDS["bytes"](TEXTS))
    other = [token for token in range(10, 60) if token != model.codec.end]
    model.network.generation_config.eos_token_id = [model.codec.end, *other]
    model = LanguageModel(model.network, model.codec.tokenizer)
    found = look(Sums(), model, model)
    lasts = {drawn_tokens(each)[-1] for each in found.probe if each.ended}
    assert lasts & set(other)
    assert set(found.kl) == {0.0}


def test_text_is_spelt_otherwise_than_it_was_drawn() -> None:
    """What made drift of nothing: tokens of a text that its tokenizer would not choose."""
    model = model_with(KINDS["bytes"](TEXTS))
    prompts = [prompt.text for prompt in Sums().prompts("train", 8, 0)] * 4
    made = generate(model, prompts, seeds=range(len(prompts)), max_tokens=12)
    again: Sequence[Any] = score(model, prompts, [each.text for each in made])
    assert any(abs(float(row.sum()) - each.logprob) > 1 for row, each in zip(again, made, strict=True))
