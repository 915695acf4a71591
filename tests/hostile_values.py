"""Values that no function of the core was made for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine import _core


class Odd:
    """Says that it is a number, and fails when asked for it."""

    def __index__(self) -> int:
        raise KeyError("odd")

    __float__ = __len__ = __index__  # type: ignore[assignment]


INTEGERS = [
    -1, 7, 100, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64,
    -(2**31), -(2**63), 10**400, True,
]  # fmt: skip
FLOATS = [float("nan"), float("inf"), float("-inf"), -1.0, 1e-320, 1e38, 1e308, -0.0, 0.5]
FLOATS_32 = np.array([np.nan, np.inf, -np.inf, -1, 1e38, 0, 0.5], np.float32)
TEXTS = [
    "", "\0", "\ud800", "é" * 3, "9" * 10_000, "1" * 50_000, "moves " + "a" * 9_999, "a1" * 5_000, "B" * 200,
    "8/8/8/8/8/8/8/8 w - - 0 1", "k7/8/8/8/8/8/8/K7 w - - 99999999999999999999 1", "/" * 10_000,
    "%s%n%x" * 50,
]  # fmt: skip


def hostile(alive: Sequence[Any]) -> list[Any]:
    """What nothing should be given: values of all kinds, uninitialised objects, and those `alive`."""
    frozen = np.zeros((2, 3), np.float32)
    frozen.flags.writeable = False
    arrays: list[Any] = [
        np.zeros((0, 3), np.float32), np.zeros((1, 3), np.float32), np.full((2, 3), np.nan, np.float32),
        np.full((2, 3), 1e38, np.float32), np.zeros((2, 6), np.float32)[:, ::2], np.zeros((2, 3), np.float64),
        np.zeros((2, 3, 4), np.float32), np.zeros((3, 2), np.float32).T, np.array(3), np.float32(0.5), frozen,
        np.zeros((2, 3), ">f4"), np.array(["a"]), np.array([None]), np.array([-5, 2**62, 7]),
        np.arange(3)[::-1],
        np.array([2**31 - 1] * 3, np.int32), np.zeros((2, 0), np.float32), np.lib.stride_tricks.as_strided(
            np.zeros(1, np.float32), (10**4, 3), (0, 0)),
    ]  # fmt: skip
    unmade = [thing.__new__(thing) for thing in vars(_core).values() if isinstance(thing, type)]
    return [
        None, object(), Odd(), b"x", [], {}, (), [None], ["\ud800"], [2**40], [[1]], {"x": 1}, {1: 2}, int,
        3j, *INTEGERS, *FLOATS, *TEXTS, *arrays, *unmade, *alive, lambda *_: 7, print,
    ]  # fmt: skip


def damaged_games(games: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Columns of games with one thing wrong."""
    values: list[Any] = [
        None,
        [],
        "x",
        5,
        np.array(3),
        np.zeros(0),
        np.array([np.nan]),
        np.array(["a"]),
        np.array([2**63], np.uint64),
    ]
    for name, column in games.items():
        yield f"without {name}", {key: value for key, value in games.items() if key != name}
        for value in values:
            yield f"{name} is {value!r}", games | {name: value}
        if isinstance(column, np.ndarray):
            for at in (0, -1):
                for value in (-1, 2**31 - 1, 2**62, -(2**62), np.nan, np.inf, 1e30, 5):
                    with contextlib.suppress(ValueError, OverflowError):
                        wrong = column.copy()
                        wrong[at] = value
                        yield f"{name}[{at}] = {value}", games | {name: wrong}
            for wrong in (
                column[:-1], np.concatenate([column, column]), column[::-1], column.astype(np.float64),
                np.repeat(column, 2, axis=0)[::2], column[..., None], column.astype(">f8"),
            ):  # fmt: skip
                yield f"{name} another array", games | {name: wrong}
