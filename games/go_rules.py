"""Rules of Go as KataGo writes them (kata-get-rules, `rules` of its analysis), in parts or by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.errors import InputError

_PARTS = ("ko", "suicide", "scoring", "whiteHandicapBonus")
_SETS: dict[str, tuple[str, bool, str, str]] = {
    "tromp-taylor": ("POSITIONAL", True, "AREA", "0"),
    "chinese": ("SIMPLE", False, "AREA", "N"),
    "chinese-ogs": ("POSITIONAL", False, "AREA", "N"),
    "aga": ("SITUATIONAL", False, "AREA", "N-1"),
    "new-zealand": ("SITUATIONAL", True, "AREA", "0"),
    "japanese": ("SIMPLE", False, "TERRITORY", "0"),
}
"""What each set of Go's names has of _PARTS."""

_OTHER_NAMES = {
    "chinesekgs": "chinese-ogs", "korean": "japanese", "bga": "aga", "french": "aga", "nz": "new-zealand",
    "goe": "tromp-taylor", "ing": "tromp-taylor",
}  # fmt: skip
_NAMES = {name.replace("-", ""): name for name in _SETS} | _OTHER_NAMES
_NOT_PLAYED = {
    "stonescoring": "a group tax", "ancientarea": "a group tax", "ancientterritory": "a group tax",
    "agabutton": "a button",
}  # fmt: skip
_KOS = ("SIMPLE", "POSITIONAL", "SITUATIONAL")
_BONUSES = {"0": "none", "N": "stones", "N-1": "stones-1"}
_ALIASES = {"koRule": "ko", "scoringRule": "scoring", "taxRule": "tax", "multiStoneSuicideLegal": "suicide"}


def rule_set(options: Mapping[str, str]) -> dict[str, Any]:
    """KataGo's parts for the options in a game's name."""
    parts = dict(zip(_PARTS, _SETS[options.get("rules", "tromp-taylor")], strict=True))
    if "ko" in options:
        parts["ko"] = options["ko"].upper()
    if "scoring" in options:
        parts["scoring"] = options["scoring"].upper()
    if "suicide" in options:
        parts["suicide"] = options["suicide"] == "true"
    if "handicap_bonus" in options:
        parts["whiteHandicapBonus"] = next(
            name for name, ours in _BONUSES.items() if ours == options["handicap_bonus"]
        )
    return {"friendlyPassOk": False, "hasButton": False, "tax": "NONE"} | parts


def options_of(rules: str | Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The options of Go for rules by name, as an object or as its JSON; parts left out are those of `before`.

    Raise InputError for what is unknown or not played here.
    """
    if isinstance(rules, str) and rules.lstrip().startswith("{"):
        rules = _parsed(rules)
    given = _named(rules) if isinstance(rules, str) else _checked(rules)
    parts = {**before, **given}
    tax, scoring = parts["tax"], parts["scoring"]
    if tax == "ALL" or (tax == "SEKI" and scoring == "AREA"):
        raise InputError(f"rules with tax {tax} and scoring {scoring} are not played here; give tax NONE")
    return {
        "rules": "tromp-taylor",
        "ko": parts["ko"].lower(),
        "suicide": parts["suicide"],
        "scoring": scoring.lower(),
        "handicap_bonus": _BONUSES[parts["whiteHandicapBonus"]],
    }


def _named(text: str) -> dict[str, Any]:
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    if letters in _NOT_PLAYED:
        raise InputError(f"rules '{text[:60]}' have {_NOT_PLAYED[letters]}, which is not played here")
    name = _NAMES.get(letters)
    if name is None:
        known = ", ".join([*_SETS, "chinese-kgs", "korean", "bga"])
        raise InputError(f"unknown rules '{text[:60]}'; known: {known}, or an object of their parts")
    return {"tax": "NONE"} | dict(zip(_PARTS, _SETS[name], strict=True))


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"rules '{text[:60]}' are no JSON object") from None
    assert isinstance(found, dict)
    return found


def _checked(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The parts given, each with one of its values."""
    found: dict[str, Any] = {}
    for key, value in rules.items():
        name = _ALIASES.get(key, key)
        if name in ("ko", "scoring", "tax", "whiteHandicapBonus"):
            known = {
                "ko": _KOS, "scoring": ("AREA", "TERRITORY"), "tax": ("NONE", "SEKI", "ALL"),
                "whiteHandicapBonus": tuple(_BONUSES),
            }[name]  # fmt: skip
            text = str(value).upper()
            if isinstance(value, bool) or text not in known:
                raise InputError(f"rules: {key} '{str(value)[:40]}' is none of {', '.join(known)}")
            found[name] = text
        elif name in ("suicide", "hasButton", "friendlyPassOk"):
            flag = {"true": True, "false": False}.get(str(value).lower())
            if flag is None:
                raise InputError(f"rules: {key} '{str(value)[:40]}' is neither true nor false")
            if flag and name != "suicide":
                raise InputError(f"rules: {key} true is not played here; give false")
            found[name] = flag
        else:
            known_keys = ", ".join(["ko", "scoring", "suicide", "tax", "whiteHandicapBonus", "hasButton"])
            raise InputError(f"rules: unknown part '{str(key)[:40]}'; known: {known_keys}")
    return found
