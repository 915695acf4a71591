"""Modules, members and files that docstrings, comments and messages name are there."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("cpp", "engine", "games", "scripts", "tests")
SUFFIXES = {".py", ".pyi", ".h", ".cpp", ".def", ".txt", ".toml"}
PROGRAMS = ("setup", "quickstart", "test", "bench", "fuzz", "pictures", "experiment", "golden")
TOLD = [
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES),
    *(ROOT / "scripts" / name for name in PROGRAMS),
    ROOT / "pyproject.toml",
    ROOT / ".ci" / "run",
]
MADE_UP = {"test_imports.py", "test_includes.py", "test_named_places.py"}
"""Tests whose examples name modules that are none."""

DOTTED = re.compile(r"(?<![\w./\"'])engine(?:\.[A-Za-z_]\w*)+")
# The samples of a run are in its folder games/, too, numbered.
PLACE = re.compile(r"(?<![\w./<>{}*$-])(?:cpp|engine|games(?!/0000)|scripts|tests)(?:/[\w.-]*\w)+")
CODE_FILE = re.compile(r"\.(?:py|pyi|h|cpp|def|md|sh|txt)$")


def prose(path: Path) -> Iterator[str]:
    """Docstrings, comments and messages of a file in Python; all of any other."""
    source = path.read_text(encoding="utf-8")
    if path.suffix not in {".py", ".pyi"}:
        yield source
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_there(dotted: str) -> bool:
    """Whether `engine.a.b.name` is a module, or the module has a word `name`."""
    words = dotted.split(".")
    for end in range(len(words), 0, -1):
        stem = ROOT.joinpath(*words[:end])
        files = [stem.with_name(stem.name + suffix) for suffix in (".py", ".pyi")] + [stem / "__init__.py"]
        if found := next((path for path in files if path.is_file()), None):
            left = words[end:]
            return (
                not left
                or left[0].startswith("__")
                or re.search(rf"\b{left[0]}\b", found.read_text(encoding="utf-8")) is not None
            )
    return False


def lost(text: str, folder: Path) -> list[str]:
    """Names in a text that lead nowhere, from the root, from cpp/ or from the text's own folder."""
    dotted = [match[0] for match in DOTTED.finditer(text) if not is_there(match[0])]
    named = [match[0] for match in PLACE.finditer(text)]
    files = [name for name in named if CODE_FILE.search(name) or name.startswith(("engine/", "cpp/"))]
    starts = (ROOT, ROOT / "cpp", folder)
    return dotted + [name for name in files if not any(exists(start / name) for start in starts)]


def exists(path: Path) -> bool:
    """A file or folder, with or without its suffix."""
    return path.exists() or any(path.parent.glob(f"{path.name}.*"))


@pytest.mark.parametrize("folder", [*FOLDERS, "."])
def test_what_code_names_is_there(folder: str) -> None:
    files = [
        path
        for path in TOLD
        if (path.relative_to(ROOT).parts[0] == folder or (folder == "." and path.parent == ROOT))
        and path.name not in MADE_UP
    ]
    assert files
    missing = {
        str(path.relative_to(ROOT)): names
        for path in files
        if (names := [name for text in prose(path) for name in lost(text, path.parent)])
    }
    assert missing == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("asks engine.rundir for it", ["engine.rundir"]),
        ("`engine.search.Nobody` does", ["engine.search.Nobody"]),
        ("`engine.search.search` does, engine.run too.", []),
        ("see tests/test_train.py", ["tests/test_train.py"]),
        ("see tests/train/test_train.py, and cpp/search/tree/budget", []),
        ('#include "games/chess/chess.h"', []),
        ("as engine/language/improve says", ["engine/language/improve"]),
    ],
)
def test_what_is_lost_is_seen(text: str, names: list[str]) -> None:
    assert lost(text, ROOT) == names
