"""What the pages print is true: snippets run, command lines are understood, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from engine.cli.app import app
from engine.game.laws import check_laws
from engine.language.problem.task_laws import check_task
from engine.language.problem.task_registry import load_task
from engine.registry import load_game

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "games/README.md", "CONTRIBUTING.md", "cpp/README.md")
SNIPPETS = [
    pytest.param(source, id=f"{page}-{number}")
    for page in PAGES
    for number, source in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    )
]
OWN = [snippet for snippet in SNIPPETS if "class My" in str(snippet.values[0])]


def commands(page: str) -> list[str]:
    """Lines of `selfplay` in indented blocks, without the explanation behind them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = re.findall(r"^ {4}(?:\.venv/bin/)?selfplay (.+)$", text, re.M)
    return [re.split(r" {2,}", line)[0] for line in lines]


@pytest.mark.parametrize("source", SNIPPETS)
def test_a_snippet_runs_as_printed(source: str, tmp_path: Path, tiny_run: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/quickstart").symlink_to(tiny_run)
    (tmp_path / "snippet.py").write_text(source)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "snippet.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert bool(done.stdout) == ("print(" in source)


@pytest.mark.parametrize("source", OWN)
def test_a_game_or_task_of_the_guide_keeps_the_laws(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "mine.py"
    path.write_text(source.replace("cache=True", ""))
    if "class MyTask" in source:
        assert check_task(load_task(f"{path}:MyTask")) > 40
    else:
        assert check_laws(load_game(f"{path}:MyGame"), walks=20) > 100


def test_there_are_snippets_and_commands() -> None:
    assert len(SNIPPETS) >= 5
    assert len(commands("README.md")) >= 8


@pytest.mark.parametrize("line", [line for page in PAGES for line in commands(page)])
def test_a_command_line_is_understood(line: str) -> None:
    command: click.Command = typer.main.get_command(app)
    words = shlex.split(line.replace("[", "").replace("]", ""))
    context = click.Context(command, info_name="selfplay")
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)  # type: ignore[assignment]
        assert name is not None
        context = click.Context(command, info_name=name, parent=context)
    command.make_context(command.name, words, parent=context.parent)  # raises for an option that it has not


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = (ROOT / page).parent
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if not (folder / target).exists()] == []


def test_types_are_told_to_who_installs_it() -> None:
    assert [name for name in ("engine", "games") if not (ROOT / name / "py.typed").is_file()] == []
