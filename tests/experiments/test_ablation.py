"""The ablation on a game: what its intervals rest on, and that it runs and goes on in its smallest size."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from experiments.__main__ import ROOT, experiment_of
from experiments.games.ablation import BASE, CHANGES, effect, effects, spread
from experiments.games.product import SEARCHES, one_core
from experiments.program import main
from experiments.result import Items, Measured, NotMeasuredError, Results

from engine.config import build_config
from engine.config.layer import merge
from engine.registry import load_game, preset

EXPERIMENT = experiment_of("ablation")


def cell(mistakes: int) -> Measured:
    items = Items([str(i) for i in range(100)], [float(i < mistakes) for i in range(100)])
    return Measured(dict.fromkeys(SEARCHES, items))


def test_every_change_is_one() -> None:
    base = preset(load_game("connect4"), "default")
    settings = [build_config(merge(base, changes)).model_dump() for changes in CHANGES.values()]
    assert all(settings[0] != other for other in settings[1:])


def test_the_interval_is_of_the_spread_of_seeds_pooled_over_arms() -> None:
    arm = "outcome-alone"
    results = Results(
        {(BASE, 1): cell(10), (BASE, 2): cell(12), (arm, 1): cell(6), (arm, 2): cell(4), (arm, 3): cell(5)}
    )
    deviation, freedom = spread(results, "network alone")
    assert (freedom, deviation) == (3, pytest.approx(math.sqrt((2 * 0.01**2 + 2 * 0.01**2) / 3)))
    mean, half = effect(results, arm, "network alone")
    assert mean == pytest.approx(-0.06)
    assert half == pytest.approx(3.182446 * deviation * math.sqrt(1 / 2 + 1 / 3), rel=1e-5)
    assert f"| {arm} | -6.00 ± {100 * half:.2f} |" in effects(results)


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(NotMeasuredError):
        spread(Results({(BASE, 1): cell(10)}), "network alone")


def test_a_cell_has_one_core_while_it_runs() -> None:
    before = os.sched_getaffinity(0)
    with one_core(7):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_it_runs_in_its_smallest_size_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFPLAY_REFERENCE_RATE", "33000")
    words = ["--smoke", "--seeds", "1", "--arms", BASE, "gumbel-16", "--out", str(tmp_path)]
    assert main(EXPERIMENT, ROOT / "games", words) == 0
    first = capsys.readouterr()
    assert "| gumbel-16 |" in first.out
    assert main(EXPERIMENT, ROOT / "games", words) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert again.err.count("done before") == 2
