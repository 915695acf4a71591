"""Settings of the search that a client may change while it plays, by KataGo's and by Leela Zero's names."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session

COMMANDS = Commands()

MAX_VISITS = 1_000_000_000
MAX_S = 1e9
MAX_PLIES = 1000


@dataclass(frozen=True)
class Parameter:
    """One setting. kind: `spin`, a whole number, `float`, or `check`, true or false."""

    kind: str
    least: float
    most: float
    read: Callable[[Session], float]
    change: Callable[[Session, Any], None]


def _set(name: str, scale: float = 1.0) -> Callable[[Session, Any], None]:
    def change(session: Session, value: Any) -> None:
        setattr(session.settings, name, value if scale == 1.0 else value * scale)

    return change


PARAMETERS = {
    "maxVisits": Parameter(
        "spin", 1, MAX_VISITS, lambda session: session.settings.simulations or MAX_VISITS, _set("simulations")
    ),
    "maxTime": Parameter(
        "float", 0.001, MAX_S, lambda session: min(session.settings.move_s, MAX_S), _set("move_s")
    ),
    "lagBuffer": Parameter("float", 0, 60, lambda session: session.settings.lag_s, _set("lag_s")),
    "ponderingEnabled": Parameter("check", 0, 1, lambda session: session.settings.ponders, _set("ponders")),
    "analysisPVLen": Parameter(
        "spin", 1, MAX_PLIES, lambda session: session.settings.pv_plies, _set("pv_plies")
    ),
}
"""By KataGo's name."""

OPTIONS = {
    "visits": PARAMETERS["maxVisits"],
    "playouts": PARAMETERS["maxVisits"],
    "lagbuffer": Parameter(
        "spin", 0, 6000, lambda session: round(100 * session.settings.lag_s), _set("lag_s", 0.01)
    ),
    "pondering": PARAMETERS["ponderingEnabled"],
}
"""By Leela Zero's name, in small letters."""


@COMMANDS.command("kata-list-params", "names of settings that may be changed")
def list_params(session: Session, arguments: Sequence[str]) -> str:
    """With blanks between them."""
    del session, arguments
    return " ".join(PARAMETERS)


@COMMANDS.command("kata-get-param", "NAME: the value of a setting")
def get_param(session: Session, arguments: Sequence[str]) -> str:
    """A number, or true or false."""
    if len(arguments) != 1:
        raise GtpError("give the name of one setting")
    return shown_parameter(session, arguments[0])


@COMMANDS.command("kata-set-param", "NAME VALUE: change a setting")
def set_param(session: Session, arguments: Sequence[str]) -> str:
    """From the next move on."""
    if len(arguments) != 2:
        raise GtpError("give the name of a setting and its value")
    change_parameter(session, *arguments)
    return ""


@COMMANDS.command("kata-get-params", "all settings, as JSON")
def get_params(session: Session, arguments: Sequence[str]) -> str:
    """Values by name."""
    del arguments
    values = {name: json.loads(_shown(session, each)) for name, each in PARAMETERS.items()}
    return json.dumps(values, separators=(",", ":"))


@COMMANDS.command("kata-set-params", "JSON: change settings, all of them or none")
def set_params(session: Session, arguments: Sequence[str]) -> str:
    """An object of values by name."""
    try:
        found = json.loads(" ".join(arguments))
    except (ValueError, RecursionError):
        raise GtpError("give a JSON object of settings") from None
    if not isinstance(found, dict):
        raise GtpError("give a JSON object of settings")
    _change(session, PARAMETERS, {str(name): json.dumps(value).strip('"') for name, value in found.items()})
    return ""


@COMMANDS.command(
    "lz-setoption", "[name NAME value VALUE]: change a setting of Leela Zero's name, or list them"
)
def setoption(session: Session, arguments: Sequence[str]) -> str:
    """In UCI's way."""
    if not arguments:
        lines = [_option_line(session, name, each) for name, each in OPTIONS.items()]
        return "\n".join(lines)
    words = " ".join(arguments).partition(" value ")
    name = words[0].removeprefix("name ").strip().lower()
    if not (arguments[0] == "name" and name and words[2].strip()):
        raise GtpError("give name NAME value VALUE")
    _change(session, OPTIONS, {name: words[2].strip()})
    return ""


def change_parameter(session: Session, name: str, text: str) -> None:
    """Change one of PARAMETERS to what a text says."""
    _change(session, PARAMETERS, {name: text})


def shown_parameter(session: Session, name: str) -> str:
    """One of PARAMETERS as a text."""
    return _shown(session, _parameter(PARAMETERS, name))


def _change(session: Session, table: dict[str, Parameter], values: dict[str, str]) -> None:
    read = [
        (each, _value(name, each, text))
        for name, text in values.items()
        for each in [_parameter(table, name)]
    ]
    for each, value in read:
        each.change(session, value)


def _parameter(table: dict[str, Parameter], name: str) -> Parameter:
    if name not in table:
        raise GtpError(f"there is no setting '{name[:40]}'; there are {', '.join(table)}")
    return table[name]


def _value(name: str, parameter: Parameter, text: str) -> float:
    if parameter.kind == "check":
        flag = {"true": True, "false": False, "1": True, "0": False}.get(text.lower())
        if flag is None:
            raise GtpError(f"{name} '{text[:40]}' is neither true nor false")
        return flag
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    is_whole = parameter.kind == "spin"
    if not (parameter.least <= value <= parameter.most) or (is_whole and value != int(value)):
        what = "whole number" if is_whole else "number"
        raise GtpError(f"{name} '{text[:40]}': give a {what} from {parameter.least:g} to {parameter.most:g}")
    return int(value) if is_whole else value


def _shown(session: Session, parameter: Parameter) -> str:
    value = parameter.read(session)
    return str(bool(value)).lower() if parameter.kind == "check" else f"{value:.10g}"


def _option_line(session: Session, name: str, parameter: Parameter) -> str:
    ends = "" if parameter.kind == "check" else f" min {parameter.least:g} max {parameter.most:.10g}"
    return f"option name {name} type {parameter.kind} default {_shown(session, parameter)}{ends}"
