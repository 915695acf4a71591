"""A group of settings, checked where they come in; what the core declares is declared once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model, field_validator

from engine import _core


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_no_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true for 1, which pydantic takes."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError("true and false are for switches; give a number or a word")
        if isinstance(value, list | tuple) and any(isinstance(item, bool) for item in value):
            raise ValueError("true and false are for switches; give numbers or words")
        return value


if TYPE_CHECKING:

    class Declared(Section):
        """A section whose settings the core declares; what they are is known once it is loaded."""

        model_config = ConfigDict(extra="allow")

        def __getattr__(self, name: str) -> Any: ...

else:
    Declared = Section


D = TypeVar("D", bound=Declared)


def declared(section: str, *, of_games: bool = True) -> Callable[[type[D]], type[D]]:
    """Give a model the settings of a section, in the order of their table: cpp/search/settings.def.

    Without `of_games` those are left out that trees of proposed moves have no use for: of noise at the root,
    and of what only positions of a game have.
    """

    def with_settings(model: type[D]) -> type[D]:
        fields: dict[str, Any] = {
            each.name: _field(each)
            for each in _core.search_settings()
            if each.section == section and (of_games or not (each.games_only or each.noiseless is not None))
        }
        return create_model(
            model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields
        )

    return with_settings


def _field(setting: _core.Setting) -> tuple[Any, Any]:
    """Type of a setting, and default, range and description as pydantic takes them."""
    kind: Any = {"bool": bool, "int": int, "float": float}.get(setting.kind)
    if kind is None:
        kind = Literal[tuple(setting.choices.split(", "))]
    bounds: dict[str, Any] = {}
    if setting.allowed:
        least, most, is_open = setting.allowed
        bounds = {"gt" if is_open else "ge": least, "le": most}
    return kind, Field(setting.default, description=setting.does, **bounds)
