"""How often alarms are false, and whether they come in time."""

from collections.abc import Callable

import pytest
from collapsing import Health, World
from watching import SMALL, monitor_of, watch

from engine.language.monitor.levels import Level


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
