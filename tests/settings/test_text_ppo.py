"""What the settings of PPO do to the weights that come out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from shown import TEXT, shows
from text_runs import Run, Seen, text_run
from tiny_models import tiny_llama

from engine.language.model.model_folder import save_model

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

HOT = {
    "policy__learning_rate": 0.02,
    "update__steps": 16,
    "sample__prompts": 12,
    "policy__groups": 6,
    "policy__updates": 4,
    "policy__minibatches": 2,
    "guards__force": True,
}
"""So that two rounds tell settings apart."""


@pytest.fixture(scope="session")
def ppo_run(text_run: Run) -> Run:
    """A run of `ppo` with HOT settings and these over them."""

    def run(*words: str, **settings: Any) -> Seen:
        return text_run("ppo", *words, **(HOT | settings))

    return run


def all_differ(*runs: Seen) -> bool:
    weights = [run.weights(1) for run in runs]
    return all(
        not bool((one == other).all()) for place, one in enumerate(weights) for other in weights[:place]
    )


@shows("policy.baseline=critic", "ppo.critic=head", "ppo.critic=model", "ppo.value_weight", "ppo.value_clip")
@shows("ppo.critic_rate", "ppo.critic_lam")
def test_a_critic_says_what_was_to_be_expected(ppo_run: Run) -> None:
    head, apart = ppo_run(), ppo_run(ppo__critic="model")
    assert (head.path / "checkpoints/000001/value_head.safetensors").is_file()
    assert (apart.path / "checkpoints/000001/critic/value_head.safetensors").is_file()
    assert not (apart.path / "checkpoints/000001/value_head.safetensors").exists()
    assert head.last("loss/value") > 0
    assert all_differ(
        head, ppo_run(ppo__value_weight=2.0), ppo_run(ppo__value_clip=0.01), ppo_run(ppo__value_clip=0),
        ppo_run(ppo__critic_rate=0.1), ppo_run(ppo__critic_lam=0.5),
    )  # fmt: skip
    faster, shorter = (
        ppo_run(ppo__critic="model", ppo__critic_rate=0.1),
        ppo_run(ppo__critic="model", ppo__critic_lam=0.5),
    )
    assert all_differ(apart, faster, shorter)


@shows("ppo.gamma", "ppo.lam", "ppo.score=score", "ppo.score=odds")
@shows("ppo.reward_scale=none", "ppo.reward_scale=batch", "ppo.reward_clip", "ppo.cut_penalty")
def test_tokens_are_worth_what_is_asked_for(ppo_run: Run) -> None:
    plain = {"policy__scale": "none"}
    first = ppo_run(**plain)
    assert 0 < first.last("policy/truncated") < 1
    assert all_differ(
        first,
        ppo_run(**plain, ppo__gamma=0.5),
        ppo_run(**plain, ppo__lam=0.2),
        ppo_run(**plain, ppo__score="odds"),
        ppo_run(**plain, ppo__reward_scale="batch"),
        ppo_run(**plain, ppo__reward_clip=0.1),
        ppo_run(**plain, ppo__cut_penalty=2),
    )


@shows("ppo.kl_budget", "ppo.kl_gain")
def test_the_coefficient_follows_a_budget(ppo_run: Run) -> None:
    fixed = ppo_run(policy__beta=0.1)
    assert fixed.last("ppo/beta") == 0.1
    told = [
        ppo_run(policy__beta=0.1, ppo__kl_budget=budget, ppo__kl_gain=gain).last("ppo/beta")
        for budget, gain in ((1e-3, 1.0), (100.0, 0.5), (100.0, 1.0))
    ]
    # The first round is at no divergence, so that each begins by going down.
    assert sorted(told, reverse=True) == [told[1], *sorted(told[::2], reverse=True)]
    assert len({0.1, told[1], told[2]}) == 3
    longer = ppo_run(policy__beta=0.1, ppo__kl_budget=1e-3, ppo__kl_gain=1.0, update__steps=48)
    assert longer.last("ppo/beta") > told[0]


@shows("ppo.kl_step")
def test_no_pass_goes_far(ppo_run: Run) -> None:
    assert ppo_run(ppo__kl_step=0.0).last("ppo/passes") == 4
    assert ppo_run(ppo__kl_step=1e-9).last("ppo/passes") == 1


@shows("ppo.reward_model")
def test_a_reward_model_gives_the_scores(ppo_run: Run, tmp_path: Path) -> None:
    judge = tiny_llama()
    torch.nn.init.normal_(judge.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    save_model(judge, tmp_path / "judge")
    judged = ppo_run(ppo__reward_model=str(tmp_path / "judge"), mix__real=True, mix__real_fraction=0.5)
    exact = ppo_run(mix__real=True, mix__real_fraction=0.5)
    kinds = [{each.result.kind for each in run.episodes} for run in (exact, judged)]
    assert kinds == [{"exact"}, {"learned"}]
    assert all_differ(exact, judged, ppo_run())
