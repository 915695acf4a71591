"""The monitor: shown every iteration, it keeps the history of all metrics and says what is wrong."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from engine.errors import CorruptFileError
from engine.language.monitor import combined
from engine.language.monitor.comparison import BEFORE, BEST, EARLIER, Comparison, Tables
from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.levels import Alert, Level, finite, number
from engine.language.monitor.metric.clustered import Clustered
from engine.language.monitor.metric.coverage import fan, rare_modes
from engine.language.monitor.metric.hacking import EXPLOIT
from engine.language.monitor.metric.measure import Instruments, Measured, is_exact, measure
from engine.language.monitor.metric.observation import Observation
from engine.language.monitor.metric.probe import Probe
from engine.language.monitor.verdict import weighed

FORMAT = 1
MAX_EXAMPLES = 2000
"""Modes of iteration 0 that an example is kept of."""


class Point(NamedTuple):
    """A metric in one iteration, with its interval."""

    iteration: int
    value: float
    low: float
    high: float


class Monitor:
    """Measures each iteration and compares it with the first and the one before.

    `history` has the points of each metric by `group/name`, `alerts` all alerts so far.
    """

    def __init__(self, settings: MonitorConfig, tools: Instruments | None = None) -> None:
        self.settings = settings
        self.tools = tools or Instruments()
        self.history: dict[str, list[Point]] = {}
        self.alerts: list[Alert] = []
        self.rare: dict[str, int] = {}
        """Rare modes of the first iteration, with the number of problems that had them."""
        self.rare_right: frozenset[str] = frozenset()
        """Those of them that right samples had."""
        self.examples: dict[str, tuple[str, str]] = {}
        """Prompt and completion of a sample of each mode of the first iteration."""
        self.last_iteration: int | None = None
        self._first: Tables = {}
        self._trained: tuple[int, Tables] | None = None  # the first one trained and accepted
        self._best: Tables = {}  # gold of the iteration that had most
        self._best_before: Tables = {}  # the same without the last iteration
        self._past: list[Tables] = []  # of the last three iterations, the newest at the end
        self._first_iteration = 0
        self._block_tokens: int | None = None
        self._probe = ""
        self._human = 0
        self._parted = 0  # iterations in a row with the proxy up and gold down

    def update(self, observation: Observation) -> list[Alert]:
        """Measure an iteration and return its alerts, the worst first.

        The first observation is what later ones are compared with. ValueError where the probe is not on
        the same problems, with as many samples at temperature 1, as before.
        """
        probe = Probe.of(observation.probe, self.settings.prompts, self.settings.samples)
        self._check(observation, probe)
        measured = measure(observation, probe, self.tools, self.settings, self._block_tokens)
        if not self._first:
            self._begin(observation, probe, measured)
        if observation.human:
            self._human = observation.iteration
        comparison = Comparison(
            observation.iteration, measured, self._first_name, self._base_name, self._references(),
            self.settings,
        )  # fmt: skip
        exact = is_exact(probe)
        found = _worst_of_each(self._found(comparison, observation, measured, exact))
        blind = "gold" not in measured.tables and not combined.nearer_to_real_data(comparison)
        alerts = weighed(found, observation.gate, exact, blind=blind)
        self._record(observation.iteration, comparison)
        if self.settings.drift_from == "trained" and not self._trained and self.last_iteration is not None:
            self._trained = observation.iteration, measured.tables
        self._past = [*self._past[-2:], measured.tables]
        self._best_before = self._best
        if _gold(measured.tables) > _gold(self._best):
            self._best = {"gold": measured.tables["gold"]}
        self.last_iteration = observation.iteration
        self.alerts += alerts
        return alerts

    def note(self, iteration: int, values: Mapping[str, float]) -> None:
        """Keep figures that others have measured, by `group/name`, in the history; they raise no alarm.

        What is not finite is left out, and what the monitor has measured itself stays as it is.
        """
        for name, value in values.items():
            points = self.history.setdefault(name, []) if math.isfinite(value) else None
            if points is not None and not (points and points[-1].iteration == iteration):
                points.append(Point(iteration, float(value), float(value), float(value)))

    def discard(self) -> None:
        """Forget the last iteration as what to compare with: its model was rejected."""
        self._past, self._best = self._past[:-1], self._best_before
        self._parted = 0
        if self._trained is not None and self._trained[0] == self.last_iteration:
            self._trained = None

    def roll_back(self, state: Mapping[str, Any]) -> None:
        """Compare from now on with what was compared with when `state` was written, by `to_json` of this run.

        What was measured since stays in the history, and so do its alarms.
        """
        earlier = Monitor.from_json(state, self.settings, self.tools)
        self._past, self._trained, self._parted = earlier._past, earlier._trained, earlier._parted
        self._best = self._best_before = earlier._best

    def metrics(self) -> dict[str, float]:
        """The last iteration's values by `group/name`, and the number of its alerts of each level."""
        last = self.last_iteration
        values = {
            name: points[-1].value for name, points in self.history.items() if points[-1].iteration == last
        }
        levels = [alert.level for alert in self.alerts if alert.iteration == last]
        counts = {f"alarm/{level.name.lower()}": float(levels.count(level)) for level in Level if level}
        return {**values, **counts, "alarm/level": float(max(levels, default=0))}

    def to_json(self) -> dict[str, Any]:
        """All of the state, as numbers, strings and lists; `from_json` goes on from it."""
        return {
            "format": FORMAT,
            "first": {name: table.to_json() for name, table in self._first.items()},
            "best": {name: table.to_json() for name, table in self._best.items()},
            "past": [{name: table.to_json() for name, table in tables.items()} for tables in self._past],
            "trained": self._trained
            and [self._trained[0], {name: table.to_json() for name, table in self._trained[1].items()}],
            "first_iteration": self._first_iteration,
            "last_iteration": self.last_iteration,
            "block_tokens": self._block_tokens,
            "probe": self._probe,
            "human": self._human,
            "parted": self._parted,
            "rare": self.rare,
            "rare_right": sorted(self.rare_right),
            "examples": {mode: list(example) for mode, example in self.examples.items()},
            "history": {
                name: [[p.iteration, *(finite(x) for x in p[1:])] for p in points]
                for name, points in self.history.items()
            },
            "alerts": [alert.to_json() for alert in self.alerts],
        }

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], settings: MonitorConfig, tools: Instruments | None = None
    ) -> Monitor:
        """The monitor that wrote `data`; CorruptFileError where it is nothing of the kind."""
        monitor = cls(settings, tools)
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r}")
            monitor._read(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorruptFileError(
                f"the monitor's state is damaged or of another version: {error}"
            ) from error
        return monitor

    def _read(self, data: Mapping[str, Any]) -> None:
        self._first = {str(name): Clustered.from_json(table) for name, table in data["first"].items()}
        self._best = {str(name): Clustered.from_json(table) for name, table in data["best"].items()}
        self._past = [
            {str(name): Clustered.from_json(table) for name, table in tables.items()}
            for tables in data["past"]
        ]
        if trained := data.get("trained"):
            tables = {str(name): Clustered.from_json(table) for name, table in trained[1].items()}
            self._trained = int(trained[0]), tables
        last, block = data["last_iteration"], data["block_tokens"]
        self.last_iteration = None if last is None else int(last)
        self._block_tokens = None if block is None else int(block)
        self._first_iteration, self._human = int(data["first_iteration"]), int(data["human"])
        self._parted, self._probe = int(data["parted"]), str(data["probe"])
        self.rare = {str(mode): int(keys) for mode, keys in data["rare"].items()}
        self.rare_right = frozenset(map(str, data.get("rare_right", self.rare)))
        self.examples = {str(mode): (str(pair[0]), str(pair[1])) for mode, pair in data["examples"].items()}
        self.history = {
            str(name): [Point(int(p[0]), number(p[1]), number(p[2]), number(p[3])) for p in points]
            for name, points in data["history"].items()
        }
        self.alerts = [Alert.from_json(alert) for alert in data["alerts"]]

    def _check(self, observation: Observation, probe: Probe) -> None:
        if self.last_iteration is not None and observation.iteration <= self.last_iteration:
            raise ValueError(f"iteration {observation.iteration} comes after {self.last_iteration}")
        digest = hashlib.sha256(json.dumps([prompt.id for prompt in probe.prompts]).encode()).hexdigest()
        if self._probe not in ("", digest):
            raise ValueError("the probe is on other problems than before; its metrics cannot be compared")
        self._probe = digest

    def _begin(self, observation: Observation, probe: Probe, measured: Measured) -> None:
        self._first, self._block_tokens = measured.tables, measured.block_tokens
        self._first_iteration = self._human = observation.iteration
        self.rare = rare_modes(
            measured.modes, len(probe.episodes), self.settings.rare_share, self.settings.rare_keys
        )
        self.rare_right = measured.right_modes & self.rare.keys()
        for episode in probe.episodes:
            for mode in self.tools.modes(episode):
                if len(self.examples) < MAX_EXAMPLES:
                    self.examples.setdefault(mode, (episode.prompt.text, episode.completion))

    def _references(self) -> dict[str, Tables]:
        if self.last_iteration is None:
            return {}
        past = dict(zip((BEFORE, EARLIER), reversed(self._past), strict=False))
        base = {self._base_name: self._trained[1]} if self._trained and self._base_name else {}
        return {**base, self._first_name: self._first, **past, BEST: self._best}

    @property
    def _first_name(self) -> str:
        return f"iteration {self._first_iteration}"

    @property
    def _base_name(self) -> str | None:
        """What drift is measured from, None where nothing trained has been accepted yet."""
        if self.settings.drift_from == "first":
            return self._first_name
        return f"iteration {self._trained[0]}" if self._trained else None

    def _found(
        self, comparison: Comparison, observation: Observation, measured: Measured, exact: bool
    ) -> Iterator[Alert]:
        self._parted = self._parted + 1 if combined.parted(comparison) else 0
        is_better = exact and observation.gate is not None and observation.gate.verdict == "better"
        largest = f"pass/at_{max(fan(self.settings.samples)):02d}"
        yield from comparison.by_rules()
        found = (
            combined.narrowing(comparison, largest),
            combined.entropy_floor(comparison),
            combined.kl_growth(comparison),
            combined.kl_budget(comparison),
            combined.kl_explosion(comparison, observation.exploded, is_better=is_better),
            combined.rare_recall(comparison, self._rare_of_right(), measured.modes),
            combined.hacked(comparison, self._parted),
            combined.real_fraction(comparison, exact),
            combined.overlap(comparison),
            combined.gate(comparison, observation.gate),
            combined.oversight(comparison, self._human, exact),
        )
        yield from (alert for alert in found if alert is not None)

    def _rare_of_right(self) -> dict[str, int]:
        return {mode: keys for mode, keys in self.rare.items() if mode in self.rare_right}

    def _record(self, iteration: int, comparison: Comparison) -> None:
        before = [point.iteration for point in self.history.get("hacking/exploits", ())]
        for metric, reading in comparison.readings.items():
            point = Point(iteration, reading.value, reading.low, reading.high)
            if metric.startswith(EXPLOIT) and metric not in self.history:
                self.history[metric] = [Point(number, 0.0, 0.0, 0.0) for number in before]
            self.history.setdefault(metric, []).append(point)
        for metric, points in self.history.items():
            if metric.startswith(EXPLOIT) and points[-1].iteration != iteration:
                points.append(Point(iteration, 0.0, 0.0, 0.0))


def _gold(tables: Tables) -> float:
    """Mean true score, minus infinity where it is not known."""
    return float(tables["gold"].values()["hacking/gold"]) if "gold" in tables else -math.inf


def _worst_of_each(alerts: Iterable[Alert]) -> list[Alert]:
    """One alert a metric, the worst; the worst metrics first."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        if alert.metric not in found or found[alert.metric].level < alert.level:
            found[alert.metric] = alert
    return sorted(found.values(), key=lambda alert: (-alert.level, alert.metric))
