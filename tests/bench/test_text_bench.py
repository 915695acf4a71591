"""The measurements of text measure what they say; how fast it is, is not asked here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_models import tiny_llama

from engine.bench import language as bench
from engine.cli.app import run as run_command
from engine.language.model.generation import generation
from engine.language.model.generation.generation import generate

KEYS = {"game", "stage", "name", "unit", "ours", "ceiling", "ratio", "goal", "met", "threads", "backend"}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**bench.SETTINGS, "model": {"size": "0.1M", "steps": 5, "demonstrations": 100}}
    monkeypatch.setattr(bench, "SETTINGS", settings)
    for name, value in {"PROBLEMS": 6, "ALONE": 2, "SIMULATIONS": 4, "SAMPLES": 2}.items():
        monkeypatch.setattr(bench, name, value)


@pytest.mark.usefixtures("_small")
def test_text_has_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    assert run_command(["bench", "text", "--seconds", "0.01", "--json"]) == 0
    assert torch.get_num_threads() == threads
    rows = json.loads(capsys.readouterr().out)
    assert [(row["stage"], row["name"]) for row in rows] == [
        ("text_sampling", "tokens"),
        ("text_sampling", "outside_decoding"),
        ("text_search", "tokens"),
        ("text_search", "problems_6_at_once"),
        ("text_wide_search", "tokens"),
        ("text_wide_search", "problems_6_at_once"),
    ]
    assert all(set(row) == KEYS and row["game"] == "countdown" for row in rows)
    assert all(math.isfinite(row["ours"]) for row in rows)
    sampled, outside, searched, _, wide, _ = rows
    assert sampled["ratio"] == pytest.approx(1 - outside["ours"])
    assert outside["goal"] == "≤ 0.15"
    assert searched["goal"] == wide["goal"] == "≥ 0.8 of ceiling"
    assert searched["ratio"] == pytest.approx(searched["ours"] / searched["ceiling"])
    assert not generation.watchers


def test_decoding_alone_takes_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    taken: list[tuple[str, int]] = []

    def counted(name: str) -> Callable[..., Any]:
        original = getattr(generation.LlamaDecoder, name)

        def call(self: Any, rows: torch.Tensor) -> Any:
            taken.append((name, len(rows)))
            return original(self, rows)

        return call

    for name in ("step", "select"):
        monkeypatch.setattr(generation.LlamaDecoder, name, counted(name))
    prompts = ["1+", "1+", "22=", "((a", "x"] * 8
    with bench._noted() as batches:
        made = generate(model, prompts, seeds=range(40), max_tokens=12, stop=(";",), max_rows=25)
    generated = list(taken)
    taken.clear()
    bench.decode(model, batches)
    assert taken == generated
    assert len({name for name, _ in taken}) == 2
    assert len(batches) == 2
    assert sum(int(lengths.sum()) for _, lengths in batches) == sum(each.tokens for each in made)


def test_a_stretch_says_its_rate_and_the_share_of_decoding() -> None:
    stretch = bench.Stretch(tokens=30, seconds=2.0, bare_seconds=1.5)
    assert (stretch.rate, stretch.share) == (15, 0.75)
