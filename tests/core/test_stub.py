"""The stub of the core says what its functions take: names, order, defaults and plain types.

Signatures of pybind11's functions cannot be inspected; they stand in the first lines of their docstrings.
`scripts/test` runs stubtest, which holds that nothing is missing on either side.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import _core

STUB = Path(__file__).resolve().parents[2] / "engine" / "_core.pyi"
PLAIN = {"int", "float", "bool", "str", "None"}


def stubbed() -> Iterator[tuple[str, ast.FunctionDef]]:
    """(dotted name, function) of the stub, properties and private classes left out."""
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.decorator_list:
                    yield f"{node.name}.{inner.name}", inner


def shown(value: Any) -> list[ast.FunctionDef]:
    """The signatures in a docstring of pybind11's, one for each overload."""
    lines = [re.sub(r"^\d+\. ", "", line) for line in (value.__doc__ or "").splitlines()]
    found = [line for line in lines if re.match(r"\w+\(.*\) -> ", line) and "*args, **kwargs)" not in line]
    return [ast.parse(f"def {line}: ...").body[0] for line in found]  # type: ignore[misc]


def parameters(function: ast.FunctionDef) -> list[tuple[str, str, bool]]:
    """(name, kind, whether it has a default) of each, self left out."""
    given = function.args
    places = [*given.posonlyargs, *given.args]
    missing = len(places) - len(given.defaults)
    rows = [(each.arg, "place", index >= missing) for index, each in enumerate(places)]
    rows += [
        (each.arg, "keyword", default is not None)
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    rows += [("", "keywords", False)] if given.kwarg else []
    return [row for row in rows if row[0] != "self"]


def defaults(function: ast.FunctionDef) -> dict[str, Any]:
    """Default values by name; those that say no more than `...` left out."""
    given = function.args
    places = [*given.posonlyargs, *given.args][-len(given.defaults) :] if given.defaults else []
    pairs = [
        *zip(places, given.defaults, strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    values = {each.arg: ast.literal_eval(default) for each, default in pairs if default is not None}
    return {name: value for name, value in values.items() if value is not ...}


def plain_types(function: ast.FunctionDef) -> dict[str, str]:
    """Types of parameters and of the result where they are numbers, texts, switches or None."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = {each.arg: each.annotation for each in given} | {"return": function.returns}
    texts = {name: ast.unparse(each) for name, each in named.items() if each is not None}
    for name, text in texts.items():
        text = text.replace("typing.SupportsFloat | typing.SupportsIndex", "float")
        texts[name] = text.replace("typing.SupportsIndex", "int")
    return {name: text for name, text in texts.items() if set(text.split(" | ")) <= PLAIN}


FUNCTIONS = dict(stubbed())


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "attr__" not in name])
def test_a_function_takes_what_the_stub_says(name: str) -> None:
    told, value = FUNCTIONS[name], _core
    for part in name.split("."):
        value = getattr(value, part)
    if name.endswith("__init__") and "Never" in ast.unparse(told.args):
        with pytest.raises(TypeError):
            getattr(_core, name.split(".")[0])()
        return
    signatures = shown(value)
    assert signatures, f"{name}: no signature in its docstring"
    for real in signatures:
        if name.endswith(("__copy__", "__deepcopy__", "__len__")):  # called by place alone
            assert len(parameters(real)) == len(parameters(told))
            continue
        assert parameters(real) == parameters(told)
        known = defaults(real)
        assert {key: known[key] for key in defaults(told)} == defaults(told)
        types, real_types = plain_types(told), plain_types(real)
        for key in types.keys() & real_types.keys():
            assert types[key] == real_types[key], key
        assert real_types.keys() - {"self"} <= types.keys() | untyped(told)


def untyped(function: ast.FunctionDef) -> set[str]:
    """Parameters of which the stub says more than pybind11 does, or Any."""
    return {"return"} | {each.arg for each in function.args.args if "Any" in ast.unparse(each)}


def test_the_signatures_are_there_to_be_read() -> None:
    assert len(FUNCTIONS) > 60
    select = shown(_core.Trees.select)[0]
    assert parameters(select) == [
        ("simulations", "place", False),
        ("most", "place", True),
        ("endings_first", "place", True),
    ]
    assert len(shown(_core.Trees.backup)) >= 1
