"""The learner on text: what a batch holds, exact repeats and resumes, early stops, adapters."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import ALPHABET, tiny_llama

from engine.errors import CorruptFileError, UserError
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.held_out import parted
from engine.language.learner.objective.objective import Objective
from engine.language.learner.objective.policy import PolicyGradient, Sampled
from engine.language.learner.objective.preference import Pair, Preferences
from engine.language.learner.objective.text import Supervised, Text, texts
from engine.language.learner.objective.value import Judged, Values
from engine.language.learner.objective.visits import Visited, Visits
from engine.language.learner.text_learner import TENSORS, TextLearner
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import add_adapter, load_model, save_model
from engine.language.model.scoring import score, score_tokens, values
from engine.language.model.tiny_model import build_model


def sums(model: LanguageModel, count: int = 200, seed: int = 0) -> list[Text]:
    source = random.Random(seed)
    pairs = [(source.randint(0, 9), source.randint(0, 9)) for _ in range(count)]
    return texts(model, [f"{a}+{b}=" for a, b in pairs], [str(a + b) for a, b in pairs])


def learner(model: LanguageModel, seed: int = 1, **changes: Any) -> TextLearner:
    return TextLearner(model, TextLearnerConfig(**({"batch_tokens": 256, "warmup_steps": 5} | changes)), seed)


def test_a_task_is_learnt() -> None:
    model = build_model(ALPHABET, "0.1M", 1)
    trainer = learner(model, batch_tokens=1024)
    before = trainer.loss(sums(model), Supervised())
    numbers = trainer.fit(sums(model, 400), Supervised(), steps=150)
    assert trainer.loss(sums(model), Supervised()) < 0.3 * before
    assert numbers["loss/steps"] == 150
    pairs = [(a, b) for a in range(10) for b in range(10)]
    said = generate(model, [f"{a}+{b}=" for a, b in pairs], seeds=range(100), temperature=0, max_tokens=4)
    assert sum(each.text == str(a + b) for each, (a, b) in zip(said, pairs, strict=True)) > 60
    assert all(each.ended for each in said)


@pytest.mark.parametrize("threads", [1])
def test_the_same_seed_gives_the_same_weights(threads: int) -> None:
    digests = []
    for seed in (1, 1, 2):
        model = build_model(ALPHABET, "0.1M", 1)
        learner(model, seed, threads=threads).fit(sums(model), Supervised(), steps=6)
        digests.append(model.digest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9, "patience": 2, "look_every": 2}])
@pytest.mark.parametrize("stop", [1, 6, 11])
def test_a_stopped_fit_goes_on_exactly(stop: int, changes: dict[str, Any], tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def fit(trainer: TextLearner, until: int = 100) -> None:
        def on_step(done: int) -> None:
            if done == until:
                trainer.save_state(tmp_path / "state")
                raise StoppedError

        model = trainer.model
        trainer.fit(sums(model), Supervised(), steps=11, held_out=sums(model, 9, 5), on_step=on_step)
        trainer.fit(sums(model), Supervised(), steps=3)

    whole, cut, resumed = (learner(build_model(ALPHABET, "0.1M", 1), **changes) for _ in range(3))
    fit(whole)
    with pytest.raises(StoppedError):
        fit(cut, stop)
    resumed.load_state(tmp_path / "state")
    assert not cut.model.network.training
    fit(resumed)
    assert resumed.model.digest() == whole.model.digest()
    assert resumed.step == whole.step == 14


def test_weights_without_a_gradient_yet_have_no_state(tmp_path: Path) -> None:
    def start() -> TextLearner:
        model = build_model(ALPHABET, "0.1M", 1)
        model.add_value_head()
        return learner(model)

    def go_on(trainer: TextLearner) -> str:
        rows = trainer.model.codec.encode_prompts(["1+", "2+"])
        trainer.fit([Judged(row, ((len(row), 1.0),)) for row in rows], Values(), steps=3)
        return trainer.model.digest()

    whole, resumed = start(), start()
    whole.fit(sums(whole.model), Supervised(), steps=3)
    whole.save_state(tmp_path)
    resumed.load_state(tmp_path)
    assert go_on(resumed) == go_on(whole)


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    learner(build_model(ALPHABET, "0.1M", 1)).save_state(tmp_path)
    with pytest.raises(CorruptFileError, match="lacks 'weight"):
        learner(tiny_llama()).load_state(tmp_path)
    (tmp_path / TENSORS).write_bytes(b"x")
    with pytest.raises(CorruptFileError, match="damaged"):
        learner(build_model(ALPHABET, "0.1M", 1)).load_state(tmp_path)


def test_a_batch_is_filled_by_tokens() -> None:
    model = build_model(ALPHABET, "0.1M", 1)
    source = random.Random(3)
    lengths = [source.randint(0, 40) for _ in range(300)]
    examples = texts(model, ["1" * length for length in lengths], ["2"] * 300)
    seen: list[list[Text]] = []

    class Watching(Supervised):
        def __call__(self, model: LanguageModel, examples: Any) -> Any:
            seen.append(list(examples))
            return super().__call__(model, examples)

    trainer = learner(model, batch_tokens=200)
    trainer.fit(examples, Watching(), epochs=1)
    assert sorted(map(id, (each for batch in seen for each in batch))) == sorted(map(id, examples))
    sizes = [max(len(each.prompt + each.response) for each in batch) * len(batch) for batch in seen]
    assert max(sizes) <= 200
    filled = sum(len(each.prompt + each.response) for each in examples) / sum(sizes)
    assert filled > 0.85
    lengths_seen = [len(batch[0].prompt) for batch in seen]
    assert lengths_seen != sorted(lengths_seen)
    steps = trainer.step
    trainer.fit(examples, Watching(), epochs=2)
    assert trainer.step == pytest.approx(3 * steps, abs=4)
    trainer.fit(examples, Watching(), steps=7)
    assert len(seen) == trainer.step


def test_only_responses_are_learnt() -> None:
    model = tiny_llama()
    learner(model, learning_rate=0.01).fit(texts(model, ["1+1=", "2+2="], ["2", "4"]), Supervised(), steps=30)
    told = score(model, ["1+1=", "2+2="], ["2", "4"], ended=True)
    assert min(row.min() for row in told) > -0.2  # the end token, too
    assert score(model, [""], ["1+1="])[0].sum() < -3


def test_weights_decide_between_answers() -> None:
    model = tiny_llama()
    examples = texts(model, ["1="] * 2, ["2", "3"], [9.0, 1.0])
    learner(model, learning_rate=0.01).fit(examples, Supervised(), steps=60)
    likely, rare = (float(row[0]) for row in score(model, ["1="] * 2, ["2", "3"]))
    assert likely - rare == pytest.approx(2.197, abs=0.4)  # ln 9


def test_training_stops_at_the_best() -> None:
    model = build_model(ALPHABET, "0.1M", 1)
    held_out = sums(model, 60, 9)
    trainer = learner(model, patience=2, look_every=5, learning_rate=0.01, schedule="constant")
    found: list[float] = []
    numbers = trainer.fit(
        sums(model, 12),
        Supervised(),
        steps=400,
        held_out=held_out,
        on_step=lambda done: found.append(trainer.loss(held_out, Supervised())) if done % 5 == 0 else None,
    )
    assert 10 < trainer.step < 400
    assert trainer.loss(held_out, Supervised()) == pytest.approx(min(found), abs=1e-6)
    assert found[-1] > min(found)
    assert found[-3] == min(found)
    assert numbers["loss/held_out"] == pytest.approx(min(found), abs=1e-6)
    assert numbers["loss/best_step"] == trainer.step - 10


@pytest.mark.parametrize("patience", [0, 3])
def test_a_training_ends_with_the_average_of_its_weights(patience: int) -> None:
    model = build_model(ALPHABET, "0.1M", 1)
    mean = {name: each.detach().clone() for name, each in model.parameters()}
    last: dict[str, torch.Tensor] = {}

    def follow(done: int) -> None:
        decay = min(0.8, done / (done + 9))
        for name, each in model.parameters():
            mean[name] = decay * mean[name] + (1 - decay) * each.detach()
            last[name] = each.detach().clone()

    trainer = learner(model, ema_decay=0.8, patience=patience, look_every=5)
    numbers = trainer.fit(sums(model, 40), Supervised(), steps=15, held_out=sums(model, 9, 5), on_step=follow)
    for name, each in model.parameters():
        torch.testing.assert_close(each.detach(), mean[name], rtol=1e-4, atol=1e-6)
    assert max(float((each.detach() - last[name]).abs().max()) for name, each in model.parameters()) > 1e-4
    if patience:
        assert numbers["loss/best_step"] == 15
        assert numbers["loss/held_out"] == pytest.approx(trainer.loss(sums(model, 9, 5), Supervised()))


def test_whole_problems_are_held_out_the_same_ones_every_time() -> None:
    keys = [f"k{number % 50}" for number in range(150)]
    config = TextLearnerConfig(patience=1)
    own, apart = parted(range(150), keys, config, 3)
    assert sorted([*own, *apart]) == list(range(150))
    assert own == sorted(own)
    held = {keys[place] for place in apart}
    assert 1 <= len(held) <= 15
    assert not held & {keys[place] for place in own}
    again, others = parted(keys[10:90], keys[10:90], config, 3)
    assert set(others) == held & set(keys[10:90])
    assert not set(again) & held
    assert parted(range(150), keys, TextLearnerConfig(), 3) == (list(range(150)), [])
    alone = next(iter(held))
    assert parted([1, 2], [alone, alone], config, 3) == ([1, 2], [])


def test_an_adapter_alone_is_trained(tmp_path: Path) -> None:
    base = build_model(ALPHABET, "0.1M", 1)
    save_model(base, tmp_path / "base")
    model = add_adapter(load_model(tmp_path / "base"), rank=4, alpha=8, dropout=0.1, seed=1)
    trainer = learner(model, learning_rate=0.01)
    assert all("lora" in name for name, _ in model.parameters())
    before = trainer.loss(sums(model), Supervised())
    trainer.fit(sums(model), Supervised(), steps=20)
    assert trainer.loss(sums(model), Supervised()) < before
    save_model(model, tmp_path / "adapter")
    again = load_model(tmp_path / "base", tmp_path / "adapter")
    assert again.digest() == model.digest()
    assert load_model(tmp_path / "base").digest() == base.digest()


def test_dropout_is_repeatable() -> None:
    digests = set()
    for noise in (1, 2):
        torch.manual_seed(noise)
        model = add_adapter(build_model(ALPHABET, "0.1M", 1), rank=4, alpha=8, dropout=0.5, seed=1)
        learner(model).fit(sums(model), Supervised(), steps=4)
        digests.add(model.digest())
    assert len(digests) == 1


def other_examples(model: LanguageModel) -> list[tuple[Objective[Any], list[Any]]]:
    heads = model.codec.encode_prompts(["1+2=", "5"])
    good, bad = (
        [each.response for each in texts(model, ["1+2=", "5"], two)] for two in (["3", "+"], ["44", ";"])
    )
    known = [score_tokens(model, heads, each) for each in (good, bad)]
    rows = list(zip(heads, good, bad, *known, strict=True))
    return [
        (Preferences(0.5), [Pair(x, g, b, float(p.sum()), float(q.sum())) for x, g, b, p, q in rows]),
        (PolicyGradient(), [Sampled(x, g, p, 1.0) for x, g, _, p, _ in rows]),
        (Visits(), [Visited(x, (g, b), (1.0, 0.0)) for x, g, b, _, _ in rows]),
    ]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_other_objectives_move_the_right_way(kind: int) -> None:
    model = tiny_llama()
    heads = model.codec.encode_prompts(["1+2=", "5"])
    objective, examples = other_examples(model)[kind]
    good = [each.response for each in texts(model, ["1+2=", "5"], ["3", "+"])]
    before = [float(row.sum()) for row in score_tokens(model, heads, good)]
    learner(model, learning_rate=0.002).fit(examples, objective, steps=10)
    after = [float(row.sum()) for row in score_tokens(model, heads, good)]
    assert all(new > old for new, old in zip(after, before, strict=True)) or kind == 0
    if kind == 0:
        assert objective(model, examples)[0].item() < 0.69


def test_values_are_learnt() -> None:
    model = tiny_llama()
    model.add_value_head()
    rows = model.codec.encode_prompts(["1+", "2+", "3-", "4-"])
    examples = [
        Judged(row, ((len(row), target),)) for row, target in zip(rows, (1.0, 1.0, 0.0, 0.0), strict=True)
    ]
    learner(model, learning_rate=0.01).fit(examples, Values(), steps=40)
    texts = model.codec.encode_prompts(["1+", "4-"])
    assert values(model, texts).round(1).tolist() == pytest.approx([1, 0], abs=0.11)


def test_mistakes_are_told() -> None:
    model = tiny_llama(context=8)
    with pytest.raises(UserError, match="no examples"):
        learner(model).fit([], Supervised(), steps=1)
    with pytest.raises(UserError, match="11 tokens, the model's context 8"):
        learner(model).fit([Text([1], [5] * 10)], Supervised(), steps=1)
    with torch.no_grad():
        model.network.lm_head.weight.fill_(float("inf"))
    with pytest.raises(UserError, match="not finite in 20 steps"):
        learner(model).fit(texts(model, ["1"], ["2"]), Supervised(), steps=99)


def test_means_are_over_the_steps_that_were_taken() -> None:
    class Faulty(Supervised):
        calls = 0

        def __call__(self, model: LanguageModel, examples: Any) -> Any:
            loss, numbers = super().__call__(model, examples)
            Faulty.calls += 1
            return loss * (float("nan") if Faulty.calls % 2 else 1.0), numbers | {"loss/one": 1.0}

    found = learner(build_model(ALPHABET, "0.1M", 1)).fit(sums(tiny_llama()), Faulty(), steps=6)
    assert found["loss/skipped_steps"] == 3
    assert found["loss/one"] == 1.0


def test_the_rate_warms_up_and_falls() -> None:
    rates: list[float] = []
    model = tiny_llama()
    trainer = learner(model, learning_rate=0.01, warmup_steps=4, final_rate=0.1)
    trainer.fit(
        sums(model),
        Supervised(),
        steps=50,
        on_step=lambda _: rates.append(trainer._optimizer.param_groups[0]["lr"]),
    )
    assert rates[:5] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] == pytest.approx(0.001, rel=0.03)
