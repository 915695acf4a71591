"""Losses on text against trl's on frozen batches, and against numbers worked out by hand."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_llama

from engine.language.learner.loss.divergence import (
    distillation_loss,
    jensen_shannon_loss,
    kl_divergence,
    kl_estimate,
)
from engine.language.learner.loss.policy import generalized_advantages, group_advantages, policy_loss
from engine.language.learner.loss.preference import desirability_loss, preference_loss
from engine.language.learner.loss.text import supervised_loss, visits_loss
from engine.language.learner.loss.value import binary_loss, pairwise_loss
from engine.language.learner.objective.objective import response_logprobs
from engine.language.learner.objective.preference import Pair, Preferences
from engine.language.learner.objective.text import Supervised, texts
from engine.language.learner.objective.visits import Visited, Visits
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score, score_tokens

PROMPTS = ["1+2=", "3*4=", "", "7-5="]
GOOD, BAD = ["3", "12;", "1+1", "2"], ["4;;", "7", "2", "x=9"]
third_party = pytest.mark.filterwarnings("ignore")


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# By hand


def test_supervised_by_hand() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -9.0], [-4.0, -9.0, -9.0]])
    mask = torch.tensor([[1.0, 1, 0], [1, 0, 0]])
    assert float(supervised_loss(logprobs, mask)) == pytest.approx(7 / 3)
    assert float(supervised_loss(logprobs, mask, torch.tensor([1.0, 0.5]))) == pytest.approx(5 / 2.5)
    assert float(supervised_loss(logprobs, torch.zeros(2, 3))) == 0


def test_preference_by_hand() -> None:
    chosen, rejected = torch.tensor([-1.0, -3.0]), torch.tensor([-2.0, -1.0])
    loss = preference_loss(chosen, rejected, torch.tensor([-1.5, -3.0]), torch.tensor([-1.0, -2.0]), 0.5)
    assert float(loss) == pytest.approx(-(math.log(sigmoid(0.75)) + math.log(sigmoid(-0.5))) / 2)


def test_desirability_by_hand() -> None:
    loss = desirability_loss(
        torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]), torch.tensor([True, False]), 0.2, 0.5
    )
    assert float(loss) == pytest.approx((1 - sigmoid(0.5 * 0.8) + 1 - sigmoid(0.5 * 0.7)) / 2)


def test_pairs_by_hand() -> None:
    better, worse = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
    assert float(pairwise_loss(better, worse)) == pytest.approx(
        -(math.log(sigmoid(1)) + math.log(sigmoid(-1))) / 2
    )
    soft = pairwise_loss(better, worse, torch.tensor([0.75, 0.5]))
    first = 0.75 * math.log(sigmoid(1)) + 0.25 * math.log(sigmoid(-1))
    second = 0.5 * math.log(sigmoid(1)) + 0.5 * math.log(sigmoid(-1))
    assert float(soft) == pytest.approx(-(first + second) / 2)


def test_steps_by_hand() -> None:
    logits, labels = torch.tensor([[0.0, 2.0], [1.0, 5.0]]), torch.tensor([[1.0, 0.25], [0.0, 1.0]])
    soft = -(0.25 * math.log(sigmoid(2)) + 0.75 * math.log(sigmoid(-2)))
    wanted = (math.log(2) + soft - math.log(sigmoid(-1))) / 3
    assert float(binary_loss(logits, labels, torch.tensor([[1.0, 1], [1, 0]]))) == pytest.approx(wanted)
    assert float(binary_loss(logits[:1, 0], labels[:1, 0])) == pytest.approx(math.log(2))


def test_divergences_by_hand() -> None:
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.2, 0.3, 0.5])
    logits = [torch.tensor(each, dtype=torch.float32).log()[None, None] for each in (p, q)]
    mask = torch.ones(1, 1)

    def kl(first: np.ndarray, second: np.ndarray) -> float:
        return float((first * np.log(first / second)).sum())

    assert float(kl_divergence(logits[0], logits[1], mask)) == pytest.approx(kl(p, q), rel=1e-5)
    # k3 has the divergence as its expectation.
    k3 = kl_estimate(logits[0][0, 0], logits[1][0, 0]).numpy()
    assert (k3 >= 0).all()
    assert float((p * k3).sum()) == pytest.approx(kl(p, q), rel=1e-5)
    for beta in (0.1, 0.5, 0.9):
        mixed = beta * q + (1 - beta) * p  # the teacher is the second
        wanted = beta * kl(q, mixed) + (1 - beta) * kl(p, mixed)
        assert float(jensen_shannon_loss(*logits, mask, beta=beta)) == pytest.approx(wanted, rel=1e-4)
    assert float(jensen_shannon_loss(*logits, mask, beta=0)) == pytest.approx(kl(q, p), rel=1e-5)
    assert float(jensen_shannon_loss(*logits, mask, beta=1)) == pytest.approx(kl(p, q), rel=1e-5)


def test_distillation_by_hand() -> None:
    student, teacher = torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[2.0, 0.0]]])
    tokens, mask = torch.tensor([[1]]), torch.ones(1, 1)
    hard = -math.log(sigmoid(1))
    p, q = sigmoid(1), sigmoid(-0.5)  # of the first word, at temperature 2
    soft = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    loss = distillation_loss(student, teacher, tokens, mask, soft_share=0.3, temperature=2)
    assert float(loss) == pytest.approx(0.7 * hard + 0.3 * 4 * soft, rel=1e-5)
    plain = distillation_loss(student, teacher, tokens, mask, soft_share=1, temperature=2, scaled=False)
    assert float(plain) == pytest.approx(soft, rel=1e-5)


def test_the_temperature_squared_keeps_the_gradients_size() -> None:
    teacher = torch.randn(1, 1, 9, generator=torch.Generator().manual_seed(1))
    sizes = {}
    for temperature in (8.0, 16.0):
        for scaled in (True, False):
            student = torch.zeros(1, 1, 9, requires_grad=True)
            loss = distillation_loss(
                student,
                teacher,
                torch.zeros(1, 1, dtype=torch.int64),
                torch.ones(1, 1),
                soft_share=1,
                temperature=temperature,
                scaled=scaled,
            )
            (gradient,) = torch.autograd.grad(loss, student)
            sizes[temperature, scaled] = float(gradient.norm())
    assert sizes[16, True] / sizes[8, True] == pytest.approx(1, abs=0.05)
    assert sizes[16, False] / sizes[8, False] == pytest.approx(0.25, abs=0.02)


def test_visits_by_hand() -> None:
    logprobs, visits = torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([0.25, 0.75, 1.0])
    loss = visits_loss(logprobs, visits, torch.tensor([0, 0, 1]))
    assert float(loss) == pytest.approx((0.25 + 1.5 + 3) / 2)


def test_groups_by_hand() -> None:
    rewards = torch.tensor([[1.0, 0, 0, 1], [1, 1, 1, 1]])
    deviation = math.sqrt(1 / 3)
    assert group_advantages(rewards)[0].tolist() == pytest.approx(
        [0.5 / (deviation + 1e-4) * sign for sign in (1, -1, -1, 1)]
    )
    assert group_advantages(rewards)[1].tolist() == [0] * 4
    assert group_advantages(rewards, by_deviation=False)[0].tolist() == [0.5, -0.5, -0.5, 0.5]


def test_the_surrogate_by_hand() -> None:
    ratios = torch.tensor([[1.5, 0.5, 1.0], [1.5, 0.5, 9.0]])
    advantages = torch.tensor([2.0, -1.0])
    mask = torch.tensor([[1.0, 1, 1], [1, 1, 0]])
    logprobs = ratios.log().requires_grad_()
    terms = [[-2 * 1.2, -2 * 0.5, -2], [1.5, 0.8]]  # good: capped above; bad: capped below
    old = torch.zeros(2, 3)
    loss = policy_loss(logprobs, old, advantages, mask)
    assert loss.item() == pytest.approx(sum(map(sum, terms)) / 5)
    rows = policy_loss(logprobs, old, advantages, mask, mean="row")
    assert rows.item() == pytest.approx((sum(terms[0]) / 3 + sum(terms[1]) / 2) / 2)
    constant = policy_loss(logprobs, old, advantages, mask, mean="constant", max_tokens=4)
    assert constant.item() == pytest.approx(sum(map(sum, terms)) / 8)
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert (gradient == 0).tolist() == [[True, False, False], [False, True, True]]
    wider = policy_loss(logprobs, old, advantages, mask, clip_high=0.28)
    assert wider.item() == pytest.approx((sum(map(sum, terms)) - 0.16) / 5)
    k3 = torch.exp(torch.tensor(-0.3)) + 0.3 - 1
    held = policy_loss(old + 0.3, old + 0.3, advantages, mask, beta=0.1, reference=old)
    assert held.item() == pytest.approx(-(2 * 3 - 2) / 5 + 0.1 * float(k3), rel=1e-5)


def test_advantages_of_tokens_by_hand() -> None:
    rewards = torch.tensor([[0.0, 0.0, 1.0, 5.0]])
    values, mask = torch.tensor([[0.5, 0.25, 0.75, 9.0]]), torch.tensor([[1.0, 1, 1, 0]])
    errors = [0.25 - 0.5, 0.75 - 0.25, 1 - 0.75]
    wanted = [errors[0] + 0.5 * (errors[1] + 0.5 * errors[2]), errors[1] + 0.5 * errors[2], errors[2], 0]
    advantages, targets = generalized_advantages(rewards, values, mask, lam=0.5)
    assert advantages[0].tolist() == pytest.approx(wanted)
    assert targets[0].tolist() == pytest.approx(
        [*(a + v for a, v in zip(wanted, [0.5, 0.25, 0.75, 0], strict=True))]
    )
    returns = generalized_advantages(rewards, values, mask, lam=1.0)[1]
    assert returns[0].tolist() == pytest.approx([1, 1, 1, 0])


# On a model


def pairs(model: LanguageModel, reference: LanguageModel) -> list[Pair]:
    good, bad = (texts(model, PROMPTS, each) for each in (GOOD, BAD))
    known = [[row.sum() for row in score(reference, PROMPTS, each, ended=True)] for each in (GOOD, BAD)]
    return [
        Pair(one.prompt, one.response, other.response, float(first), float(second))
        for one, other, first, second in zip(good, bad, *known, strict=True)
    ]


def test_responses_are_scored_without_their_prompts() -> None:
    model = tiny_llama()
    examples = texts(model, PROMPTS, GOOD)
    logprobs, mask = response_logprobs(model, [(each.prompt, each.response) for each in examples])
    for row, scored in zip((logprobs * mask).sum(1), score(model, PROMPTS, GOOD, ended=True), strict=True):
        assert row.item() == pytest.approx(float(scored.sum()), abs=1e-4)
    assert mask.sum(1).tolist() == [len(each.response) for each in examples]
    loss, numbers = Supervised()(model, examples)
    wanted = -sum(row.sum() for row in score(model, PROMPTS, GOOD, ended=True)) / mask.sum()
    assert loss.item() == pytest.approx(float(wanted), abs=1e-5)
    assert float(numbers["loss/nll"]) == loss.item()


def test_visits_are_of_steps() -> None:
    model = tiny_llama()
    encode = model.codec.encode_prompts
    text, steps = encode(["1+2"])[0], [each[1:] for each in encode(["=3", "=4;"])]
    examples = [Visited(text, tuple(steps), (0.75, 0.25)), Visited(text, (steps[1],), (1.0,))]
    one, other = (float(row.sum()) for row in score_tokens(model, [text] * 2, steps))
    loss, _ = Visits()(model, examples)
    assert loss.item() == pytest.approx(-(0.75 * one + 0.25 * other + other) / 2, abs=1e-4)


# Against trl


def trl_dataset(**columns: Any) -> Any:
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


def trl_settings(name: str, folder: Path, **options: Any) -> Any:
    return getattr(pytest.importorskip("trl"), name)(
        output_dir=str(folder),
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
        **options,
    )


def first_batch(trainer: Any) -> Any:
    return next(iter(trainer.get_train_dataloader()))


@third_party
def test_supervised_equals_trl(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    model = tiny_llama()
    loss, _ = Supervised()(model, texts(model, PROMPTS, GOOD))
    trainer = trl.SFTTrainer(
        copy.deepcopy(model.network),
        args=trl_settings("SFTConfig", tmp_path, completion_only_loss=True, max_length=None),
        train_dataset=trl_dataset(prompt=PROMPTS, completion=[text + "<eos>" for text in GOOD]),
        processing_class=model.codec.tokenizer,
    )
    batch = first_batch(trainer)
    theirs = trainer.compute_loss(trainer.model, batch)
    assert theirs.item() == pytest.approx(loss.item(), abs=1e-5)


@third_party
def test_preferences_equal_trl(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    model, reference = tiny_llama(1), tiny_llama(2)
    loss, numbers = Preferences(0.3)(model, pairs(model, reference))
    trainer = trl.DPOTrainer(
        copy.deepcopy(model.network),
        ref_model=copy.deepcopy(reference.network),
        args=trl_settings("DPOConfig", tmp_path, beta=0.3, max_length=None),
        train_dataset=trl_dataset(prompt=PROMPTS, chosen=GOOD, rejected=BAD),
        processing_class=model.codec.tokenizer,
    )
    theirs = trainer.compute_loss(trainer.model, first_batch(trainer))
    assert theirs.item() == pytest.approx(loss.item(), abs=1e-5)
    assert 0 <= float(numbers["preference/accuracy"]) <= 1


@third_party
def test_reward_pairs_equal_trl(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    transformers = pytest.importorskip("transformers")
    model = tiny_llama()
    config = copy.deepcopy(model.network.config)
    config.num_labels = 1
    torch.manual_seed(1)
    judge = transformers.LlamaForSequenceClassification(config).eval()
    trainer = trl.RewardTrainer(
        judge,
        args=trl_settings("RewardConfig", tmp_path, max_length=None, disable_dropout=True),
        train_dataset=trl_dataset(prompt=PROMPTS, chosen=GOOD, rejected=BAD),
        processing_class=model.codec.tokenizer,
    )
    batch = first_batch(trainer)
    with torch.no_grad():
        better, worse = judge(**{**batch, "use_cache": False}).logits[:, 0].chunk(2)
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    assert theirs.item() == pytest.approx(float(pairwise_loss(better, worse)), abs=1e-5)


@third_party
def test_jensen_shannon_equals_trl() -> None:
    trainer = pytest.importorskip("trl.experimental.gkd").GKDTrainer
    source = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(3, 5, 7, generator=source) for _ in range(2))
    labels = torch.full((3, 5), -100)
    labels[0, 1:4], labels[2, :2] = 1, 2
    for beta in (0.0, 0.3, 1.0):
        theirs = trainer.generalized_jsd_loss(student, teacher, labels, beta=beta, temperature=1.5)
        ours = jensen_shannon_loss(student, teacher, (labels >= 0).float(), beta=beta, temperature=1.5)
        assert theirs.item() == pytest.approx(ours.item(), abs=1e-5)
