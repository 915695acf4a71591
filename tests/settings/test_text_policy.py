"""What the settings of policy gradients do to what is written, and to the weights that come out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from shown import TEXT, shows
from text_runs import TASK, Run, Seen, text_run

from engine.cli.app import run as run_command

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

HOT = {
    "policy__learning_rate": 0.02,
    "update__steps": 4,
    "sample__prompts": 12,
    "policy__groups": 6,
    "guards__force": True,
}
"""So that four steps tell settings apart."""


@pytest.fixture(scope="session")
def policy_run(text_run: Run) -> Run:
    """A run of `grpo` with HOT settings and these over them."""

    def run(method: str = "grpo", *words: str, **settings: Any) -> Seen:
        return text_run(method, *words, **(HOT | settings))

    return run


def all_differ(*runs: Seen) -> bool:
    weights = [run.weights(1) for run in runs]
    return all(
        not bool((one == other).all()) for place, one in enumerate(weights) for other in weights[:place]
    )


@shows("policy.learning_rate")
def test_updates_have_a_rate_of_their_own(policy_run: Run) -> None:
    slow, fast = policy_run(policy__learning_rate=1e-5), policy_run()
    assert (slow.weights(0) == fast.weights(0)).all()
    assert (slow.weights(1) - slow.weights(0)).norm() < 0.1 * (fast.weights(1) - fast.weights(0)).norm()
    first = policy_run(learner__learning_rate=1e-4)
    assert not (first.weights(0) == fast.weights(0)).all()


@shows("policy.groups")
def test_a_round_has_so_many_problems(policy_run: Run) -> None:
    for groups in (3, 6):
        assert len(policy_run(policy__groups=groups).episodes) == groups * 4 * 4


@shows("policy.updates", "policy.minibatches")
def test_a_round_is_learnt_from_so_often_and_in_so_many_parts(policy_run: Run) -> None:
    once, twice, halves = policy_run(), policy_run(policy__updates=2), policy_run(policy__minibatches=2)
    assert [len(run.episodes) for run in (once, twice, halves)] == [96, 48, 48]
    assert all_differ(once, twice, halves)
    assert once.last("policy/ratio") == 1
    assert twice.last("policy/ratio") != 1


@shows(
    "policy.baseline=group",
    "policy.baseline=others",
    "policy.baseline=role",
    "policy.scale=group",
    "policy.scale=batch",
    "policy.scale=none",
    "policy.decay",
)
def test_advantages_are_by_the_baseline_and_the_scale_asked_for(policy_run: Run) -> None:
    plain = {"policy__scale": "none"}
    assert all_differ(
        policy_run(),
        policy_run(policy__scale="batch"),
        policy_run(**plain),
        policy_run(policy__baseline="others", **plain),
        policy_run(policy__baseline="role", **plain),
        policy_run(policy__baseline="role", policy__decay=0.5, **plain),
    )


@shows(
    "policy.mean=token",
    "policy.mean=row",
    "policy.mean=constant",
    "policy.ratio=token",
    "policy.ratio=geometric",
    "policy.ratio=sequence",
    "policy.surrogate=clipped",
    "policy.surrogate=cispo",
    "policy.clip_low",
    "policy.clip_high",
    "policy.entropy",
)
def test_the_loss_is_the_one_asked_for(policy_run: Run) -> None:
    twice = {"policy__updates": 4, "policy__clip_low": 0.05, "policy__clip_high": 0.06}
    assert all_differ(
        policy_run(**twice),
        policy_run(**twice, policy__mean="row"),
        policy_run(**twice, policy__mean="constant"),
        policy_run(**twice, policy__ratio="geometric"),
        policy_run(**twice, policy__ratio="sequence"),
        policy_run(**twice, policy__surrogate="cispo"),
        policy_run(**(twice | {"policy__clip_low": 0.5})),
        policy_run(**(twice | {"policy__clip_high": 0.5})),
        policy_run(**twice, policy__entropy=0.1),
    )


@shows(
    "policy.beta",
    "policy.divergence=k3",
    "policy.divergence=unbiased",
    "policy.divergence=reward",
    "policy.reference=first",
    "policy.reference=accepted",
)
def test_the_policy_is_held_to_the_reference(policy_run: Run) -> None:
    free = policy_run(loop__iterations=2)
    runs = {
        name: policy_run(policy__beta=0.5, loop__iterations=2, **more)
        for name, more in {
            "k3": {},
            "unbiased": {"policy__divergence": "unbiased"},
            "reward": {"policy__divergence": "reward"},
        }.items()
    }
    assert "policy/kl" not in free.metrics[-1]
    loose = [
        policy_run(policy__beta=0.001, loop__iterations=2, policy__reference=name)
        for name in ("first", "accepted")
    ]
    assert loose[0].last("policy/kl") > loose[1].last("policy/kl") > 0
    assert loose[0].last("policy/kl") > runs["k3"].last("policy/kl")
    assert "policy/kl_sequence" in runs["reward"].metrics[-1]
    assert all_differ(free, runs["k3"], runs["unbiased"], runs["reward"])


@shows("policy.refills")
def test_problems_that_tell_nothing_are_replaced(policy_run: Run) -> None:
    few, more = (policy_run(policy__refills=refills, sample__samples=2) for refills in (0, 2))
    assert len(few.episodes) == 6 * 2 * 4 < len(more.episodes) <= 3 * len(few.episodes)


@shows("policy.truncated=score", "policy.truncated=mask", "policy.overlong")
def test_what_is_cut_counts_as_asked_for(policy_run: Run) -> None:
    scored = policy_run()
    assert 0 < scored.last("policy/truncated") < 1
    assert all_differ(scored, policy_run(policy__truncated="mask"), policy_run(policy__overlong=6))


@pytest.mark.parametrize(
    "setting",
    [
        "sample.temperature=0",
        "sample.top_k=3",
        "sample.top_p=0.5",
        "sample.distinct=true",
        "sample.samples=1",
        "sample.policies=2",
        "sample.rationalize=true",
        "update.growth=2",
        'update.loss="value"',
        "mix.real_fraction=0",
        "learner.patience=1",
        "filter.thresholds=[0.5,1]",
        'policy.baseline="role"',
    ],
)
def test_what_has_no_place_in_it_is_refused_by_name(
    setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["text", "grpo", TASK, "--run", str(tmp_path / "run"), "--set", setting]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert setting.partition("=")[0] in line
    assert not (tmp_path / "run" / "config.toml").exists()
