"""Every family of causal networks: what it writes, scores, learns and saves is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alone import PROMPTS, alone
from model_families import FAMILIES, family
from small_text_run import command
from tiny_models import save_plain

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.objective.text import Supervised, Text
from engine.language.learner.objective.value import Judged, Values
from engine.language.learner.text_learner import TextLearner
from engine.language.model.ability import ability_of, check_learning
from engine.language.model.generation.generation import generate
from engine.language.model.model_folder import load_model, save_model
from engine.language.model.scoring import score_tokens, top_tokens, values

REFUSED = {
    "xlnet": "XLNetLMHeadModel looks ahead",
    "cpmant": "CpmAntForCausalLM looks ahead",
    "xlm": "XLMWithLMHeadModel looks ahead",
    "reformer": "ReformerModelWithLMHead cannot be trained: .*sequence length",
}
KINDS = {
    "opt-125m": "a trunk that its network goes around",
    "opt-350m": "states smaller than hidden_size, no last norm",
    "openai-gpt": "no cache",
    "roberta": "positions counted from the padding token",
    "bert": "a layer between trunk and output layer",
    "bart": "positions counted from the padded start, a cache of two parts",
    "rwkv": "a state that takes padding for text, and weights halved in use",
    "recurrent_gemma": "a state and a window",
}
"""One family of each kind of behaviour; the others take minutes together."""
GOOD = [name for name in FAMILIES if name not in REFUSED]
EVERY = [pytest.param(name, marks=() if name in KINDS else pytest.mark.slow) for name in GOOD]

pytestmark = pytest.mark.filterwarnings("ignore")  # of networks without their kernels


@pytest.mark.parametrize("name", EVERY)
def test_texts_side_by_side_are_what_each_is_alone(name: str) -> None:
    model = family(name)
    wanted = [alone(model, prompt, 8) for prompt in PROMPTS]
    greedy = generate(model, PROMPTS, seeds=[0] * 5, temperature=0, max_tokens=8)
    assert [each.ids.tolist() for each in greedy] == wanted
    first = [row[0] for row in wanted]
    assert top_tokens(model, model.encode_prompts(PROMPTS), 2)[0][:, 0].tolist() == first


@pytest.mark.parametrize("name", EVERY)
def test_what_is_written_is_what_is_scored(name: str) -> None:
    model = family(name)
    prompts = PROMPTS * 4
    written = generate(model, prompts, seeds=range(len(prompts)), max_tokens=10)
    heads = model.encode_prompts(prompts)
    scored = score_tokens(model, heads, [each.ids.tolist() for each in written])
    for one, row in zip(written, scored, strict=True):
        assert np.abs(one.logprobs - row).max() < 1e-3
    assert len({each.text for each in written}) > 5


@pytest.mark.parametrize("name", EVERY)
def test_it_learns_texts_and_values_and_comes_back(name: str, tmp_path: Path) -> None:
    model = family(name)
    check_learning(model, values=True)
    rows = model.encode_prompts(PROMPTS)
    texts = [Text(row, [6, 7, 8, model.codec.end]) for row in rows]
    learner = TextLearner(model, settings(), seed=1)
    before = learner.loss(texts, Supervised())
    learner.fit(texts, Supervised(), steps=8)
    assert learner.loss(texts, Supervised()) < before - 0.1

    head = model.add_value_head()
    assert head.in_features == model.state_size
    judged = [Judged(row, ((len(row), float(place % 2)),)) for place, row in enumerate(rows)]
    learner = TextLearner(model, settings(), seed=1)
    assert learner.loss(judged, Values()) == pytest.approx(np.log(2), abs=1e-5)
    fits = 0
    while learner.loss(judged, Values()) > 0.3:  # some families take longer
        learner.fit(judged, Values(), steps=40)
        fits += 1
        assert fits <= 5
    told = values(model, rows)
    assert (told > 0.5).tolist() == [False, True, False, True, False]
    assert told == pytest.approx([float(values(model, [row])[0]) for row in rows], abs=1e-4)

    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model", device="cpu")
    assert again.digest() == model.digest()
    assert again.ability == ability_of(model)
    assert values(again, rows).tolist() == told.tolist()
    greedy = [generate(each, PROMPTS, seeds=[0] * 5, temperature=0, max_tokens=8) for each in (model, again)]
    assert [each.ids.tolist() for each in greedy[0]] == [each.ids.tolist() for each in greedy[1]]


def settings(**changes: Any) -> TextLearnerConfig:
    return TextLearnerConfig(batch_tokens=64, learning_rate=0.01, precision="f32", **changes)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_made_right_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=REFUSED[name]) as caught:
        check_learning(family(name), values=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "method", "told"),
    [
        ("opt-350m", "orm", ""),
        pytest.param("rwkv", "alphazero", "RwkvForCausalLM has no cache", marks=pytest.mark.slow),
        pytest.param("openai-gpt", "rest-em", "OpenAIGPTLMHeadModel has no cache", marks=pytest.mark.slow),
    ],
)
def test_a_run_starts_from_any_family(
    name: str, method: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(family(name), tmp_path / "model")
    words = ["--model", str(tmp_path / "model"), "--json"]
    small = {"loop__iterations": 1, "sample__prompts": 10, "measure__test": 10, "monitor__prompts": 4}
    line = command(method, tmp_path / "run", *words, task="addition:digits=2", **small)
    assert run_command(line) == 0
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)["result"]) >= 1
    assert told in shown.err
    assert ("anew at every token" in shown.err) == bool(told)


def test_a_run_is_refused_before_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = family("xlm")
    save_plain(model, tmp_path / "model")
    line = command("orm", tmp_path / "run", "--model", str(tmp_path / "model"), task="addition:digits=2")
    assert run_command(line) == 2
    assert "XLMWithLMHeadModel looks ahead at the text" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run" / "config.toml").exists()  # another run may have the folder
