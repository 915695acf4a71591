"""The canary: it passes here, and a sandbox with any one wall taken out is refused by name."""

import ast
import shutil
import sys
from pathlib import Path

import pytest
from confined import require_isolation

from engine.errors import UserError
from engine.sandbox import Sandbox, canary, worker
from engine.sandbox.canary import BrokenError, Status

CELL = Path(worker.CELL_FOLDER, "cell")


def test_where_the_kernel_isolates_the_sandbox_holds() -> None:
    require_isolation()
    assert canary.status() == Status(True, canary.ISOLATION)


HOST = (
    "os.mkdir(_BASE + '/etc'); kernel.mount('/etc', _BASE + '/etc', None, kernel.BIND | kernel.RECURSIVE); "
)

SABOTAGE = {
    "the network can be reached": [
        ("namespace.py", "kernel.NEWNET | ", ""),
        ("seccomp.py", "read=0", "socket=41 connect=42 read=0"),
    ],
    "the machine's files can be reached": [("namespace.py", "os.chdir(_BASE)", HOST + "os.chdir(_BASE)")],
    "other processes can be seen": [("keeper.py", "kernel.NEWNS | kernel.NEWPID", "kernel.NEWNS")],
    "rights can be gained": [("program.py", "seccomp.install(", "dict(")],
    "files are not bounded": [
        ("namespace.py", "size={size}", "size=64m"),
        ("program.py", '(resource.RLIMIT_FSIZE, limits["disk"])', "(resource.RLIMIT_FSIZE, 1 << 30)"),
    ],
    "memory is not bounded": [
        ("program.py", "(resource.RLIMIT_AS, memory)", "(resource.RLIMIT_AS, 1 << 40)")
    ],
    "processor time is not bounded": [("keeper.py", 'return "cpu" if', 'return "" if')],
    "output is not bounded": [("keeper.py", "kept += part[: limit - len(kept)]", "kept += part")],
    "processes are not bounded": [
        ("program.py", '(resource.RLIMIT_NPROC, limits["processes"] + 2)', "(2, 1 << 40)")
    ],
    "the wall clock does not bind": [("keeper.py", 'return "wall"', 'return ""')],
    "a daemon": [
        ("keeper.py", "kernel.NEWNS | kernel.NEWPID", "kernel.NEWNS"),
        ("probe.py", "return seen", "return []"),
    ],
}


@pytest.mark.parametrize("complaint", SABOTAGE)
def test_a_missing_wall_is_noticed(complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_isolation()
    shutil.copytree(CELL, tmp_path / "cell")
    tmp_path.chmod(0o755)
    for file, old, new in SABOTAGE[complaint]:
        path = tmp_path / "cell" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    monkeypatch.setattr(worker, "CELL_FOLDER", str(tmp_path))
    monkeypatch.setattr(canary, "_PROBE", (tmp_path / "cell/probe.py").read_text())
    with pytest.raises(BrokenError, match=complaint):
        canary.prove()


def test_a_sandbox_that_is_not_proved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_status", Status(False, "a wall is missing"))
    with pytest.raises(UserError, match="are not run here: a wall is missing"):
        Sandbox()


def test_an_interpreter_that_does_not_start_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(UserError, match="cannot start '/nonexistent/python'"):
        canary.prove()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(BrokenError, match="needs Linux; this is darwin"):
        canary.prove()


def test_the_cell_needs_the_standard_library_alone() -> None:
    for path in CELL.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert all(alias.name in sys.stdlib_module_names for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1 or node.module in {
                    "__future__",
                    *sys.stdlib_module_names,
                    "collections.abc",
                }
