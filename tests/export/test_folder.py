"""A network in a folder of its own: a player wherever it lies, whole or not there at all."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_training import SMALL

from engine.checkpoint import load_checkpoint, load_network
from engine.cli.app import run as run_command
from engine.errors import CorruptFileError, UserError
from engine.export.folder import FILES, read_card, write_folder
from engine.export.origin import find_origin
from engine.player.name import load_player
from engine.registry import load_game
from engine.run import storage
from engine.run.manifest import read_sealed

Run = Callable[..., Any]


def exported(player: Path | str, folder: Path, *words: str) -> Path:
    assert run_command(["export", str(player), "--folder", str(folder), *words]) == 0
    return folder


def test_a_folder_is_a_player_wherever_it_lies(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported(tiny_run, tmp_path / "a" / "folder")
    assert {each.name for each in folder.iterdir()} == FILES
    moved = folder.rename(tmp_path / "moved with spaces")
    position = load_player(str(tiny_run)).game.parse("4455")
    names = (tiny_run, moved, moved / "model.safetensors")
    told = [load_player(str(path)).analyze([position], 30)[0] for path in names]
    assert told[0] == told[1] == told[2]
    monkeypatch.chdir(moved)
    capsys.readouterr()
    assert run_command(["arena", ".", "random", "--games", "4", "--sims", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["game"] == "connect4"
    monkeypatch.setattr("sys.stdin", io.StringIO("quit\n"))
    assert run_command(["play", ".", "--sims", "2"]) == 0


def test_it_has_the_weights_and_settings_of_the_checkpoint(tiny_run: Path, tmp_path: Path) -> None:
    second = tiny_run / "checkpoints" / "000002"
    folder = exported(second, tmp_path / "folder")
    assert (folder / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    ours, theirs = read_sealed(folder / "state.json"), read_sealed(second / "state.json")
    kept = ("iteration", "game", "planes_shape", "num_actions", "config", "learner")
    assert {name: ours[name] for name in kept} == {name: theirs[name] for name in kept}
    assert ours["files"].keys() == {"model.safetensors"}
    assert load_network(folder)[:2] == load_network(second)[:2]


def test_the_export_of_an_export_is_the_same(tiny_run: Path, tmp_path: Path) -> None:
    one = exported(tiny_run, tmp_path / "one")
    two = exported(one, tmp_path / "two")
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in FILES)
    exported(one, one, "--force")
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in FILES)


def test_both_kinds_at_once_and_one_in_the_other(tiny_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra `export`")
    folder = tmp_path / "folder"
    words = ["--onnx", str(folder / "net.onnx")]
    exported(tiny_run, folder, *words)
    exported(tiny_run, folder, *words, "--force")
    assert {each.name for each in folder.iterdir()} == {*FILES, "net.onnx"}
    load_checkpoint(folder)


def test_one_name_for_both_kinds_is_refused(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(tmp_path / "net")
    assert run_command(["export", str(tiny_run), "--folder", name, "--onnx", name]) == 2
    assert f"--onnx and --folder are both '{name}'; name two" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_filled(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    exported(tiny_run, tmp_path / "empty")
    load_checkpoint(tmp_path / "empty")


def _own_file(path: Path, _: Path) -> None:
    path.mkdir()
    (path / "thesis.txt").write_text("mine")


def _own_page(path: Path, _: Path) -> None:
    path.mkdir()
    (path / "README.md").write_text("mine")


def _beside_an_export(path: Path, run: Path) -> None:
    exported(run, path)
    (path / "notes.txt").write_text("mine")


def _a_file(path: Path, _: Path) -> None:
    path.write_text("mine")


def _a_run(path: Path, run: Path) -> None:
    shutil.copytree(run, path)


TAKEN = {
    _own_file: "'thesis.txt'",
    _own_page: "'README.md'",
    _beside_an_export: "'notes.txt'",
    _a_file: "is a file",
    _a_run: "part of a run",
}


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("make", TAKEN)
def test_what_is_no_export_is_never_replaced(
    make: Callable[[Path, Path], None],
    force: list[str],
    tiny_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "there"
    make(path, tiny_run)
    before = contents(tmp_path)
    assert run_command(["export", "connect4:pretrained", "--folder", str(path), *force]) == 2
    assert TAKEN[make] in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_the_folder_that_one_is_in_stays(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "below")
    for place in (".", "..", str(tmp_path / "here")):
        assert run_command(["export", str(tiny_run), "--folder", place, "--force"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert exported(tiny_run, Path("new")).is_dir()


OWN = """
from games.tictactoe import TicTacToe

class Own(TicTacToe):
    def __init__(self):
        super().__init__()
"""


def test_a_network_of_a_game_of_ones_own(selfplay: Run, tmp_path: Path) -> None:
    """Its folder names the file of the rules by its whole path, and finds it from anywhere."""
    game = tmp_path / "own" / "mine.py"
    game.parent.mkdir()
    game.write_text(OWN)
    words = [word for text in SMALL for word in ("--set", text)]
    run = tmp_path / "run"
    assert run_command(["train", f"{game}:Own", "--run", str(run), "--iterations", "1", *words]) == 0
    folder = exported(run, tmp_path / "folder")
    assert f"{game}:Own" in (folder / "README.md").read_text()
    done = selfplay("analyze", ".", "--sims", "4", stdin='{"id": 1, "position": "5"}\n', cwd=folder)
    assert json.loads(done.stdout)["simulations"] > 0, done.stdout + done.stderr
    again = ["train", f"{game}:Own", "--run", str(tmp_path / "again"), "--iterations", "1", *words]
    assert run_command([*again, "--init", str(folder)]) == 0
    game.unlink()
    assert run_command(["play", str(folder)]) == 2


def test_a_folder_is_played_by_every_protocol(selfplay: Run, tmp_path: Path) -> None:
    words = [word for text in SMALL for word in ("--set", text)]
    folders = {}
    for game in ("go:size=3", "gardner"):
        run = tmp_path / game.replace(":", "-").replace("=", "-")
        assert run_command(["train", game, "--run", str(run), "--iterations", "1", *words]) == 0
        folders[game] = exported(run, tmp_path / "folders" / run.name)
    done = selfplay("gtp", ".", cwd=folders["go:size=3"], stdin="boardsize 3\ngenmove b\nquit\n")
    answers = done.stdout.split("\n\n")
    assert answers[0] == "=", done.stderr
    assert answers[1].removeprefix("= ").lower() in {
        *(f"{column}{row}" for column in "abc" for row in "123"), "pass", "resign",
    }  # fmt: skip
    lines = "uci\nsetoption name UCI_Variant value gardner\nposition startpos\ngo nodes 8\n"
    done = selfplay("uci", ".", cwd=folders["gardner"], stdin=lines + "isready\n")
    assert "uciok" in done.stdout, done.stderr
    moves = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("bestmove")]
    assert len(moves) == 1
    state = load_game("gardner").initial()
    assert state.parse_action(moves[0]) in state.legal_actions()


def test_a_checkpoint_of_a_run_stays_as_it_is(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("checkpoints/000001", "checkpoints", "checkpoints/new", "new"):
        before = contents(run_copy)
        path = run_copy / place
        code = run_command(["export", "connect4:pretrained", "--folder", str(path), "--force"])
        said = capsys.readouterr().err
        assert (code, "part of a run" in said) == (2, True), place
        assert contents(run_copy) == before


def test_an_earlier_export_is_replaced_when_asked(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported(tiny_run, tmp_path / "folder")
    before = contents(folder)
    assert run_command(["export", "connect4:pretrained", "--folder", str(folder)]) == 2
    assert "--force" in capsys.readouterr().err
    assert contents(folder) == before
    exported("connect4:pretrained", folder, "--force")
    assert load_network(folder)[1].network.channels == 64
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def contents(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


class FaultError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("is_there", [False, True])
def test_a_fault_at_any_step_leaves_the_old_or_the_new(
    is_there: bool, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_run / "checkpoints" / "000003"
    for last in range(1, 100):
        path = tmp_path / str(last) / "folder"
        path.parent.mkdir()
        if is_there:
            exported("connect4:pretrained", path)
        steps = 0

        def count(_: str, last: int = last) -> None:
            nonlocal steps
            steps += 1
            if steps == last:
                raise FaultError

        monkeypatch.setattr(storage, "fault_hook", count)
        try:
            write_folder(path, source, find_origin(source))
            done = True
        except FaultError:
            done = False
        monkeypatch.setattr(storage, "fault_hook", None)
        if path.exists():
            assert load_network(path)[1].network.channels in (64, 8)
            assert (path / "README.md").read_text() == read_card(path)
        else:
            # Between two renames the old one stands beside, whole.
            beside = [each for each in path.parent.iterdir() if each.name.startswith("folder.old")]
            assert len(beside) == is_there
            assert all(load_network(each) for each in beside)
        if done:
            assert {each.name for each in path.parent.iterdir()} == {"folder"}
            break
    assert last > 10


def test_a_damaged_checkpoint_is_not_handed_on(run_copy: Path, tmp_path: Path) -> None:
    source = run_copy / "checkpoints" / "000003"
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptFileError, match="damaged"):
        write_folder(tmp_path / "folder", source, find_origin(source))
    assert {each.name for each in tmp_path.iterdir()} == {"run"}


def test_a_checkpoint_has_no_card(tiny_run: Path) -> None:
    with pytest.raises(UserError, match="no exported folder"):
        read_card(tiny_run / "checkpoints" / "000003")
