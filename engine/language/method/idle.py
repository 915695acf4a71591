"""Settings that others leave without effect, which are refused rather than dropped."""

from __future__ import annotations

from collections.abc import Mapping

from engine.config import Section
from engine.errors import UserError


def refuse_idle(name: str, section: Section, idle: Mapping[str, str]) -> None:
    """Refuse settings of the section `name` that have been given another value than their default; UserError.

    Args:
        name: of the section.
        section: as it is set.
        idle: why a setting has no effect, by its name; empty: it has one.
    """
    for setting, reason in idle.items():
        value = getattr(section, setting)
        if reason and value != type(section).model_fields[setting].default:
            shown = repr(value) if isinstance(value, str) else f"{value:g}"
            raise UserError(f"{name}.{setting} = {shown} has no effect {reason}; leave it out")
