"""What outlives a call into the core: arrays that Python may change, classes, and threads at the end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine import _core
from engine.registry import load_game

CONNECT4 = load_game("connect4")


def connect4_trees(count: int, **fields: Any) -> _core.Trees:
    trees = _core.Trees(CONNECT4, _core.SearchParams(**fields))
    for _ in range(count):
        trees.add(CONNECT4.initial())
    return trees


@pytest.mark.filterwarnings("ignore:Setting the")
def test_a_reply_whose_array_has_changed_its_type_is_refused() -> None:
    trees = connect4_trees(4)
    requests = trees.select(1)
    wdl = np.zeros(3, np.float32)
    reply = _core.DenseReply(wdl, np.zeros((4, 7), np.float32))
    wdl.dtype = np.uint8  # type: ignore[misc]
    wdl.shape = (4, 3)  # the shape that is wanted, in a quarter of the memory
    with pytest.raises(ValueError, match="no longer arrays of float32"):
        trees.backup(requests, reply)


@pytest.mark.parametrize(
    "change",
    [
        lambda planes: planes.setflags(write=False),
        lambda planes: setattr(planes, "shape", (planes.size,)),
        lambda planes: setattr(planes, "dtype", np.uint8),
    ],
)
@pytest.mark.filterwarnings("ignore:Setting the")
def test_planes_are_right_whatever_was_done_to_those_before(change: Callable[[Any], None]) -> None:
    trees, untouched = connect4_trees(4), connect4_trees(4)
    for each in (trees, untouched):
        requests = each.select(1)
        planes = requests.planes
        assert not isinstance(planes.base, np.ndarray)  # there is no way to the memory but this view
        if each is trees:
            change(planes)
        each.backup(requests, _core.uniform(requests))
    assert np.array_equal(trees.select(3).planes, untouched.select(3).planes)


def test_objects_stay_of_their_class() -> None:
    trees = connect4_trees(1)
    with pytest.raises(TypeError, match="__class__ assignment"):
        trees.__class__ = _core.Pool  # type: ignore[assignment]
    with pytest.raises(TypeError, match="immutable type"):
        _core.Trees.select = None  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize(
    ("wdl", "value", "bad"),
    [
        ((1.02, 0.0, -0.02), 1.0, 0),  # as far as rounding may go
        ((1.0, 0.0078, 0.0), 1.0, 0),
        ((-0.019, 1.0, 0.019), 0.0, 0),
        ((0.25, 0.5, 0.25), 0.0, 0),
        ((1.05, 0.0, -0.05), 0.0, 1),
        ((0.34, 0.36, 0.34), 0.0, 1),
    ],
)
def test_no_value_leaves_its_range(wdl: tuple[float, float, float], value: float, bad: int) -> None:
    trees = connect4_trees(1)
    requests = trees.select(1)
    trees.backup(requests, _core.DenseReply(np.array([wdl], np.float32), np.zeros((1, 7), np.float32)))
    root = trees.root(0)
    assert root["value"] == pytest.approx(value, abs=1e-6)
    assert min(root["raw_wdl"]) >= 0
    assert min(root["wdl"]) >= -1e-6
    assert sum(root["wdl"]) == pytest.approx(1)
    assert trees.stats()["bad_replies"] == bad


THREADS = """
import threading
from engine import _core
from engine.registry import load_game

busy = threading.Barrier(4)

def search_on(name):
    game = load_game(name)
    trees = _core.Trees(game, _core.SearchParams())
    for _ in range(16):
        trees.add(game.initial())
    for turn in range(10**9):
        while requests := trees.select(2000):
            trees.backup(requests, _core.rollout(requests, 1))
            if turn == 0:
                busy.wait()
                turn = 1
        trees.drop()

for _ in range(3):
    threading.Thread(target=search_on, args=("{name}",), daemon=True).start()
busy.wait()
print("the end")
"""


@pytest.mark.parametrize("name", ["connect4", "tictactoe", "nim"])
def test_a_process_ends_well_while_threads_search(name: str) -> None:
    code = textwrap.dedent(THREADS).replace("{name}", name)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "")
