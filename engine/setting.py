"""What a setting is called, what it may be and what it does: read from the models that declare it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

LIST = "'selfplay settings [GAME|text]' lists all"


@dataclass(frozen=True)
class Setting:
    """One setting.

    Args:
        key: as `--set` takes it, `section.name`.
        default: its value where nothing else is asked for.
        allowed: values or range in words.
        does: its description.
    """

    key: str
    default: Any
    allowed: str
    does: str

    def to_json(self) -> dict[str, Any]:
        """As a row of `selfplay settings --json`."""
        section, _, name = self.key.rpartition(".")
        return {"key": self.key, "section": section, "name": name, **_plain(vars(self))}


def settings_of(values: BaseModel) -> list[Setting]:
    """Every setting of a model and of the sections in it, in the order of declaration, with its value."""
    return list(_settings(values, "", ""))


def section_docs(model: type[BaseModel]) -> dict[str, str]:
    """The first paragraph of each section's docstring, by the section's dotted name."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        inner = _section(field)
        if inner is not None:
            found[name] = " ".join((inner.__doc__ or "").split("\n\n")[0].split())
            found |= {f"{name}.{key}": text for key, text in section_docs(inner).items()}
    return found


def explain(model: type[BaseModel], error: ValidationError) -> str:
    """The first fault of settings in one line: key, value, and what is allowed or what was meant."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting '{_full_key(path, first['input'])}'{_suggest(model, path, first['input'])}"
    if first["type"] == "model_type":
        names = ", ".join(name for name in _section_at(model, first["loc"]).model_fields)
        return f"'{path}' = {_shown(first['input'])}: it is a section; give one of {path}.NAME: {names}"
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and isinstance(first["input"], Mapping | BaseModel):  # of several
        return f"settings of '{path}': {told}" if path else told
    return f"setting '{path}' = {_shown(first['input'])}: {told[0].lower()}{told[1:]}"


def _shown(value: Any) -> str:
    """A value as it was given, the start of a long one."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def _settings(values: BaseModel, prefix: str, inherited: str) -> Iterator[Setting]:
    for name, field in type(values).model_fields.items():
        value, does = getattr(values, name), field.description or inherited
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.", field.description or "")
        else:
            yield Setting(prefix + name, value, _allowed(field), " ".join(does.split()))


def _section(field: FieldInfo) -> type[BaseModel] | None:
    inner = field.annotation
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _section_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    for part in location:
        inner = _section(model.model_fields[str(part)])
        assert inner is not None
        model = inner
    return model


def _allowed(field: FieldInfo) -> str:
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(str(value) for value in get_args(kind))
    if kind is bool:
        return "true, false"
    if get_origin(kind) is tuple:
        return _list_of(get_args(kind))
    if kind is str:
        return "text"
    return f"{'whole number' if kind is int else 'number'}{_range(field.metadata)}"


def _list_of(parts: tuple[Any, ...]) -> str:
    bounds = [_range(getattr(each, "metadata", [])) for each in getattr(parts[0], "__metadata__", ())]
    whole = parts[0] is int
    length = "" if parts[-1] is Ellipsis else f"{len(parts)} "
    return f"list of {length}{'whole numbers' if whole else 'numbers'}{''.join(bounds)}"


def _range(metadata: list[Any]) -> str:
    """The bounds among pydantic's constraints, as words."""
    bounds = {
        name: getattr(each, name)
        for each in metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(each, name)
    }
    low = (
        f" from {_number(bounds['ge'])}"
        if "ge" in bounds
        else f" above {_number(bounds['gt'])}"
        if "gt" in bounds
        else ""
    )
    high = (
        f" to {_number(bounds['le'])}"
        if "le" in bounds
        else f" below {_number(bounds['lt'])}"
        if "lt" in bounds
        else ""
    )
    return low + high


def _number(value: float) -> str:
    if value == 2**63:
        return "2^63"
    return f"{value:,}" if isinstance(value, int) or value != int(value) else f"{int(value):,}"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = _section(field)
        if inner is None:
            yield prefix + name
        else:
            yield from _keys(inner, f"{prefix}{name}.")


def _full_key(path: str, given: Any) -> str:
    """The key of the first setting inside a section that does not exist, else `path`."""
    while isinstance(given, Mapping) and given:
        name, given = next(iter(given.items()))
        path = f"{path}.{name}"
    return path


def _suggest(model: type[BaseModel], path: str, given: Any) -> str:
    """What was meant by a key: of the same name in another section, or alike, the same section first."""
    asked = _full_key(path, given)
    section, _, name = asked.rpartition(".")
    keys = list(_keys(model))
    same = [key for key in keys if key.rpartition(".")[2] == name]
    if same:
        return f"; did you mean {' or '.join(repr(key) for key in same[:4])}?"
    here = [key for key in keys if key.rpartition(".")[0] == section]
    close = _closest(name, here) or _closest(name, keys)
    if close:
        return f"; did you mean {' or '.join(repr(key) for key in close)}? ({LIST})"
    known = (
        f"known in {section}: {', '.join(key.rpartition('.')[2] for key in here)}" if section and here else ""
    )
    return f"; {known or 'sections: ' + ', '.join(_sections(model))} ({LIST})"


def _closest(name: str, keys: list[str]) -> list[str]:
    names = [key.rpartition(".")[2] for key in keys]
    name = name.lower().replace("-", "_")
    best = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    best = best or [own for own in names if own in name.split("_")]  # num_res_blocks
    if len(name) > 1:
        best = best or [own for own in names if "".join(word[0] for word in own.split("_")) == name]  # lr
    return [key for key, own in zip(keys, names, strict=True) if own in best][:3]


def _sections(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if _section(field) is not None]
