"""The parts of the check of a GPU, on the processor, and that it is skipped without one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
import torch

from engine.bench import network

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gpu_check"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    loader = SourceFileLoader("gpu_check", str(SCRIPT))
    spec = importlib.util.spec_from_loader("gpu_check", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_why_and_ends_well() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gpu_check: skipped: torch ")
    assert done.stdout.count("\n") == 1


def test_a_network_of_another_size_is_seeded(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    play = {"simulations": 8, "games": 8, "cache_mb": 1}
    learner = {"threads": 1, "batch_size": 16}
    monkeypatch.setattr(network, "SETTINGS", {"selfplay": play, "learner": learner, "loop": {"callers": 1}})
    monkeypatch.setattr(network, "WIDE_NETWORK", network.WIDE_NETWORK.model_copy(update={"channels": 16}))
    rows = check.speeds("connect4", 8, 1, 0.01)
    assert {each["part"] for each in rows} == {"connect4 8x1"}
    assert {each["name"].split()[0] for each in rows} == {"inference", "selfplay", "learner"}
    evaluations = [each for each in rows if each["name"].startswith("selfplay evaluations (seeded network)")]
    assert evaluations
    assert all(each["goal"] and float(each["of limit"]) > 0 for each in evaluations)


def test_a_training_is_killed_and_goes_on(check: ModuleType) -> None:
    settings = {
        "network.channels": 8, "network.blocks": 1, "selfplay.games": 8, "selfplay.simulations": 8,
        "learner.batch_size": 32, "learner.threads": 1, "loop.callers": 1, "loop.positions": 200,
        "evaluator.device": "cpu", "truth.positions": 0,
    }  # fmt: skip
    first, *others = check.killed_training("connect4", settings, 0.2)
    assert first["met"] is True, first
    assert "time/reference_minutes" in {each["name"] for each in others}


@pytest.mark.parametrize(
    ("kept", "code", "numbers", "met"),
    [
        (2, 0, [1, 2, 3, 4], True),
        (2, 1, [1, 2, 3], False),
        (2, 0, [1, 2], False),
        (2, 0, [1, 2, 4], False),
        (2, 0, [1, 2, 2, 3], False),
        (0, 2, [], False),
    ],
)
def test_what_a_resumed_training_must_have(
    check: ModuleType, kept: int, code: int, numbers: list[int], met: bool
) -> None:
    lines = [{"iteration": number, "minutes": 1.0} for number in numbers]
    assert check.training_rows("go:size=9", kept, code, lines)[0]["met"] is met


def test_tests_that_were_skipped_were_not_run(check: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "test_one.py"
    path.write_text(
        "import pytest\n\n@pytest.mark.cuda\ndef test_it():\n    pass\n\ndef test_no():\n    assert 0\n"
    )
    (found,) = check.marked_tests(path)
    assert (found["met"], found["figure"].split(" in ")[0]) == (True, "1 passed, 1 deselected")
    path.write_text("import pytest\n\n@pytest.mark.cuda\ndef test_it():\n    pytest.skip('no')\n")
    assert check.marked_tests(path)[0]["met"] is False
