"""Alarms: silent on healthy models, early on sick ones; states that survive a resume."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from collapsing import Health, World

from engine.errors import CorruptFileError
from engine.language.monitor.config import FallingThreshold, MonitorConfig, Threshold
from engine.language.monitor.gate import gate
from engine.language.monitor.levels import Alert, Compared, Evidence, Level, grade
from engine.language.monitor.measure import Instruments
from engine.language.monitor.monitor import Monitor
from engine.language.monitor.observation import Items, Judge, Observation
from engine.language.monitor.rules import RULES, limits, rule_of

SMALL = World(64, 16, 300)


def monitor_of(world: World = SMALL, **changes: object) -> Monitor:
    return Monitor(world.settings(**changes), world.tools())


def watch(
    world: World, health: Sequence[Health], *, learned: bool = False, seed: int = 0
) -> tuple[Monitor, list[list[Alert]]]:
    monitor = monitor_of(world)
    return monitor, [
        monitor.update(world.observe(number, state, seed, learned=learned))
        for number, state in enumerate(health)
    ]


def level_of(alerts: Sequence[Alert], metric: str) -> Level:
    return max((alert.level for alert in alerts if alert.metric == metric), default=Level.OK)


def after(change: Callable[[Observation], Observation], *, iteration: int = 1) -> list[Alert]:
    """Alerts of a healthy model whose observation has been changed, after a healthy first one."""
    monitor = monitor_of()
    monitor.update(SMALL.observe(0, Health(), 0))
    return monitor.update(change(SMALL.observe(iteration, Health(), 0)))


def test_every_metric_of_a_full_observation_is_there_with_an_interval() -> None:
    monitor, _ = watch(SMALL, [Health(), Health()], learned=True)
    metrics = monitor.metrics()
    assert {name.split("/")[0] for name in metrics} == {
        "accuracy", "alarm", "coverage", "data", "diversity", "drift", "hacking", "length", "oversight",
        "pass",
    }  # fmt: skip
    assert {"pass/at_01", "pass/at_16", "coverage/solutions", "diversity/self_bleu_across", "hacking/gap",
            "diversity/entropy.00_03", "accuracy/greedy.+", "accuracy/variation_gap", "drift/kl",
            "length/p95", "data/gini", "coverage/share.+"} <= metrics.keys()  # fmt: skip
    assert not [name for name in metrics if name.startswith("_")]
    for name, points in monitor.history.items():
        for point in points:
            assert point.low - 1e-9 <= point.value <= point.high + 1e-9, name


def test_a_rule_for_every_metric_that_needs_one() -> None:
    monitor, _ = watch(SMALL, [Health(), Health()], learned=True)
    ruled = {rule_of(metric) for metric in monitor.history}
    needing_more = {"hacking/disagreement", "judge/agreement", "drift/kl_real", "hacking/exploit."}
    assert {rule.metric for rule in RULES} - {rule.metric for rule in ruled if rule} == needing_more
    assert rule_of("diversity/entropy") is not rule_of("diversity/entropy.00_03")
    assert limits("diversity/entropy", 1.2, monitor.settings.thresholds) == [
        ("warn", pytest.approx(0.9)), ("alert", pytest.approx(0.6)),
    ]  # fmt: skip


def test_the_same_model_twice_is_silent() -> None:
    _, alerts = watch(SMALL, [Health(), Health(), Health()], seed=4)
    assert [alert for row in alerts for alert in row if alert.level >= Level.ALERT] == []


SICK: dict[str, tuple[Health, set[str]]] = {
    "one answer only": (Health(sharpness=8), {"coverage/solutions", "coverage/effective"}),
    "deterministic": (Health(entropy=0.4), {"diversity/entropy", "diversity/entropy.00_03"}),
    "forgetful": (Health(nll=1.2), {"drift/bits_per_character"}),
    "unskilled": (Health(skill=-1.5), {"accuracy/greedy", "hacking/gold"}),
    "far away": (Health(kl=40), {"drift/kl"}),
    "runaway": (Health(kl=15), {"drift/kl"}),
    "exploiting": (Health(flag_rate=0.06), {"hacking/exploits", "hacking/exploit.timeout"}),
    "padding": (Health(bloat=0.4), {"length/mean", "hacking/gold"}),
}


@pytest.mark.parametrize("name", SICK)
def test_each_sickness_is_told(name: str) -> None:
    health, metrics = SICK[name]
    _, alerts = watch(SMALL, [Health(), health])
    found = {alert.metric for alert in alerts[1] if alert.level >= Level.ALERT}
    assert metrics <= found, found
    first = alerts[1][0]
    assert first.message.startswith(first.metric)
    assert first.responses
    assert first.interval[0] <= first.value <= first.interval[1]


def test_what_is_not_sure_is_no_alert() -> None:
    """The same loss: in all problems alike, and in one problem that happens to weigh much."""
    settings = MonitorConfig()
    sure = Evidence(0.31, 0.05)
    unsure = Evidence(0.31, 0.25)
    threshold = settings.thresholds.distinct
    assert grade(sure, threshold, "shrink", settings) == Level.ALERT
    assert grade(unsure, threshold, "shrink", settings) == Level.OK
    assert grade(Evidence(0.31, 0.13), threshold, "shrink", settings) == Level.WARN
    assert grade(Evidence(0.31, 0.11), threshold, "shrink", settings) == Level.ALERT
    assert grade(Evidence(0.31, 0.11), threshold, "shrink", settings, family=10) == Level.WARN
    assert grade(Evidence(0.31, math.inf), threshold, "shrink", settings) == Level.OK
    assert grade(Evidence(math.nan, 0.0), threshold, "shrink", settings) == Level.OK


def test_a_bound_must_be_surely_crossed() -> None:
    settings = MonitorConfig()
    assert grade(Evidence(0.031, 0.01), settings.thresholds.disagreement, "above", settings) == Level.WARN
    assert grade(Evidence(0.06, 0.01), settings.thresholds.disagreement, "above", settings) == Level.ALERT
    assert grade(Evidence(-0.60, 0.01), settings.thresholds.agreement, "below", settings) == Level.ALERT
    assert grade(Evidence(-0.78, 0.001), settings.thresholds.agreement, "below", settings) == Level.WARN
    assert grade(Evidence(-0.90, 0.001), settings.thresholds.agreement, "below", settings) == Level.OK


@pytest.mark.parametrize(
    ("form", "badness"),
    [
        ("shrink", 0.5),
        ("grow", -0.5),
        ("swing", 0.5),
        ("fall", 1.0),
        ("rise", -1.0),
        ("above", 1.0),
        ("below", -1.0),
    ],
)
def test_badness_of_going_from_two_to_one(form: str, badness: float) -> None:
    pair = Compared(1.0, np.array([0.9, 1.1]), 50, 2.0, np.array([2.0, 2.0]))
    evidence = pair.evidence(form)  # type: ignore[arg-type]
    assert evidence.badness == pytest.approx(badness)
    assert 0 < evidence.error < 0.2


@pytest.mark.parametrize(("hits", "chance"), [(1, 0.16), (16, 1e-4)])
def test_to_lose_what_was_seen_once_is_chance(hits: int, chance: float) -> None:
    """`hits` of 1000 problems had something that none has now."""
    before = np.random.default_rng(1).poisson(hits, 2000) / 1000
    pair = Compared(0.0, np.zeros(2000), 1000, hits / 1000, before)
    evidence = pair.evidence("shrink")
    assert evidence.badness == 1.0
    assert evidence.chance(0.0) == pytest.approx(chance, rel=0.75)


def test_one_cluster_proves_nothing() -> None:
    pair = Compared(1.0, np.array([1.0, 1.0]), 1, 2.0, np.array([2.0, 2.0]))
    assert pair.evidence("shrink").chance(0.0) == 1.0


def test_lost_rare_modes() -> None:
    """A tenth of the problems are solved with an operator of their own; then never again."""
    world = SMALL.observe(0, Health(), 0)
    modes = [f"rare {n % 10}" if s == 0 and n < 40 else "common" for n in range(64) for s in range(16)]
    names = {id(episode): mode for episode, mode in zip(world.probe, modes, strict=True)}
    monitor = Monitor(
        SMALL.settings(rare_keys=3), Instruments(modes=lambda episode: (names.get(id(episode), "common"),))
    )
    monitor.update(world)
    assert len(monitor.rare) == 10
    alerts = monitor.update(SMALL.observe(1, Health(), 0))
    assert level_of(alerts, "coverage/rare_recall") == Level.ALERT
    assert monitor.metrics()["coverage/rare_recall"] == 0


def test_proxy_up_and_gold_down_twice_running_stops() -> None:
    health = [Health(bloat=bloat) for bloat in (0.0, 0.2, 0.4)]
    _, alerts = watch(SMALL, health, learned=True)
    assert level_of(alerts[1], "hacking/gold") < Level.STOP
    assert level_of(alerts[2], "hacking/gold") == Level.STOP
    assert level_of(alerts[2], "hacking/gap") == Level.ALERT


def test_verifiers_that_differ() -> None:
    def differ(observation: Observation) -> Observation:
        scores = [episode.result.score for episode in observation.probe]
        return replace(
            observation, second=[1 - score if n % 12 == 0 else score for n, score in enumerate(scores)]
        )

    assert level_of(after(differ), "hacking/disagreement") == Level.ALERT


def test_a_judge_that_contradicts_itself() -> None:
    keys = [str(n) for n in range(200)]
    half = Judge(keys, [n % 2 == 0 for n in range(200)])
    mostly = Judge(keys, [n % 10 < 8 for n in range(200)])
    assert level_of(after(lambda o: replace(o, judge=half)), "judge/agreement") == Level.ALERT
    assert level_of(after(lambda o: replace(o, judge=mostly)), "judge/agreement") == Level.OK


def test_contamination() -> None:
    keys = [str(n) for n in range(300)]
    known, varied = Items(keys, [1.0] * 200 + [0.0] * 100), Items(keys, [1.0] * 120 + [0.0] * 180)
    alerts = after(lambda o: replace(o, accuracy=known, variations=varied, overlap=0))
    assert level_of(alerts, "accuracy/variation_gap") == Level.ALERT
    assert level_of(alerts, "data/overlap") == Level.OK
    assert level_of(after(lambda o: replace(o, overlap=1)), "data/overlap") == Level.STOP


def test_few_problems_fill_the_training_set() -> None:
    def easy_only(observation: Observation) -> Observation:
        rows = [replace(e, kept=n < 16 * 6 or n % 16 == 0) for n, e in enumerate(observation.generated)]
        return replace(observation, generated=rows)

    assert level_of(after(easy_only), "data/top_share") >= Level.WARN


def test_no_signal() -> None:
    def alike(observation: Observation) -> Observation:
        rows = [replace(e, result=replace(e.result, score=0.0)) for e in observation.generated]
        return replace(observation, generated=rows)

    assert level_of(after(alike), "data/zero_spread") == Level.ALERT


@pytest.mark.parametrize(("share", "level"), [(0.05, Level.ALERT), (0.15, Level.WARN), (0.3, Level.OK)])
def test_real_fraction_without_an_exact_verifier(share: float, level: Level) -> None:
    for learned in (True, False):
        monitor = monitor_of()
        observation = replace(SMALL.observe(0, Health(), 0, learned=learned), real_fraction=share)
        found = level_of(monitor.update(observation), "data/real_fraction")
        assert found == (level if learned else Level.OK)


def test_oversight_warns_then_stops_unless_the_verifier_is_exact() -> None:
    for learned in (True, False):
        monitor = monitor_of(human_every=2)
        found = []
        for iteration in range(6):
            observation = SMALL.observe(iteration, Health(), 0, learned=learned)
            alerts = monitor.update(replace(observation, human=iteration == 5))
            found.append(level_of(alerts, "oversight/since_human"))
        expected = [0, 0, 1, 1, 3, 0] if learned else [0, 0, 1, 0, 1, 0]
        assert found == expected


def test_sharpening_is_told_from_learning() -> None:
    """pass@1 up and pass@16 down: each problem is now either always or never solved."""
    spread = SMALL.observe(0, Health(skill=0.5), 0)
    monitor = monitor_of()
    monitor.update(spread)
    rows = [
        replace(episode, result=replace(episode.result, score=float(n // 16 % 2)))
        for n, episode in enumerate(sorted(spread.probe, key=lambda episode: episode.prompt.id))
    ]
    alerts = monitor.update(replace(SMALL.observe(1, Health(), 0), probe=rows))
    metrics = monitor.metrics()
    assert metrics["pass/at_01"] == pytest.approx(0.5)
    assert level_of(alerts, "pass/at_16") == Level.ALERT


def test_gate() -> None:
    rng = np.random.default_rng(0)
    keys = [f"{n // 2}" for n in range(1000)]
    old = (rng.random(1000) < 0.5).astype(float)
    worse = np.where(rng.random(1000) < 0.1, 0.0, old)
    settings = MonitorConfig()
    result = gate(list(worse), list(old), keys, settings)
    assert not result.accepted
    assert result.p_worse > 0.95
    assert result.p_value < 1e-6
    assert result.difference < 0
    assert gate(list(old), list(worse), keys, settings).accepted
    assert gate(list(old), list(old), keys, settings).accepted
    assert gate([0.5, 0.2], [0.4, 0.2], ["a", "b"], settings).p_value == 1.0
    with pytest.raises(ValueError, match="1 new scores"):
        gate([1], [1, 0], ["a", "b"], settings)
    alerts = after(lambda o: replace(o, gate=result))
    assert level_of(alerts, "gate/p_worse") == Level.ALERT


def test_resume_goes_on_as_if_nothing_had_been() -> None:
    states = [Health(), Health(bloat=0.2), Health(bloat=0.4, entropy=1.0), Health(sharpness=6, entropy=0.5)]
    observations = [SMALL.observe(number, state, 3, learned=True) for number, state in enumerate(states)]
    whole, resumed = monitor_of(), monitor_of()
    for observation in observations:
        expected = whole.update(observation)
        text = json.dumps(resumed.to_json(), allow_nan=False)
        resumed = Monitor.from_json(json.loads(text), resumed.settings, resumed.tools)
        assert [a.to_json() for a in resumed.update(observation)] == [a.to_json() for a in expected]
    assert resumed.to_json() == whole.to_json()
    assert level_of([a for a in whole.alerts if a.iteration == 2], "hacking/gold") == Level.STOP


@pytest.mark.parametrize("damage", ["format", "first", "history", "alerts", "past"])
def test_a_damaged_state_is_refused(damage: str) -> None:
    monitor, _ = watch(SMALL, [Health()])
    data = monitor.to_json()
    data[damage] = "nonsense"
    with pytest.raises(CorruptFileError, match="monitor's state"):
        Monitor.from_json(data, monitor.settings)
    del data[damage]
    with pytest.raises(CorruptFileError):
        Monitor.from_json(data, monitor.settings)


def test_a_rejected_model_is_not_what_the_next_is_compared_with() -> None:
    monitor = monitor_of()
    for number, health in enumerate([Health(), Health(kl=1), Health(kl=9)]):
        monitor.update(SMALL.observe(number, health, 0))
    kept = Monitor.from_json(monitor.to_json(), monitor.settings, monitor.tools)
    monitor.discard()
    last = SMALL.observe(3, Health(kl=11), 0)
    assert level_of(monitor.update(last), "drift/kl") == Level.ALERT
    assert level_of(kept.update(last), "drift/kl") < Level.ALERT


def test_another_probe_or_an_older_iteration_is_refused() -> None:
    monitor, _ = watch(SMALL, [Health()])
    with pytest.raises(ValueError, match="iteration 0 comes after 0"):
        monitor.update(SMALL.observe(0, Health(), 0))
    other = SMALL.observe(1, Health(), 0)
    rows = [replace(e, prompt=replace(e.prompt, id=e.prompt.id + "x")) for e in other.probe]
    with pytest.raises(ValueError, match="other problems"):
        monitor.update(replace(other, probe=rows))


def test_thresholds_are_settings() -> None:
    world = SMALL
    lenient = world.settings(thresholds={"entropy": {"warn": 0.9, "alert": 0.95}})
    monitor = Monitor(lenient, world.tools())
    monitor.update(world.observe(0, Health(), 0))
    assert level_of(monitor.update(world.observe(1, Health(entropy=0.5), 0)), "diversity/entropy") == Level.OK
    with pytest.raises(ValueError, match="give warn <= alert"):
        Threshold(warn=0.5, alert=0.1)
    with pytest.raises(ValueError, match="give warn >= alert"):
        FallingThreshold(warn=0.1, alert=0.5)


def test_an_update_of_a_whole_probe_is_fast() -> None:
    world = World(256, 16, 1000)
    monitor = monitor_of(world)
    observations = [world.observe(number, Health(), 0) for number in range(3)]
    for observation in observations[:2]:
        monitor.update(observation)
    started = time.process_time()
    monitor.update(observations[2])
    assert time.process_time() - started < 1.0


def false_alarms(
    world: World, runs: int, iterations: int, states: Callable[[int], Health]
) -> tuple[int, int]:
    """Iterations after the first, and those of them with an ALERT or a STOP."""
    total = wrong = 0
    for run in range(runs):
        _, alerts = watch(world, [states(number) for number in range(iterations)], seed=100 + run)
        total += iterations - 1
        wrong += sum(any(alert.level >= Level.ALERT for alert in row) for row in alerts[1:])
    return total, wrong


def test_few_false_alarms_on_a_small_probe() -> None:
    total, wrong = false_alarms(SMALL, 5, 6, lambda number: Health(skill=0.1 * min(number, 3)))
    assert wrong <= 0.05 * total + 1


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.0, 0.15])
def test_few_false_alarms_on_healthy_runs(gain: float) -> None:
    """New draws of every sample and item in each iteration: more noise than a run with fixed seeds has."""
    world = World(256, 16, 1000, seed=2)
    total, wrong = false_alarms(world, 20, 6, lambda n: Health(skill=gain * min(n, 3), kl=float(min(n, 3))))
    assert wrong <= 0.05 * total


COLLAPSES: dict[str, tuple[bool, Callable[[int], Health]]] = {
    "collapse": (
        False,
        lambda i: Health(-0.06 * i, 1 + 0.6 * i, 0.0, 1 + 0.012 * i * i, 1.5 * i, 1.2 * 0.75**i),
    ),
    "hacking": (True, lambda i: Health(0.15 * min(i, 3), 1 + 0.1 * i, 0.02 * max(0, i - 2), 1.0, 2.0 * i)),
    "forgetting": (False, lambda i: Health(-0.05 * i, 1.0, 0.0, 1 + 0.02 * i)),
}


@pytest.mark.parametrize("name", COLLAPSES)
def test_alarms_come_before_gold_has_fallen_three_points(name: str) -> None:
    """Gold of the last model that was accepted before the first alert, against the best one."""
    learned, states = COLLAPSES[name]
    world = World(256, 16, 1000, seed=3)
    monitor = monitor_of(world)
    best = accepted = world.gold(states(0))
    for iteration in range(15):
        health = states(iteration)
        alerts = monitor.update(world.observe(iteration, health, 9, learned=learned))
        if any(alert.level >= Level.ALERT for alert in alerts):
            break
        accepted = world.gold(health)
        best = max(best, accepted)
    else:
        pytest.fail("no alarm")
    assert iteration > 0
    assert best - accepted < 0.03


def test_an_exploit_found_late_was_absent_before_and_may_go_again() -> None:
    monitor, _ = watch(SMALL, [Health(), Health(flag_rate=0.2), Health()])
    points = monitor.history["hacking/exploit.timeout"]
    assert [point.iteration for point in points] == [0, 1, 2]
    assert [point.value > 0 for point in points] == [False, True, False]
