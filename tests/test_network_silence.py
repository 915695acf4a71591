"""Nothing is sent anywhere: not by the loops, and not by the libraries they stand on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_text_run import command as text_command
from small_training import SMALL

WATCHED = """
import json, os, sys

SEEN = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # for forked children, too
LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto")

def watch(event, arguments):
    # An address that is a path is a socket of this machine.
    if event in LOOKUPS and not isinstance(arguments[-1], str):
        os.write(SEEN, (event + chr(10)).encode())

sys.addaudithook(watch)
exec(sys.argv[1])
"""

COMMAND = "from engine.cli.app import run\nassert run(json.loads(sys.argv[2])) == 0"


def seen(code: str, words: list[str], folder: Path) -> list[str]:
    """The lookups and connections of a process that runs `code` with `words`, and of its children."""
    file = folder / "seen"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, code, json.dumps(words), str(file)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return file.read_text().split()


@pytest.mark.parametrize("where", ["", "if os.fork():\n    os.wait()\n    sys.exit()\n"])
def test_a_lookup_is_seen(where: str, tmp_path: Path) -> None:
    code = "import socket\ntry:\n    socket.getaddrinfo('name.invalid', 443)\nexcept OSError:\n    pass"
    assert seen(where + code, [], tmp_path) == ["socket.getaddrinfo"]


@pytest.mark.parametrize("backend", ["auto", "openvino", "torch"])
def test_training_sends_nothing(backend: str, tmp_path: Path) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino", reason="needs the extra `cpu`")
    settings = [word for text in [*SMALL, f"evaluator.backend={backend}"] for word in ("--set", text)]
    words = ["train", "connect4", "--run", str(tmp_path / "run"), "--iterations", "1", "--no-final"]
    assert seen(COMMAND, [*words, *settings], tmp_path) == []


def test_an_export_sends_nothing(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra `export`")
    words = ["export", "connect4:pretrained", "--onnx", str(tmp_path / "net.onnx")]
    assert seen(COMMAND, [*words, "--folder", str(tmp_path / "folder")], tmp_path) == []


def test_a_run_on_text_sends_nothing(tmp_path: Path) -> None:
    words = text_command("rest-em", tmp_path / "run", "--json", loop__iterations=1)
    assert seen(COMMAND, words, tmp_path) == []
