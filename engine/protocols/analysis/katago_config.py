"""Config files of KataGo and what goes over them, as far as they say how queries are answered here."""

from __future__ import annotations

from dataclasses import replace

from engine.errors import UserError
from engine.protocols.analysis.katago_field import FieldError, setting_number
from engine.protocols.analysis.katago_query import MAX_SECONDS, MAX_VISITS, PERSPECTIVES, Defaults

MAX_BYTES = 1 << 20


def parse_config(text: str, where: str) -> dict[str, str]:
    """Values by key of lines `key = value`, of which # begins a comment; raise UserError."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        key, equals, value = words.partition("=")
        if not equals or not key.strip():
            raise UserError(f"{where}: line {number} '{words[:60]}' is not of the form key = value")
        found[key.strip()] = value.strip()
    return found


def parse_overrides(text: str) -> dict[str, str]:
    """Values by key of `key=value,key=value`; raise UserError."""
    return parse_config("\n".join(text.split(",")), "-override-config")


def read_defaults(config: dict[str, str], defaults: Defaults) -> tuple[Defaults, list[str]]:
    """What a config says of queries that do not, and its keys that have no effect here; raise UserError."""
    unused = []
    for key, value in config.items():
        try:
            if key == "maxVisits":
                defaults = replace(defaults, visits=int(setting_number(key, value, 1, MAX_VISITS)))
            elif key == "maxTime":
                defaults = replace(defaults, seconds=setting_number(key, value, 0, MAX_SECONDS))
            elif key == "analysisPVLen":
                defaults = replace(defaults, pv_length=int(setting_number(key, value, 1, 1000)))
            elif key == "reportAnalysisWinratesAs" and value.lower() in PERSPECTIVES:
                defaults = replace(defaults, perspective=PERSPECTIVES[value.lower()])
            elif key == "reportAnalysisWinratesAs":
                raise UserError(f"{key} '{value[:60]}' is none of BLACK, WHITE and SIDETOMOVE")
            else:
                unused.append(key)
        except FieldError as error:
            raise UserError(str(error).removeprefix("Could not set settings: ")) from error
    return defaults, unused
