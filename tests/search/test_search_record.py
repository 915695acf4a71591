"""What a record says a search did, and budgets that differ between the players."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pool_games import by_id, make_pool, run
from pseudo import pseudo

from engine import _core
from engine.replay import Replay, ReplayConfig
from engine.selfplay.game_table import SEARCH_COLUMNS, Games
from engine.train.summary import DuplicateWatch, games_summary
from games.connect4 import Connect4

GAME = Connect4()

ENDS = ("evaluations", "cache_hits", "terminal_hits", "proven_hits", "transpositions")
"""How a simulation ends."""


def searched(games: Games) -> np.ndarray:
    mask: np.ndarray = games["budget"] > 0
    return mask


def test_every_simulation_ends_in_one_way() -> None:
    pool = make_pool(16, full_search_fraction=1.0)
    games = run(pool, 3000)
    kept = searched(games)
    assert set(games["budget"][kept].tolist()) == {16}
    ends = sum(games[name] for name in ENDS)
    assert np.array_equal(ends, games["visits"])
    for name in ("evaluations", "cache_hits", "terminal_hits", "proven_hits", "reused_visits"):
        assert games[name].max() > 0, name
    early = games["visits"] < games["budget"]
    assert (games["proof"][early & kept] != 2).all(), "only a proof ends a search early here"
    assert (games["mean_depth"] <= games["max_depth"]).all()
    assert (games["max_depth"][kept & (games["visits"] > 1)] > 0).all()
    for name in (*SEARCH_COLUMNS, "mean_depth"):
        if name != "proof":
            openings = games["visits"][~kept]
            assert (games[name][~kept][openings > 0] == 0).all(), name
    stats = pool.stats()
    whole = {**games}
    for part in (pool.snapshot(),):
        for name in ("visits", "evaluations", "cache_hits", "terminal_hits", "proven_hits"):
            whole[name] = np.concatenate([whole[name], part[name]])
    for name in ("evaluations", "cache_hits", "terminal_hits", "proven_hits"):
        assert whole[name].sum() <= stats[name] <= whole[name].sum() + 16 * 16
    assert whole["visits"].sum() <= stats["simulations"]


def test_transpositions_are_one_of_the_ways() -> None:
    search = _core.SearchParams(transpositions=True)
    pool = _core.Pool(GAME, search, _core.PlayParams(simulations=60), seed=2, games=8, cache_mb=1)
    games = run(pool, 600, _core.uniform)
    ends = sum(games[name] for name in ENDS)
    assert np.array_equal(ends, games["visits"])
    assert games["transpositions"].sum() > 0


def test_proofs_are_those_of_the_solver() -> None:
    solver, games = _core.Connect4Solver(8), run(make_pool(16), 3000)
    proven = 0
    for index, start in enumerate(games["move_offsets"][:-1].tolist()):
        moves = games["moves"][start : games["move_offsets"][index + 1]].tolist()
        for ply in range(16, len(moves)):
            proof = games["proof"][start + ply]
            if proof != 2:
                score = solver.score("".join(str(move + 1) for move in moves[:ply]))
                assert proof == np.sign(score)
                proven += 1
    assert proven > 100


def quiet_pool(simulations: int, cache_mb: float = 0) -> _core.Pool:
    """Without noise, proofs, temperature and openings: the search of each move by hand."""
    search = _core.SearchParams(proofs=False)
    play = _core.PlayParams(
        simulations=simulations, max_opening_plies=0, temperature=0.0, final_temperature=0.0
    )
    return _core.Pool(GAME, search, play, seed=1, games=2, cache_mb=cache_mb)


def test_small_searches_by_hand() -> None:
    pool = quiet_pool(1)
    pool.start(2)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    # One visit evaluates the root.
    first = pool.snapshot()
    assert first["proof"].tolist() == [2, 2]
    assert first["budget"].tolist() == first["evaluations"].tolist() == [1, 1]
    for name in (*ENDS[1:], "reused_visits", "max_depth", "mean_depth"):
        assert first[name].tolist() == [0, 0], name
    pool = quiet_pool(4)
    pool.start(2)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    # Even priors and values: the root, then three of its moves, a ply deep each.
    second = pool.snapshot()
    assert second["evaluations"].tolist() == [4, 4]
    assert second["max_depth"].tolist() == [1, 1]
    assert second["mean_depth"].tolist() == [0.75, 0.75]


def test_reused_visits_are_those_of_the_move_played() -> None:
    games = run(quiet_pool(24), 200)
    compared = 0
    for first, last in zip(games["move_offsets"], games["move_offsets"][1:], strict=False):
        for ply in range(first, last - 1):
            entries = slice(games["policy_offsets"][ply], games["policy_offsets"][ply + 1])
            probs = dict(zip(games["policy_actions"][entries], games["policy_probs"][entries], strict=True))
            # All visits of a root but the one that evaluated it went to its moves.
            total = games["reused_visits"][ply] + games["visits"][ply] - 1
            assert games["reused_visits"][ply + 1] == pytest.approx(
                total * probs[games["moves"][ply]], abs=0.1
            )
            compared += 1
    assert compared > 50


def test_a_cache_answers_what_was_asked_before() -> None:
    one = run(quiet_pool(24, cache_mb=1), 200)
    none = run(quiet_pool(24), 200)
    assert none["cache_hits"].sum() == 0
    assert one["cache_hits"].sum() > 0
    assert (one["cache_hits"] + one["evaluations"] == none["evaluations"]).all(), "both games are the same"


# --- budgets -----------------------------------------------------------------------------------------


def budgets(games: Games, index: int) -> tuple[int, int]:
    moves = slice(games["move_offsets"][index], games["move_offsets"][index + 1])
    kept = games["budget"][moves] > 0
    found = [set(games["budget"][moves][kept & (games["player"][moves] == p)].tolist()) for p in (0, 1)]
    assert all(len(values) <= 1 for values in found), "one budget a player and game"
    return tuple(values.pop() if values else 0 for values in found)  # type: ignore[return-value]


def test_one_player_searches_more_in_asymmetric_games() -> None:
    play = {"simulations": 100, "full_search_fraction": 1.0}
    games = run(make_pool(64, asymmetric_fraction=1.0, asymmetric_ratio=8.0, **play), 8000)
    ratios, first_stronger = [], 0
    for index in range(len(games["game_id"])):
        one, other = budgets(games, index)
        if not one or not other:
            continue
        assert abs(one + other - 200) <= 1
        ratios.append(max(one, other) / min(one, other))
        first_stronger += one > other
    assert len(ratios) > 100
    assert 0.35 < first_stronger / len(ratios) < 0.65
    assert max(ratios) <= 8.5
    # Log-uniform up to 8: the median is the root of 8, a quarter are below its fourth root.
    assert np.median(ratios) == pytest.approx(8**0.5, rel=0.25)
    assert (np.array(ratios) < 8**0.25).mean() == pytest.approx(0.25, abs=0.12)
    kept = searched(games)
    assert games["weight"][kept] == pytest.approx(np.minimum(games["budget"][kept] / 100, 1))
    assert games["visits"].max() > 100


def test_the_share_of_asymmetric_games_leaves_the_others_alone() -> None:
    plain = by_id(run(make_pool(16), 1500))
    some = run(make_pool(16, asymmetric_fraction=0.4), 1500)
    mixed, equal = by_id(some), 0
    for index, number in enumerate(some["game_id"].tolist()):
        if number not in plain:
            continue
        same = plain[number] == mixed[number]
        first = slice(some["move_offsets"][index], some["move_offsets"][index + 1])
        unusual = set(some["budget"][first].tolist()) - {0, 16, 6}
        assert same or unusual
        equal += same
    assert 0.4 < equal / len(set(plain) & set(mixed)) < 0.8
    assert by_id(run(make_pool(16, asymmetric_fraction=1.0, asymmetric_ratio=1.0), 900)) == by_id(
        run(make_pool(16), 900)
    )


def test_a_restored_pool_keeps_its_budgets() -> None:
    whole = make_pool(8, asymmetric_fraction=0.7)
    run(whole, 300)
    restored = make_pool(8, asymmetric_fraction=0.7)
    run(restored, 77)
    restored.restore(whole.snapshot(), whole.next_id)
    whole.new_weights(1)
    restored.new_weights(1)
    one, other = run(whole, 400), run(restored, 400)
    assert by_id(one) == by_id(other)
    assert one["budget"].tolist() == other["budget"].tolist()


# --- what is told ------------------------------------------------------------------------------------


def test_a_file_tells_pandas_what_searches_did(tiny_run: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.concat(pq.read_table(path).to_pandas() for path in sorted((tiny_run / "replay").iterdir()))
    moves = table.explode(["visits", *SEARCH_COLUMNS, "mean_depth"])[
        ["visits", *SEARCH_COLUMNS, "mean_depth"]
    ]
    moves = moves[moves["budget"] > 0]
    ends = moves[["evaluations", "cache_hits", "terminal_hits", "proven_hits"]].sum(axis=1)
    assert (ends == moves["visits"]).all()


def test_the_command_replay_tells_it(
    selfplay: Callable[..., subprocess.CompletedProcess[str]], tiny_run: Path
) -> None:
    document = json.loads(selfplay("replay", str(tiny_run), "--json").stdout)
    search = document["search"]
    assert search["moves"] == 1200 - _moves_under_way(tiny_run)
    ends = sum(search[name] for name in ("evaluations", "cache_hits", "terminal_hits", "proven_hits"))
    assert ends == pytest.approx(search["visits"])
    assert document["resigned"] == 0
    assert " kept, " in selfplay("replay", str(tiny_run)).stdout
    game = json.loads(selfplay("replay", str(tiny_run), "--game", "3", "--json").stdout)
    told = [ply["search"] for ply in game["moves"] if ply["search"]]
    assert all(search["budget"] == 16 for search in told)
    assert told[-1]["proof"] in {"win", "draw", "loss", None}


def _moves_under_way(path: Path) -> int:
    table = pq.read_table(path / "checkpoints" / "000003" / "inflight.parquet")
    return sum(budget > 0 for row in table["budget"].to_pylist() for budget in row)


def test_means_of_the_searches_are_metrics() -> None:
    games = run(make_pool(8), 500)
    values, kept = games_summary([games]), searched(games)
    assert values["search/reused_visits"] == pytest.approx(games["reused_visits"][kept].mean())
    assert values["search/ended_early"] == pytest.approx((games["visits"] < games["budget"])[kept].mean())
    depth = (games["mean_depth"] * games["visits"])[kept].sum() / games["visits"][kept].sum()
    assert values["search/mean_depth"] == pytest.approx(depth)


def test_resigned_games_do_not_count_as_foretold() -> None:
    games = run(make_pool(8), 500)
    wrong = {**games, "outcome": -games["outcome"]}
    assert games_summary([wrong])["value/search_error"] != games_summary([games])["value/search_error"]
    both = [
        games_summary([{**part, "resigned": np.ones(len(part["game_id"]), bool)}]) for part in (games, wrong)
    ]
    assert all("value/search_error" not in values for values in both)
    assert both[0]["selfplay/resigned"] == 1


def test_distinct_positions_are_counted() -> None:
    games = run(make_pool(16, max_opening_plies=1), 600)
    seen = set()
    for index, first in enumerate(games["move_offsets"][:-1].tolist()):
        state = GAME.initial()
        for ply in range(first, games["move_offsets"][index + 1]):
            if games["weight"][ply] > 0:
                seen.add(state.key())
            state.play(int(games["moves"][ply]))
    replay = Replay(GAME, ReplayConfig(), "connect4")
    positions = replay.add(games)
    assert 0.5 < replay.distinct_share < 1
    assert replay.distinct_share == len(seen) / positions


def test_a_warning_of_repeated_games_comes_once_until_they_differ() -> None:
    watch = DuplicateWatch()

    def check(share: float) -> str | None:
        return watch.check({"selfplay/distinct_games": share, "selfplay/games": 40.0})

    assert check(0.95) is None
    warning = check(0.949)
    assert warning is not None
    assert "95 % of this iteration's 40 games" in warning
    assert check(0.2) is None
    assert check(1.0) is None
    assert check(0.5) is not None
    assert watch.check({"selfplay/games": 0.0}) is None


def test_pseudo_games_are_no_repeats() -> None:
    games = run(make_pool(32, full_search_fraction=1.0), 2000, pseudo)
    assert games_summary([games])["selfplay/distinct_games"] >= 0.95
