"""Losses of pairs against trl's on frozen batches, gradients too, and against their formulas worked out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_llama
from torch import Tensor

from engine.language.learner.loss.preference import LOSSES, SMOOTHED, Form, Likelihoods, preference_loss
from engine.language.learner.objective.desirability import Desirability, Wanted
from engine.language.learner.objective.preference import Pair, Preferences
from engine.language.learner.objective.text import Supervised, texts
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score

PROMPTS = ["1+2=", "3*4=", "", "7-5="]
GOOD, BAD = ["3", "12;", "1+1", "2"], ["4;;", "7", "2", "x=9"]
third_party = pytest.mark.filterwarnings("ignore")


def pairs(model: LanguageModel, reference: LanguageModel | None) -> list[Pair]:
    good, bad = (texts(model, PROMPTS, each, keys=PROMPTS) for each in (GOOD, BAD))
    known = [
        [0.0] * len(each)
        if reference is None
        else [float(row.sum()) for row in score(reference, PROMPTS, each, ended=True)]
        for each in (GOOD, BAD)
    ]
    return [
        Pair(one.prompt, one.response, other.response, first, second, key=one.key)
        for one, other, first, second in zip(good, bad, *known, strict=True)
    ]


def settings(module: str, name: str, folder: Path, **options: Any) -> Any:
    return getattr(pytest.importorskip(module), name)(
        output_dir=str(folder), per_device_train_batch_size=4, report_to=[], use_cpu=True, bf16=False,
        gradient_checkpointing=False, disable_tqdm=True, max_length=None, **options,
    )  # fmt: skip


def dataset(**columns: Any) -> Any:
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


def gradients(loss: Tensor, network: torch.nn.Module) -> dict[str, Tensor]:
    named = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {
        name.removeprefix("module."): torch.zeros_like(weight) if each is None else each
        for (name, weight), each in zip(named.items(), found, strict=True)
    }


def assert_equal(ours: Tensor, model: LanguageModel, theirs: Tensor, network: torch.nn.Module) -> None:
    """The losses and the gradients of every weight."""
    assert theirs.item() == pytest.approx(ours.item(), abs=1e-5)
    mine, other = gradients(ours, model.network), gradients(theirs, network)
    assert mine.keys() == other.keys()
    largest = max(float(each.abs().max()) for each in mine.values())
    assert largest > 1e-4
    for name, each in mine.items():
        torch.testing.assert_close(each, other[name], atol=1e-5 * max(1.0, largest), rtol=1e-4)


DPO = {
    "sigmoid": (Form(beta=0.3), {}),
    "hinge": (Form("hinge", 0.3), {}),
    "ipo": (Form("ipo", 0.3), {}),
    "exo_pair": (Form("exo_pair", 0.3, 0.01), {"label_smoothing": 0.01}),
    "nca_pair": (Form("nca_pair", 0.3), {}),
    "robust": (Form("robust", 0.3, 0.1), {"label_smoothing": 0.1}),
    "bco_pair": (Form("bco_pair", 0.3), {}),
    "sppo_hard": (Form("sppo_hard", 0.3), {}),
    "aot": (Form("aot", 0.3, 0.1), {"label_smoothing": 0.1}),
    "aot_unpaired": (Form("aot_unpaired", 0.3, 0.1), {"label_smoothing": 0.1}),
    "apo_zero": (Form("apo_zero", 0.3), {}),
    "apo_down": (Form("apo_down", 0.3), {}),
    "discopop": (Form("discopop", 0.3), {}),
    "sigmoid_norm": (Form("sigmoid", 0.3), {}),
}
"""By trl's name: our form, and what else trl's settings say."""


@third_party
@pytest.mark.parametrize("name", DPO)
def test_a_loss_and_its_gradients_equal_trl(name: str, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    form, options = DPO[name]
    model, reference = tiny_llama(1), tiny_llama(2)
    objective = Preferences(form, per_token=name in ("ipo", "sigmoid_norm"))
    ours, _ = objective(model, pairs(model, reference))
    trainer = trl.DPOTrainer(
        copy.deepcopy(model.network),
        ref_model=copy.deepcopy(reference.network),
        args=settings("trl", "DPOConfig", tmp_path, beta=0.3, loss_type=[name], **options),
        train_dataset=dataset(prompt=PROMPTS, chosen=GOOD, rejected=BAD),
        processing_class=model.codec.tokenizer,
    )
    theirs = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    assert_equal(ours, model, theirs, trainer.model)


@third_party
def test_the_likelihood_beside_it_equals_trl(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    model, reference = tiny_llama(1), tiny_llama(2)
    ours, numbers = Preferences(0.3, sft=0.7)(model, pairs(model, reference))
    trainer = trl.DPOTrainer(
        copy.deepcopy(model.network),
        ref_model=copy.deepcopy(reference.network),
        args=settings(
            "trl", "DPOConfig", tmp_path, beta=0.3, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.7]
        ),
        train_dataset=dataset(prompt=PROMPTS, chosen=GOOD, rejected=BAD),
        processing_class=model.codec.tokenizer,
    )
    theirs = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    assert_equal(ours, model, theirs, trainer.model)
    assert float(numbers["loss/chosen"]) > 0


@third_party
@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("is_far", [False, True])
def test_kto_equals_trl(weights: tuple[float, float], is_far: bool, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    model, reference = tiny_llama(1 if is_far else 5), tiny_llama(2)
    trainer = trl.KTOTrainer(
        copy.deepcopy(model.network),
        ref_model=copy.deepcopy(reference.network),
        args=settings(
            "trl", "KTOConfig", tmp_path, beta=0.3, desirable_weight=weights[0],
            undesirable_weight=weights[1],
        ),
        train_dataset=dataset(
            prompt=PROMPTS, completion=GOOD, label=[True] * len(GOOD)
        ),
        processing_class=model.codec.tokenizer,
    )  # fmt: skip
    strays = [GOOD[-1], *GOOD[:-1]]
    away = texts(model, PROMPTS, strays)
    likely = [float(nats.sum()) for nats in score(reference, PROMPTS, strays, ended=True)]
    found = [
        Wanted(
            pair.prompt,
            pair.chosen if is_wanted else pair.rejected,
            pair.reference_chosen if is_wanted else pair.reference_rejected,
            is_wanted,
            text.response,
            nats,
        )
        for is_wanted in (True, False)
        for pair, text, nats in zip(pairs(model, reference), away, likely, strict=True)
    ]
    ours, numbers = Desirability(0.3, weights=weights)(model, found)
    rows = [
        {
            "prompt_ids": each.prompt,
            "completion_ids": each.response,
            "KL_completion_ids": each.stray,
            "label": each.is_wanted,
        }
        for each in found
    ]
    theirs = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    assert_equal(ours, model, theirs, trainer.model)
    assert (float(numbers["preference/drift"]) > 0) == is_far


FREE = {
    "sigmoid": (Form("sigmoid", 0.3, 0.1), {"label_smoothing": 0.1}, False),
    "hinge": (Form("hinge", 0.3), {}, False),
    "ipo": (Form("ipo", 0.3), {}, True),
    "simpo": (Form("sigmoid", 0.3, target=0.4), {"simpo_gamma": 0.4}, True),
}


@third_party
@pytest.mark.parametrize("name", FREE)
def test_losses_without_a_reference_equal_trl(name: str, tmp_path: Path) -> None:
    cpo = pytest.importorskip("trl.experimental.cpo")
    form, options, per_token = FREE[name]
    model = tiny_llama(1)
    ours, _ = Preferences(form, per_token=per_token, sft=0.7)(model, pairs(model, None))
    trainer = cpo.CPOTrainer(
        copy.deepcopy(model.network),
        args=settings(
            "trl.experimental.cpo", "CPOConfig", tmp_path, beta=0.3, loss_type=name, cpo_alpha=0.7, **options
        ),
        train_dataset=dataset(prompt=PROMPTS, chosen=GOOD, rejected=BAD),
        processing_class=model.codec.tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    theirs, _ = trainer.get_batch_loss_metrics(trainer.model, batch)
    assert_equal(ours, model, theirs, trainer.model)


@third_party
def test_the_odds_ratio_equals_trl(tmp_path: Path) -> None:
    orpo = pytest.importorskip("trl.experimental.orpo")
    model = tiny_llama(1)
    trainer = orpo.ORPOTrainer(
        copy.deepcopy(model.network),
        args=settings("trl.experimental.orpo", "ORPOConfig", tmp_path, beta=0.3),
        train_dataset=dataset(prompt=PROMPTS, chosen=GOOD, rejected=BAD),
        processing_class=model.codec.tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    chosen, rejected = trainer.concatenated_forward(trainer.model, batch)[:2]
    theirs = -trainer.odds_ratio_loss(chosen, rejected)[0].mean()
    ours, _ = Preferences(Form("orpo", 0.3), per_token=True)(model, pairs(model, None))
    assert_equal(ours, model, theirs, trainer.model)


# By hand


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


NUMBERS = (-1.0, -3.0, -1.5, -2.0)
"""ln p of the chosen and the rejected response under the policy, and under the reference."""


BY_HAND: dict[str, Callable[[float, float, float], float]] = {
    "sigmoid": lambda w, u, b: -math.log(sigmoid(b * (w - u))),
    "hinge": lambda w, u, b: max(0.0, 1 - b * (w - u)),
    "ipo": lambda w, u, b: (w - u - 1 / (2 * b)) ** 2,
    "nca_pair": lambda w, u, b: (
        -math.log(sigmoid(b * w)) - (math.log(sigmoid(-b * w)) + math.log(sigmoid(-b * u))) / 2
    ),
    "bco_pair": lambda w, u, b: -math.log(sigmoid(b * w)) - math.log(sigmoid(-b * u)),
    "sppo_hard": lambda w, u, b: (w - 1 / (2 * b)) ** 2 + (u + 1 / (2 * b)) ** 2,
    "aot": lambda w, u, b: -math.log(sigmoid(b * (w - u))),
    "aot_unpaired": lambda w, u, b: -math.log(sigmoid(b * (w - u))),
    "apo_zero": lambda w, u, b: 1 - sigmoid(b * w) + sigmoid(b * u),
    "apo_down": lambda w, u, b: sigmoid(b * w) + 1 - sigmoid(b * (w - u)),
}
"""Of one pair's gains and beta."""


def tensors(*numbers: float) -> list[Tensor]:
    return [torch.tensor([number]) for number in numbers]


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_formulas_by_hand(name: str, smoothing: float) -> None:
    chosen, rejected, reference_chosen, reference_rejected = NUMBERS
    gains = chosen - reference_chosen, rejected - reference_rejected
    found = preference_loss(*tensors(*NUMBERS), Form(name, 0.5, smoothing))
    right, wrong = (BY_HAND[name](*order, 0.5) for order in (gains, gains[::-1]))
    assert float(found) == pytest.approx((1 - smoothing) * right + smoothing * wrong, rel=1e-5)


def test_other_formulas_by_hand() -> None:
    logit, margin = 0.5 * (0.5 - -1.0), 1.5
    robust = preference_loss(*tensors(*NUMBERS), Form("robust", 0.5, 0.2))
    wanted = -(0.8 * math.log(sigmoid(logit)) - 0.2 * math.log(sigmoid(-logit))) / 0.6
    assert float(robust) == pytest.approx(wanted, rel=1e-5)
    exo = preference_loss(*tensors(*NUMBERS), Form("exo_pair", 0.5, 0.2))
    choice = sigmoid(0.5 * margin)
    divergence = choice * math.log(choice / 0.8) + (1 - choice) * math.log((1 - choice) / 0.2)
    assert float(exo) == pytest.approx(divergence, rel=1e-5)
    blend = sigmoid(logit / 0.05)
    disco = preference_loss(*tensors(*NUMBERS), Form("discopop", 0.5))
    wanted = -(1 - blend) * math.log(sigmoid(logit)) + blend * math.exp(-logit)
    assert float(disco) == pytest.approx(wanted, rel=1e-5)
    odds = [math.exp(x) / (1 - math.exp(x)) for x in NUMBERS[:2]]
    orpo = preference_loss(*tensors(*NUMBERS), Form("orpo", 0.5))
    assert float(orpo) == pytest.approx(-0.5 * math.log(sigmoid(math.log(odds[0] / odds[1]))), rel=1e-5)


def test_every_loss_is_checked() -> None:
    by_trl = {form.loss for form, _ in DPO.values()} | {"orpo"}
    assert by_trl == set(LOSSES)
    assert set(BY_HAND) | {"robust", "exo_pair", "discopop", "orpo"} == set(LOSSES)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"aot", "aot_unpaired"}))
def test_a_pair_that_is_better_with_some_probability(name: str) -> None:
    form = Form(name, 0.5, 0.1 if name in SMOOTHED else 0.0)
    numbers = tensors(*NUMBERS)
    right = preference_loss(*numbers, form)
    wrong = preference_loss(*(numbers[place] for place in (1, 0, 3, 2)), form)
    soft = preference_loss(*numbers, form, share=torch.tensor([0.75]))
    assert float(soft) == pytest.approx(0.75 * float(right) + 0.25 * float(wrong), rel=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_falls_where_the_chosen_response_gains(name: str) -> None:
    """The gradient prefers it; of `apo_down` both are to fall, the rejected one faster."""
    form = Form(name, 0.5, 0.1 if name in SMOOTHED else 0.0)
    numbers = [each.requires_grad_() for each in tensors(-2.0, -1.0, -1.0, -1.0)]
    loss = preference_loss(*numbers, form)
    chosen, rejected = torch.autograd.grad(loss, numbers[:2])
    assert float(chosen) < float(rejected)


def test_a_target_is_a_margin_that_is_asked_for() -> None:
    pair = Likelihoods(*tensors(*NUMBERS))
    moved = preference_loss(*tensors(*NUMBERS), Form(beta=0.5, target=0.5 * float(pair.margin)))
    assert float(moved) == pytest.approx(math.log(2), rel=1e-5)


def test_texts_count_by_their_share_of_a_batch() -> None:
    model, reference = tiny_llama(1), tiny_llama(2)
    compared, written = pairs(model, reference), texts(model, PROMPTS[:2], GOOD[:2])
    objective = Preferences(0.3)
    parts = [objective(model, compared)[0].item(), Supervised()(model, written)[0].item()]
    loss, numbers = objective(model, [written[0], *compared, written[1]])
    assert loss.item() == pytest.approx((4 * parts[0] + 2 * parts[1]) / 6, rel=1e-5)
    assert {"loss/preference", "loss/nll"} <= numbers.keys()
