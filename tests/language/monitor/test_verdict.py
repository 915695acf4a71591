"""A change of shape is a collapse beside a loss alone; what the gate calls better is not rejected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from collapsing import Health
from watching import SMALL, level_of, monitor_of

from engine.language.monitor.config import GuardConfig, MonitorConfig
from engine.language.monitor.gate import gate
from engine.language.monitor.guard import Changes, respond
from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.metric.observation import GateResult, Items, Observation
from engine.language.monitor.monitor import Monitor
from engine.language.monitor.rules import RULES, nature_of

PRESENT = {"update.steps": 1000, "mix.real_fraction": 0.2, "filter.per_prompt": 4}
KEYS = [f"k{number}" for number in range(100)]
BETTER = gate([1.0] * 97 + [0.0] * 3, [0.0] * 100, KEYS, MonitorConfig())
EQUAL = gate([1.0] * 50 + [0.0] * 50, [1.0] * 50 + [0.0] * 50, KEYS, MonitorConfig())
WORSE = gate([0.0] * 100, [1.0] * 30 + [0.0] * 70, KEYS, MonitorConfig())

SHAPES = {
    "deterministic": (Health(entropy=0.4), "diversity/entropy"),
    "next to no entropy": (Health(entropy=0.02), "diversity/entropy"),
    "far away": (Health(kl=40), "drift/kl"),
    "far away at once": (Health(kl=15), "drift/kl"),
}
LOSSES = {
    "score": Health(skill=-1.5),
    "solutions": Health(sharpness=8),
    "real data": Health(nll=1.2),
}


def seen(
    state: Health, passed: GateResult | None, *, learned: bool = False, **settings: object
) -> list[Alert]:
    """Alerts of a state after a healthy one."""
    monitor = monitor_of(**settings)
    monitor.update(SMALL.observe(0, Health(), 0, learned=learned))
    return monitor.update(replace(SMALL.observe(1, state, 0, learned=learned), gate=passed))


def rejects(alerts: list[Alert]) -> bool:
    return respond(alerts, PRESENT, GuardConfig()).fate != "accept"


@pytest.mark.parametrize("passed", [None, EQUAL, BETTER], ids=["no gate", "equal", "better"])
@pytest.mark.parametrize("name", SHAPES)
def test_shape_alone_warns_and_does_nothing(name: str, passed: GateResult | None) -> None:
    state, metric = SHAPES[name]
    alerts = seen(state, passed)
    assert level_of(alerts, metric) == Level.WARN
    (alert,) = [alert for alert in alerts if alert.metric == metric]
    assert alert.message.endswith("without a sure loss of score, solutions or real data's likelihood")
    assert respond(alerts, PRESENT, GuardConfig()) == Changes()


@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("name", SHAPES)
def test_shape_beside_a_loss_is_a_collapse(name: str, lost: str) -> None:
    state, metric = SHAPES[name]
    loss = LOSSES[lost]
    both = replace(state, skill=loss.skill, sharpness=loss.sharpness, nll=loss.nll)
    for passed in (None, EQUAL):
        alerts = seen(both, passed)
        assert level_of(alerts, metric) == Level.ALERT
        assert rejects(alerts)


def test_a_loss_that_only_warns_makes_shape_a_collapse() -> None:
    small = seen(Health(nll=1.05), EQUAL)
    assert level_of(small, "drift/bits_per_character") == Level.WARN
    assert not rejects(small)
    assert rejects(seen(Health(nll=1.05, kl=40), EQUAL))


@pytest.mark.parametrize("passed", [None, EQUAL], ids=["no gate", "equal"])
def test_right_solutions_lost_at_equal_greedy_score_are_a_collapse(passed: GateResult | None) -> None:
    alerts = seen(Health(sharpness=8), passed)
    assert level_of(alerts, "accuracy/greedy") < Level.ALERT
    assert level_of(alerts, "coverage/solutions") == Level.ALERT
    assert rejects(alerts)


def test_variations_that_are_harder_by_nature_bar_no_model() -> None:
    keys = [str(number) for number in range(300)]
    known, harder = Items(keys, [1.0] * 200 + [0.0] * 100), Items(keys, [1.0] * 120 + [0.0] * 180)
    worse = Items(keys, [1.0] * 60 + [0.0] * 240)
    monitor = monitor_of()
    rows = [replace(SMALL.observe(n, Health(), 0), accuracy=known, variations=harder) for n in range(3)]
    monitor.update(rows[0])
    again = monitor.update(rows[1])
    assert level_of(again, "accuracy/variation_gap") == Level.WARN
    assert not rejects(again)
    risen = monitor.update(replace(rows[2], variations=worse))
    assert level_of(risen, "accuracy/variation_gap") == Level.ALERT
    assert rejects(risen)


def test_what_the_gate_calls_worse_is_rejected_whatever_its_shape() -> None:
    alerts = seen(Health(), WORSE)
    assert level_of(alerts, "gate/p_worse") == Level.ALERT
    assert rejects(alerts)
    assert level_of(seen(Health(kl=40), WORSE), "drift/kl") == Level.ALERT


@pytest.mark.parametrize("lost", ["score", "solutions"])
def test_what_the_gate_calls_better_is_kept_where_real_data_is(lost: str) -> None:
    state = replace(LOSSES[lost], kl=40, entropy=0.02)
    alerts = seen(state, BETTER)
    assert level_of(alerts, "drift/kl") == Level.ALERT
    assert not rejects(alerts)
    changes = respond(alerts, PRESENT, GuardConfig())
    assert changes.patch, "other responses are taken all the same"
    assert any(line.startswith("no rejection, as the gate says better: ") for line in changes.withheld)
    assert rejects(seen(replace(state, nll=1.2), BETTER))


def test_a_gate_that_may_be_fooled_keeps_no_model_that_fools_it() -> None:
    hacked = Health(bloat=0.4)
    assert rejects(seen(hacked, BETTER, learned=True))
    assert not rejects(seen(hacked, BETTER))
    assert not rejects(seen(Health(sharpness=8), BETTER, learned=True))


def wordy(observation: Observation, factor: int, *, gold: bool, nearer: bool = False) -> Observation:
    """The same solutions in more words, no two alike; `gold`: with the truth, `nearer`: to real data."""
    rng, rows = np.random.default_rng(1), []
    for episode in observation.probe:
        more = " ".join(str(word) for word in rng.integers(0, 10**6, 3 * factor))
        text = f"{episode.completion} {more}"[: 15 * factor]
        told = replace(episode.result, path=episode.completion)
        rows.append(replace(episode, completion=text, tokens=len(text), result=told))
    holdout = observation.holdout
    assert holdout is not None
    if nearer:
        holdout = replace(holdout, nats=[0.8 * nats for nats in holdout.nats])
    truth = observation.gold if gold else None
    return replace(observation, probe=rows, entropy=None, gold=truth, holdout=holdout)


def of_length(
    factor: int, passed: GateResult, *, learned: bool = True, gold: bool = False, nearer: bool = False
) -> list[Alert]:
    monitor = monitor_of()
    monitor.update(wordy(SMALL.observe(0, Health(), 0, learned=learned), 1, gold=gold))
    new = SMALL.observe(1, Health(), 0, learned=learned)
    return monitor.update(replace(wordy(new, factor, gold=gold, nearer=nearer), gate=passed))


@pytest.mark.parametrize("passed", [EQUAL, BETTER], ids=["equal", "better"])
def test_texts_that_grow_where_nothing_tells_the_truth_are_rejected(passed: GateResult) -> None:
    alerts = of_length(4, passed)
    assert level_of(alerts, "length/mean") == Level.ALERT
    assert rejects(alerts)
    shorter = monitor_of()
    shorter.update(wordy(SMALL.observe(0, Health(), 0, learned=True), 4, gold=False))
    new = wordy(SMALL.observe(1, Health(), 0, learned=True), 1, gold=False)
    assert not rejects(shorter.update(replace(new, gate=passed)))


@pytest.mark.parametrize(
    "known", [{"learned": False}, {"gold": True}, {"nearer": True}], ids=["exact", "gold", "real data"]
)
def test_texts_that_grow_are_kept_where_something_tells_the_truth(known: dict[str, bool]) -> None:
    alerts = of_length(4, BETTER, **known)
    assert level_of(alerts, "length/mean") == Level.WARN
    assert not rejects(alerts)


@pytest.mark.parametrize(
    ("gained", "lost", "better"), [(97, 0, True), (5, 0, True), (4, 0, False), (20, 18, False), (0, 9, False)]
)
def test_surely_better(gained: int, lost: int, better: bool) -> None:
    new = [1.0] * gained + [0.0] * (100 - gained)
    old = [0.0] * (100 - lost) + [1.0] * lost
    assert (gate(new, old, KEYS, MonitorConfig()).verdict == "better") is better
    one_key = gate(new, old, ["k"] * 100, MonitorConfig())
    assert one_key.verdict != "better", "one problem in a hundred forms"


def test_of_a_kind_of_problem_fewer_samples_are_told_not_none() -> None:
    """A third of the right samples are still of it, as many as before: others have grown."""

    def more_of(observation: Observation, strata: str, share: float) -> Observation:
        rng = np.random.default_rng(0)
        rows = [
            replace(e, result=replace(e.result, score=1.0))
            if e.prompt.stratum in strata and rng.random() < share
            else e
            for e in observation.probe
        ]
        return replace(observation, probe=rows)

    monitor = monitor_of(thresholds={"rare": {"warn": 0.1, "alert": 0.2}})
    monitor.update(SMALL.observe(0, Health(), 0))
    alerts = monitor.update(more_of(SMALL.observe(1, Health(), 0), "-*", 0.9))
    (alert,) = [alert for alert in alerts if alert.metric == "coverage/share.+"]
    assert alert.level == Level.WARN
    assert "fewer of the right samples are of this kind of problem" in alert.message
    assert "no longer" not in alert.message
    assert not rejects(alerts)


def test_rare_kinds_of_wrong_answers_are_no_loss() -> None:
    world = SMALL.observe(0, Health(), 0)
    names = {
        id(e): f"rare {n // 16 % 10}" if n % 16 == 0 and n < 16 * 40 else "common"
        for n, e in enumerate(world.probe)
    }
    wrong = [
        replace(e, result=replace(e.result, score=0.0)) if names[id(e)] != "common" else e
        for e in world.probe
    ]
    kinds = {id(new): names[id(old)] for new, old in zip(wrong, world.probe, strict=True)}
    tools = replace(SMALL.tools(), modes=lambda e: (kinds.get(id(e), "common"),))
    monitor = Monitor(SMALL.settings(), tools)
    monitor.update(replace(world, probe=wrong))
    assert len(monitor.rare) == 10
    assert not monitor.rare_right
    assert level_of(monitor.update(SMALL.observe(1, Health(), 0)), "coverage/rare_recall") == Level.OK


def test_drift_is_measured_from_the_first_model_trained_where_that_is_the_purpose() -> None:
    apart = Health(kl=40, entropy=0.3, nll=0.5, skill=1.5)
    further = replace(apart, kl=90, entropy=0.1, nll=0.7)
    monitor = monitor_of(drift_from="trained")
    monitor.update(SMALL.observe(0, Health(), 0))
    first = monitor.update(replace(SMALL.observe(1, replace(apart, kl=0), 0), gate=BETTER))
    assert [alert for alert in first if nature_of(alert.metric) == "shape"] == []
    for resumed in (monitor, Monitor.from_json(monitor.to_json(), monitor.settings, monitor.tools)):
        found = resumed.update(SMALL.observe(2, further, 0))
        (entropy,) = [alert for alert in found if alert.metric == "diversity/entropy"]
        assert entropy.reference == pytest.approx(0.3, abs=0.02)
        assert "in iteration 1" in entropy.message
        (kl,) = [alert for alert in found if alert.metric == "drift/kl"]
        assert kl.level == Level.ALERT, "real data has become less likely beside it"
        assert kl.message.partition(";")[0].endswith(("away from iteration 1", "times as many nats"))


def test_a_trained_model_that_was_rejected_is_no_base_of_drift() -> None:
    monitor = monitor_of(drift_from="trained")
    monitor.update(SMALL.observe(0, Health(), 0))
    monitor.update(SMALL.observe(1, Health(skill=-2, entropy=0.9), 0))
    monitor.discard()
    assert monitor.update(SMALL.observe(2, Health(entropy=0.3), 0)) == []
    (found,) = monitor.update(SMALL.observe(3, Health(entropy=0.1), 0))[:1]
    assert "in iteration 2" in found.message


def test_a_model_that_was_rejected_is_not_the_best_one() -> None:
    """What forgot real data for its score is no measure of a later model that did not."""
    monitor = monitor_of()
    monitor.update(SMALL.observe(0, Health(), 0))
    assert rejects(monitor.update(SMALL.observe(1, Health(skill=2, nll=1.3), 0)))
    kept = Monitor.from_json(monitor.to_json(), monitor.settings, monitor.tools)
    assert level_of(kept.update(SMALL.observe(2, Health(), 0)), "hacking/gold") == Level.ALERT
    monitor.discard()
    assert level_of(monitor.update(SMALL.observe(2, Health(), 0)), "hacking/gold") == Level.OK


def test_every_rule_says_what_it_speaks_of() -> None:
    assert {rule.nature for rule in RULES} == {"loss", "shape", "trust", "procedure"}
    for metric, nature in {
        "pass/at_16": "loss",
        "gate/p_worse": "loss",
        "coverage/rare_recall": "loss",
        "drift/kl_real": "loss",
        "drift/kl": "shape",
        "data/overlap": "procedure",
        "oversight/since_human": "procedure",
    }.items():
        assert nature_of(metric) == nature
