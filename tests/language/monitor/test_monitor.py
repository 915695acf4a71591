"""Alarms: silent on healthy models, early on sick ones; states that survive a resume."""

import math
from dataclasses import replace

import numpy as np
import pytest
from collapsing import Health
from watching import SMALL, after, level_of, monitor_of, watch

from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.gate import gate
from engine.language.monitor.levels import Compared, Evidence, Level, grade
from engine.language.monitor.metric.measure import Instruments
from engine.language.monitor.metric.observation import Items, Judge, Observation
from engine.language.monitor.monitor import Monitor
from engine.language.monitor.rules import RULES, limits, rule_of
from engine.report.report import RunPage, report


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
    needing_more = {
        "hacking/disagreement",
        "judge/agreement",
        "drift/kl_real",
        "hacking/exploit.",
        "judge/missing",
    }
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
    "deterministic": (Health(entropy=0.4, nll=1.2), {"diversity/entropy", "diversity/entropy.00_03"}),
    "forgetful": (Health(nll=1.2), {"drift/bits_per_character"}),
    "unskilled": (Health(skill=-1.5), {"accuracy/greedy", "hacking/gold"}),
    "far away": (Health(kl=40, sharpness=8), {"drift/kl"}),
    "runaway": (Health(kl=15, skill=-1.5), {"drift/kl"}),
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
    (stop,) = (alert for alert in alerts[2] if alert.level == Level.STOP)
    assert "roll-back" in stop.responses, "the model between them has a part in it"
    others = [each for found in alerts for each in found if each is not stop]
    assert not [each for each in (*others, *RULES) if "roll-back" in each.responses]


@pytest.mark.parametrize(
    ("truths", "level"), [((0.2, 0.3, 0.4), Level.WARN), ((0.2, 0.3, 0.25), Level.ALERT)]
)
def test_a_proxy_that_outruns_a_truth_that_rises_is_a_warning(
    truths: tuple[float, ...], level: Level
) -> None:
    """Two thirds of a rise of the proxy are won in vain: an alert once the truth is not the best it was."""
    monitor = monitor_of(SMALL)
    found = []
    for number, truth in enumerate(truths):
        seen = SMALL.observe(number, Health(), 0)
        count = len(seen.probe)
        drawn = np.random.default_rng(7).permutation(count) / count
        proxy = 0.2 + 0.3 * number
        probe = [
            replace(each, result=replace(each.result, score=float(place < proxy), kind="learned"))
            for each, place in zip(seen.probe, drawn, strict=True)
        ]
        gold = [float(place < truth) for place in drawn]
        found = monitor.update(replace(seen, probe=probe, gold=gold))
    assert level_of(found, "hacking/gap") == level


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
    assert result.verdict == "worse"
    assert result.p_worse > 0.95
    assert result.p_value < 1e-6
    assert result.difference < 0
    assert gate(list(old), list(worse), keys, settings).verdict == "better"
    assert gate(list(old), list(old), keys, settings).verdict == "even"
    assert gate([0.5, 0.2], [0.4, 0.2], ["a", "b"], settings).p_value == 1.0
    with pytest.raises(ValueError, match="1 new scores"):
        gate([1], [1, 0], ["a", "b"], settings)
    alerts = after(lambda o: replace(o, gate=result))
    assert level_of(alerts, "gate/p_worse") == Level.ALERT


def test_values_are_told_by_how_they_order_samples_of_a_problem() -> None:
    monitor = monitor_of()
    first, second, third = (SMALL.observe(number, Health(), 0) for number in range(3))
    monitor.update(first)
    assert not any(name.startswith("value/") for name in monitor.history)
    right = [episode.result.score >= 1 for episode in second.probe]
    monitor.update(replace(second, values=[0.75 if each else 0.25 for each in right]))
    monitor.update(replace(third, values=[0.5] * len(third.probe)))
    told = {name: monitor.history[f"value/{name}"] for name in ("auc", "auc_within", "brier")}
    assert {name: [point.value for point in points] for name, points in told.items()} == {
        "auc": [1, 0.5], "auc_within": [1, 0.5], "brier": [0.0625, 0.25],
    }  # fmt: skip
    assert "Value head" in report(RunPage("a run", monitor.history))
    with pytest.raises(ValueError, match="1 numbers for"):
        monitor.update(replace(SMALL.observe(3, Health(), 0), values=[0.5]))


@pytest.mark.parametrize(("nats", "is_loss"), [(0.4, True), (0.01, False)])
def test_entropy_that_is_next_to_nothing_cannot_be_lost(nats: float, is_loss: bool) -> None:
    monitor = monitor_of()
    first, second = (
        replace(each, entropy=[[share * nats] * len(row) for row in each.entropy or ()])
        for each, share in ((SMALL.observe(0, Health(), 0), 1.0), (SMALL.observe(1, Health(), 0), 0.2))
    )
    monitor.update(first)
    found = {alert.metric for alert in monitor.update(second) if alert.metric.startswith("diversity/entropy")}
    assert found == (
        {name for name in monitor.history if name.startswith("diversity/entropy")} if is_loss else set()
    )
