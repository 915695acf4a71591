"""loadsgf and printsgf: files of one folder alone, and nothing that is hostile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gtp_client import Client

from engine.protocols.gtp.session import Settings

GAME = "(;FF[4]GM[1]SZ[5]KM[3.5]RU[Japanese];B[cc];W[dd];B[];W[bb])"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "records"
    (root / "deep").mkdir(parents=True)
    (root / "game.sgf").write_text(GAME)
    (root / "deep" / "game.sgf").write_text(GAME)
    (tmp_path / "secret.sgf").write_text(GAME)
    (root / "link.sgf").symlink_to(tmp_path / "secret.sgf")
    (root / "inner.sgf").symlink_to(root / "game.sgf")
    (root / "up").symlink_to(tmp_path)
    (root / "loop.sgf").symlink_to(root / "loop.sgf")
    os.mkfifo(root / "pipe.sgf")
    (root / "large.sgf").write_text("(;FF[4]C[" + "x" * (1 << 20) + "])")
    return root


@pytest.fixture
def client(folder: Path) -> Client:
    return Client("go:size=9", "random", settings=Settings(records=folder))


@pytest.mark.parametrize("name", ["game.sgf", "deep/game.sgf", "./deep/../game.sgf", "inner.sgf"])
def test_files_below_the_folder(client: Client, name: str) -> None:
    assert client.ok(f"loadsgf {name}") == "black"
    assert client.ok("get_komi") == "3.5"
    assert "4 . O . . .\n3 . . X . ." in client.ok("showboard")


OUTSIDE = (
    "../secret.sgf", "deep/../../secret.sgf", "link.sgf", "up/secret.sgf", "/etc/passwd", "loop.sgf",
    "pipe.sgf", "large.sgf", "deep", ".", "..", "", "nothing.sgf", "game.sgf/x", "\x00", "a" * 5000, "~/x",
    "//etc/passwd", "/proc/self/environ", "/dev/zero", "C:\\x",
)  # fmt: skip
HOSTILE = (
    "", "(", "(;", "()", "no game", "(;SZ[99])", "(;SZ[0])", "(;SZ[5];B[zz])", "(;SZ[5];B[cc];W[cc])",
    "(;SZ[5]AB[aa]AW[aa];B[aa])", "(;SZ[5]KM[1e99])", "(;GM[2]SZ[8];B[cc])", "(" * 100_000,
    "(;SZ[5]" + ";B[]" * 6000, "\x00\xff" * 50, "(;SZ[5]AB[aa:ee])", "(;SZ[5]HA[99999999999])",
)  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_others_are_refused_on_one_line(client: Client, folder: Path, name: str) -> None:
    client.ok("play b C3")
    before = client.ok("showboard")
    client.refused(f"loadsgf {name}")
    client.refused(f"loadsgf {folder}/{name} 3" if name in ("", "nothing.sgf") else f"loadsgf {name} 3")
    assert client.ok("showboard") == before


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_records_are_refused_on_one_line(client: Client, folder: Path, text: str) -> None:
    (folder / "bad.sgf").write_text(text)
    client.ok("play b C3")
    before = client.ok("showboard")
    client.refused("loadsgf bad.sgf")
    assert client.ok("showboard") == before


def test_before_a_move(client: Client) -> None:
    assert client.ok("loadsgf game.sgf 1") == "black"
    assert client.ok("loadsgf game.sgf 2") == "white"
    client.ok("play w D4")
    assert client.ok("loadsgf game.sgf 999") == "black"
    client.ok("undo")
    client.ok("undo")
    client.ok("undo")
    client.ok("undo")
    assert client.refused("undo") == "cannot undo"
    client.refused("loadsgf game.sgf 0")
    client.refused("loadsgf game.sgf -1")
    client.refused("loadsgf game.sgf x")


def test_the_rules_stay_and_a_move_that_they_forbid_is_refused(client: Client, folder: Path) -> None:
    """White's last move takes its own two stones off the board."""
    (folder / "suicide.sgf").write_text("(;SZ[5]RU[NZ]KM[0];B[ab];W[aa];B[bb];W[dd];B[ca];W[ba])")
    assert client.ok("loadsgf suicide.sgf") == "black"
    assert "5 . . X . ." in client.ok("showboard")
    client.ok("clear_board")
    client.ok("kgs-rules chinese")
    assert "suicide" in client.refused("loadsgf suicide.sgf")
    assert client.ok("loadsgf suicide.sgf 6") == "white"


def test_a_handicap_and_a_set_up_position(client: Client, folder: Path) -> None:
    (folder / "handicap.sgf").write_text("(;SZ[9]HA[2]AB[cg][gc]KM[0.5];W[ee])")
    assert client.ok("loadsgf handicap.sgf") == "black"
    (folder / "setup.sgf").write_text("(;SZ[5]AB[aa][bb]AW[cc]PL[W])")
    assert client.ok("loadsgf setup.sgf") == "white"


def test_a_record_is_written_and_never_over_another(client: Client, folder: Path, tmp_path: Path) -> None:
    client.ok("boardsize 5")
    client.ok("gogui-play_sequence b C3 w D4")
    client.ok("printsgf new.sgf")
    written = (folder / "new.sgf").read_text()
    assert ";B[cc];W[db]" in written
    client.ok("clear_board")
    assert "exists" in client.refused("printsgf new.sgf")
    client.refused("printsgf game.sgf")
    client.refused("printsgf ../out.sgf")
    client.refused("printsgf link.sgf")
    client.refused("printsgf nowhere/out.sgf")
    assert (folder / "game.sgf").read_text() == GAME
    assert not (tmp_path / "out.sgf").exists()
    assert client.ok("loadsgf new.sgf") == "black"
    assert ";B[cc];W[db]" in client.ok("printsgf")
