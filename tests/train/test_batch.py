"""Games side by side found by measurement: enough for the evaluator, not too many for anything else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from small_training import train

from engine.config import Config, build_config
from engine.config.layer import read_toml
from engine.config.network import EvaluatorConfig, NetworkConfig
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game
from engine.selfplay.caller import Caller
from engine.train import batch
from engine.train.batch import batch_rates, choose_batch, choose_games
from engine.train.defaults import resolved

GAME = load_game("connect4")


def settings(**sections: dict[str, object]) -> Config:
    return build_config(
        {
            "network": {"channels": 8, "blocks": 1},
            "evaluator": {"backend": "torch", "precision": "f32", "device": "cpu"},
            "selfplay": {"games": 0},
            "loop": {"callers": 2},
        },
        sections,
    )


def test_the_smallest_batch_that_is_fast_enough() -> None:
    assert choose_batch({8: 50.0, 16: 94.0, 32: 95.1, 64: 100.0, 128: 99.0}) == 32
    assert choose_batch({8: 100.0, 16: 40.0}) == 8
    assert choose_batch({8: 1.0}) == 8


@pytest.mark.parametrize(("blocks", "channels"), [(1, 8), (6, 96)])
def test_rates_are_measured_in_the_time_given(blocks: int, channels: int) -> None:
    game = load_game("go:size=9")
    config = NetworkConfig(channels=channels, blocks=blocks)
    network = PolicyValueNetwork(game.planes_shape, game.num_actions, config).eval()
    evaluator = NetworkEvaluator(game, network, EvaluatorConfig(backend="torch", device="cpu"))
    start = time.process_time()
    rates = batch_rates(evaluator, 0.5)
    assert time.process_time() - start < 2
    assert 1 <= len(rates) <= len(batch.SIZES["cpu"])
    assert list(rates) == list(batch.SIZES["cpu"][: len(rates)])
    assert all(rate > 0 for rate in rates.values())


@pytest.mark.parametrize(
    ("sections", "games"),
    [
        ({}, 64),
        ({"loop": {"callers": 2, "positions": 320}}, 20),
        ({"loop": {"callers": 2, "positions": 1}}, 1),
        ({"selfplay": {"games": 0, "simulations": 10_000_000}, "search": {"max_tree_mb": 60_000.0}}, 1),
    ],
)
def test_iteration_and_memory_bound_the_games(
    sections: dict[str, dict[str, object]], games: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "batch_rates", lambda _: {32: 1.0, 64: 2.0, 128: 2.0})
    monkeypatch.setattr(
        batch.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}[name]
    )
    assert choose_games(GAME, settings(**sections)) == games


def test_a_number_given_is_kept() -> None:
    config = settings(selfplay={"games": 7})
    assert resolved(GAME, config).selfplay.games == 7


def test_what_is_not_resolved_cannot_play() -> None:
    with pytest.raises(ValueError, match=r"selfplay\.games = 0"):
        Caller(GAME, settings(), lambda _: None, 0, 1)  # type: ignore[arg-type, return-value]


def test_a_run_keeps_the_number_it_has_found(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, "--iterations", "1", "--set", "selfplay.games=0")
    found = read_toml(run / "config.toml")["selfplay"]["games"]
    assert 1 <= found <= 25  # 200 positions an iteration
    train(run, "--iterations", "2", "--resume")
    assert read_toml(run / "config.toml")["selfplay"]["games"] == found
