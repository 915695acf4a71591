"""What may be imported from outside is said in one place, is there, and is light."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import FOR_TASKS, PUBLIC

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "games/README.md", "engine/README.md")
HEAVY = ("numba", "openvino", "pyarrow", "ray", "tensorboard", "torch", "transformers")


def public_imports(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of what is imported of the engine."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "engine":
            yield from ((str(node.module), alias.name) for alias in node.names)


def is_public(module: str, name: str) -> bool:
    return f"{module}.{name}" in PUBLIC or module == "engine._core" or name in PUBLIC.get(module, "").split()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_module_has_what_is_promised(name: str) -> None:
    module = importlib.import_module(name)
    for promised in PUBLIC[name].split():
        assert hasattr(module, promised), promised
        assert module.__doc__
    if hasattr(module, "__path__"):
        assert sorted(module.__all__) == sorted(PUBLIC[name].split())


def test_packages_hand_on_what_is_public_and_nothing_else() -> None:
    for path in sorted((ROOT / "engine").rglob("__init__.py")):
        name = ".".join(path.relative_to(ROOT).parent.parts)
        source = path.read_text(encoding="utf-8")
        if name not in PUBLIC:
            assert "__all__" not in source, name
            names = [one for _, one in public_imports(source)]
            body = re.sub(r"^ *from engine.*$", "", source, flags=re.M)
            assert [one for one in names if not re.search(rf"\b{one}\b", body)] == [], name


def test_games_and_pages_use_public_names_alone() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "games").rglob("*.py")}
    for page in PAGES:
        snippets = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
        sources[page] = "\n".join(snippets)
    used = [(place, *pair) for place, source in sources.items() for pair in public_imports(source)]
    assert len(used) > 60
    assert [one for one in used if not is_public(*one[1:])] == []
    assert {module for _, module, _ in used} >= FOR_TASKS.keys() - {"engine.game.offer"}


def test_the_page_of_the_engine_lists_what_is_public() -> None:
    page = (ROOT / "engine/README.md").read_text(encoding="utf-8")
    listed = re.search(r"These modules keep their names:(.*?)\.\s", page, re.S)
    assert listed is not None
    assert re.findall(r"`([^`]+)`", listed[1]) == [*PUBLIC]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_module_loads_nothing_heavy(name: str) -> None:
    heavy = [one for one in HEAVY if (name, one) != ("engine.numba_game", "numba")]
    code = f"import sys, {name}; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
