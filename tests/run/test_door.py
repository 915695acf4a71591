"""Storage is the only door: who else touches a disk is named here, with the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

DOOR = {"engine/run/storage.py", "engine/run/local_disk.py"}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


METHODS = words("""
    read_text read_bytes write_text write_bytes unlink rename mkdir rmdir touch glob rglob iterdir symlink_to
    hardlink_to chmod lchmod save_pretrained tofile copytree rmtree save_file load_file safe_open
""")
"""Of a path, and of libraries that write by themselves."""

QUESTIONS = words("exists is_file is_dir is_symlink stat lstat samefile walk resolve")
"""That a path answers by asking the disk."""

FUNCTIONS = {
    "os": words("""
        open remove unlink rename renames replace mkdir makedirs rmdir removedirs listdir scandir walk link
        symlink truncate ftruncate fsync chmod utime mkfifo
    """),
    "io": words("open FileIO"),
    "shutil": words("copy copy2 copyfile copyfileobj copytree move rmtree make_archive"),
    "tempfile": words("NamedTemporaryFile TemporaryDirectory TemporaryFile mkdtemp mkstemp"),
    "torch": words("save load"),
    "np": words("save savez savez_compressed load savetxt memmap"),
    "pq": words("write_table read_table ParquetWriter"),
    "gzip": words("open"),
    "mmap": words("mmap"),
}
NAMES = words("open save_file load_file safe_open TemporaryDirectory SummaryWriter")

RUN_ROOMS = (
    *(
        "engine/run/",
        "engine/game_run.py",
        "engine/checkpoint.py",
        "engine/replay.py",
        "engine/cli/run_path.py",
    ),
    *("engine/selfplay/game_table.py", "engine/train/", "engine/truth/"),
    *("engine/language/record/", "engine/language/loop.py"),
)
"""What knows a run's files: it asks nothing of a disk, either."""

ALLOWED = {
    # what a user names, read or written on the command line or by a setting
    ("engine/config/layer.py", "open"): "a file of settings that a user names, perhaps a pipe",
    ("engine/arena/opening.py", "open"): "a file of openings that a user names, perhaps a pipe",
    ("engine/cli/game/analysis.py", "open"): "a config file of KataGo's that a user names",
    ("engine/record.py", "open"): "records that a user names",
    ("engine/language/learner/label.py", "read_text"): "labels that a user names",
    ("engine/language/problem/row_file.py", "open"): "a user's file of problems, perhaps a pipe",
    ("engine/language/problem/table_file.py", "open"): "a table that a user names",
    ("engine/language/method/constitution/constitution_file.py", "open"): "principles that a user names",
    ("engine/language/method/judged/assessor/prompt.py", "read_text"): "prompts of the package",
    ("engine/language/method/judged/assessor/prompt.py", "open"): "a prompt that a user names",
    ("engine/language/record/source.py", "open"): "what a user names, for its digest",
    ("engine/language/record/source.py", "iterdir"): "a model's folder that a user names",
    ("engine/language/record/source.py", "stat"): "whether one of them is a pipe, or has changed",
    ("engine/language/record/source.py", "is_file"): "what in a model's folder is a file",
    ("engine/report/sample.py", "read_bytes"): "the table of verdicts that a person has filled in",
    ("engine/protocols/gtp/commands/record.py", "os.open"): "a record in the folder that a user names",
    ("engine/protocols/gtp/commands/record.py", "open"): "a new record in that folder",
    ("engine/plugin.py", "glob"): "whether a word that a user gives is a folder of weights",
    # a model is a folder that transformers reads and writes
    ("engine/language/model/model_folder.py", "save_pretrained"): "into local_disk.new_folder",
    ("engine/language/model/model_folder.py", "glob"): "which weights a model's folder holds",
    ("engine/language/model/model_folder.py", "safe_open"): "names of tensors, not their values",
    # a writer to memory
    ("engine/run/parquet.py", "pq.ParquetWriter"): "into memory, for storage.atomic_write",
    ("engine/language/record/export.py", "pq.write_table"): "into memory, for storage.atomic_write",
    # the system
    ("engine/run/metrics.py", "read_text"): "/proc",
    ("engine/train/processor.py", "read_text"): "/proc",
    ("engine/train/processor.py", "iterdir"): "/proc",
    ("engine/train/processor.py", "exists"): "/proc",
    ("engine/selfplay/actors/process.py", "read_text"): "/proc",
    ("engine/arena/client/keeper.py", "open"): "/proc",
    ("engine/arena/roster.py", "open"): "players of an engine, not a file",
    ("engine/run/birthplace.py", "read_text"): "/proc",
    ("engine/run/birthplace.py", "iterdir"): "/proc",
    ("engine/run/birthplace.py", "exists"): "whether this program is a checkout",
    ("engine/selfplay/actors/worker.py", "os.open"): "/dev/null",
    ("engine/language/problem/verifier_worker.py", "os.open"): "/dev/null",
    ("engine/cli/app.py", "os.open"): "/dev/null",
    ("engine/cli/app.py", "open"): "standard output",
    ("engine/cli/game/rules.py", "TemporaryDirectory"): "where a game's library is tried",
}

SANDBOX = "engine/sandbox/"
"""Makes folders and files of its own, for programs that nobody trusts; it knows no run."""


def touches(path: Path, asks: bool) -> Iterator[tuple[int, str]]:
    """(line, call) of what opens, lists, writes, renames or removes files; with `asks`, questions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in NAMES:
            yield node.lineno, node.func.id
        elif isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
            if owner in ("storage", "local_disk"):
                continue
            if name in FUNCTIONS.get(owner, ()):
                yield node.lineno, f"{owner}.{name}"
            elif name in METHODS or (asks and name in QUESTIONS) or is_of_path(node, name):
                yield node.lineno, name


def is_of_path(call: ast.Call, name: str) -> bool:
    """Whether this is Path.open(mode) or Path.replace(target), not those of a bar, a run or a text."""
    if name == "open":
        modes = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
        return not modes or (isinstance(modes[0], ast.Constant) and isinstance(modes[0].value, str))
    return name == "replace" and len(call.args) == 1 and not call.keywords


def found() -> dict[tuple[str, str], list[int]]:
    result: dict[tuple[str, str], list[int]] = {}
    for path in sorted((ROOT / "engine").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name not in DOOR and not name.startswith(SANDBOX):
            for line, call in touches(path, name.startswith(RUN_ROOMS)):
                result.setdefault((name, call), []).append(line)
    return result


def test_nobody_else_touches_a_disk() -> None:
    complaints = [
        f"{name}:{lines[0]}: {call}: go through engine.run.storage, or say here why not"
        for (name, call), lines in found().items()
        if (name, call) not in ALLOWED
    ]
    assert not complaints, "\n".join(complaints)


READING = words("read_text glob")


@pytest.mark.parametrize("folder", ["games", "scripts/experiments"])
def test_games_and_experiments_only_read(folder: str) -> None:
    calls = [
        (path.name, line, call)
        for path in (ROOT / folder).rglob("*.py")
        for line, call in touches(path, asks=False)
    ]
    assert [each for each in calls if each[2] not in READING] == []


def test_no_leave_outlives_its_reason() -> None:
    assert not ALLOWED.keys() - found().keys()


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("path.write_text('x')", "write_text"),
        ("open(path, 'w')", "open"),
        ("path.open('ab')", "open"),
        ("path.open()", "open"),
        ("path.open(mode='w')", "open"),
        ("path.replace(other)", "replace"),
        ("import os; os.replace(a, b)", "os.replace"),
        ("(run / 'games').mkdir(exist_ok=True)", "mkdir"),
        ("for path in run.rglob('*'): pass", "rglob"),
        ("import torch; torch.save(x, path)", "torch.save"),
        ("import safetensors.torch; safetensors.torch.save_file(x, path)", "save_file"),
        ("import shutil; shutil.rmtree(path)", "shutil.rmtree"),
        ("model.save_pretrained(path)", "save_pretrained"),
        ("import numpy as np; np.save(path, x)", "np.save"),
        ("path.exists()", "exists"),
    ],
)
def test_a_second_door_is_found(source: str, call: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert call in [name for _, name in touches(path, asks=True)]


@pytest.mark.parametrize(
    "source",
    ["text.replace('a', 'b')", "Run.open(path)", "bar.open(total, 'games')", "storage.exists(path)",
     "dataclasses.replace(config, seed=1)", "storage.truncate(path, 3)"],
)  # fmt: skip
def test_what_only_looks_like_one_is_not(source: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert not list(touches(path, asks=True))
