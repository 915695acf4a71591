"""A command under a limit of memory: done, or one line that names it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import is_out_of_memory

TINY = [
    "selfplay.games=8", "selfplay.simulations=4", "loop.callers=1", "loop.positions=40", "truth.positions=0",
    "truth.final_simulations=[]", "network.channels=8", "network.blocks=1", "learner.threads=1",
]  # fmt: skip


@pytest.mark.parametrize("megabytes", [250, 500, 900, 1300])
def test_a_limit_of_memory_is_one_line(megabytes: int, tmp_path: Path) -> None:
    settings = " ".join(f"--set '{text}'" for text in TINY)
    command = f"ulimit -v {1000 * megabytes}; exec '{sys.executable}' -m engine.cli train connect4 --run run"
    done = subprocess.run(
        ["bash", "-c", f"{command} --iterations 1 {settings}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path))},
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    if done.returncode != 0:
        last = done.stderr.splitlines()[-1]
        assert done.returncode == 2, done.stderr
        assert last.startswith("selfplay: error: memory is short: end other programs")


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (MemoryError("std::bad_alloc"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (RuntimeError("Exception from src/plugin.cpp:54:\nstd::bad_alloc\n"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (ImportError("No module named 'x'"), False),
    ],
)
def test_every_library_says_it_in_its_own_way(error: Exception, is_memory: bool) -> None:
    assert is_out_of_memory(error) == is_memory
