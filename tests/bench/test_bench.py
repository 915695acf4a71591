"""The measurements measure what they say; how fast it is, is not asked here."""

from __future__ import annotations

import itertools
import json
import math
import os
from typing import Any

import pytest

from engine import _core
from engine.bench import bench, core, machine, network, program, scaling, side_by_side, tree
from engine.bench.rate import median_rate, rate
from engine.bench.row import GOALS, make_row
from engine.errors import UserError
from engine.registry import load_game

GAME = load_game("connect4")
CORES = len(os.sched_getaffinity(0))
KEYS = {"game", "stage", "name", "unit", "ours", "ceiling", "ratio", "goal", "met", "threads", "backend"}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "NUM_ROOTS", 8)
    monkeypatch.setattr(machine, "SECONDS", 0.01)
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
    assert set(row) == KEYS
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
    assert (row["name"], row["backend"], row["ceiling"]) == ("simulations_50", "uniform", None)


def test_rules_count_moves_and_paths() -> None:
    assert _core.play_random_games(GAME, 3, 10) == _core.play_random_games(GAME, 3, 10)
    plies = _core.play_random_games(GAME, 3, 200) / 200
    assert 18 < plies < 25  # random games of Connect Four take 21 plies on average
    moves, nodes = core.measure_rules(GAME, 0.1)
    assert (moves["name"], nodes["name"][:19]) == ("random_moves", "perft_nodes (depth ")
    assert moves["ours"] > 1
    assert nodes["ours"] > 1


def test_long_searches_are_for_games_of_few_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: Any) -> None:
        raise StoppedError

    searched: list[int] = []
    monkeypatch.setattr(bench, "measure_startup", dict)
    monkeypatch.setattr(bench, "measure_machine", list)
    monkeypatch.setattr(scaling, "measure_cores", lambda *_: [])
    monkeypatch.setattr(bench, "measure_rules", lambda *_: [])
    monkeypatch.setattr(bench, "measure_search", lambda _, simulations, __: searched.append(simulations))
    monkeypatch.setattr(network, "NetworkBench", stop)
    with pytest.raises(StoppedError):
        bench.run(["chess"])
    assert searched == [200, 800]


@pytest.mark.usefixtures("_small")
def test_all_stages_give_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    def fake_search(game: _core.Game, simulations: int, seconds: float) -> dict[str, Any]:
        searched.append(simulations)
        return make_row(game, "search_uniform", f"simulations_{simulations}", seconds, "1/cpu_s", "uniform")

    monkeypatch.setattr(bench, "measure_search", fake_search)
    monkeypatch.setattr(scaling, "SETTINGS", network.SETTINGS)
    told: list[str] = []
    rows = bench.run(["connect4"], seconds=0.5, report=told.append)
    assert searched == [200, 800, 20_000]
    assert [text.rpartition(": ")[2].split(",")[0] for text in told] == [
        "start-up",
        "reference minutes",
        "several cores",
        "rules",
        "search alone",
        "search alone",
        "search alone",
        "inference",
        "self-play",
        "learner",
        "encoding",
        "memory of a tree",
    ]
    json.dumps(rows, allow_nan=False)
    assert all(set(row) == KEYS for row in rows)
    assert all(math.isfinite(row["ours"]) and row["ours"] > 0 for row in rows)
    startup, speed, worth, *rows = rows
    assert [row["stage"] for row in (speed, worth)] == ["reference"] * 2
    assert (speed["game"], speed["threads"]) == ("", 2)
    assert worth["ours"] == pytest.approx(speed["ours"] / 33_000)
    assert (startup["game"], startup["stage"], startup["goal"]) == ("", "startup", "≤ 2.5 of ceiling")
    both = [row["name"] for row in rows if row["threads"] > 1]
    assert [name.split(" (")[0] for name in both] == (
        ["two_callers", "evaluations_one_tree", "positions_side_by_side"] if CORES > 1 else []
    )
    rows = rows[len(both) :]
    assert all(row["game"] == "connect4" and row["threads"] == 1 for row in rows)
    stages = ["rules", "search_uniform", "inference", "selfplay", "learner", "encode", "tree"]
    assert list(dict.fromkeys(row["stage"] for row in rows)) == stages
    values = {row["name"].split(" (")[0]: row for row in rows}
    for metric in ("evaluations", "samples", "positions_batch_64"):
        row = values[metric]
        assert row["ratio"] == pytest.approx(row["ours"] / row["ceiling"])
        assert row["met"] == (round(row["ratio"], 3) >= (0.85 if metric == "positions_batch_64" else 0.95))
    assert 0 < values["batch_fill"]["ours"] <= 1
    assert 0 <= values["cache_hits_per_simulation"]["ours"] < 1
    assert 0 < values["evaluations_per_position"]["ours"] <= 8
    assert 0 < values["distinct_games"]["ours"] <= 1
    for stage in ("inference", "selfplay"):
        by_backend: dict[str, list[str]] = {}
        for row in rows:
            if row["stage"] == stage:
                by_backend.setdefault(row["backend"], []).append(row["name"])
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


@pytest.mark.parametrize(
    ("game", "stage", "name", "backend", "ours", "ceiling", "goal", "met"),
    [
        ("connect4", "search_uniform", "simulations_200", "uniform", 2.4e6, None, None, None),
        ("chess", "selfplay", "evaluations (seeded network)", "openvino bf16 on cpu", 94.0, 100.0,
         "≥ 0.95 of ceiling", False),
        ("chess", "selfplay", "evaluations", "torch bf16 on cuda", 94.0, 100.0, "≥ 0.85 of ceiling", True),
        ("connect4", "selfplay", "positions", "openvino bf16 on cpu", 500.0, None, None, None),
        ("connect4", "selfplay", "evaluations", "openvino int8 on cpu", 94.0, 100.0,
         "≥ 0.95 of ceiling", False),
        ("go:size=9", "selfplay", "two_callers", "openvino bf16 on cpu", 95.0, 100.0,
         "≥ 0.95 of ceiling", True),
        ("chess", "tree", "evaluations_one_tree (3 threads)", "openvino bf16 on cpu", 94.0, 100.0,
         "≥ 0.95 of ceiling", False),
        ("connect4", "startup", "help", "python", 0.3, 0.1, "≤ 2.5 of ceiling", False),
        ("connect4", "tree", "bytes_per_node", "core", 177.0, 176.0, "≤ 1 of ceiling", False),
        ("connect4", "tree", "bytes_per_node", "core", 176.01, 176.0, "≤ 1 of ceiling", True),
        ("connect4", "encode", "encoded", "core", 5.0, None, None, None),
    ],
)  # fmt: skip
def test_goals(
    game: str, stage: str, name: str, backend: str, ours: float, ceiling: float | None, goal: str, met: bool
) -> None:
    row = make_row(load_game(game), stage, name, ours, "1", backend, ceiling)
    assert (row["goal"], row["met"]) == (goal, met)


def test_memory_counts_what_the_tree_holds() -> None:
    row = core.measure_memory(GAME, 50)
    # A header of 48 bytes, and 7 edges of 16 bytes padded to 8 lanes; 16 bytes of the tree are no node's.
    assert row["ours"] == pytest.approx(48 + 8 * 16, rel=0.01)
    assert row["ceiling"] == 64 + 7 * 16


def test_a_share_is_the_median_after_a_first_pair() -> None:
    whole, limit = iter([1000.0, 4.0, 6.0, 100.0]), iter([1.0, 2.0, 2.0, 2.0])
    assert side_by_side.median_share(lambda: next(whole), lambda: next(limit), 0) == (6.0, 3.0)


def test_no_goal_is_a_speed() -> None:
    assert {key for key, goal in GOALS.items() if goal.of != "ratio"} == {
        ("analysis", "positions_side_by_side"),  # times one by one
        ("text_search", "problems_64_at_once"),  # times one
        ("text_wide_search", "problems_64_at_once"),
        ("text_sampling", "outside_decoding"),  # of the time
    }


def test_one_core_is_left_again() -> None:
    before = os.sched_getaffinity(0)
    with bench.one_core():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


def test_startup_is_the_median_of_real_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "STARTS", 1)
    assert 0.02 < program.measure_startup()["ours"] < 60


def test_what_the_process_of_cores_refuses_is_told_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(UserError, match="unknown game 'nosuch'"):
        scaling.measure_cores("nosuch", 0.1)


def test_a_process_of_cores_that_dies_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(scaling, "_measure_into", print)  # says nothing to the driver and ends
    with pytest.raises(UserError, match="has ended or hangs"):
        scaling.measure_cores("connect4", 0.1)
