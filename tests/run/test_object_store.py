"""A run in a store of objects: reading and writing whole by key is enough, without folders or renames."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_run import COMMITS, CONFIG, commit

from engine.errors import CorruptFileError, MissingFileError, UserError
from engine.game_run import Run
from engine.run import local_disk, storage
from engine.run.layout import METRICS
from engine.run.metrics import Metrics, read_metrics
from engine.run.storage import Digest

RUN = Path("/nowhere/run")


class StoppedError(BaseException):
    """Stands for the end of the process."""


class Objects:
    """Bytes by key, and what `engine.run.storage` promises of them; a put and a delete are each a step.

    stop: steps after which the process ends, before the next one.
    """

    def __init__(self, stop: float = float("inf")) -> None:
        self.content: dict[Path, bytes] = {}
        self.locked: set[Path] = set()
        self.left = stop

    def put(self, path: Path, data: bytes) -> None:
        self._step()
        self.content[path] = data

    def delete(self, path: Path) -> None:
        self._step()
        del self.content[path]

    def _step(self) -> None:
        if self.left <= 0:
            raise StoppedError
        self.left -= 1

    def below(self, folder: Path) -> list[Path]:
        return [path for path in self.content if path == folder or folder in path.parents]

    def exists(self, path: Path) -> bool:
        return bool(self.below(path))

    def is_file(self, path: Path) -> bool:
        return path in self.content

    def is_folder(self, path: Path) -> bool:
        return self.exists(path) and not self.is_file(path)

    def list_folder(self, folder: Path) -> list[Path]:
        names = {path.relative_to(folder).parts[0] for path in self.below(folder) if path != folder}
        return [folder / name for name in sorted(names)]

    def read_checked(self, path: Path, digest: Digest | None = None, max_bytes: int | None = None) -> bytes:
        if path not in self.content:
            raise MissingFileError(f"'{path}' is missing")
        data = self.content[path]
        if (max_bytes is not None and len(data) > max_bytes) or digest not in (None, Digest.of(data)):
            raise CorruptFileError(f"'{path}' is damaged")
        return data

    def atomic_write(self, path: Path, data: bytes) -> Digest:
        self.put(path, data)
        return Digest.of(data)

    def append(self, path: Path, data: bytes) -> None:
        self.put(path, self.content.get(path, b"") + data)

    def truncate(self, path: Path, num_bytes: int) -> None:
        self.put(path, self.content[path][:num_bytes])

    def make_folder(self, path: Path) -> None:
        pass

    def remove(self, path: Path) -> None:
        for each in self.below(path):
            self.delete(each)

    def move_aside(self, path: Path, folder: Path) -> None:
        target = self._free(folder / path.name)
        for each in self.below(path):
            self.put(target / each.relative_to(path), self.content[each])
            self.delete(each)

    def copy_aside(self, path: Path, folder: Path) -> None:
        self.put(self._free(folder / path.name), self.content[path])

    def _free(self, path: Path) -> Path:
        numbers = (path.with_name(f"{path.name}.{number}") for number in itertools.count(2))
        return next(each for each in itertools.chain([path], numbers) if not self.exists(each))

    def write_mark(self, path: Path) -> None:
        self.put(path, str(path).encode())

    def is_mark(self, path: Path) -> bool:
        return self.content.get(path) == str(path).encode()

    def lock(self, path: Path) -> HeldLock:
        if path in self.locked:
            raise UserError(f"'{path}' is in use")
        return HeldLock(self, path)

    def damage(self, path: Path) -> None:
        data = bytearray(self.content[path])
        data[len(data) // 2] ^= 4
        self.content[path] = bytes(data)


class HeldLock:
    def __init__(self, objects: Objects, path: Path) -> None:
        self._objects, self._path = objects, path
        objects.locked.add(path)

    def check(self) -> None:
        pass

    def release(self) -> None:
        self._objects.locked.discard(self._path)


VERBS = [
    name
    for name, verb in vars(Objects).items()
    if not name.startswith("_") and hasattr(storage, name) and inspect.isfunction(verb)
]


def use(objects: Objects, patch: pytest.MonkeyPatch) -> Objects:
    for verb in VERBS:
        patch.setattr(storage, verb, getattr(objects, verb))
    patch.setattr(local_disk, "Lock", objects.lock)
    return objects


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    yield use(Objects(), monkeypatch)
    assert not RUN.parent.exists()


def go_on(commits: int = COMMITS) -> int:
    """Begin or take up the run and bring it to so many commits; the iteration it was found at."""
    with Run.open(RUN) if storage.exists(RUN / "config.toml") else Run.create(RUN, CONFIG) as run:
        latest = run.latest()
        found = latest.iteration if latest else 0
        with Metrics(RUN, found, tensorboard=False) as metrics:
            for iteration in range(found + 1, commits + 1):
                run.begin(iteration)
                metrics.write(iteration, {"loss/policy": 1.0})
                commit(run, iteration)
    return found


def test_the_store_takes_the_same_calls() -> None:
    described = (storage.__doc__ or "").split()
    assert set(VERBS) == {name for name in described if inspect.isfunction(getattr(storage, name, None))}
    for verb in VERBS:
        ours = inspect.signature(getattr(storage, verb)).parameters
        theirs = inspect.signature(getattr(Objects(), verb)).parameters
        assert [str(each) for each in theirs.values()] == [str(each) for each in ours.values()], verb


def test_a_run_that_stops_at_any_step_goes_on_from_its_last_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = use(Objects(), monkeypatch)
    assert go_on(2) == 0
    for stop in itertools.count():
        objects = use(Objects(stop), monkeypatch)
        try:
            go_on(2)
            break
        except StoppedError:
            named = sum(path.parent.name == "manifest" and path.suffix == ".json" for path in objects.content)
            objects.left = float("inf")
            assert (go_on(2) > 0) == (named > 0), stop
            assert objects.content == whole.content, stop
    assert stop > 20
    assert [line["iteration"] for line in read_metrics(RUN / METRICS)] == [1, 2]


def test_a_damaged_commit_is_set_aside(objects: Objects) -> None:
    go_on()
    whole = dict(objects.content)
    objects.damage(RUN / "checkpoints/000003/model.safetensors")
    assert go_on() == 2
    aside = {path for path in objects.content if "quarantine" in path.parts}
    assert RUN / "quarantine/checkpoints/000003/model.safetensors" in aside
    assert {path: data for path, data in objects.content.items() if path not in aside} == whole


@pytest.mark.usefixtures("objects")
def test_a_second_writer_is_refused() -> None:
    with Run.create(RUN, CONFIG), pytest.raises(UserError, match="in use"):
        Run.open(RUN)
