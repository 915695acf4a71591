"""What the settings of measuring and of the monitors do: metrics, intervals, alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import pytest
from collapsing import Health, World
from shown import TEXT, all_settings, shows
from text_runs import Run, Seen, text_run

from engine.language.monitor.config import FallingThreshold, MonitorConfig, ThresholdConfig
from engine.language.monitor.gate import gate
from engine.language.monitor.levels import Level
from engine.language.monitor.metric.observation import Items, Judge, Observation
from engine.language.monitor.monitor import Monitor
from engine.language.record.text_run import TextRun

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)


def monitor_state(run: Seen) -> dict[str, Any]:
    """What the monitor of a run carries."""
    with TextRun.open(run.path) as opened:
        checkpoint = opened.latest()
    assert checkpoint is not None
    return dict(checkpoint.progress["monitor"])


@shows("measure.validation", "monitor.prompts", "monitor.samples")
def test_so_many_problems_are_looked_at(text_run: Run) -> None:
    for validation, prompts, samples in ((6, 4, 2), (9, 4, 2), (6, 7, 2), (6, 4, 3)):
        run = text_run(
            measure__validation=validation,
            monitor__prompts=prompts,
            monitor__samples=samples,
            loop__iterations=0,
        )
        first = monitor_state(run)["first"]
        assert len(first["accuracy"]["keys"]) == validation
        assert len(first["prompts"]["keys"]) == prompts
        assert f"pass/at_{samples:02d}" in run.metrics[-1]


@shows("measure.test", "measure.samples", "measure.control")
def test_the_final_table_is_of_so_many_problems_and_samples(text_run: Run) -> None:
    for test in (6, 8):
        assert f"measuring on {test} test problems" in text_run(measure__test=test).said
    for samples, columns in ((0, set()), (4, {"pass@1 %", "pass@4 %", "majority@4 %"})):
        table = text_run(measure__samples=samples).table
        assert {name for name in table[0] if "@" in name} == columns
    rows = [[row["model"] for row in text_run(measure__control=control).table] for control in (True, False)]
    assert rows == [["first", "control", "iteration 1"], ["first", "iteration 1"]]


@shows("measure.holdout")
def test_so_many_demonstrations_are_held_out(text_run: Run) -> None:
    none, some = (text_run(measure__holdout=count) for count in (0, 4))
    assert "drift/bits_per_character" not in none.metrics[-1]
    assert len(monitor_state(some)["first"]["holdout"]["keys"]) == 4


SMALL = World(40, 8, 160)
WELL = Health()
SICK = Health(sharpness=8, entropy=0.02, nll=1.3, kl=40, skill=-2, flag_rate=0.3)

Change = Callable[[Observation], Observation]


@dataclass(frozen=True)
class Scene:
    """A healthy model, and what comes after it."""

    health: Health = SICK
    before: Health = WELL
    learned: bool = False
    change: Change = lambda observation: observation


@cache
def observations(scene: Scene) -> tuple[Observation, Observation]:
    first = SMALL.observe(0, scene.before, 0, learned=scene.learned)
    return first, scene.change(SMALL.observe(1, scene.health, 0, learned=scene.learned))


def watched(scene: Scene, thresholds: dict[str, Any] | None = None, **settings: Any) -> Monitor:
    """A monitor that has seen a scene."""
    monitor = Monitor(
        SMALL.settings(**{"replicates": 200, "thresholds": thresholds or {}, **settings}), SMALL.tools()
    )
    for observation in observations(scene):
        monitor.update(observation)
    return monitor


def level(monitor: Monitor, *metrics: str) -> Level:
    """The worst alarm of metrics, or of families of them, in the last iteration."""
    found = [
        alert.level for alert in monitor.alerts if alert.iteration == 1 and alert.metric.startswith(metrics)
    ]
    return max(found, default=Level.OK)


def judged(agreeing: int) -> Change:
    keys = [str(number) for number in range(100)]
    return lambda seen: replace(seen, judge=Judge(keys, [n < agreeing for n in range(100)]))


def silent(seen: Observation) -> Observation:
    """A judge that says nothing of a third of the samples."""
    keys = [str(number) for number in range(100)]
    gone = [number % 3 == 0 for number in range(100)]
    return replace(seen, judge=Judge(keys, [None if each else True for each in gone], missing=gone))


def unlike(seen: Observation) -> Observation:
    """Two verifiers that differ in a third of the samples."""
    scores = [episode.result.score for episode in seen.probe]
    return replace(seen, second=[1 - score if n % 3 == 0 else score for n, score in enumerate(scores)])


def varied(seen: Observation) -> Observation:
    keys = [str(number) for number in range(160)]
    return replace(seen, accuracy=Items(keys, [1.0] * 160), variations=Items(keys, [0.0, 1.0] * 80))


def generated(kept: Callable[[int], bool], score: float | None = None) -> Change:
    def change(seen: Observation) -> Observation:
        rows = [
            replace(e, kept=kept(n), result=e.result if score is None else replace(e.result, score=score))
            for n, e in enumerate(seen.generated)
        ]
        return replace(seen, generated=rows)

    return change


WORDY = Scene(Health(bloat=0.5), learned=True)
SCENES: dict[str, tuple[Scene, tuple[str, ...]]] = {
    "distinct": (Scene(), ("diversity/distinct",)),
    "self_bleu": (Scene(), ("diversity/self_bleu",)),
    "entropy": (Scene(), ("diversity/entropy.",)),
    "unique": (Scene(), ("coverage/unique",)),
    "coverage": (Scene(), ("coverage/solutions", "coverage/effective")),
    "holdout": (Scene(), ("drift/bits_per_character",)),
    "accuracy": (Scene(), ("accuracy/greedy",)),
    "kl": (Scene(), ("drift/kl",)),
    "gold": (Scene(), ("hacking/gold",)),
    "gap": (WORDY, ("hacking/gap",)),
    "disagreement": (Scene(change=unlike), ("hacking/disagreement",)),
    "exploits": (Scene(), ("hacking/exploit",)),
    "length": (WORDY, ("length/",)),
    "length_correlation": (WORDY, ("hacking/length_correlation",)),
    "variation_gap": (Scene(change=varied), ("accuracy/variation_gap",)),
    "agreement": (Scene(change=judged(50)), ("judge/agreement",)),
    "missing": (Scene(change=silent), ("judge/missing",)),
    "top_share": (Scene(change=generated(lambda _: True)), ("data/top_share",)),
    "zero_spread": (Scene(change=generated(lambda n: n % 2 == 0, 0.0)), ("data/zero_spread",)),
    "real_fraction": (
        Scene(learned=True, change=lambda seen: replace(seen, real_fraction=0.5)),
        ("data/real_fraction",),
    ),
}
"""What past each threshold is, and the metrics that it is of."""


@shows(*(f"monitor.thresholds.{name}.{kind}" for name in SCENES for kind in ("warn", "alert")))
@pytest.mark.parametrize("name", SCENES)
def test_a_metric_warns_past_one_threshold_and_alerts_past_the_other(name: str) -> None:
    scene, metrics = SCENES[name]
    near, far = (1.0, 0.0) if is_falling(name) else (0.0, 1e6)
    levels = [
        level(watched(scene, {"kl_growth": 1000.0, name: {"warn": warn, "alert": alert}}), *metrics)
        for warn, alert in ((far, far), (near, far), (near, near))
    ]
    assert levels == [Level.OK, Level.WARN, Level.ALERT]


def is_falling(name: str) -> bool:
    return ThresholdConfig.model_fields[name].annotation is FallingThreshold


@shows("monitor.thresholds.gate.warn", "monitor.thresholds.gate.alert")
def test_a_new_model_is_doubted_or_worse_by_its_chance_to_be_so() -> None:
    keys = [str(number) for number in range(60)]
    old, new = [1.0] * 30 + [0.0] * 30, [1.0] * 29 + [0.0] * 31

    def verdict(warn: float, alert: float) -> str:
        settings = MonitorConfig.model_validate({"thresholds": {"gate": {"warn": warn, "alert": alert}}})
        return gate(new, old, keys, settings).verdict

    assert 0.5 < gate(new, old, keys, MonitorConfig()).p_worse < 0.9
    assert [verdict(*bounds) for bounds in ((0.9, 0.95), (0.1, 0.95), (0.1, 0.2))] == [
        "even",
        "doubted",
        "worse",
    ]


NEVER = {"warn": 1e6, "alert": 1e6}


@shows(
    "monitor.thresholds.rare.warn", "monitor.thresholds.rare.alert", "monitor.rare_share", "monitor.rare_keys"
)
def test_rare_modes_that_are_gone_are_told() -> None:
    def rare(**settings: Any) -> Monitor:
        return watched(Scene(Health(skill=-8)), **{"rare_share": 0.05, "rare_keys": 1, **settings})

    wide, narrow, certain = rare(), rare(rare_share=0.004), rare(rare_keys=4)
    assert len(wide.rare) > len(narrow.rare)
    assert len(wide.rare) > len(certain.rare)
    metric = "coverage/rare_recall"
    levels = [
        level(rare(thresholds={"rare": {"warn": warn, "alert": alert}}), metric)
        for warn, alert in ((2.0, 2.0), (0.1, 2.0), (0.1, 0.1))
    ]
    assert levels == [Level.OK, Level.WARN, Level.ALERT]


@shows(*(f"monitor.thresholds.entropy_{name}" for name in ("from", "floor", "rich")))
def test_entropy_that_was_there_and_is_next_to_nothing() -> None:
    scene = Scene()

    def found(**thresholds: Any) -> Level:
        return level(watched(scene, thresholds), "diversity/entropy")

    assert found(entropy_from=0.02, entropy_floor=0.0) == Level.ALERT
    assert found(entropy_from=5.0, entropy_floor=0.0) == Level.OK, "it had less before"
    only_floor = {"entropy": NEVER}
    assert found(**only_floor, entropy_floor=0.1) == Level.ALERT
    assert found(**only_floor, entropy_floor=0.001) == Level.OK
    assert found(**only_floor, entropy_floor=0.1, entropy_rich=5.0) == Level.OK


@shows("monitor.thresholds.narrowing", "monitor.thresholds.pass_at_k")
def test_problems_solved_in_many_samples_are_lost() -> None:
    lost = Scene(Health(skill=-3))
    assert level(watched(lost, {"pass_at_k": 0.05}), "pass/at_08") == Level.ALERT
    assert level(watched(lost, {"pass_at_k": 1.0}), "pass/at_08") == Level.OK

    def sharpened(seen: Observation) -> Observation:
        """Each problem is always or never solved."""
        order = sorted(seen.probe, key=lambda episode: episode.prompt.id)
        rows = [replace(e, result=replace(e.result, score=float(n // 8 % 2))) for n, e in enumerate(order)]
        return replace(seen, probe=rows)

    sharp = Scene(Health(), change=sharpened)
    for narrowing, found in ((0.01, Level.WARN), (1.0, Level.OK)):
        assert level(watched(sharp, {"pass_at_k": 1.0, "narrowing": narrowing}), "pass/at_08") == found


@shows("monitor.thresholds.kl_budget", "monitor.thresholds.kl_explosion")
def test_divergence_past_what_it_may_be() -> None:
    scene = Scene(Health(kl=8, skill=3))

    def found(metric: str, **thresholds: float) -> Level:
        return level(watched(scene, thresholds), metric)

    budgets = [found("drift/kl_budget", kl_budget=budget) for budget in (0.0, 20.0, 4.0)]
    assert budgets == [Level.OK, Level.OK, Level.ALERT]
    stops = [found("drift/kl_token", kl_explosion=bound) for bound in (20.0, 0.1)]
    assert stops == [Level.OK, Level.STOP]


@shows("monitor.thresholds.kl_growth", "monitor.thresholds.kl_growth_from")
def test_divergence_that_multiplies() -> None:
    scene = Scene(replace(SICK, kl=60), before=Health(kl=10))
    quiet = {"kl": NEVER}
    assert level(watched(scene, quiet), "drift/kl") == Level.ALERT
    assert level(watched(scene, {**quiet, "kl_growth": 100.0}), "drift/kl") == Level.OK
    assert level(watched(scene, {**quiet, "kl_growth_from": 100.0}), "drift/kl") == Level.OK


@shows("monitor.replicates", "monitor.confidence")
def test_intervals_are_of_so_many_draws_and_so_sure() -> None:
    def width(**settings: Any) -> float:
        point = watched(Scene(), **settings).history["hacking/gold"][-1]
        return point.high - point.low

    assert width(confidence=0.5) < width(confidence=0.99)
    assert width(replicates=200) != width(replicates=2000)


@shows("monitor.warn_confidence", "monitor.alert_confidence")
def test_a_change_must_be_so_sure() -> None:
    scene = Scene(Health(skill=-0.25, nll=1.03))

    def count(found: Level, **settings: Any) -> int:
        alerts = watched(scene, {key: {"warn": 0.0, "alert": 0.0} for key in CHANGES}, **settings).alerts
        return sum(alert.iteration == 1 and alert.level >= found for alert in alerts)

    unsure, sure = 0.5, 1 - 1e-12
    alerts = [count(Level.ALERT, alert_confidence=each) for each in (unsure, sure)]
    assert alerts[0] > alerts[1]
    warnings = [count(Level.WARN, warn_confidence=each, alert_confidence=sure) for each in (unsure, sure)]
    assert warnings[0] > warnings[1]


CHANGES = ("distinct", "self_bleu", "unique", "coverage", "accuracy", "gold")


@shows("monitor.right_score")
def test_a_sample_is_right_from_a_score_on() -> None:
    def soft(seen: Observation) -> Observation:
        rows = [replace(e, result=replace(e.result, score=0.7 * e.result.score)) for e in seen.probe]
        return replace(seen, probe=rows)

    scene = Scene(Health(), change=soft)
    strict, lenient = (
        watched(scene, right_score=score).history["pass/at_01"][-1].value for score in (1.0, 0.5)
    )
    assert strict == 0 < lenient


@shows("monitor.block_prompts", "monitor.across", "monitor.entropy_buckets", "monitor.min_bucket")
def test_metrics_are_counted_in_blocks_groups_and_buckets() -> None:
    def last(name: str, **settings: Any) -> float:
        return watched(Scene(), **settings).history[name][-1].value

    assert last("diversity/distinct_2", block_prompts=4) != last("diversity/distinct_2", block_prompts=10)
    assert last("diversity/self_bleu_across", across=4) < last("diversity/self_bleu_across", across=40)
    for starts, names in (((4, 8), {"00_03", "04_07", "08_"}), ((3,), {"00_02", "03_"})):
        found = {name for name in watched(Scene(), entropy_buckets=starts).history if "entropy." in name}
        assert len(found) == len(names)
        assert all(any(name.startswith(f"diversity/entropy.{each}") for name in found) for each in names)
    for least, count in ((2, 4), (100, 0)):
        found = {name for name in watched(Scene(), min_bucket=least).history if "accuracy/greedy." in name}
        assert len(found) == count


@shows("monitor.drift_from=first", "monitor.drift_from=trained")
def test_shape_is_compared_with_the_first_model_or_the_first_one_trained() -> None:
    first, trained = (watched(Scene(), drift_from=base) for base in ("first", "trained"))
    assert level(first, "diversity/distinct") == Level.ALERT
    assert level(trained, "diversity/distinct") == Level.OK, "nothing trained has been accepted before"


@shows("monitor.human_every")
def test_a_person_is_missed_after_so_many_iterations() -> None:
    def missed(every: int) -> Level:
        scene = Scene(Health(), change=lambda seen: replace(seen, human=False))
        return level(watched(scene, human_every=every), "oversight/since_human")

    assert (missed(1), missed(2)) == (Level.WARN, Level.OK)


def test_every_threshold_has_a_scene() -> None:
    pairs = {key.partition(".")[0] for key in all_settings(ThresholdConfig) if "." in key}
    assert pairs == {*SCENES, "rare", "gate"}
    assert set(SCENES) <= set(MonitorConfig().thresholds.model_dump())


def test_the_monitors_of_a_run_have_the_settings_of_the_run(text_run: Run) -> None:
    quiet, loud = (
        text_run(
            sample__temperature=0.0,
            monitor__thresholds__zero_spread__warn=warn,
            monitor__thresholds__zero_spread__alert=1e6,
        )
        for warn in (1e6, 0.0)
    )
    assert "WARN data/zero_spread" not in quiet.said
    assert "WARN data/zero_spread" in loud.said
