"""PPO: known optima, the divergence it is held to, its critics, and what it does not learn from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from panels import save_panel
from practised import PROMPT, Bandit, Chain, Quiet, distribution, practised, speller, turn_of
from small_text_run import metrics
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.policy.kl_control import adapted
from engine.language.method.policy.ppo_config import PpoConfig
from engine.language.method.policy.reward import is_told, rewards_of
from engine.language.method.registry import build_text_config, method_of
from engine.language.method.turn import ExplosionError
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import load_model
from engine.language.rollout import Policy, sample
from engine.language.task import Demonstration, Task, VerifyResult
from engine.run.layout import checkpoint_folder

__all__ = ["own"]

QUICK = {
    "sample": {"samples": 256},
    "policy": {"groups": 1, "beta": 0.0, "learning_rate": 1e-2, "updates": 4, "minibatches": 2},
    "update": {"steps": 8 * 16},
}
CRITICS = {"head": {"critic": "head", "value_weight": 0.5}, "model": {"critic": "model"}}
SHORT = {
    "sample": {"samples": 32},
    "policy": {"groups": 1, "updates": 4, "minibatches": 2},
    "update": {"steps": 16},
}


@pytest.mark.parametrize(("task", "critic"), [(Bandit(), "head"), (Chain(), "model")], ids=["arms", "chain"])
def test_it_finds_the_optimum(task: Task, critic: str) -> None:
    turn, learnt = practised(task, speller(task), "ppo", QUICK, {"ppo": CRITICS[critic]})
    _, chances, scores = distribution(task, turn.student)
    assert chances.sum() == pytest.approx(1, abs=1e-4)
    assert (chances * scores).sum() >= 0.99 * scores.max()
    assert learnt.values["policy/reward"] > 0.8 * scores.max()
    assert 0 < learnt.steps <= 8 * 16


@pytest.mark.parametrize(("task", "critic"), [(Bandit(), "model"), (Chain(), "head")], ids=["arms", "chain"])
def test_with_a_divergence_it_finds_the_tilted_reference(task: Task, critic: str) -> None:
    """Of reward less beta KL the optimum is p_ref exp(r / beta) / Z, which is worth beta ln Z."""
    beta = 0.3
    changes = {"policy": {"beta": beta}, "ppo": CRITICS[critic]}
    turn, _ = practised(task, speller(task), "ppo", QUICK, changes, rates=(1e-2, 1e-3))
    _, chances, scores = distribution(task, turn.student)
    reference = distribution(task, turn.first)[1]
    tilted = reference * np.exp(scores / beta)
    best, tilted = beta * math.log(tilted.sum()), tilted / tilted.sum()
    reached = float((chances * (scores - beta * np.log(chances / reference))).sum())
    assert 0.99 * best <= reached <= best + 1e-4
    assert np.abs(chances - tilted).sum() / 2 < 0.05
    assert np.abs(reference - tilted).sum() / 2 > 0.3, "else there was nothing to learn"


def test_the_coefficient_follows_the_divergence() -> None:
    assert adapted(0.5, 6.0, 6.0, 0.1) == 0.5
    assert adapted(0.5, 6.6, 6.0, 0.1) == pytest.approx(0.5 * 1.01)
    assert adapted(0.5, 600, 6.0, 0.1) == pytest.approx(0.5 * 1.02)
    assert adapted(0.5, -3, 6.0, 0.1) == pytest.approx(0.5 * 0.98)


def test_a_budget_is_kept() -> None:
    """Freely it would go to 0.96 nats, where nothing but the best arm is left."""
    task, budget = Bandit(), 0.3
    changes = {
        "policy": {"beta": 0.1}, "ppo": {**CRITICS["head"], "kl_budget": budget, "kl_gain": 0.5},
    }  # fmt: skip
    turn, learnt = practised(task, speller(task), "ppo", QUICK, changes, rates=(1e-2, 3e-3))
    chances, reference = distribution(task, turn.student)[1], distribution(task, turn.first)[1]
    assert float((chances * np.log(chances / reference)).sum()) == pytest.approx(budget, abs=0.12)
    assert turn.memory["beta_factor"] > 1.5
    assert learnt.values["ppo/beta"] > 0.1
    again = turn_of(task, turn.student, turn.config, memory=turn.memory)
    trainer: Any = method_of(turn.config).trainer(turn.config)
    assert trainer.beta(again) == 0.1 * turn.memory["beta_factor"], "carried to the next turn"


def drawn(task: Task, model: LanguageModel, count: int) -> list[Episode]:
    made = sample(
        task, [Policy(model, "")], [PROMPT], count, _draw(),
        lambda pairs: [task.verify(*pair) for pair in pairs], seed=1, iteration=1,
    )  # fmt: skip
    return list(made)


def _draw() -> Any:
    from engine.language.rollout import Draw

    return Draw()


def scored(*scores: float, **fields: Any) -> list[Episode]:
    episode = drawn(Bandit(), speller(Bandit()), 1)[0]
    return [replace(episode, result=VerifyResult(score, **fields)) for score in scores]


def test_rewards_are_as_asked_for() -> None:
    episodes = [replace(each, ended=place != 1) for place, each in enumerate(scored(0.5, 1.0, 0.0, 0.75))]

    def rewards(**settings: Any) -> list[float]:
        return rewards_of(episodes, PpoConfig(**settings)).tolist()

    assert rewards() == [0.5, 1, 0, 0.75]
    assert rewards(cut_penalty=2) == [0.5, -1, 0, 0.75]
    assert rewards(reward_clip=0.6) == [0.5, 0.6, 0, 0.6]
    assert rewards(reward_clip=0.6, cut_penalty=2)[1] == pytest.approx(-1.4), "no penalty is cut"
    assert np.std(rewards(reward_scale="batch")) == pytest.approx(1, abs=1e-6)
    assert rewards(reward_scale="batch")[2] == 0, "what is good stays above 0"
    odds = rewards(score="odds")
    assert odds[0] == 0
    assert odds[3] == pytest.approx(math.log(3))
    assert odds[1:3] == pytest.approx([20.7, -20.7], abs=0.1)
    assert rewards_of(scored(0.4, 0.4), PpoConfig(reward_scale="batch")).tolist() == [0.4, 0.4]


def test_a_score_that_is_missing_is_left_out_and_told() -> None:
    assert not any(map(is_told, scored(math.nan, math.inf)))
    assert not any(map(is_told, scored(0.0, flags=("unjudged",))))

    class Silent(Bandit):
        def verify(self, prompt: Any, completion: str) -> VerifyResult:
            return VerifyResult(math.nan if completion == "b" else super().verify(prompt, completion).score)

    task = Silent()
    turn, learnt = practised(task, speller(task), "ppo", QUICK, {"update": {"steps": 8 * 10}})
    words, chances, _ = distribution(Bandit(), turn.student)
    table = dict(zip(words, chances, strict=True))
    assert table["c"] > 3 * table["b"], "were it 0 it would be unlearnt, were it learnt it would be the best"
    assert isinstance(turn.reporter, Quiet)
    (line,) = turn.reporter.said
    assert "have no score" in line
    assert math.isfinite(learnt.values["policy/reward"])

    class Mute(Bandit):
        def verify(self, prompt: Any, completion: str) -> VerifyResult:
            return VerifyResult(math.nan)

    before = speller(task)
    digest = before.digest()
    silent, nothing = practised(Mute(), before, "ppo", SHORT)
    assert nothing.steps == 0
    silent.student.value_head = None
    assert silent.student.digest() == digest


def test_no_further_pass_once_it_has_moved_too_far() -> None:
    fast = {"policy": {"learning_rate": 0.02}}
    free, held = (
        practised(Bandit(), speller(Bandit()), "ppo", SHORT, fast, {"ppo": {"kl_step": kl_step}})[1]
        for kl_step in (0.0, 1e-6)
    )
    assert free.values["ppo/passes"] == 4
    assert held.values["ppo/passes"] == 1
    assert free.steps == 4 * held.steps


def test_a_policy_that_goes_too_far_is_stopped() -> None:
    fast = {"policy": {"learning_rate": 0.05}, "learner": {"warmup_steps": 0}}
    bound = {"monitor": {"thresholds": {"kl_explosion": 0.01}}}
    with pytest.raises(ExplosionError):
        practised(Bandit(), speller(Bandit()), "ppo", SHORT, fast, bound)


def test_the_critic_that_is_a_model_leaves_the_policy_to_itself() -> None:
    turn, learnt = practised(Bandit(), speller(Bandit()), "ppo", SHORT, {"ppo": {"critic": "model"}})
    assert turn.student.value_head is None
    critic = turn.companions.get("critic", lambda: turn.first)
    assert critic.digest() != turn.first.digest()
    assert critic.value_head is not None
    assert critic.value_head.returns is not None
    assert learnt.values["loss/value"] > 0
    assert list(turn.companions.changed()) == ["critic"]


def test_a_forecast_counts_what_a_critic_reads() -> None:
    def read(critic: str) -> float:
        config = build_text_config("ppo", "countdown", SHORT, {"ppo": {"critic": critic}})
        return method_of(config).trainer(config).read(3)

    assert read("head") == pytest.approx(3 * 32 * (4 + 2 / 3))
    assert read("model") == pytest.approx(3 * 32 * (8 + 2 / 3))


def test_real_data_joins_by_its_share() -> None:
    """PPO-ptx: what it is shown of the worst arm it goes on writing."""
    real = [Demonstration(PROMPT, "a")]
    changes = QUICK | {"mix": {"real": True, "real_fraction": 0.5}}
    shown, learnt = practised(Bandit(), speller(Bandit()), "ppo", changes, real=real)
    words, chances, _ = distribution(Bandit(), shown.student)
    assert dict(zip(words, chances, strict=True))["a"] > 0.2
    assert learnt.values["loss/nll"] > 0
    trainer = method_of(shown.config).trainer(shown.config)
    assert trainer.real_share(shown, []) == 0.5


def test_a_game_of_two_is_refused() -> None:
    class Two(Bandit):
        num_players = 2

    config = build_text_config("ppo", "countdown")
    with pytest.raises(UserError, match=r"game of two; ppo learns for one"):
        method_of(config).fits(config, Two())


@pytest.mark.parametrize(
    "settings",
    [
        {"policy": {"baseline": "group"}},
        {"policy": {"scale": "group"}},
        {"policy": {"mean": "row"}},
        {"policy": {"ratio": "sequence"}},
        {"policy": {"refills": 1}},
        {"policy": {"overlong": 1}},
        {"policy": {"divergence": "k3"}},
        {"policy": {"surrogate": "cispo"}},
        {"mix": {"real": True}},
        {"mix": {"real_fraction": 0.5}},
        {"ppo": {"kl_budget": 3.0}, "policy": {"beta": 0.0}},
        {"learner": {"patience": 2}},
        {"sample": {"temperature": 0.0}},
    ],
    ids=lambda settings: json.dumps(settings),
)
def test_what_has_no_place_in_it_is_refused_by_name(settings: dict[str, dict[str, Any]]) -> None:
    config = build_text_config("ppo", "countdown", settings)
    ((section, values),) = list(settings.items())[:1]
    with pytest.raises(UserError, match=f"{section}.{next(iter(values))}"):
        method_of(config).check(config)
    grouped = build_text_config("grpo", "countdown", {"policy": {"baseline": "critic"}})
    with pytest.raises(UserError, match=r"policy\.baseline"):
        method_of(grouped).check(grouped)


# By the command line


def line(task: str, path: Path, *words: str, **settings: Any) -> list[str]:
    more = {"sample__prompts": 8, "sample__samples": 4, "policy__groups": 4, "update__steps": 16}
    return trained(task, path, *words, method="ppo", **(more | settings))


@pytest.mark.parametrize("critic", ["head", "model"])
def test_a_run_is_resumed_to_the_same_weights(
    critic: str, own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, whole, broken = own(""), tmp_path / "whole", tmp_path / "broken"
    more = {"ppo__critic": f'"{critic}"', "ppo__kl_budget": 1.0}
    assert run_command(line(task, whole, "--dry-run", **more)) == 0
    rows = json.loads(capsys.readouterr().out)["forecast"]
    assert [row["steps"] for row in rows if row["stage"] == "learn"] == [16]
    assert run_command(line(task, whole, **more, loop__iterations=2)) == 0
    assert run_command(line(task, broken, **more)) == 0
    assert run_command(["text", "ppo", task, "--run", str(broken), "--resume", "--iterations", "2"]) == 0
    assert metrics(whole) == metrics(broken)
    assert {"policy/kl_sequence", "ppo/beta", "ppo/explained", "loss/value"} <= metrics(whole)[-1].keys()
    names = [name for name, _ in _tensors(checkpoint_folder(whole, 2))]
    assert names == (
        ["critic/model", "critic/value_head", "model"] if critic == "model" else ["model", "value_head"]
    )
    assert _tensors(checkpoint_folder(whole, 2)) == _tensors(checkpoint_folder(broken, 2))
    shown = (whole / "report.html").read_text()
    assert "ppo" in shown
    assert "policy/kl_sequence" in shown


def _tensors(folder: Path) -> list[tuple[str, bytes]]:
    files = sorted(folder.rglob("*.safetensors"))
    return [(str(file.relative_to(folder).with_suffix("")), file.read_bytes()) for file in files]


@pytest.mark.parametrize("critic", ["head", "model"])
def test_a_critic_that_is_gone_takes_its_iteration_with_it(
    critic: str, own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own(""), tmp_path / "run"
    assert run_command(line(task, run, ppo__critic=f'"{critic}"')) == 0
    before = _tensors(checkpoint_folder(run, 1))
    (file,) = checkpoint_folder(run, 1).rglob("value_head.safetensors")
    file.unlink()
    capsys.readouterr()
    assert run_command(["text", "ppo", task, "--run", str(run), "--resume", "--iterations", "1"]) == 0
    told = capsys.readouterr().err
    assert "value_head.safetensors' cannot be read, it is missing" in told
    assert "going back to iteration 0" in told
    assert _tensors(checkpoint_folder(run, 1)) == before


def test_a_reward_model_of_another_tokenizer_reads_text(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tiny_models import byte_tokenizer, other_model

    from engine.language.model.model_folder import save_model

    judge = other_model("LlamaForCausalLM", "LlamaConfig", vocab_size=400, max_position_embeddings=64)
    judge = LanguageModel(judge.network, byte_tokenizer(["1+2=3", "10+11=21"]))
    torch.nn.init.normal_(judge.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    save_model(judge, tmp_path / "judge")
    task, run = own(""), tmp_path / "run"
    judged = {"ppo__reward_model": f'"{tmp_path / "judge"}"'}
    assert "real data" in mistake(line(task, run, **judged), capsys)
    real = {"mix__real": "true", "mix__real_fraction": 0.3, "ppo__score": '"odds"', "guards__audit": 1.0}
    assert run_command(line(task, run, **judged, **real)) == 0
    (row,) = [each for each in metrics(run) if each["iteration"] == 1]
    assert 0 < row["policy/reward"] < 1
    assert "hacking/gap" in row
    assert load_model(checkpoint_folder(run, 1)).codec.tokenizer.vocab_size < 300


def test_members_of_a_reward_model_that_disagree_come_to_one_as_the_guards_say(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.language.method.reward.judge import RewardModel
    from engine.language.parts import turnable

    task, panel, alone = own(""), save_panel(tmp_path / "panel"), save_panel(tmp_path / "alone", 1)
    real = {"mix__real": "true", "mix__real_fraction": 0.3}

    def judged(folder: Path, name: str, ensemble: str) -> list[str]:
        sets = {"ppo__reward_model": f'"{folder}"', "guards__ensemble": f'"{ensemble}"', **real}
        return line(task, tmp_path / name, **sets)

    told = mistake(judged(alone, "refused", "least"), capsys)
    assert "guards.ensemble = 'least' has no effect on how ppo works" in told
    reward = {}
    for name in ("mean", "least"):
        assert run_command(judged(panel, name, name)) == 0
        (row,) = [each for each in metrics(tmp_path / name) if each["iteration"] == 1]
        assert row["judge/spread"] > 0.01
        reward[name] = row["policy/reward"]
    assert reward["least"] < reward["mean"] - 0.01
    config = build_text_config("ppo", task, {"ppo": {"reward_model": str(panel)}})
    trainer = method_of(config).trainer(config)
    for folder, is_turned in ((panel, True), (alone, False)):
        assert ("guards.ensemble" in turnable(config, trainer, 0.3, RewardModel(str(folder)))) is is_turned
