"""The run directory: commits that are whole after a kill at any step, and what is refused or set aside."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_run import COMMITS, CONFIG, GAME, commit, content, make_checkpoint, make_run, two_games

from engine.checkpoint import Checkpoint, load_checkpoint
from engine.errors import CorruptFileError, UserError
from engine.game_run import Run, read_run
from engine.run import storage
from engine.run.layout import REPLAY
from engine.selfplay.game_table import num_positions, read_games, split_games, write_games


def go_on(path: Path, acknowledge: Any = lambda _: None) -> int:
    """Begin or take up a run and bring it to its last commit; the iteration it was found at."""
    exists = (path / "config.toml").exists()
    with Run.open(path) if exists else Run.create(path, CONFIG) as run:
        latest = run.latest()
        found = latest.iteration if latest else 0
        check_found(run, found, latest)
        for iteration in range(found + 1, COMMITS + 1):
            commit(run, iteration)
            acknowledge(iteration)
    return found


def check_found(run: Run, found: int, latest: Checkpoint | None) -> None:
    assert [shard.name for shard in run.shards()] == [f"{i:06}.parquet" for i in range(1, found + 1)]
    for index, shard in enumerate(run.shards(), start=1):
        games = read_games(run.path / REPLAY / shard.name, "connect4", shard.digest)
        assert games["game_id"].tolist() == two_games(10 * index)["game_id"].tolist()
        assert shard.positions == num_positions(games)
    if latest:
        assert latest.learner.numbers == {"step": found}
        assert latest.next_ids == [1002 + found]


def kill_everywhere(folder: Path) -> int:
    """Kill a run at every step that changes the disk, some of its resumptions too; the number of kills."""
    make_run(folder / "whole", COMMITS)
    expected = content(folder / "whole")
    for at in itertools.count(1):
        path = folder / f"killed{at}"
        acknowledged, done = killed_after(at, path)
        if done:
            assert content(path) == expected, f"run that was not killed, {at} steps"
            return at - 1
        for again in (1, 3, 8) if at % 7 == 0 else ():
            more, done = killed_after(again, path)
            assert done or more == 0 or more > acknowledged, (at, again)
            acknowledged = max(acknowledged, more)
        found = go_on(path)
        assert acknowledged <= found <= acknowledged + 1, (at, found, acknowledged)
        assert content(path) == expected, f"killed at step {at}"
    raise AssertionError


def killed_after(steps: int, path: Path) -> tuple[int, bool]:
    """(last commit acknowledged, whether the run ended) of a process that ends at so many steps."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        left = itertools.count(steps - 1, -1)

        def hook(_: str) -> None:
            if next(left) <= 0:
                os._exit(9)

        try:
            storage.fault_hook = hook
            go_on(path, lambda iteration: os.write(writer, bytes([iteration])))
            os._exit(0)
        except BaseException as error:
            print(f"step {steps}: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        acknowledged = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9), status
    return (acknowledged[-1] if acknowledged else 0), status == 0


def test_a_kill_at_any_step_loses_at_most_the_commit_under_way(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 100, done.stdout


def test_only_what_a_manifest_names_is_there(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"loop": CONFIG.loop.model_copy(update={"checkpoints": 3})})
    with Run.create(tmp_path / "run", config) as run:
        for iteration in range(24):
            run.commit(make_checkpoint(iteration, config), two_games(2 * iteration), GAME)
        kept = [int(folder.name) for folder in run.checkpoints()]
    assert kept == [0, 10, 20, 21, 22, 23]
    names = content(tmp_path / "run")
    assert {name for name in names if "optimizer" in name} == {
        f"checkpoints/0000{i}/optimizer.safetensors" for i in (22, 23)
    }
    assert {name for name in names if name.startswith("manifest")} == {
        f"manifest/0000{i}.json" for i in (22, 23)
    }
    assert sum(name.startswith("replay") for name in names) == 24
    for number in kept:
        load_checkpoint(tmp_path / "run" / "checkpoints" / f"{number:06}")


def test_an_iteration_without_games_has_no_file(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", CONFIG) as run:
        run.commit(make_checkpoint(1), split_games(two_games(0), [0, 2])[0], GAME)
        assert run.shards() == ()
    with Run.open(tmp_path / "run") as run:
        latest = run.latest()
        assert latest
        assert latest.iteration == 1


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        "manifest/000003.json",
        "checkpoints/000003/model.safetensors",
        "checkpoints/000003/optimizer.safetensors",
        "checkpoints/000003/state.json",
        "checkpoints/000003/inflight.parquet",
    ],
)
def test_a_damaged_newest_commit_gives_way_to_the_one_before(name: str, tmp_path: Path) -> None:
    make_run(tmp_path / "run", 3)
    make_run(tmp_path / "whole", 4)
    flip(tmp_path / "run" / name)
    warnings: list[str] = []
    with Run.open(tmp_path / "run", warnings.append) as run:
        latest = run.latest()
        assert latest
        assert latest.iteration == 2
        assert [shard.name for shard in run.shards()] == ["000001.parquet", "000002.parquet"]
        assert len(warnings) == 1
        assert Path(name).name in warnings[0]
        assert "going back to iteration 2" in warnings[0]
        for iteration in (3, 4):
            commit(run, iteration)
    kept = {name: data for name, data in content(tmp_path / "run").items() if "quarantine" not in name}
    assert kept == content(tmp_path / "whole")
    assert (tmp_path / "run" / "quarantine" / name).exists()
    assert (tmp_path / "run" / "quarantine" / "replay" / "000003.parquet").exists()


def test_play_takes_the_one_before_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "run", 3)
    before = content(tmp_path / "run")
    flip(tmp_path / "run" / "checkpoints/000003/model.safetensors")
    before = content(tmp_path / "run")
    _, _, network = load_checkpoint(tmp_path / "run")
    assert torch.equal(network.stem.conv.weight, make_checkpoint(2).learner.model["stem.conv.weight"])
    assert "000003/model.safetensors' is damaged" in capsys.readouterr().err
    assert content(tmp_path / "run") == before, "playing wrote to the run"


def test_a_run_without_a_whole_commit_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    make_run(tmp_path / "run", 2)
    for number in (1, 2):
        flip(tmp_path / "run" / f"checkpoints/00000{number}/model.safetensors")
    before = content(tmp_path / "run")
    with Run.open(tmp_path / "run") as run, pytest.raises(UserError, match=r"no whole commit .*model"):
        run.latest()
    assert content(tmp_path / "run") == before
    with pytest.raises(CorruptFileError, match="SHA-256"):
        load_checkpoint(tmp_path / "run")


def test_files_of_others_in_a_run_are_left_alone(tmp_path: Path) -> None:
    make_run(tmp_path / "run", 2)
    mine = ["notes.txt", "games/000001.md", "replay/readme.txt", "tb/events", "checkpoints/best.txt"]
    for name in mine:
        (tmp_path / "run" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_text("mine")
    strays = ["replay/000009.parquet", "checkpoints/000009/model.safetensors", "manifest/000003.json.tmp"]
    for name in strays:
        (tmp_path / "run" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_text("left by a crash")
    with Run.open(tmp_path / "run") as run:
        run.latest()
    names = content(tmp_path / "run").keys()
    assert set(mine) <= names
    assert not set(strays) & names


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", CONFIG) as run:
        commit(run, 1)
        for attempt in (Run.open, lambda path: Run.create(path, CONFIG)):
            with pytest.raises(UserError, match=f"in use by process {os.getpid()}"):
                attempt(tmp_path / "run")
        assert read_run(tmp_path / "run")[1] == run.manifest
        load_checkpoint(tmp_path / "run")
    Run.open(tmp_path / "run").close()


def test_what_is_not_a_run_or_one_already(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a run directory \(no config\.toml\)"):
        Run.open(tmp_path)
    assert not list(tmp_path.iterdir())
    make_run(tmp_path / "run", 0)
    with pytest.raises(UserError, match="holds a run already; go on with --resume"):
        Run.create(tmp_path / "run", CONFIG)
    with pytest.raises(UserError, match="no checkpoint yet"):
        read_run(tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        Run.create(tmp_path / "file", CONFIG)


def test_a_full_disk_leaves_the_commit_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "run", 2)
    with Run.open(tmp_path / "run") as run:
        run.latest()

        def full(step: str) -> None:
            if step == "fsync":
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(storage, "fault_hook", full)
        with pytest.raises(UserError, match="No space left on device"):
            commit(run, 3)
        monkeypatch.setattr(storage, "fault_hook", None)
        commit(run, 3)
    make_run(tmp_path / "whole", 3)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_damaged_and_newer_settings_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "run", 1)
    path = tmp_path / "run" / "config.toml"
    text = path.read_text()
    for old, new, complaint in [
        ("format = 1", "format = 2", "format 2, newer than 1"),
        ("[search]", "[serach]", r"config\.toml': unknown setting 'serach\.rule'"),
        ("seed = 1", "seed = ", r"config\.toml' is not valid TOML"),
    ]:
        path.write_text(text.replace(old, new))
        with pytest.raises(UserError, match=complaint):
            Run.open(tmp_path / "run")


def test_a_replay_file_of_another_game_does_not_pass(tmp_path: Path) -> None:
    make_run(tmp_path / "run", 1)
    path = tmp_path / "run" / REPLAY / "000001.parquet"
    digest = write_games(path, two_games(0), "chess")
    with pytest.raises(CorruptFileError, match="games of chess, not of connect4"):
        read_games(path, "connect4", digest)


if __name__ == "__main__":
    # A process that ends loses nothing that was written, synced or not, and syncing takes most of the time.
    os.fsync = lambda _: None
    torch.set_num_threads(1)
    print(kill_everywhere(Path(sys.argv[1])))
