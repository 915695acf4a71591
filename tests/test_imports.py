"""Dependencies point one way: engine._core -> engine -> games, and downward within each."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

import pytest

from engine import FOR_GAMES, FOR_RECORDS, FOR_TASKS

ROOT = Path(__file__).resolve().parent.parent

# A module may import what stands on its own line and above, and nothing below. A name stands for all that
# lies in it, but for what has a line of its own.
ENGINE_ORDER = [
    "_core",
    "errors setting statistics json_object",
    "plugin",
    "config",
    "run",
    "game.python_game game.truth_set game.drawing",
    "game.offer",
    "game.inquiry",
    "registry game.state_space",
    "numba_game game record",
    "evaluator",
    "search",
    "selfplay.caller selfplay.game_table selfplay.resignation",
    "replay",
    "learner",
    "checkpoint",
    "game_run",
    "player.clock player.thinking",
    "player.limit player.player",
    "player.analysis player.spec player.thought.plain_thinker",
    "arena.client",
    "player",
    "arena truth.truth",
    "selfplay.actors",
    "advice",
    "truth",
    "doctor",
    "train",
    "export",
    "bench.row bench.rate bench.program bench",
    "protocols",
    "sandbox",
    "language.task language.spelling language.learner.config language.monitor.config",
    "language.settings language.episode",
    "language.model.conversation language.model.combination",
    "language.problem",
    "language.model",
    "language.rollout language.round_trip",
    "language.search",
    "language.learner",
    "language.material language.first_model",
    "language.monitor",
    "language.measure.evaluation language.measure.watch",
    "language.method",
    "language.record language.forecast",
    "language.parts",
    "language.measure language.setup",
    "language.judgement",
    "language.loop language",
    "report",
    "web",
    "bench.language",
    "cli",
]
ENGINE_LEVEL = {name: level for level, line in enumerate(ENGINE_ORDER) for name in line.split()}

MAY_IMPORT = {"envs": FOR_RECORDS, "records": FOR_RECORDS, "text": FOR_TASKS}
"""By folder of games/, what it may import of the engine; the games themselves FOR_GAMES."""
OPTIONAL = {"charset_normalizer"}
"""Extras that are loaded by importlib where a command needs them."""
JUDGES = {"chess", "sgfmill"}
"""Readers of records that the tests compare ours with; the first is under the GPL."""
HEAVY = {"torch", "openvino", "tensorboard", "ray", "transformers"}


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, those inside functions and type-checking blocks included."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).strip(".")
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if is_package(base) else base


def is_package(name: str) -> bool:
    return (ROOT / name.replace(".", "/") / "__init__.py").exists()


def python_files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def room(name: str) -> str:
    """The longest name in ENGINE_ORDER that an engine's module lies in, empty where none is."""
    parts = name.split(".")[1:]
    return next(
        (".".join(parts[:end]) for end in range(len(parts), 0, -1) if ".".join(parts[:end]) in ENGINE_LEVEL),
        "",
    )


def engine_complaints(path: Path) -> Iterator[str]:
    own = room(module_name(path))
    for line, name in imported_modules(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if name.split(".")[0] in {"games", "scripts", "tests"}:
            yield f"{where}: the engine imports {name}"
        elif name.startswith("engine."):
            target = room(name)
            if not target:
                yield f"{where}: {name} has no place in ENGINE_ORDER"
            elif own and target != own and ENGINE_LEVEL[target] > ENGINE_LEVEL[own]:
                yield f"{where}: engine.{own} imports upward from engine.{target}"


def is_listed(name: str, allowed: Mapping[str, str]) -> bool:
    """Whether it is a module of the list or, of a package, one of its names there."""
    package, _, last = name.rpartition(".")
    return name in allowed or last in allowed.get(package, "").split()


def games_complaints(path: Path) -> Iterator[str]:
    folder = path.relative_to(ROOT / "games").parts[0]
    allowed = MAY_IMPORT.get(folder, FOR_GAMES)
    for line, name in imported_modules(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if name.split(".")[0] in HEAVY:
            yield f"{where}: a game imports {name}"
        elif name.split(".")[0] == "engine" and not is_listed(name, allowed):
            yield f"{where}: a game imports {name}; allowed are {', '.join(sorted(allowed))}"


def import_graph(*packages: str) -> dict[str, set[str]]:
    """What each module of the packages imports of them, wherever in the file; a package is its `__init__`."""
    files = {module_name(path): path for package in packages for path in python_files(package)}
    graph = {name: {target for _, target in imported_modules(path)} for name, path in files.items()}
    return {name: _modules(targets, files.keys()) - {name} for name, targets in graph.items()}


def _modules(names: Iterable[str], known: Set[str]) -> set[str]:
    """The modules that are loaded for these names: `engine.x.Name` is of `engine.x`."""
    return {name if name in known else name.rpartition(".")[0] for name in names} & known


def circles(graph: Mapping[str, Set[str]]) -> list[list[str]]:
    """Modules that reach each other, a list a circle."""
    reach = {name: _reachable(graph, name) for name in graph}
    rings = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph}
    return sorted(sorted(ring) for ring in rings if ring)


def _reachable(graph: Mapping[str, Set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def test_engine_imports_downward() -> None:
    complaints = [text for path in python_files("engine") for text in engine_complaints(path)]
    assert not complaints, "\n".join(complaints)


def test_every_engine_module_has_its_place() -> None:
    packages = {path.parent for path in python_files("engine")}
    names = {module_name(path) for path in python_files("engine") if path.stem != "__init__"}
    lost = {name for name in names if not room(name)}
    assert not lost, f"give these a place in ENGINE_ORDER: {lost}"
    assert ROOT / "engine" in packages


WITHOUT_NETWORKS = ["engine.run", "engine.language.record", "engine.game_run"]
"""What reads and writes a run needs nothing that computes."""


def test_a_run_directory_is_reached_without_torch() -> None:
    names = [module_name(path) for path in python_files("engine")]
    modules = [name for name in names if any(f"{name}.".startswith(f"{own}.") for own in WITHOUT_NETWORKS)]
    assert {"engine.run.folder", "engine.language.record.text_run", "engine.game_run"} <= set(modules)
    heavy = sorted(HEAVY | {"numba"})
    code = f"import sys, {', '.join(modules)}; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


def test_readers_of_records_are_not_imported() -> None:
    files = [*python_files("engine"), *python_files("games")]
    found = [(path.name, name) for path in files for _, name in imported_modules(path)]
    assert len(found) > 100
    assert not [pair for pair in found if pair[1].split(".")[0] in OPTIONAL | JUDGES]


def test_no_circle_among_modules() -> None:
    graph = import_graph("engine", "games", "scripts")
    assert sum(map(len, graph.values())) > 500
    assert circles(graph) == []


def test_a_circle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    sources = {
        "engine/__init__.py": "",
        "engine/cache.py": "import typing\nif typing.TYPE_CHECKING:\n    from engine.reader import R",
        "engine/reader.py": "def read():\n    from .room import cached",
        "engine/room/__init__.py": "from engine import cache as cached",
        "engine/room/leaf.py": "import engine.reader",
        "games/go.py": "def write():\n    import games.sgf.reader",
        "games/sgf/reader.py": "from games.go import Go",
    }
    for name, source in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert circles(import_graph("engine", "games")) == [
        ["engine.cache", "engine.reader", "engine.room"],
        ["games.go", "games.sgf.reader"],
    ]


def test_games_import_rules_and_truth_only() -> None:
    complaints = [text for path in python_files("games") for text in games_complaints(path)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("folder", "source", "complaint"),
    [
        (
            "engine/search.py",
            "from engine.train.loop import train",
            "engine.search imports upward from engine.train",
        ),
        (
            "engine/search.py",
            "from engine import arena",
            "engine.search imports upward from engine.arena",
        ),
        ("engine/cli/app.py", "def f():\n    import games.connect4", "the engine imports games.connect4"),
        ("engine/search.py", "from .replay import X", "engine.search imports upward from engine.replay"),
        ("games/go.py", "from engine import train", "a game imports engine.train"),
        ("games/go.py", "import torch.nn", "a game imports torch.nn"),
        ("games/go.py", "from engine import registry", "a game imports engine.registry"),
        ("games/records/sgf.py", "from engine import game_run", "a game imports engine.game_run"),
        ("games/go.py", "import engine.language.task", "a game imports engine.language.task"),
        ("games/go.py", "import engine.game.laws", "a game imports engine.game.laws"),
        ("games/text/x.py", "from engine.language import model", "a game imports engine.language"),
        ("games/text/x.py", "import engine.language.loop", "a game imports engine.language.loop"),
    ],
)
def test_an_upward_import_is_found(
    folder: str, source: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / folder
    path.parent.mkdir(parents=True)
    path.write_text(source)
    (tmp_path / "engine").mkdir(exist_ok=True)
    (tmp_path / "engine/__init__.py").touch()
    check = {"engine": engine_complaints, "games": games_complaints}[folder.split("/")[0]]
    assert any(complaint in text for text in check(path))
