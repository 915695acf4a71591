"""Scripts that take no argument say so, instead of setting out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def run(name: str, argument: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script where nothing else is, and with no Python to go on with."""
    (folder / "scripts").mkdir()
    shutil.copy(SCRIPTS / name, folder / "scripts")
    return subprocess.run(
        [folder / "scripts" / name, argument],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "none"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["setup", "quickstart"])
@pytest.mark.parametrize("argument", ["60", "--minutes", ""])
def test_an_argument_is_refused(name: str, argument: str, tmp_path: Path) -> None:
    done = run(name, argument, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{name}: takes no argument, but was given '{argument}'; ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["scripts"]


@pytest.mark.parametrize("name", ["setup", "quickstart"])
@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_is_the_head_of_the_script(name: str, argument: str, tmp_path: Path) -> None:
    done = run(name, argument, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [f"# {line}".rstrip() for line in lines] == (SCRIPTS / name).read_text().splitlines()[
        1 : 1 + len(lines)
    ]
    assert any(f"scripts/{name}" in line for line in lines)
