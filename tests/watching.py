"""A monitor that is shown a made-up model, for the tests of its parts."""

from collections.abc import Callable, Sequence

from collapsing import Health, World

from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.monitor import Monitor
from engine.language.monitor.observation import Observation

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
