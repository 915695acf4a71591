"""Run directories that others have damaged: refused or told by name, and nothing of them is deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_run import COMMITS, CONFIG, commit, content, make_run

from engine.config import build_config
from engine.errors import CorruptFileError, MissingFileError, UserError
from engine.game_run import Run, read_config, read_run
from engine.run import manifest as manifests
from engine.run.layout import COPY
from engine.run.local_disk import Lock
from engine.run.manifest import read_sealed, write_sealed
from engine.run.settings_file import read_changes
from engine.run.storage import Digest, atomic_write, read_checked, write_mark
from engine.selfplay.game_table import read_games


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three commits."""
    make_run(tmp_path / "run", COMMITS)
    return tmp_path / "run"


def take_up(path: Path) -> tuple[int, list[str]]:
    """The iteration that a run goes on from, and what is said."""
    told: list[str] = []
    with Run.open(path, told.append) as opened:
        latest = opened.latest()
        return latest.iteration if latest else 0, told


def without(content: dict[str, bytes], *names: str) -> dict[str, bytes]:
    return {name: data for name, data in content.items() if not name.startswith(names)}


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (["manifest/*"], "has files of iterations 1 to 3"),
        (["manifest"], "has files of iterations 1 to 3"),
        (["manifest", "replay"], "has files of iterations 2 to 3"),
        (["manifest", "checkpoints"], "has files of iterations 1 to 3"),
        (["manifest/*", "checkpoints/000001", "checkpoints/000002", "replay"], "files of iteration 3"),
        (["checkpoints"], "no whole commit .*state.json' .*is missing"),
        (["checkpoints/000002", "checkpoints/000003"], "no whole commit .*is missing"),
    ],
)
def test_a_partial_copy_is_refused_and_left_as_it_is(run: Path, gone: list[str], told: str) -> None:
    for pattern in gone:
        for path in list(run.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = content(run)
    for _ in range(2):
        with pytest.raises(UserError, match=f"{told}.*copy"):
            take_up(run)
        assert content(run) == before


def test_a_reader_tells_a_lost_manifest_from_a_run_without_a_commit(run: Path) -> None:
    shutil.rmtree(run / "manifest")
    with pytest.raises(UserError, match=r"files of iterations 1 to 3 but nothing in .*copy the whole run"):
        read_run(run)
    for name in ("checkpoints", "replay"):
        shutil.rmtree(run / name)
    with pytest.raises(UserError, match="no checkpoint yet; let it finish an iteration"):
        read_run(run)


def test_no_run_is_begun_over_the_files_of_another(run: Path) -> None:
    shutil.rmtree(run / "manifest")
    for name in ("config.toml", COPY):
        (run / name).unlink()
    before = content(run)
    with pytest.raises(UserError, match="files of iterations 1 to 3"):
        Run.create(run, CONFIG)
    assert content(run) == before


def test_metrics_alone_tell_of_a_run(run: Path) -> None:
    for name in ("manifest", "checkpoints", "replay"):
        shutil.rmtree(run / name)
    (run / "metrics.jsonl").write_text('{"iteration": 1}\n{"iteration": 2}\n')
    with pytest.raises(UserError, match="metrics of earlier iterations"):
        take_up(run)
    (run / "metrics.jsonl").write_text('{"iteration": 1}\n')
    with pytest.raises(UserError, match="metrics of earlier iterations"):
        take_up(run)
    (run / "manifest").mkdir()
    write_mark(run / "manifest" / "000001.begun")  # as a kill before the first commit leaves it
    assert take_up(run) == (0, [])


@pytest.mark.parametrize("left", ["games/000001.pgn", COPY])
def test_what_little_is_left_of_a_run_is_not_written_over(run: Path, left: str) -> None:
    (run / "games").mkdir()
    (run / "games" / "000001.pgn").write_text("1. e4 *")
    for path in list(run.iterdir()):
        if path.name not in (left, left.partition("/")[0]):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = content(run)
    with pytest.raises(UserError, match=r"holds a run already|files of iteration 1 but nothing in"):
        Run.create(run, CONFIG)
    assert content(run) == before


@pytest.mark.parametrize("how", ["empty", "copied", "of an older version", "none"])
def test_an_announcement_that_was_not_made_here_costs_nothing(run: Path, how: str) -> None:
    (run / "metrics.jsonl").write_text("".join(f'{{"iteration": {number}}}\n' for number in (1, 2, 3)))
    (run / "games").mkdir()
    (run / "games" / "000003.md").write_text("a game")
    kept = {name: data for name, data in content(run).items() if "000003" in name or "metrics" in name}
    del kept["manifest/000003.json"]
    (run / "manifest" / "000003.json").unlink()
    begun = run / "manifest" / "000003.begun"
    if how == "copied":
        write_mark(run / "mark")
        shutil.copy2(run / "mark", begun)
    elif how != "none":
        begun.write_bytes(b"" if how == "empty" else b"x")
    for _ in range(3):
        found, told = take_up(run)
        assert found == 2
        assert "files of iteration 3: going back to iteration 2" in told[0]
    assert not begun.exists()
    after = content(run)
    for name, data in kept.items():
        assert after[f"quarantine/{name}"] == data, name
    assert not [name for name in after if ".2" in name]


def test_a_missing_newest_manifest_is_told_and_its_files_are_kept(run: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "whole", COMMITS)
    for attempt in ("", ".2"):
        files = {name: data for name, data in content(run).items() if "000003" in name}
        (run / "manifest" / "000003.json").unlink()
        iteration, told = take_up(run)
        assert iteration == 2
        assert len(told) == 1
        assert "no manifest" in told[0]
        assert "files of iteration 3: going back to iteration 2" in told[0]
        for name, data in files.items():
            place, _, rest = name.partition("000003")
            shard = place == "replay/"
            aside = f"000003{rest}{attempt}" if shard else f"000003{attempt}{rest}"
            if not name.startswith(("manifest", "quarantine")):
                assert (run / "quarantine" / place / aside).read_bytes() == data, name
        with Run.open(run) as opened:
            opened.latest()
            commit(opened, 3)
        assert without(content(run), "quarantine") == content(tmp_path / "whole")


def test_several_missing_manifests_leave_nothing_to_go_back_to(run: Path) -> None:
    for number in (2, 3):
        (run / "manifest" / f"00000{number}.json").unlink()
    before = content(run)
    with pytest.raises(UserError, match=r"has files of iterations 1 to 3 but nothing"):
        take_up(run)
    assert content(run) == before


def test_a_missing_older_manifest_is_told(run: Path) -> None:
    (run / "manifest" / "000002.json").unlink()
    before = content(run)
    iteration, told = take_up(run)
    assert iteration == 3
    assert len(told) == 1
    assert "000002.json' is missing; there is no commit to fall back on" in told[0]
    assert content(run) == before


def test_only_what_the_loop_has_left_is_swept(run: Path) -> None:
    mine = [
        "notes.tmp", "manifest/mine.json", "manifest/notes.tmp", "checkpoints/000003/notes.txt",
        "checkpoints/best/model.safetensors", "replay/more.parquet", "replay/000001.txt",
    ]  # fmt: skip
    left = [
        "config.toml.tmp", "manifest/000004.json.tmp", "replay/000004.parquet", "replay/000004.parquet.tmp",
        "checkpoints/000004/model.safetensors", "checkpoints/000004.tmp/x", "games/000004.md",
        "games/000004.md.tmp",
    ]  # fmt: skip
    before = content(run)
    for name in (*mine, *left):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(b"x")
    write_mark(run / "manifest" / "000004.begun")
    (run / "metrics.jsonl").write_text('{"iteration": 4}\n')
    before["metrics.jsonl"] = (run / "metrics.jsonl").read_bytes()
    (run / "checkpoints" / "empty").mkdir()
    assert take_up(run) == (3, [])
    assert content(run) == before | dict.fromkeys(mine, b"x")
    assert (run / "checkpoints" / "empty").is_dir()
    assert not (run / "checkpoints" / "000004").exists()


def test_every_bit_of_the_settings_is_noticed(run: Path) -> None:
    path = run / "config.toml"
    whole, config = path.read_bytes(), read_config(run)
    refused = 0
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            assert read_config(run) == config, (place, data[place])
        except UserError as error:
            refused += len(str(error).splitlines())
    assert 0.9 * len(whole) < refused <= len(whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("c_puct = 1.5", "c_puct = 3.0"), "says search.c_puct = 3.0, .* with 1.5"),
        (lambda text: text.replace("seed = 1\n", "seed = true\n"), "'seed' = True: true and false are"),
        (lambda text: text.replace("seed = 1\n", "seed = 1.0\n"), r"says seed = 1.0, .* with 1;"),
        (lambda text: text[: text.index("[learner]")], r"lacks learner.batch_size, .* with 256 \(and"),
        (lambda text: text[: text.index("[versions]")], "lacks versions.format"),
        (lambda _: "", 'lacks game, the run was begun with "connect4"'),
        (lambda text: text[:99], "not valid TOML"),
        (lambda text: text.replace("c_puct = 1.5", "c_punt = 1.5"), "unknown setting 'search.c_punt'"),
        (lambda text: text.replace('"connect4"', '"connect5"'), 'says game = "connect5"'),
        (lambda _: None, "has lost its config.toml"),
    ],
)
@pytest.mark.parametrize("commits", [0, COMMITS])
def test_settings_that_are_not_the_runs_are_named_with_a_remedy(
    change: Callable[[str], str | None], told: str, commits: int, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    make_run(run, commits)
    path = run / "config.toml"
    text = change(path.read_text())
    path.unlink()
    if text is not None:
        path.write_text(text)
    before = content(run)
    for read in (take_up, read_config, read_run):
        with pytest.raises(UserError, match=f"{told}.*put it back with cp {run / COPY} {path}"):
            read(run)
    assert content(run) == before
    shutil.copy(run / COPY, path)
    assert take_up(run) == (commits, [])


def test_comments_are_no_settings(run: Path) -> None:
    path = run / "config.toml"
    path.write_text("# mine\n" + path.read_text().replace(" = ", "="))
    assert take_up(run) == (3, [])


def test_a_run_of_an_older_version_is_compared_with_its_checkpoint(run: Path) -> None:
    (run / COPY).unlink()
    for path in (run / "manifest").iterdir():
        sealed = read_sealed(path)
        del sealed["settings"]
        write_sealed(path, sealed)
    path = run / "config.toml"
    text = path.read_text()
    path.write_text(text.replace("c_puct = 1.5", "c_puct = 3.0"))
    before = content(run)
    with pytest.raises(UserError, match=r"says search.c_puct = 3.0, the run was begun with 1.5.*put it back"):
        take_up(run)
    assert content(run) == before
    for cut in ("", text[: text.index("[versions]")]):
        path.write_text(cut)
        with pytest.raises(UserError, match="names no format"):
            take_up(run)
    path.write_text(text)
    assert take_up(run) == (3, [])
    assert (run / COPY).read_text() == text
    with Run.open(run) as opened:
        opened.latest()
        commit(opened, 4)
    assert manifests.Manifest.read(run / "manifest" / "000004.json").settings


def test_a_file_is_not_read_where_its_size_is_wrong(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = run / "checkpoints" / "000003" / "model.safetensors"
    shard = run / "replay" / "000003.parquet"
    for path in (model, shard):
        os.truncate(path, 1 << 40)  # holes, no blocks
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        assert path not in (model, shard), "read"
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    iteration, told = take_up(run)
    assert iteration == 2
    assert "1099511627776 bytes instead of" in told[0]
    with pytest.raises(CorruptFileError, match="bytes instead of"):
        read_games(run / "quarantine" / "replay" / "000003.parquet", "connect4", Digest("", 5))


@pytest.mark.parametrize("name", ["checkpoints/000003/model.safetensors", "manifest/000003.json"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "nothing", "link to nothing"])
def test_what_is_no_file_gives_way_to_the_commit_before(run: Path, name: str, kind: str) -> None:
    (run / name).unlink()
    if kind == "folder":
        (run / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(run / name)
    elif kind == "link to nothing":
        (run / name).symlink_to(run / "nosuch")
    iteration, told = take_up(run)
    assert iteration == 2
    assert len(told) == 1


def test_what_may_not_be_read_is_no_damage(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = run / "checkpoints" / "000003" / "model.safetensors"
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == model:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    before = {path for path in run.rglob("*") if path.name != "LOCK"}
    with pytest.raises(UserError, match=r"model.safetensors' cannot be read: Permission denied; allow it"):
        take_up(run)
    assert {path for path in run.rglob("*") if path.name != "LOCK"} == before


def test_a_run_that_is_moved_away_is_written_no_more(run: Path) -> None:
    with Run.open(run) as opened:
        opened.latest()
        run.rename(run.with_name("moved"))
        with pytest.raises(UserError, match="has been moved or removed meanwhile; put it back"):
            commit(opened, 4)
        assert not run.exists()
        shutil.copytree(run.with_name("moved"), run)
        with pytest.raises(UserError, match="has been moved"):
            commit(opened, 4)
        shutil.rmtree(run)
        run.with_name("moved").rename(run)
        commit(opened, 4)


@pytest.mark.parametrize("left", [b"", b"4711\n", b"\xff\xfe\x00 other-host 12\n" * 100])
def test_a_lock_that_nobody_holds_is_taken(run: Path, left: bytes) -> None:
    (run / "LOCK").write_bytes(left)
    assert take_up(run) == (3, [])
    assert (run / "LOCK").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_holds_rubbish_is_told_in_one_line(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "LOCK")
    (tmp_path / "LOCK").write_bytes(b"\xff\n\x1b[31m")
    with pytest.raises(UserError, match="in use by process") as caught:
        Lock(tmp_path / "LOCK")
    assert str(caught.value).isprintable()
    lock.release()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        Lock(tmp_path / "folder")


def test_missing_is_told_from_damaged(tmp_path: Path) -> None:
    digest = atomic_write(tmp_path / "a", b"abc")
    with pytest.raises(MissingFileError, match=r"'.*b' cannot be read, it is missing"):
        read_checked(tmp_path / "b", digest)
    with pytest.raises(MissingFileError, match="is missing"):
        read_checked(tmp_path / "a" / "b", digest)
    (tmp_path / "a").write_bytes(b"abd")
    with pytest.raises(CorruptFileError, match="SHA-256") as caught:
        read_checked(tmp_path / "a", digest)
    assert not isinstance(caught.value, MissingFileError)


def test_folders_may_be_links(tmp_path: Path) -> None:
    for name in ("checkpoints", "replay"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    (tmp_path / "run").mkdir()
    for name in ("checkpoints", "replay"):
        (tmp_path / "run" / name).symlink_to(tmp_path / "disk" / name)
    (tmp_path / "link").symlink_to(tmp_path / "run")
    make_run(tmp_path / "link", 4)
    make_run(tmp_path / "whole", 4)
    assert take_up(tmp_path / "link") == (4, [])
    names = [str(path.relative_to(tmp_path / "disk")) for path in (tmp_path / "disk").rglob("*.*")]
    assert sorted(names) == sorted(without(content(tmp_path / "whole"), "manifest", "config"))


def test_the_settings_of_a_run_start_another(run: Path) -> None:
    assert build_config(read_changes(run / "config.toml")) == CONFIG
