"""Checkpoints: all of a run comes back, and nothing that is damaged or foreign is taken for one."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from engine import _core
from engine.checkpoint import (
    MODEL,
    STATE,
    Checkpoint,
    load_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from engine.config import Config, build_config
from engine.errors import CorruptFileError, UserError
from engine.learner.learner import Learner
from engine.run.manifest import Manifest, read_sealed, write_sealed
from engine.run.storage import Digest
from engine.selfplay.game_table import Games
from games.connect4 import Connect4

GAME = Connect4()
CONFIG = build_config(
    {
        "network": {"channels": 4, "blocks": 1, "head_channels": 2, "value_hidden": 3},
        "learner": {"batch_size": 8, "threads": 1, "warmup_steps": 0},
    }
)


def pools(count: int = 2) -> list[_core.Pool]:
    result = []
    for index in range(count):
        play = _core.PlayParams(simulations=4)
        pool = _core.Pool(GAME, _core.SearchParams(), play, seed=1, games=3, first_id=index, stride=count)
        pool.start(50)
        while requests := pool.select():
            pool.backup(requests, _core.uniform(requests))
        result.append(pool)
    return result


def make_checkpoint(iteration: int = 7, config: Config = CONFIG) -> Checkpoint:
    callers = pools()
    window = _core.ReplayWindow(GAME)
    for pool in callers:
        window.append(pool.take_games())
    learner = Learner(GAME, config, seed=1)
    learner.train(window, 2)
    learner.plan_steps(3)
    return Checkpoint(
        iteration=iteration,
        config=config,
        learner=learner.state(),
        games=[pool.snapshot() for pool in callers],
        next_ids=[pool.next_id for pool in callers],
        progress={"seconds": 12.5},
    )


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return make_checkpoint()


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    write_checkpoint(tmp_path / "000007", checkpoint, GAME.planes_shape, GAME.num_actions)
    return tmp_path / "000007"


def same_games(one: Games, other: Games) -> bool:
    """Whether those read are those of a pool, which alone say their game: the checkpoint says it for all."""
    return one.keys() == other.keys() - {"rules"} and all(
        np.array_equal(one[name], other[name], equal_nan=name in ("outcome", "kl")) for name in one
    )


def test_all_of_it_comes_back(tmp_path: Path, checkpoint: Checkpoint) -> None:
    digests = write_checkpoint(tmp_path / "c", checkpoint, GAME.planes_shape, GAME.num_actions)
    assert {path.name for path in (tmp_path / "c").iterdir()} == set(digests)
    back = read_checkpoint(tmp_path / "c", digests)
    assert (back.iteration, back.config, back.next_ids) == (7, CONFIG, checkpoint.next_ids)
    assert back.progress == {"seconds": 12.5}
    assert back.learner.numbers == checkpoint.learner.numbers
    assert back.learner.numbers["owed_steps"] > 0
    for name in ("model", "learner", "optimizer"):
        ours, theirs = getattr(back.learner, name), getattr(checkpoint.learner, name)
        assert ours.keys() == theirs.keys()
        assert ours
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items())
    assert len(back.games) == 2
    assert all(same_games(ours, theirs) for ours, theirs in zip(back.games, checkpoint.games, strict=True))
    for pool, games, next_id in zip(pools(), back.games, back.next_ids, strict=True):
        pool.restore(games, next_id)


def test_no_two_writes_differ(tmp_path: Path, checkpoint: Checkpoint) -> None:
    one, other = (
        write_checkpoint(tmp_path / name, checkpoint, GAME.planes_shape, GAME.num_actions) for name in "ab"
    )
    assert one == other


@pytest.mark.parametrize("name", ["", MODEL])
def test_playing_takes_the_average(name: str, folder: Path, checkpoint: Checkpoint) -> None:
    game, config, network = load_checkpoint(folder / name)
    assert (game, config) == ("connect4", CONFIG)
    assert not network.training
    assert (network.planes_shape, network.num_actions) == (GAME.planes_shape, GAME.num_actions)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, checkpoint.learner.model[key])


def test_playing_needs_two_files(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.name not in (MODEL, STATE):
            path.unlink()
    shutil.copytree(folder, tmp_path / "elsewhere")
    load_checkpoint(tmp_path / "elsewhere")
    (folder / STATE).unlink()
    with pytest.raises(CorruptFileError, match=r"state\.json' cannot be read"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", [MODEL, STATE])
def test_damage_anywhere_is_found_when_playing(name: str, folder: Path) -> None:
    good = (folder / name).read_bytes()
    for index in range(0, len(good), max(1, len(good) // 60)):
        damaged = bytearray(good)
        damaged[index] ^= 1 << (index % 8)
        for data in (bytes(damaged), good[:index]):
            (folder / name).write_bytes(data)
            with pytest.raises(CorruptFileError, match=str(folder)):
                load_checkpoint(folder)


def test_damage_anywhere_is_found_when_training_goes_on(tmp_path: Path, checkpoint: Checkpoint) -> None:
    folder = tmp_path / "c"
    digests = write_checkpoint(folder, checkpoint, GAME.planes_shape, GAME.num_actions)
    for name in digests:
        good = (folder / name).read_bytes()
        damaged = bytearray(good)
        damaged[len(good) // 2] ^= 16
        for data in (bytes(damaged), good[:-1], b""):
            (folder / name).write_bytes(data)
            with pytest.raises(CorruptFileError, match=name.replace(".", r"\.")):
                read_checkpoint(folder, digests)
        (folder / name).unlink()
        with pytest.raises(CorruptFileError, match="No such file"):
            read_checkpoint(folder, digests)
        (folder / name).write_bytes(good)
    read_checkpoint(folder, digests)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path("/nonexistent/bomb").mkdir, ()


def test_a_pickle_is_never_loaded(folder: Path, tmp_path: Path) -> None:
    for name in ("model.pt", "model.pkl"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(UserError, match=r"pickles.*never loaded"):
            load_checkpoint(path)
    torch.save({"a": torch.zeros(2)}, tmp_path / "x.pt")
    pickled = (tmp_path / "x.pt").read_bytes()
    (folder / MODEL).write_bytes(pickled)
    state = read_sealed(folder / STATE)
    digest = Digest.of(pickled)
    state["files"][MODEL] = {"sha256": digest.sha256, "bytes": digest.num_bytes}
    write_sealed(folder / STATE, state)
    with pytest.raises(CorruptFileError, match=rf"{MODEL}' is damaged"):
        load_checkpoint(folder)


def change(folder: Path, **values: Any) -> None:
    """Write state.json anew with other content, sealed as it should be."""
    write_sealed(folder / STATE, {**read_sealed(folder / STATE), **values})


def test_a_model_of_another_network_is_refused(folder: Path) -> None:
    network = {**CONFIG.network.model_dump(), "channels": 5}
    change(folder, config={**CONFIG.model_dump(mode="json"), "network": network})
    with pytest.raises(CorruptFileError, match=rf"{MODEL}': weights of another network"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"planes_shape": [3, 6]},
        {"planes_shape": [0, 6, 7]},
        {"planes_shape": "abc"},
        {"num_actions": None},
        {"num_actions": -7},
        {"files": {}},
        {"files": []},
        {"config": None},
    ],
)
def test_a_state_that_makes_no_sense_is_refused(values: dict[str, Any], folder: Path) -> None:
    change(folder, **values)
    with pytest.raises(CorruptFileError, match=STATE):
        load_checkpoint(folder)


def test_a_state_that_asks_for_all_memory_is_refused(folder: Path) -> None:
    change(folder, planes_shape=[3, 10**6, 10**6])
    with pytest.raises(UserError, match="weights, more than"):
        load_checkpoint(folder)


def test_a_newer_format_is_refused(folder: Path) -> None:
    state = json.loads((folder / STATE).read_bytes())
    (folder / STATE).write_text(json.dumps({**state, "format": 2}))
    with pytest.raises(CorruptFileError, match="format 2, newer than 1; use the version"):
        load_checkpoint(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format": "x"}', "[" * 100_000, "\udcff"])
def test_what_is_no_state_is_refused(text: str, folder: Path) -> None:
    (folder / STATE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CorruptFileError, match=STATE):
        load_checkpoint(folder)


def test_a_header_that_claims_too_much_is_refused(folder: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    for data in (len(header).to_bytes(8, "little") + header, (2**62).to_bytes(8, "little") + b"{}"):
        (folder / MODEL).write_bytes(data)
        digest = Digest.of(data)
        change(folder, files={MODEL: {"sha256": digest.sha256, "bytes": digest.num_bytes}})
        with pytest.raises(CorruptFileError, match=rf"{MODEL}' is damaged"):
            load_checkpoint(folder)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist; give a run"):
        load_checkpoint(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no checkpoint; give a run"):
        load_checkpoint(tmp_path)
    (tmp_path / "manifest").mkdir()
    with pytest.raises(UserError, match="no checkpoint yet"):
        load_checkpoint(tmp_path)


def test_a_manifest_comes_back_and_its_damage_is_found(tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    files = {MODEL: Digest("ab" * 32, 5)}
    manifest = Manifest(3, "connect4", (), {0: files, 3: files})
    manifest.write(tmp_path)
    path = tmp_path / "manifest" / "000003.json"
    assert Manifest.read(path) == manifest
    good = path.read_bytes()
    for index in range(len(good) - 1):
        damaged = bytearray(good)
        damaged[index] ^= 1
        path.write_bytes(damaged)
        try:
            assert Manifest.read(path) == manifest
        except CorruptFileError:
            continue
        assert bytes(damaged[index : index + 1]).isspace() or chr(good[index]).isspace()
    write_sealed(path, {"iteration": 3, "game": "g", "shards": [], "checkpoints": {"3": {"../../x": {}}}})
    with pytest.raises(CorruptFileError, match="not a manifest"):
        Manifest.read(path)


def test_tensors_are_safetensors(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / MODEL)
    assert "stem.norm.running_mean" in tensors
