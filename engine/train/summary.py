"""Numbers that tell what self-play did in one iteration."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.selfplay.caller import PARTS, Games
from engine.train.processor import busy_s

CALIBRATION_BINS = 10

MIN_DISTINCT = 0.95
"""A warning is due where a smaller share of an iteration's games is distinct."""
CLEARLY_DISTINCT = 0.99
"""Share from which on the next warning is news."""


def games_summary(batches: Sequence[Games]) -> dict[str, float]:
    """Length, results, variety and value calibration of finished games, by metric tag."""
    outcome = np.concatenate([games["outcome"] for games in batches])
    lengths = np.concatenate([np.diff(games["move_offsets"]) for games in batches])
    if outcome.size == 0:
        return {"selfplay/games": 0.0}
    searched = np.concatenate([games["weight"] > 0 for games in batches])
    kl = np.concatenate([games["kl"] for games in batches])[searched]
    return {
        "selfplay/games": float(outcome.size),
        "selfplay/game_length": float(lengths.mean()),
        "selfplay/first_player_score": float(outcome.mean()),
        "selfplay/draws": float((outcome == 0).mean()),
        "selfplay/truncated": float(np.concatenate([games["truncated"] for games in batches]).mean()),
        "selfplay/resigned": float(np.concatenate([games["resigned"] for games in batches]).mean()),
        "selfplay/distinct_games": _distinct_share(batches),
        "policy/kl_prior_to_target": float(kl.mean()) if kl.size else 0.0,
        **_calibration(batches),
        **_tallies(batches),
    }


class DuplicateWatch:
    """Says when an iteration's games repeat each other: once, and again after they clearly did not.

    Only once of a game so small that they cannot but repeat; `is_small` is asked the first time.
    """

    def __init__(self, is_small: Callable[[], bool] = lambda: False) -> None:
        self._is_small = is_small
        self._is_idle = False
        self._is_warned = False

    def check(self, values: Mapping[str, float]) -> str | None:
        """The warning that the metrics of an iteration call for."""
        share = values.get("selfplay/distinct_games", 1.0)
        if share >= CLEARLY_DISTINCT:
            self._is_warned = False
        if share >= MIN_DISTINCT or self._is_warned or self._is_idle:
            return None
        self._is_warned, self._is_idle = True, self._is_small()
        warning = (
            f"warning: only {100 * share:.0f} % of this iteration's {values['selfplay/games']:.0f} games are "
            "distinct; raise selfplay.max_opening_plies, selfplay.temperature or search.noise_fraction"
        )
        return warning + " (so small a game repeats itself; not said again)" * self._is_idle


def search_summary(stats: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Rates and shares of one iteration from the difference of two `Actors.stats()`."""
    positions = max(stats["positions"], 1)
    simulations = max(stats["simulations"], 1)
    return {
        "selfplay/positions": stats["positions"],
        "search/simulations_per_position": stats["simulations"] / positions,
        "search/evaluations_per_position": stats["evaluations"] / positions,
        "search/cache_hits": stats["cache_hits"] / simulations,
        "search/terminal_hits": stats["terminal_hits"] / simulations,
        "search/proven_hits": stats["proven_hits"] / simulations,
        "search/capped": stats["capped"],
        "search/bad_replies": stats["bad_replies"],
        "search/batch_size": stats["evaluations"] / max(stats["batches"], 1),
        "search/batch_fill": stats["evaluations"] / max(stats["batch_room"], 1),
        "speed/positions_per_s": stats["positions"] / seconds,
        "speed/simulations_per_s": stats["simulations"] / seconds,
        "speed/evaluations_per_s": stats["evaluations"] / seconds,
        "speed/restarts": stats.get("restarts", 0),
    }


class Laps:
    """Where the wall time of the loop goes: every moment belongs to one lap. `cpu` is this process's own."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._last = time.perf_counter()
        self._cpu = time.process_time()
        self._busy = busy_s()

    def mark(self, name: str) -> float:
        """Count what has passed since the last mark towards `name`; the seconds."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self._seconds[name] += seconds
        return seconds

    def split(self, name: str, parts: Mapping[str, float], rest: str) -> None:
        """Count what went towards `name` towards `parts` instead, and towards `rest` what they leave over."""
        left = self._seconds.pop(name)
        for part, seconds in parts.items():
            self._seconds[part] += seconds
            left -= seconds
        self._seconds[rest] += left

    def take(self) -> dict[str, float]:
        """Seconds by name since the last call."""
        seconds = dict(self._seconds)
        self._seconds.clear()
        return seconds

    def take_cpu(self) -> float:
        """Seconds of processor time of this process since the last call."""
        now = time.process_time()
        seconds, self._cpu = now - self._cpu, now
        return seconds

    def take_busy(self) -> float | None:
        """Seconds of processor time of everybody on the cores of this process since the last call."""
        now, before = busy_s(), self._busy
        self._busy = now
        return None if now is None or before is None else now - before


def time_summary(laps: Laps, stats: Mapping[str, float], callers: int) -> dict[str, float]:
    """Seconds of wall time by what they went on, `time/NAME_s`, which come to `time/total_s`.

    And `machine/cores_busy`: seconds of processor time, of actors in processes too, over those of wall time;
    `machine/cores_taken`: those of others on the same cores, where the system tells.

    Args:
        laps: taken; `play` is divided into PARTS of the callers, on average over them, and `wait`: a caller
            had nothing to do while others still played, or turned from one part to the next.
        stats: the difference of two `Actors.stats()`.
        callers: how many there are.
    """
    cpu, busy = laps.take_cpu() + stats.get("cpu_s", 0.0), laps.take_busy()
    seconds = laps.take()
    parts = {name: stats[f"{name}_s"] / callers for name in PARTS}
    wait = seconds.pop("play", 0.0) - sum(parts.values())
    spent = {**parts, "wait": wait, **seconds}
    total = sum(spent.values())
    times = {f"time/{name}_s": value for name, value in spent.items()}
    cores = {"machine/cores_busy": cpu / max(total, 1e-9)}
    if busy is not None:
        cores["machine/cores_taken"] = max(busy - cpu, 0.0) / max(total, 1e-9)
    return {**times, "time/total_s": total, **cores}


def _distinct_share(batches: Sequence[Games]) -> float:
    seen = set()
    total = 0
    for games in batches:
        offsets, moves = games["move_offsets"], games["moves"]
        total += len(games["start"])
        for index, start in enumerate(games["start"]):
            seen.add((start, moves[offsets[index] : offsets[index + 1]].tobytes()))
    return len(seen) / total


def _calibration(batches: Sequence[Games]) -> dict[str, float]:
    """How well the search's value foretold the outcome, both for the player to move and in [-1, 1]."""
    foretold, happened = [], []
    for games in batches:
        lengths = np.diff(games["move_offsets"])
        sign = np.where(games["player"] == 0, 1.0, -1.0)
        kept = (games["weight"] > 0) & ~np.repeat(games["resigned"], lengths)
        foretold.append((games["root_wdl"][:, 0] - games["root_wdl"][:, 2])[kept])
        happened.append((np.repeat(games["outcome"], lengths) * sign)[kept])
    value, outcome = np.concatenate(foretold), np.concatenate(happened)
    if value.size == 0:
        return {}
    bins = np.clip(((value + 1) / 2 * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    gaps = np.bincount(bins, value - outcome, CALIBRATION_BINS)
    return {
        "value/search_error": float(np.mean((value - outcome) ** 2)),
        "value/search_calibration": float(np.abs(gaps).sum() / counts.sum()),
    }


def _tallies(batches: Sequence[Games]) -> dict[str, float]:
    """Means over searched moves of what the records say of their searches."""
    columns = ("visits", "budget", "mean_depth", "reused_visits")
    visits, budget, depth, reused = (
        np.concatenate([games[name][games["budget"] > 0] for games in batches]) for name in columns
    )
    if visits.size == 0:
        return {}
    return {
        "search/mean_depth": float(np.average(depth, weights=visits)) if visits.any() else 0.0,
        "search/reused_visits": float(reused.mean()),
        "search/ended_early": float((visits < budget).mean()),
    }
