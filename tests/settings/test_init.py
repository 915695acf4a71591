"""What the settings of the first weights do: a run begins with those that are named, or not at all."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from shown import GAMES, shows
from small_training import SMALL

from engine.checkpoint import load_checkpoint, load_network
from engine.cli.app import run as run_command
from engine.config import Config
from engine.game_run import read_config
from engine.train import loop

shows = partial(shows, of=GAMES)

FIXED = "learner.learning_rate=1e-12", "learner.muon_learning_rate=1e-12"
"""Rates at which weights stay as they are."""


def words(game: str, run: Path, *more: str, small: tuple[str, ...] = tuple(SMALL)) -> list[str]:
    sets = [word for text in small for word in ("--set", text)]
    return ["train", game, "--run", str(run), "--iterations", "1", *sets, *more]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of Connect Four whose weights are far from those of another seed."""
    path = tmp_path_factory.mktemp("runs") / "source"
    assert run_command(words("connect4", path, "--set", "seed=7")) == 0
    return path


def same(one: Path, other: Path) -> bool:
    ours, theirs = (load_checkpoint(path)[2].state_dict() for path in (one, other))
    return ours.keys() == theirs.keys() and all(
        torch.allclose(ours[name].float(), theirs[name].float(), atol=1e-5)
        for name in ours
        if "running" not in name and "tracked" not in name
    )


def test_a_run_begins_with_the_weights_that_are_named(source: Path, tmp_path: Path) -> None:
    fixed = [word for text in FIXED for word in ("--set", text)]
    folder = tmp_path / "folder"
    assert run_command(["export", str(source), "--folder", str(folder)]) == 0
    checkpoint = source / "checkpoints" / "000001"
    for number, named in enumerate((source, checkpoint, folder, folder / "model.safetensors")):
        run = tmp_path / f"run{number}"
        assert run_command(words("connect4", run, "--init", str(named), *fixed)) == 0
        assert same(run, source)
        init = read_config(run).init
        assert init.path == str(folder if "folder" in str(named) else checkpoint)
        assert init.sha256 == load_sha256(folder)
    plain = tmp_path / "plain"
    assert run_command(words("connect4", plain, *fixed)) == 0
    assert not same(plain, source)


def load_sha256(folder: Path) -> str:
    from engine.run.manifest import read_sealed

    return str(read_sealed(folder / "state.json")["files"]["model.safetensors"]["sha256"])


@shows("init.path")
def test_the_settings_file_names_them_too(source: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "f.toml", tmp_path / "run"
    file.write_text(f'[init]\npath = "{source}"\n')
    fixed = [word for text in FIXED for word in ("--set", text)]
    assert run_command(words("connect4", run, "--config", str(file), *fixed)) == 0
    assert same(run, source)
    # The settings of a run make another like it, from the same weights.
    again = tmp_path / "again"
    assert run_command(["train", "connect4", "--run", str(again), "--config", str(run / "config.toml"),
                        "--iterations", "1"]) == 0  # fmt: skip
    assert same(again, source)
    assert read_config(again) == read_config(run)


@shows("init.sha256")
def test_other_weights_than_those_recorded_are_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256 = load_sha256(source / "checkpoints" / "000001")
    right = ["--init", str(source), "--set", f"init.sha256={sha256}"]
    assert run_command(words("connect4", tmp_path / "run", *right)) == 0
    capsys.readouterr()
    wrong = ["--init", str(source), "--set", f"init.sha256={'0' * 64}"]
    assert run_command(words("connect4", tmp_path / "other", *wrong)) == 2
    assert "holds other weights" in capsys.readouterr().err
    alone = ["--set", f"init.sha256={sha256}"]
    assert run_command(words("connect4", tmp_path / "other", *alone)) == 2
    assert "init.path" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_the_network_is_that_of_the_weights(source: Path, tmp_path: Path) -> None:
    """Also where the preset of the game has another."""
    small = tuple(text for text in SMALL if not text.startswith("network"))
    run = tmp_path / "run"
    assert run_command(words("connect4", run, "--init", str(source), small=small)) == 0
    ours, theirs = read_config(run), read_config(source)
    assert ours.network == theirs.network != Config().network
    assert load_network(run / "checkpoints" / "000001")[2].config == theirs.network


REFUSED = [
    ("connect4", ["--init", "{source}", "--set", "network.channels=9"], ["network.channels' = 9", "with 8"]),
    ("connect4", ["--init", "{source}", "--set", "network.blocks=2"], ["network.blocks' = 2", "with 1"]),
    ("tictactoe", ["--init", "{source}"], ["play connect4, not tictactoe"]),
    ("go:size=5", ["--init", "connect4:pretrained"], ["play connect4, not go:size=5"]),
    ("connect4", ["--init", "random"], ["'random'", "no weights"]),
    ("connect4", ["--init", "mcts:10"], ["'mcts:10'", "no weights"]),
    ("connect4", ["--init", "nosuch"], ["'nosuch'", "does not exist"]),
    ("connect4", ["--init", ""], ["''", "leave it out"]),
    ("connect4", ["--init", "{source}", "--set", "init.path=other"], ["'other'", "drop one"]),
    ("connect4", ["--set", "init.sha256=abc"], ["init.sha256", "abc"]),
    ("connect4", ["--set", "init=3"], ["init"]),
]


@pytest.mark.parametrize(("game", "more", "said"), REFUSED, ids=lambda each: " ".join(each)[:50])
def test_what_does_not_fit_is_refused_by_name_before_there_is_a_run(
    game: str,
    more: list[str],
    said: list[str],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    more = [word.format(source=source) for word in more]
    small = tuple(text for text in SMALL if not text.startswith("network"))
    assert run_command(words(game, run, *more, small=small)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert all(word in captured.err for word in said), captured.err
    assert not run.exists()


def test_a_board_of_another_size_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other options of the same game, which change neither planes nor moves, do."""
    source, run = tmp_path / "source", tmp_path / "run"
    assert run_command(words("go:size=3", source)) == 0
    capsys.readouterr()
    assert run_command(words("go:size=4", run, "--init", str(source))) == 2
    assert "play go:size=3, not go:size=4" in capsys.readouterr().err
    assert run_command(words("go:size=3,komi=1.5", run, "--init", str(source))) == 0
    assert read_config(run).init.path.startswith(str(source))


def test_a_resumed_run_keeps_its_own(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where those that it began with are gone."""
    copy, run = Path(shutil.copytree(source, tmp_path / "copy")), tmp_path / "run"
    assert run_command(words("connect4", run, "--init", str(copy))) == 0
    shutil.rmtree(copy)
    resume = ["train", "connect4", "--run", str(run), "--resume", "--iterations", "2"]
    assert run_command(resume) == 0
    capsys.readouterr()
    assert run_command([*resume, "--init", str(source)]) == 2
    assert "goes on with its own weights" in capsys.readouterr().err


def test_a_run_that_died_before_its_first_commit_looks_for_them_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, run = Path(shutil.copytree(source, tmp_path / "copy")), tmp_path / "run"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "loop", die)
        assert run_command(words("connect4", run, "--init", str(copy))) == 130
    capsys.readouterr()
    resume = ["train", "connect4", "--run", str(run), "--resume", "--iterations", "1"]
    moved = copy.rename(tmp_path / "moved")
    assert run_command(resume) == 2
    assert "does not exist" in capsys.readouterr().err
    moved.rename(copy)
    assert run_command(resume) == 0


def test_the_card_says_what_a_network_began_with(source: Path, tmp_path: Path) -> None:
    run, folder = tmp_path / "run", tmp_path / "folder"
    assert run_command(words("connect4", run, "--init", str(source))) == 0
    assert run_command(["export", str(run), "--folder", str(folder)]) == 0
    assert f"| first weights | those of `{source}" in (folder / "README.md").read_text()
