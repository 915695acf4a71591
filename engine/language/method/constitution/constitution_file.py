"""Constitutions in TOML: read, checked, and refused by name where they are none or contradict themselves.

name = "manners"
[form]                              # optional, how a model is asked; see Form
critique = "{prompt}{completion}|{critique_request}?"
[[principle]]
name = "polite"
critique = "Say what in the reply is rude."
revision = "Write the reply again without it."
forbid = ["(?i)fool"]               # optional, what a program can check: see Rule
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from engine.config.section import Section
from engine.errors import UserError
from engine.language.method.constitution.constitution import Constitution, Form, Principle
from engine.language.method.constitution.rule import Rule, contradiction

MAX_BYTES = 1 << 24
MAX_PRINCIPLES = 100_000

PROSE = Path(__file__).parent / "prose.toml"
"""The one that is taken where neither settings nor task name another."""

_PLACES = {
    "critique": {"prompt", "completion", "dialogue", "critique_request"},
    "revision": {"prompt", "completion", "dialogue", "critique_request", "revision_request", "critique"},
    "choice": {"prompt", "first", "second", "critique_request", "choice_request"},
    "thought": {"prompt", "first", "second", "critique_request", "choice_request"},
    "verdict": {"prompt", "first", "second", "critique_request", "choice_request", "thought"},
}
_NEEDED = {
    "critique": {"critique_request"},
    "revision": set[str](),
    "choice": {"first", "second"},
    "thought": {"first", "second"},
    "verdict": {"first", "second", "thought"},
}
"""Besides the reply itself."""


class _Written(Section):
    """A principle as it is written."""

    name: str = Field(min_length=1, max_length=200)
    critique: str = ""
    revision: str = ""
    choice: str = ""
    weight: float = Field(1.0, gt=0, le=1e6)
    pattern: str = ""
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    max_length: int = Field(0, ge=0)
    function: str = Field("", pattern=r"^$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")

    @field_validator("require", "forbid", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("require", "forbid")
    @classmethod
    def _none_is_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise ValueError("an empty pattern is found in every text")
        return value


def read_constitution(path: Path) -> Constitution:
    """The constitution of a file.

    Raises:
        UserError: it cannot be read, is no valid TOML, has no principle, or one that is not in order, or two
            whose rules no text keeps both; the message names them.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"constitution '{path}': {error.strerror or error}; give a TOML file") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"constitution '{path}' has more than {MAX_BYTES:,} bytes; give a shorter one")
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UserError(f"constitution '{path}' is not valid TOML: {error}") from error
    try:
        return constitution_of(content, path.stem)
    except UserError as error:
        raise UserError(f"constitution '{path}': {error}") from error


def constitution_of(content: Mapping[str, Any], name: str = "") -> Constitution:
    """The constitution that a TOML document is; UserError likewise."""
    unknown = sorted(set(content) - {"name", "form", "principle"})
    if unknown:
        raise UserError(f"'{unknown[0]}' is not known; give name, form and principle")
    title = content.get("name", name)
    if not isinstance(title, str):
        raise UserError("name is not a text")
    rows = content.get("principle", [])
    if not isinstance(rows, list) or not rows:
        raise UserError("has no principle; write one as [[principle]], with a name")
    if len(rows) > MAX_PRINCIPLES:
        raise UserError(f"has {len(rows):,} principles; give {MAX_PRINCIPLES:,} at most")
    principles = tuple(_principle(row, number) for number, row in enumerate(rows, start=1))
    _check_names(principles)
    told = contradiction([principle.rule for principle in principles])
    if told:
        raise UserError(f"contradicts itself: {told}; take one of them out")
    return Constitution(title, principles, _form(content.get("form", {})))


def _principle(row: object, number: int) -> Principle:
    if not isinstance(row, Mapping):
        raise UserError(f"principle {number} is no table; write it as [[principle]]")
    shown = f"principle '{row['name']}'" if isinstance(row.get("name"), str) else f"principle {number}"
    try:
        written = _Written.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{shown[:80]}: {where}: {first['msg']}") from error
    rule = Rule(
        written.name, written.pattern, written.require, written.forbid, written.max_length, written.function
    )
    rule.load()
    spoken = (written.critique.strip(), written.revision.strip())
    if any(spoken) and not all(spoken):
        raise UserError(f"{shown[:80]} has one of critique and revision; give both, or neither and a rule")
    if not any(spoken) and rule.is_empty:
        raise UserError(
            f"{shown[:80]} says nothing; give critique and revision, or pattern, require, forbid, max_length "
            "or function"
        )
    told = contradiction([rule])
    if told:
        raise UserError(f"contradicts itself: {told}; take one of them out")
    critique, revision = (written.critique, written.revision) if all(spoken) else ("", "")
    return Principle(written.name, rule, critique, revision, written.choice, written.weight)


def _check_names(principles: tuple[Principle, ...]) -> None:
    seen: set[str] = set()
    for each in principles:
        if each.name in seen:
            raise UserError(f"two principles are named '{each.name[:60]}'; give each its own name")
        seen.add(each.name)


def _form(content: object) -> Form:
    if not isinstance(content, Mapping):
        raise UserError("form is no table; write it as [form]")
    known = {field.name for field in fields(Form)}
    for name, value in content.items():
        if name not in known:
            raise UserError(f"form.{name} is not known; give {', '.join(sorted(known))}")
        if name == "answers":
            _check_answers(value)
        else:
            _check_template(name, value)
    changed = dict(content)
    if "answers" in changed:
        changed["answers"] = tuple(changed["answers"])
    return Form(**changed)


def _check_answers(value: object) -> None:
    good = (
        isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) and each for each in value)
    )
    if not good or value[0] == value[1]:  # type: ignore[index]
        raise UserError("form.answers are two different texts, those of the first and of the second reply")


def _check_template(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise UserError(f"form.{name} is not a text")
    try:
        parts = [part for part in string.Formatter().parse(value) if part[1] is not None]
    except ValueError as error:
        raise UserError(f"form.{name}: {error}; write a brace that is text twice") from error
    for _, place, form, conversion in parts:
        if form or conversion:
            raise UserError(f"form.{name}: {{{place}}} has a format; write the name alone in braces")
    places = {str(place) for _, place, _, _ in parts}
    unknown = sorted(places - _PLACES[name])
    if unknown:
        raise UserError(f"form.{name} has no {{{unknown[0]}}}; give {', '.join(sorted(_PLACES[name]))}")
    missing = sorted(_NEEDED[name] - places)
    if missing:
        raise UserError(f"form.{name} lacks {{{missing[0]}}}")
    if name in ("critique", "revision") and not places & {"completion", "dialogue"}:
        raise UserError(f"form.{name} lacks {{completion}} or {{dialogue}}")
