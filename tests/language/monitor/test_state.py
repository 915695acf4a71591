"""What a monitor carries from iteration to iteration, and what it refuses."""

import json
import time
from dataclasses import replace

import pytest
from collapsing import Health, World
from watching import SMALL, level_of, monitor_of, watch

from engine.errors import CorruptFileError
from engine.language.monitor.config import FallingThreshold, Threshold
from engine.language.monitor.levels import Level
from engine.language.monitor.monitor import Monitor


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


def test_a_state_from_before_collapse_was_told_from_shape_is_read() -> None:
    monitor, _ = watch(SMALL, [Health(), Health(nll=1.2)])
    data = monitor.to_json()
    for name in ("trained", "rare_right"):
        del data[name]
    for row in data["alerts"]:
        del row["bars"]
    old = Monitor.from_json(data, monitor.settings, monitor.tools)
    assert old.alerts == monitor.alerts
    assert old.rare_right == frozenset(old.rare)
    last = SMALL.observe(2, Health(nll=1.2), 0)
    assert level_of(old.update(last), "drift/bits_per_character") == Level.ALERT


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
    last = SMALL.observe(3, Health(kl=11, nll=1.2), 0)
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


def test_an_exploit_found_late_was_absent_before_and_may_go_again() -> None:
    monitor, _ = watch(SMALL, [Health(), Health(flag_rate=0.2), Health()])
    points = monitor.history["hacking/exploit.timeout"]
    assert [point.iteration for point in points] == [0, 1, 2]
    assert [point.value > 0 for point in points] == [False, True, False]


def test_figures_of_others_stand_beside_what_is_measured_and_never_in_its_place() -> None:
    monitor, _ = watch(SMALL, [Health(), Health(nll=1.2)])
    own = list(monitor.history["drift/kl"])
    monitor.note(1, {"own/figure": 0.5, "own/unknown": float("nan"), "drift/kl": 7.0})
    monitor.note(2, {"own/figure": 0.25})
    assert [(point.iteration, point.value) for point in monitor.history["own/figure"]] == [
        (1, 0.5),
        (2, 0.25),
    ]
    assert monitor.history["drift/kl"] == own
    assert "own/unknown" not in monitor.history
    again = Monitor.from_json(json.loads(json.dumps(monitor.to_json(), allow_nan=False)), monitor.settings)
    assert again.history == monitor.history
