"""The measurements measure what they say; how fast it is, is not asked here."""

from __future__ import annotations

import itertools
import json
import math
import os
from typing import Any

import pytest

import engine.bench
from engine import _core
from engine.bench import core, network, tree
from engine.bench.rate import make_row, median_rate, rate
from engine.registry import load_game

GAME = load_game("connect4")
KEYS = ["game", "stage", "metric", "value", "unit", "threads", "backend", "ceiling", "ratio"]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "NUM_ROOTS", 8)
    monkeypatch.setattr(
        network,
        "SETTINGS",
        {
            "network": {"channels": 8, "blocks": 1},
            "selfplay": {"simulations": 8, "games": 8, "cache_mb": 1},
            "learner": {"threads": 1, "batch_size": 16},
            "loop": {"callers": 1},
        },
    )
    monkeypatch.setattr(network, "WIDE_NETWORK", network.WIDE_NETWORK.model_copy(update={"channels": 16}))


def test_rate_counts_units_by_the_clock() -> None:
    ticks = itertools.count(step=2.0)
    assert rate(lambda: 10, lambda: next(ticks), 0) == 5


def test_median_rate_leaves_the_first_work_out_and_takes_the_middle() -> None:
    units = iter([10**9, 10, 1000, 30])
    ticks = itertools.count(step=1.0)
    assert median_rate(lambda: next(units), lambda: next(ticks), 1e-9, stretches=3) == 10
    units = iter([10**9, 10, 1000, 30])
    assert median_rate(lambda: next(units), lambda: next(ticks), 3600 * 1e-12, stretches=1) == 10


def test_a_row_says_what_share_of_its_ceiling_it_is() -> None:
    row = make_row(GAME, "inference", "positions", 3.0, "1/cpu_s", "uniform", ceiling=4.0)
    assert list(row) == KEYS
    assert row["ratio"] == 0.75
    assert make_row(GAME, "encode", "encoded", 3.0, "1/cpu_s", "core")["ratio"] is None


def test_roots_are_fixed_distinct_running_and_unproven() -> None:
    roots = core.bench_roots(GAME, 64)
    assert [root.key() for root in roots] == [root.key() for root in core.bench_roots(GAME, 64)]
    assert len({root.canonical()[0] for root in roots}) == 64
    assert {root.ply() for root in roots} == set(range(core.MAX_ROOT_PLIES + 1))
    for root in roots:
        assert root.outcome() is None
        for action in root.legal_actions():
            child = root.clone()
            child.play(action)
            assert child.outcome() is None, f"{root.text()} is won by {action}"


def test_a_game_with_few_positions_gives_its_roots_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "MAX_ROOT_PLIES", 0)
    assert [root.ply() for root in core.bench_roots(GAME, 5)] == [0] * 5


@pytest.mark.usefixtures("_small")
def test_search_counts_new_simulations_only(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def once(work: Any, *_: Any) -> float:
        done.extend([work(), work()])
        return 1.0

    monkeypatch.setattr(core, "median_rate", once)
    row = core.measure_search(GAME, 50, 0)
    assert done[0] == done[1]
    assert 40 * 8 < done[0] <= 50 * 8
    assert (row["metric"], row["backend"], row["ceiling"]) == ("simulations_50", "uniform", None)


def test_rules_count_moves_and_paths() -> None:
    assert _core.playouts(GAME, 3, 10) == _core.playouts(GAME, 3, 10)
    plies = _core.playouts(GAME, 3, 200) / 200
    assert 18 < plies < 25  # random games of Connect Four take 21 plies on average
    moves, nodes = core.measure_rules(GAME, 0.1)
    assert (moves["metric"], nodes["metric"][:19]) == ("random_moves", "perft_nodes (depth ")
    assert moves["value"] > 1
    assert nodes["value"] > 1


def test_long_searches_are_for_games_of_few_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: Any) -> None:
        raise StoppedError

    searched: list[int] = []
    monkeypatch.setattr(engine.bench, "measure_rules", lambda *_: [])
    monkeypatch.setattr(
        engine.bench, "measure_search", lambda _, simulations, __: searched.append(simulations)
    )
    monkeypatch.setattr(network, "NetworkBench", stop)
    with pytest.raises(StoppedError):
        engine.bench.run(["chess"])
    assert searched == [200, 800]


@pytest.mark.usefixtures("_small")
def test_all_stages_give_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    def fake_search(game: _core.Game, simulations: int, seconds: float) -> dict[str, Any]:
        searched.append(simulations)
        return make_row(game, "search_uniform", f"simulations_{simulations}", seconds, "1/cpu_s", "uniform")

    monkeypatch.setattr(engine.bench, "measure_search", fake_search)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    told: list[str] = []
    rows = engine.bench.run(["connect4"], seconds=0.5, report=told.append)
    assert searched == [200, 800, 20_000]
    assert [text.split(": ")[1].split(",")[0] for text in told] == [
        "rules",
        "search alone",
        "search alone",
        "search alone",
        "inference",
        "self-play",
        "learner",
        "one tree on all cores",
        "encoding",
    ]
    json.dumps(rows, allow_nan=False)
    assert all(list(row) == KEYS and row["game"] == "connect4" for row in rows)
    assert all(row["threads"] == (2 if row["stage"] == "tree" else 1) for row in rows)
    assert all(math.isfinite(row["value"]) and row["value"] > 0 for row in rows)
    stages = ["rules", "search_uniform", "inference", "selfplay", "learner", "tree", "encode"]
    assert list(dict.fromkeys(row["stage"] for row in rows)) == stages
    values = {row["metric"].split(" (")[0]: row for row in rows}
    for metric in ("evaluations", "samples", "positions_batch_64"):
        row = values[metric]
        assert row["ratio"] == pytest.approx(row["value"] / row["ceiling"])
    assert 0 < values["batch_fill"]["value"] <= 1
    assert 0 <= values["cache_hits_per_simulation"]["value"] < 1
    assert 0 < values["evaluations_per_position"]["value"] <= 8
    assert 0 < values["distinct_games"]["value"] <= 1
    for stage in ("inference", "selfplay"):
        by_backend: dict[str, list[str]] = {}
        for row in rows:
            if row["stage"] == stage:
                by_backend.setdefault(row["backend"], []).append(row["metric"])
        default, *others = by_backend
        assert others == (["openvino int8 on cpu"] if default.startswith("openvino") else [])
        assert all(by_backend[other] == by_backend[default] for other in others)


@pytest.mark.usefixtures("_small")
def test_one_core_has_no_tree_to_share() -> None:
    bench = network.NetworkBench(GAME)
    assert tree.measure_tree(GAME, bench.config, bench.network, 0.1, threads=1) == []


@pytest.mark.usefixtures("_small")
def test_a_shipped_network_takes_the_seeded_one_s_place() -> None:
    assert network.NetworkBench(GAME).label == ""
    assert network.NetworkBench(_core.Connect4()).label == " (seeded network)"
