"""In C++, too, dependencies point one way: between the folders of cpp/, and between the rooms of each."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "cpp"

# Of a folder with rooms: what lies in it, by name without ending. Each may include what stands on lines above
# its own. In a folder that is not named files include each other as they like, but not in a circle.
ORDER = {
    "": ["core", "games search", "selfplay", "bindings tests"],
    "core": ["game quote random zeroed_array", "memory range", "setting"],
    "games": ["chess connect4 custom go"],
    "games/chess": ["board", "encoding notation", "chess"],
    "games/connect4": ["connect4 table", "solver"],
    "games/custom": ["custom_game", "function_game"],
    "games/go": ["board", "history notation rules", "score", "go", "go_state go_view"],
    "search": ["settings", "node params phases restriction", "gumbel puct request", "cache", "tree", "trees"],
    "selfplay": ["columns settings", "record", "pool replay_window"],
    "bindings": [
        "exclusive interpreter number",
        "bindings",
        "pickling",
        "setting",
        "game search",
        "game_columns",
        "bind_selfplay",
        "module",
    ],
    "tests": ["test", "chess connect4 core go othello search", "every_game_test fuzz main"],
}


def sources() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.*") if path.suffix in {".h", ".cpp"})


def quoted_includes(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if quoted := re.match(r'\s*#\s*include\s+"([^"]+)"', line):
            yield number, quoted[1]


def rooms(own: str, target: str) -> tuple[str, str, str]:
    """The innermost folder that both files lie in, and where in it each does: a folder or a file's stem."""
    ours, theirs = own.split("/"), target.split("/")
    depth = 0
    while ours[depth] == theirs[depth] and depth + 1 < min(len(ours), len(theirs)):
        depth += 1
    return "/".join(ours[:depth]), ours[depth].split(".")[0], theirs[depth].split(".")[0]


def level(folder: str, name: str) -> int:
    return next((level for level, line in enumerate(ORDER[folder]) if name in line.split()), -1)


def complaints(path: Path) -> Iterator[str]:
    own = path.relative_to(ROOT).as_posix()
    for number, target in quoted_includes(path):
        if "/" not in target or not (ROOT / target).exists():
            yield f'{own}:{number}: include "{target}" by its path from cpp/'
            continue
        folder, ours, theirs = rooms(own, target)
        if folder not in ORDER or ours == theirs:
            continue
        for name in (ours, theirs):
            if level(folder, name) < 0:
                yield f"{own}:{number}: give {name} a place in the order of '{folder}'"
        if level(folder, theirs) >= level(folder, ours):
            where = f"{folder}/" if folder else ""
            yield f"{own}:{number}: {where}{ours} includes {where}{theirs}"
    is_python = re.search(r"^\s*#\s*include\s+<(Python\.h|pybind11)", path.read_text(encoding="utf-8"), re.M)
    if is_python and not own.startswith(("bindings/", "tests/othello/module.cpp")):
        yield f"{own}: Python outside bindings/"


def circle(path: Path, above: tuple[str, ...] = (), known: set[str] | None = None) -> tuple[str, ...]:
    """A circle of includes that a file leads into, empty where there is none."""
    known = set() if known is None else known
    own = path.relative_to(ROOT).as_posix()
    if own in above:
        return (*above[above.index(own) :], own)
    if own in known or not path.exists():
        return ()
    known.add(own)
    found = (circle(ROOT / target, (*above, own), known) for _, target in quoted_includes(path))
    return next((names for names in found if names), ())


def test_includes_point_downward() -> None:
    assert sources()
    found = [text for path in sources() for text in complaints(path)]
    assert not found, "\n".join(found)


def test_no_circle_of_includes() -> None:
    assert not [names for path in sources() if (names := circle(path))]


def test_the_order_names_what_there_is() -> None:
    for folder, lines in ORDER.items():
        there = {path.name.split(".")[0] for path in (ROOT / folder).iterdir()} - {"CMakeLists", "README"}
        assert {name for line in lines for name in line.split()} == there, folder


@pytest.mark.parametrize(
    ("file", "target", "complaint"),
    [
        ("search/x.h", "games/go/go.h", "search includes games"),
        ("core/x.h", "search/node.h", "core includes search"),
        ("games/go/x.h", "go.h", 'include "go.h" by its path'),
        ("games/go/x.h", "games/go/none.h", "by its path from cpp/"),
        ("games/go/go.h", "games/chess/chess.h", "games/go includes games/chess"),
        ("search/node.h", "search/tree/tree.h", "search/node includes search/tree"),
        (
            "games/chess/board/board.h",
            "games/chess/notation/fen.h",
            "chess/board includes games/chess/notation",
        ),
        ("search/tree/x.h", "search/trees.h", "search/tree includes search/trees"),
        ("search/x.h", "search/node.h", "give x a place in the order of 'search'"),
    ],
)
def test_an_upward_include_is_found(
    file: str, target: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (path.relative_to(ROOT) for path in sources()):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / file).write_text(f'#include "{target}"\n')
    assert any(complaint in text for text in complaints(tmp_path / file))


def test_python_outside_the_bindings_and_a_circle_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "core").mkdir()
    (tmp_path / "core/x.h").write_text('#include <pybind11/pybind11.h>\n#include "core/y.h"\n')
    (tmp_path / "core/y.h").write_text('#include "core/x.h"\n')
    assert any("Python outside bindings/" in text for text in complaints(tmp_path / "core/x.h"))
    assert circle(tmp_path / "core/x.h") == ("core/x.h", "core/y.h", "core/x.h")
