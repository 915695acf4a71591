"""A reward model's loss by hand and against trl's, and that it learns what comparisons say."""

from __future__ import annotations

import copy
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import tiny_llama

from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.loss.value import pairwise_loss, reward_loss
from engine.language.learner.objective.reward import BradleyTerry
from engine.language.learner.text_learner import TextLearner
from engine.language.method.reward.comparison import centred, lessons, measured
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import rewards
from engine.language.problem.preference_file import Preference


def test_the_loss_by_hand() -> None:
    better, worse = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])
    certain = -sum(math.log(1 / (1 + math.exp(-margin))) for margin in (1.5, -2.0)) / 2
    assert float(reward_loss(better, worse)) == pytest.approx(certain)
    assert float(reward_loss(better, worse, centre=0.1)) == pytest.approx(certain + 0.1 * (2.5**2 + 0) / 2)
    share = torch.tensor([0.5, 0.25])
    soft = [
        -(p * math.log(1 / (1 + math.exp(-m))) + (1 - p) * math.log(1 / (1 + math.exp(m))))
        for p, m in ((0.5, 1.5), (0.25, -2.0))
    ]
    assert float(reward_loss(better, worse, share)) == pytest.approx(sum(soft) / 2)
    assert float(reward_loss(better, worse)) == float(pairwise_loss(better, worse))


@pytest.mark.filterwarnings("ignore")
def test_centred_rewards_equal_trl(tmp_path: Path) -> None:
    trl, transformers = pytest.importorskip("trl"), pytest.importorskip("transformers")
    datasets = pytest.importorskip("datasets")
    model = tiny_llama()
    config = copy.deepcopy(model.network.config)
    config.num_labels = 1
    torch.manual_seed(1)
    judge = transformers.LlamaForSequenceClassification(config).eval()
    texts = {"prompt": ["1+2=", "3*4="], "chosen": ["3", "12;"], "rejected": ["4;;", "7"]}
    trainer = trl.RewardTrainer(
        judge,
        args=trl.RewardConfig(
            output_dir=str(tmp_path), per_device_train_batch_size=2, report_to=[], use_cpu=True, bf16=False,
            gradient_checkpointing=False, disable_tqdm=True, max_length=None, disable_dropout=True,
            center_rewards_coefficient=0.3,
        ),
        train_dataset=datasets.Dataset.from_dict(texts),
        processing_class=model.codec.tokenizer,
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        better, worse = judge(**{**batch, "use_cache": False}).logits[:, 0].chunk(2)
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    assert theirs.item() == pytest.approx(float(reward_loss(better, worse, centre=0.3)), abs=1e-5)


def test_the_objective_is_the_loss_on_the_rewards_of_whole_texts() -> None:
    model = tiny_llama()
    head = model.add_value_head()
    with torch.no_grad():
        head.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(3))
    pairs = [Preference("1+2=", "3", "44", 0.75), Preference("", "abc", "x;"), Preference("7-", "5", "5;5")]
    found, numbers = BradleyTerry(0.2)(model, lessons(model, pairs))
    told = [
        rewards(model, [p.prompt for p in pairs], [getattr(p, side) for p in pairs])
        for side in ("chosen", "rejected")
    ]
    better, worse = (torch.from_numpy(each) for each in told)
    assert found.item() == pytest.approx(
        float(reward_loss(better, worse, torch.tensor([0.75, 1, 1]), 0.2)), abs=1e-6
    )
    assert 0 <= float(numbers["reward/learnt_accuracy"]) <= 1


def taught(pairs: list[Preference], steps: int = 150, **settings: float) -> LanguageModel:
    model = tiny_llama(initializer_range=0.1)
    model.add_value_head()
    config = TextLearnerConfig(learning_rate=3e-3, batch_tokens=512, warmup_steps=5)
    TextLearner(model, config, 1).fit(lessons(model, pairs), BradleyTerry(**settings), steps=steps)
    return model


def test_what_comparisons_prefer_is_learnt_and_holds_for_others() -> None:
    """More of the letter a is better; responses of one prompt are compared, another prompt's held out."""
    texts = ["".join(each) for each in itertools.product("abc", repeat=4)]
    draw = np.random.default_rng(2)
    pairs = []
    for prompt in "0123456789":
        for one, two in draw.choice(len(texts), (60, 2)):
            better, worse = sorted((texts[one], texts[two]), key=lambda text: -text.count("a"))
            if better.count("a") > worse.count("a"):
                pairs.append(Preference(prompt, better, worse, key=prompt))
    model = taught([pair for pair in pairs if pair.prompt != "7"], centre=0.01)
    told = measured(model, [pair for pair in pairs if pair.prompt == "7"])
    assert told["reward/accuracy"] > 0.9
    assert told["reward/calibration"] < 0.1
    assert told["reward/length"] == 0, "all are of one length"


def test_soft_labels_are_what_the_model_believes() -> None:
    pairs = [Preference(prompt, "a", "b", 0.75) for prompt in "0123"]
    model = taught(pairs)
    better, worse = (rewards(model, list("0123"), [text] * 4) for text in "ab")
    assert 1 / (1 + np.exp(worse - better)) == pytest.approx(np.full(4, 0.75), abs=0.03)


def test_the_level_of_rewards_is_0_in_the_mean() -> None:
    pairs = [Preference("1", "a", "b"), Preference("2", "c", "x")]
    model = taught(pairs, steps=20)
    assert model.value_head is not None
    with torch.no_grad():
        model.value_head.bias.add_(7)
    before = rewards(model, ["1"], ["a"]) - rewards(model, ["2"], ["x"])
    centred(model, pairs)
    told = [rewards(model, ["1", "2"], texts) for texts in (["a", "c"], ["b", "x"])]
    assert float(np.mean(told)) == pytest.approx(0, abs=1e-5)
    assert rewards(model, ["1"], ["a"]) - rewards(model, ["2"], ["x"]) == pytest.approx(before, abs=1e-5)
