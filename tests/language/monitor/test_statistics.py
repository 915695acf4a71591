"""Intervals, tests and pass@k against brute force and scipy."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.monitor.metric.clustered import MAX_CLUSTERS, Clustered
from engine.statistics import (
    binomial_cdf,
    bootstrap,
    calibration_error,
    cluster_sums,
    exact_interval,
    gini,
    mcnemar,
    paired_bootstrap,
    pass_at_k,
    resample_counts,
)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_counts_the_subsets_with_a_right_one(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(itertools.combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, [c], k)[0] == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_needs_as_many_samples() -> None:
    with pytest.raises(ValueError, match="pass@5 of 4"):
        pass_at_k(4, [1], 5)


@given(st.integers(1, 400), st.floats(0.001, 0.999), st.data())
def test_binomial_against_scipy(trials: int, p: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(-1, trials))
    assert binomial_cdf(successes, trials, p) == pytest.approx(
        float(scipy.stats.binom.cdf(successes, trials, p)), abs=1e-10
    )


@given(st.integers(1, 300), st.sampled_from([0.8, 0.95, 0.99]), st.data())
@settings(max_examples=50)
def test_exact_interval_against_scipy(trials: int, confidence: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    theirs = scipy.stats.binomtest(successes, trials).proportion_ci(confidence, "exact")
    assert exact_interval(successes, trials, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_the_sign_test_of_what_differs(pairs: list[tuple[bool, bool]]) -> None:
    new, old = zip(*pairs, strict=True)
    gained = sum(n and not o for n, o in pairs)
    lost = sum(o and not n for n, o in pairs)
    expected = scipy.stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(new, old) == pytest.approx(float(expected))


def test_draws_are_whole_clusters() -> None:
    counts = resample_counts(7, 500, seed=3)
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)
    assert counts.var() == pytest.approx(1 - 1 / 7, rel=0.15)


def test_bootstrap_against_every_draw_of_three_clusters() -> None:
    values, keys = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0], ["a", "a", "b", "c", "c", "c"]
    sums, sizes = cluster_sums(np.array(values), keys)
    assert sums.tolist() == [1, 1, 1]
    assert sizes.tolist() == [2, 1, 3]
    every = [
        sum(sums[i] for i in d) / sum(sizes[i] for i in d) for d in itertools.product(range(3), repeat=3)
    ]
    found = bootstrap(values, keys, 0.8, replicates=20_000)
    assert found.value == 0.5
    low, high = np.quantile(every, [0.1, 0.9], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((low, high))


def test_items_of_one_key_are_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(0)
    ones = (rng.random(50) < 0.5).astype(float)
    alone = bootstrap(ones, [f"{n}" for n in range(50)])
    copied = bootstrap(np.repeat(ones, 20), [f"{n}" for n in range(50) for _ in range(20)])
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.1)


def test_bootstrap_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    keys = [f"{n // 4}" for n in range(400)]
    hits = 0
    for trial in range(200):
        rate = np.repeat(rng.beta(2, 3, 100), 4)
        found = bootstrap((rng.random(400) < rate).astype(float), keys, seed=trial, replicates=500)
        hits += found.low <= 0.4 <= found.high
    assert hits / 200 == pytest.approx(0.95, abs=0.04)


def test_all_right_has_the_exact_interval() -> None:
    found = bootstrap([1.0] * 30, [f"{n}" for n in range(30)])
    assert (found.low, found.high) == pytest.approx(exact_interval(30, 30))


def test_paired_bootstrap_finds_what_an_unpaired_one_cannot() -> None:
    rng = np.random.default_rng(2)
    old = (rng.random(400) < 0.5).astype(float)
    new = old.copy()
    new[rng.choice(np.flatnonzero(old == 1), 12, replace=False)] = 0
    keys = [f"{n}" for n in range(400)]
    paired = paired_bootstrap(new, old, keys)
    assert paired.difference == pytest.approx(-0.03)
    assert paired.p_less > 0.999
    assert paired.high < 0
    apart = [bootstrap(part, keys) for part in (new, old)]
    assert apart[0].high > apart[1].low


def test_no_difference_is_a_coin_toss() -> None:
    same = paired_bootstrap([0, 1, 1], [0, 1, 1], ["a", "b", "c"])
    assert (same.difference, same.p_less) == (0, 0.5)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12).filter(lambda counts: sum(counts) > 0))
def test_gini_is_the_mean_difference(counts: list[int]) -> None:
    expected = sum(abs(a - b) for a in counts for b in counts) / (2 * len(counts) * sum(counts))
    assert gini(counts) == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    assert calibration_error([0.95, 0.95, 0.15, 0.15], [1, 0, 0, 0]) == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)


def test_cluster_table_is_a_ratio_of_sums() -> None:
    nan = math.nan
    columns = {"x": (np.array([1.0, 2.0, nan]), np.array([2.0, 2.0, 5.0]))}
    table = Clustered.of(["b", "a", "a"], columns)
    assert table.keys == ("a", "b")
    assert float(table.values()["x"]) == pytest.approx(3 / 4)
    drawn = table.values(np.array([[2.0, 0.0], [0.0, 2.0]]))["x"]
    assert drawn == pytest.approx([1.0, 0.5])
    assert Clustered.from_json(table.to_json()).values() == table.values()


def test_tables_are_compared_on_the_keys_they_share() -> None:
    ones = np.ones(3)
    first = Clustered.of(["a", "b", "c"], {"x": (np.array([1.0, 0, 0]), ones)})
    second = Clustered.of(["b", "c", "d"], {"x": (np.array([1.0, 1, 0]), ones)})
    left, right = first.matched(second)
    assert left.keys == right.keys == ("b", "c")
    assert (float(left.values()["x"]), float(right.values()["x"])) == (0, 1)


def test_many_keys_are_dealt_into_clusters_alike_every_time() -> None:
    keys = [f"k{n}" for n in range(5000)]
    values = {"x": (np.arange(5000.0), np.ones(5000))}
    table, again = Clustered.of(keys, values), Clustered.of(keys[::-1], values)
    assert len(table.keys) <= MAX_CLUSTERS
    assert table.keys == again.keys
    assert float(table.values()["x"]) == pytest.approx(2499.5)
