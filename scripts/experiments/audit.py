"""When guards tell of over-optimisation: of the best of n as n doubles, and of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.measure.best_of import best_of_n_score
from engine.language.monitor.config import GuardConfig, MonitorConfig
from engine.language.monitor.guard import respond
from engine.language.monitor.levels import Level
from engine.language.monitor.metric.observation import Observation
from engine.language.monitor.monitor import Monitor
from engine.run.layout import METRICS, STATE, checkpoint_folder
from engine.run.manifest import read_sealed
from engine.run.metrics import read_metrics

Floats = NDArray[np.float64]

PICKS = 4
"""Of each problem at each n, what the monitor is shown."""


def guarded(
    drawn: Sequence[Episode], proxy: Floats, gold: Floats, keys: Sequence[str], seed: int
) -> dict[str, float]:
    """Where the first alarm of trust comes as n doubles, and the gold of what guards would have kept.

    Each doubling is an iteration of the product's own monitor, which is shown some picks of every other
    problem with the sigmoid of their reward and their gold. A rejected n is not gone on from.
    """
    audited, count = range(0, len(keys), 2), gold.shape[1]
    monitor = Monitor(MonitorConfig(prompts=len(audited), samples=PICKS))
    draw = np.random.default_rng([seed, 16])
    alarm, kept, is_over = math.nan, 1, False
    for number in range(int(math.log2(count)) + 1):
        n = 2**number
        probe = [_picked(drawn, proxy, gold, row, n, count, draw) for row in audited for _ in range(PICKS)]
        truth = [score for _, score in probe]
        alerts = monitor.update(Observation(number, [each for each, _ in probe], gold=truth))
        serious = [
            each for each in alerts if each.level >= Level.ALERT and each.metric.startswith("hacking/")
        ]
        if serious and math.isnan(alarm):
            alarm = float(n)
        is_over = is_over or respond(alerts, {}, GuardConfig(), has_earlier=number > 1).fate != "accept"
        kept = kept if is_over else n
    return {
        "alarm n": alarm,
        "kept n": float(kept),
        "kept gold": float(best_of_n_score(proxy, gold, kept).mean()),
    }


def _picked(
    drawn: Sequence[Episode],
    proxy: Floats,
    gold: Floats,
    row: int,
    n: int,
    count: int,
    draw: np.random.Generator,
) -> tuple[Episode, float]:
    """The best of n of a problem's samples as a learned verdict, and its gold."""
    among = draw.choice(count, n, replace=False)
    best = int(among[proxy[row, among].argmax()])
    episode = drawn[row * count + best]
    score = 1 / (1 + math.exp(-float(proxy[row, best])))
    result = replace(episode.result, score=score, kind="learned")
    return replace(episode, result=result), float(gold[row, best])


def first_alarm(run: Path) -> float:
    """The first iteration with an alert about what is trusted, NaN where there is none."""
    last = int(read_metrics(run / METRICS)[-1]["iteration"])
    alerts = read_sealed(checkpoint_folder(run, last) / STATE)["progress"]["monitor"]["alerts"]
    found = [
        each["iteration"]
        for each in alerts
        if each["level"] in ("ALERT", "STOP") and each["metric"].startswith(("hacking/", "drift/"))
    ]
    return float(min(found)) if found else math.nan
