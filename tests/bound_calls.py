"""What `engine._core` binds, found by looking."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine import _core


@dataclass(frozen=True)
class Call:
    """Something bound: how to call it on an instance of `owner` (None: a function)."""

    name: str
    owner: type | None
    run: Callable[..., Any]
    parameters: tuple[tuple[str, str], ...]
    """Names and types, without self."""
    keywords: frozenset[str] = frozenset()


def bound_calls() -> list[Call]:
    """All that the core binds, by name: functions, constructors, methods, attributes read and written."""
    calls: list[Call] = []
    for name, thing in sorted(vars(_core).items()):
        if isinstance(thing, type):
            calls.extend(_calls_of(name, thing))
        elif callable(thing):
            calls.append(_call(name, None, thing))
    return calls


def _calls_of(name: str, owner: type) -> Iterator[Call]:
    if issubclass(owner, BaseException):
        return
    for attribute, thing in sorted(vars(owner).items()):
        where = f"{name}.{attribute}"
        if isinstance(thing, property):
            yield Call(where, owner, lambda self, name=attribute: getattr(self, name), ())
            if thing.fset is not None:
                kind = re.search(r"-> (.*)", thing.fget.__doc__ or "")
                typed = (("value", kind[1] if kind else ""),)
                yield Call(
                    f"{where}=", owner, lambda self, value, name=attribute: setattr(self, name, value), typed
                )
        elif attribute in ("__init__", "__new__"):
            yield Call(f"{where} again", owner, owner.__init__, _parameters(thing.__doc__ or ""))
            yield Call(name, None, owner, _parameters(owner.__init__.__doc__ or ""))
        elif callable(thing) and not attribute.startswith("_pybind11"):
            yield _call(where, owner, getattr(owner, attribute))


def _call(name: str, owner: type | None, function: Callable[..., Any]) -> Call:
    signatures = re.findall(r"(?:\d+\. )?\w+\((.*)\) -> .*", function.__doc__ or "")
    longest = max((_parameters(f"f({inside}) -> x") for inside in signatures), key=len, default=())
    return Call(name, owner, function, longest)


def _parameters(doc: str) -> tuple[tuple[str, str], ...]:
    match = re.search(r"\((.*)\) -> ", doc)
    parts = re.split(r",\s*(?=\w+:|\*)", match[1]) if match else []
    named = [part.partition(":") for part in parts if ":" in part]
    return tuple(
        (name.strip(), kind.partition(" = ")[0].strip()) for name, _, kind in named if name != "self"
    )
