"""Policy gradients against trl's on frozen batches, and against expectations over all texts there are."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import other_model, save_plain, tiny_llama

from engine.language.episode import Episode
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.loss.divergence import kl_divergence
from engine.language.learner.loss.policy import Whole, left_out_advantages, policy_loss
from engine.language.learner.objective.joined import Joined
from engine.language.learner.objective.policy import PolicyGradient, Sampled
from engine.language.learner.objective.text import Supervised, texts
from engine.language.learner.text_learner import TextLearner
from engine.language.method.policy.advantage import (
    RoleBaseline,
    advantages_of,
    grouped,
    has_spread,
    overlong_penalty,
)
from engine.language.method.policy.config import PolicyConfig
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens
from engine.language.task import Prompt, VerifyResult

PROMPTS = ["1+2=", "3*4=", "", "7-5="]
WRITTEN = ["3", "12;", "1+1", "2"]
ADVANTAGES = [1.5, -0.5, 0.7, -1.2]
third_party = pytest.mark.filterwarnings("ignore")


def frozen_batch(temperature: float = 1.0) -> tuple[LanguageModel, list[Sampled]]:
    """A policy, and what one a little different has drawn, with a third one for a reference."""
    model, old, reference = tiny_llama(1), tiny_llama(1), tiny_llama(2)
    with torch.no_grad():
        for weight in old.network.parameters():
            weight.mul_(1.02)
    heads = model.encode_prompts(PROMPTS)
    tails = [each.response for each in texts(model, PROMPTS, WRITTEN)]
    told = [score_tokens(each, heads, tails, temperature) for each in (old, reference)]
    rows = zip(heads, tails, told[0], ADVANTAGES, told[1], strict=True)
    return model, [Sampled(*row) for row in rows]


def flat_gradient(loss: torch.Tensor, weights: list[Any]) -> torch.Tensor:
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return torch.cat([each.flatten() for each in found if each is not None])


# By hand


def test_ratios_of_whole_responses_by_hand() -> None:
    change = torch.tensor([[0.3, 0.1], [-0.2, 9.0]])
    mask, advantages, old = torch.tensor([[1.0, 1], [1, 0]]), torch.tensor([1.0, -2.0]), torch.zeros(2, 2)
    wide = {"clip_low": 0.9, "clip_high": 9.0, "mean": "row"}
    mean = policy_loss(change, old, advantages, mask, ratio="geometric", **wide)  # type: ignore[arg-type]
    whole = policy_loss(change, old, advantages, mask, ratio="sequence", **wide)  # type: ignore[arg-type]
    assert mean.item() == pytest.approx((-np.exp(0.2) + 2 * np.exp(-0.2)) / 2)
    assert whole.item() == pytest.approx((-np.exp(0.4) + 2 * np.exp(-0.2)) / 2)


def test_cispo_keeps_the_gradient_of_what_is_clipped() -> None:
    logprobs = torch.tensor([[1.5], [0.5]]).log().requires_grad_()
    advantages, mask = torch.tensor([2.0, -1.0]), torch.ones(2, 1)
    loss = policy_loss(
        logprobs, torch.zeros(2, 1), advantages, mask, surrogate="cispo", clip_high=0.2, mean="token"
    )
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert gradient[:, 0].tolist() == pytest.approx([-1.2 * 2 / 2, 0.5 / 2])


def episode(prompt: str, score: float) -> Episode:
    return Episode(Prompt(prompt, prompt, prompt), "x", VerifyResult(score), "model", 1, "", 0, 1.0, 0.0, 1)


def test_groups_are_of_one_problem() -> None:
    rows = [episode(name, 0.0) for name in "aabccc"]
    assert grouped(rows) == [[0, 1], [2], [3, 4, 5]]
    assert [has_spread(each) for each in ([0.5, 0.5], [0.0, 1.0], [1.0])] == [False, True, False]


def test_advantages_by_hand() -> None:
    rewards, groups = np.array([1.0, 0, 0, 0.5, 0.5, 1]), [[0, 1, 2], [3, 4], [5]]
    plain = advantages_of(rewards, groups, PolicyConfig(scale="none"))
    assert plain.tolist() == pytest.approx([2 / 3, -1 / 3, -1 / 3, 0, 0, 0])
    equal = np.array([0.1, 0.7, 0.7]).repeat(3) + 0.0
    assert not advantages_of(equal[:3], [[0, 1, 2]], PolicyConfig()).any(), "rounding is no spread"
    assert not advantages_of(equal[3:], [[0, 1, 2, 3, 4, 5]], PolicyConfig(baseline="others")).any()
    others = advantages_of(rewards, groups, PolicyConfig(scale="none", baseline="others"))
    assert others.tolist() == pytest.approx([1, -0.5, -0.5, 0, 0, 0])
    deviation = np.std([1, 0, 0], ddof=1)
    scaled = advantages_of(rewards, groups, PolicyConfig())
    assert scaled[:3].tolist() == pytest.approx(plain[:3] / (deviation + 1e-4))
    batch = advantages_of(rewards, groups, PolicyConfig(scale="batch"))
    assert batch.tolist() == pytest.approx((plain / (np.std(rewards, ddof=1) + 1e-4)).tolist())


def test_a_role_is_compared_with_what_it_had_before() -> None:
    roles = RoleBaseline(0.5)
    found = roles.advantages(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert found.tolist() == [[1, 0], [0.5, 0], [-0.75, 1]]
    assert roles.means == [0.375, 0.5]
    assert RoleBaseline(0.5, roles.means).advantages(np.array([[1.0, 1.0]])).tolist() == [[0.625, 0.5]]


def test_the_penalty_of_length_rises_to_one_at_the_limit() -> None:
    assert [overlong_penalty(tokens, 20, 4) for tokens in (3, 16, 18, 20)] == [0, 0, 0.5, 1]
    assert overlong_penalty(20, 20, 0) == 0


# Parts of a step


def test_parts_of_a_step_add_up() -> None:
    model, rows = frozen_batch()
    for mean in ("token", "row", "constant"):
        objective = PolicyGradient(mean=mean, max_tokens=9, beta=0.1, entropy=0.02)  # type: ignore[arg-type]
        loss, numbers = objective(model, rows)
        parts = [objective.of(rows)(model, part) for part in (rows[:1], rows[1:])]
        assert sum(part.item() for part, _ in parts) == pytest.approx(loss.item(), abs=1e-6)
        for name, number in numbers.items():
            assert sum(float(found[name]) for _, found in parts) == pytest.approx(float(number), abs=1e-6)


@pytest.mark.parametrize("spans", [None, [((0, 1),), None]], ids=["whole", "parts"])
def test_texts_beside_responses_count_by_their_share(spans: Any) -> None:
    model, rows = frozen_batch()
    real = texts(model, PROMPTS[:2], WRITTEN[:2], spans=spans)
    assert (real[0].learnt is None) == (spans is None)
    alone, numbers = PolicyGradient()(model, rows)
    supervised, _ = Supervised()(model, real)
    joined = Joined.of(PolicyGradient(), rows, rows, real)
    loss, told = joined(model, [*rows, *real])
    assert loss.item() == pytest.approx((4 * alone.item() + 2 * supervised.item()) / 6, abs=1e-6)
    assert float(told["loss/nll"]) == pytest.approx(supervised.item(), abs=1e-6)
    assert told.keys() - {"loss/nll"} == numbers.keys()
    parts = [joined(model, part)[0].item() for part in ([rows[0], real[1]], [*rows[1:]], [real[0]])]
    assert sum(parts) == pytest.approx(loss.item(), abs=1e-6)


def test_a_step_in_parts_is_that_on_all() -> None:
    weights = []
    for batch_tokens in (16, 4096):
        model, rows = frozen_batch()
        learner = TextLearner(model, TextLearnerConfig(batch_tokens=batch_tokens, warmup_steps=0), 1)
        numbers = learner.update(rows, PolicyGradient().of(rows), steps=1)
        assert learner.end_updates()["loss/steps"] == 1
        weights.append(torch.cat([each.flatten() for _, each in model.parameters()]))
        assert numbers["policy/entropy"] > 0
    torch.testing.assert_close(*weights, atol=2e-5, rtol=0)


def test_rows_without_an_advantage_count_in_the_mean_and_are_not_read() -> None:
    model, rows = frozen_batch()
    rows[1] = replace(rows[1], advantage=0.0)
    whole, _ = PolicyGradient()(model, rows)
    read = [rows[0], *rows[2:]]
    less, numbers = PolicyGradient().of(rows, read)(model, read)
    assert less.item() == pytest.approx(whole.item(), abs=1e-6)
    assert float(numbers["policy/ratio"]) == pytest.approx(1, abs=0.2)


def test_what_the_learner_has_drawn_itself_has_ratio_one() -> None:
    model, rows = frozen_batch()
    _, numbers = PolicyGradient()(model, [replace(each, old=None) for each in rows])
    assert float(numbers["policy/ratio"]) == 1
    assert float(numbers["policy/clipped_low"] + numbers["policy/clipped_high"]) == 0


# Against all texts there are


class Enumerated:
    """All responses of two tokens over three letters, each by its probability, and what it is worth."""

    def __init__(self) -> None:
        self.model = other_model(
            "LlamaForCausalLM", "LlamaConfig", 3, "abc", max_position_embeddings=16, vocab_size=6
        )
        self.head = self.model.encode_prompts(["ab"])[0]
        self.tails = [list(each) for each in itertools.product(range(6), repeat=2)]
        self.logprobs = score_tokens(self.model, [self.head] * len(self.tails), self.tails)
        self.chances = np.exp([float(each.sum()) for each in self.logprobs])
        self.rewards = np.random.default_rng(1).random(len(self.tails)).round(1)
        assert self.chances.sum() == pytest.approx(1, abs=1e-5)

    def sampled(self, advantages: Any, **more: Any) -> list[Sampled]:
        told = zip(self.tails, self.logprobs, advantages, strict=True)
        return [Sampled(self.head, tail, old, float(each), **more) for tail, old, each in told]

    def gradient(self, loss: torch.Tensor) -> torch.Tensor:
        return flat_gradient(loss, [weight for _, weight in self.model.parameters()])

    def exact(self) -> torch.Tensor:
        """The gradient of the mean reward."""
        ids = torch.tensor([self.head + tail for tail in self.tails])
        nats = self.model.network(input_ids=ids, use_cache=False).logits.log_softmax(2)
        start = len(self.head) - 1
        drawn = nats[:, start:-1].gather(2, ids[:, start + 1 :, None]).sum((1, 2))
        return self.gradient((drawn.exp() * torch.from_numpy(self.rewards).float()).sum())


@pytest.mark.parametrize("ratio", ["token", "sequence"])
@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_the_gradient_is_that_of_the_mean_reward(ratio: Any, baseline: float) -> None:
    """Whatever baseline does not look at the response; each token's terms add up to the sequence's."""
    world = Enumerated()
    count = len(world.tails)
    rows = world.sampled(world.chances * (world.rewards - baseline) * count)
    mean: Any = "row" if ratio == "sequence" else "constant"
    for surrogate in ("clipped", "cispo") if ratio == "token" else ("clipped",):
        loss, _ = PolicyGradient(ratio=ratio, mean=mean, surrogate=surrogate)(world.model, rows)  # type: ignore[arg-type]
        torch.testing.assert_close(-world.gradient(loss), world.exact(), atol=1e-5, rtol=1e-4)


def test_leaving_one_out_is_not_biased_and_the_mean_of_all_shrinks() -> None:
    """Over all pairs of responses: 1 for leave-one-out, (G - 1) / G for a mean that holds the response."""
    world = Enumerated()
    places = list(itertools.product(range(len(world.tails)), repeat=2))
    pairs = torch.from_numpy(world.rewards[np.array(places)]).float()
    chances = world.chances[np.array(places)].prod(1)
    for advantages, share in ((left_out_advantages(pairs), 1.0), (pairs - pairs.mean(1, keepdim=True), 0.5)):
        # What each response gets over all pairs that it is in.
        total = np.zeros(len(world.tails))
        np.add.at(total, np.array(places).ravel(), (advantages.numpy() * chances[:, None]).ravel() / 2)
        rows = world.sampled(total * len(world.tails))
        loss, _ = PolicyGradient(ratio="sequence", mean="row")(world.model, rows)
        torch.testing.assert_close(-world.gradient(loss), share * world.exact(), atol=1e-5, rtol=1e-4)


def test_k3_times_the_ratio_has_the_gradient_of_kl() -> None:
    world = Enumerated()
    reference = other_model(
        "LlamaForCausalLM", "LlamaConfig", 4, "abc", max_position_embeddings=16, vocab_size=6
    )
    told = score_tokens(reference, [world.head] * len(world.tails), world.tails)
    start = len(world.head) - 1
    ids = torch.tensor([world.head + tail for tail in world.tails])

    def logits(model: LanguageModel) -> torch.Tensor:
        return model.network(input_ids=ids, use_cache=False).logits[:, start:-1]  # type: ignore[no-any-return]

    chances = torch.from_numpy(world.chances).float()[:, None].expand(-1, 2)
    with torch.no_grad():
        other = logits(reference)
    exact = world.gradient(kl_divergence(logits(world.model), other, chances) * chances.sum())
    gradients = {}
    for unbiased in (True, False):
        total = 0.0
        for row, known, chance in zip(world.sampled(np.zeros(len(told))), told, world.chances, strict=True):
            one = [replace(row, reference=known)]
            loss, _ = PolicyGradient(beta=1.0, unbiased=unbiased, mean="constant")(world.model, one)
            total = total + float(chance) * loss
        gradients[unbiased] = world.gradient(total)  # type: ignore[arg-type]
    torch.testing.assert_close(gradients[True], exact, atol=1e-4, rtol=1e-3)
    assert (gradients[False] - exact).norm() > 0.1 * exact.norm()


# Against trl


def trl_trainer(name: str, model: LanguageModel, folder: Path, reward: Any = None, **options: Any) -> Any:
    trl = pytest.importorskip("trl")
    transformers = pytest.importorskip("transformers")
    datasets = pytest.importorskip("datasets")
    # trl looks for the files of the model.
    network = transformers.AutoModelForCausalLM.from_pretrained(save_plain(model, folder / "model"))
    settings = {
        "output_dir": str(folder), "report_to": [], "use_cpu": True, "bf16": False,
        "gradient_checkpointing": False, "disable_tqdm": True, "num_generations": 2,
        "max_completion_length": 9, "per_device_train_batch_size": 4,
    }  # fmt: skip
    trainer = getattr(trl, f"{name}Trainer")(
        network,
        reward_funcs=reward or (lambda completions, **_: [0.0] * len(completions)),
        args=getattr(trl, f"{name}Config")(**(settings | options)),
        train_dataset=datasets.Dataset.from_dict({"prompt": PROMPTS}),
        processing_class=model.codec.tokenizer,
    )
    trainer.model.eval()  # neither accumulated nor split
    return trainer


def trl_inputs(model: LanguageModel, rows: list[Sampled]) -> dict[str, torch.Tensor]:
    heads, tails = [each.prompt for each in rows], [each.response for each in rows]
    width, long, pad = max(map(len, heads)), max(map(len, tails)), model.codec.pad

    def right(table: list[Any], blank: float) -> torch.Tensor:
        return torch.tensor([[*row, *[blank] * (long - len(row))] for row in table])

    old = [each.old.tolist() for each in rows if each.old is not None]
    counts = torch.tensor([len(tail) for tail in tails])
    return {
        "prompt_ids": torch.tensor([[pad] * (width - len(head)) + head for head in heads]),
        "prompt_mask": torch.tensor([[0] * (width - len(head)) + [1] * len(head) for head in heads]),
        "completion_ids": right(tails, pad),
        "completion_mask": (torch.arange(long) < counts[:, None]).long(),
        "advantages": torch.tensor(ADVANTAGES),
        "old_per_token_logps": right(old, 0.0),
        "old_logps": torch.tensor([sum(row) for row in old]),
        "ref_per_token_logps": right(
            [each.reference.tolist() for each in rows if each.reference is not None], 0.0
        ),
        "num_items_in_batch": counts.sum(),
    }


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dapo": ({"beta": 0.04, "unbiased": True}, {"loss_type": "dapo", "use_bias_correction_kl": True}),
    "clip-higher": ({"clip_high": 0.28}, {"loss_type": "dapo", "epsilon_high": 0.28}),
    "tight": ({"clip_low": 0.01, "clip_high": 0.02}, {"epsilon": 0.01, "epsilon_high": 0.02}),
    "bnpo": ({}, {"loss_type": "bnpo"}),
    "grpo": ({"mean": "row", "beta": 0.04}, {"loss_type": "grpo", "use_bias_correction_kl": False}),
    "dr_grpo": (
        {"mean": "constant", "max_tokens": 9, "beta": 0.04},
        {"loss_type": "dr_grpo", "use_bias_correction_kl": False},
    ),
    "cispo": ({"surrogate": "cispo", "clip_high": 0.02}, {"loss_type": "cispo", "epsilon_high": 1.02}),
    "gspo": (
        {"mean": "row", "ratio": "geometric", "clip_low": 0.01, "clip_high": 0.02},
        {
            "loss_type": "grpo",
            "importance_sampling_level": "sequence",
            "epsilon": 0.01,
            "epsilon_high": 0.02,
        },
    ),
    "entropy": ({"entropy": 0.03}, {"entropy_coef": 0.03}),
    "temperature": ({"temperature": 0.7}, {"temperature": 0.7}),
}


@third_party
@pytest.mark.parametrize("kind", VARIANTS)
def test_policy_gradient_equals_trl(kind: str, tmp_path: Path) -> None:
    ours, theirs = VARIANTS[kind]
    model, rows = frozen_batch(ours.get("temperature", 1.0))
    trainer = trl_trainer("GRPO", model, tmp_path, **{"beta": ours.get("beta", 0.0), **theirs})
    expected = trainer._compute_loss(trainer.model, trl_inputs(model, rows))
    loss, _ = PolicyGradient(**ours)(model, rows)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    weights = [weight for _, weight in model.parameters()]
    gradients = [
        flat_gradient(one, own)
        for one, own in ((loss, weights), (expected, list(trainer.model.parameters())))
    ]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)


@third_party
def test_leave_one_out_equals_trl(tmp_path: Path) -> None:
    model, rows = frozen_batch()
    trainer = trl_trainer("RLOO", model, tmp_path, beta=0.05)
    expected = trainer._compute_loss(trainer.model, trl_inputs(model, rows))
    loss, _ = PolicyGradient(ratio="sequence", mean="row")(model, rows)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


REWARDS = [1.0, 0.0, 0.0, 0.5, 0.25, 0.25, 0.25, 0.25]
"""Of two groups of four, one of which has no spread."""

ADVANTAGE_KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "group": ("GRPO", {}, {}),
    "none": ("GRPO", {"scale": "none"}, {"scale_rewards": "none"}),
    "batch": ("GRPO", {"scale": "batch"}, {"scale_rewards": "batch"}),
    "others": ("RLOO", {"baseline": "others", "scale": "none"}, {"beta": 0.0}),
}


@third_party
@pytest.mark.parametrize("kind", ADVANTAGE_KINDS)
def test_advantages_equal_trl(kind: str, tmp_path: Path) -> None:
    name, ours, theirs = ADVANTAGE_KINDS[kind]
    trainer = trl_trainer(
        name, copy.deepcopy(tiny_llama()), tmp_path, lambda completions, **_: REWARDS[: len(completions)],
        num_generations=4, num_generations_eval=4, per_device_train_batch_size=8, **theirs,
    )  # fmt: skip
    found = trainer._generate_and_score_completions([{"prompt": PROMPTS[place // 4]} for place in range(8)])
    advantages = advantages_of(np.array(REWARDS), [[0, 1, 2, 3], [4, 5, 6, 7]], PolicyConfig(**ours))
    assert advantages.tolist() == pytest.approx(found["advantages"].tolist(), abs=1e-5)


def test_a_whole_that_is_given_is_what_means_are_over() -> None:
    mask = torch.ones(1, 2)
    loss = policy_loss(
        torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([-1.0]), mask, whole=Whole(rows=4, tokens=8.0)
    )
    assert loss.item() == pytest.approx(2 / 8)
