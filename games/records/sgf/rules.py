"""RU, the rules of an SGF file in the spellings of many programs, as options of Go."""

from __future__ import annotations

import json
import re
from typing import Any

from engine.errors import UserError
from games.records.record import shortened

FALLBACK = "japanese"
"""Rules of files that name none or unknown ones: simple ko allows the most."""

_SPELLINGS = {
    "japanese": "japanese japan jp jpn jap nihon nihonkiin korean korea kr kor territory"
    " 日本 日本ルール 日本规则 日本規則 数目 數目 日韩 日韓 日韩规则 日韓規則"
    " 韩国 韓国 韓國 韩国规则 한국 일본 한국룰 일본룰",
    "chinese": "chinese china cn chn zh area 中国 中国规则 中国ルール 中國 中國規則 数子 數子 중국 중국룰",
    "chinese-ogs": "chineseogs",
    "chinese-kgs": "chinesekgs",
    "aga": "aga american us usgo bga british french ffg aga1991",
    "new-zealand": "nz newzealand nzl",
    "tromp-taylor": "tromptaylor tt trompandtaylor logical goe ing inggoe goeing 应氏 应氏规则 應氏 應氏規則",
}
_RULES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_SCORINGS = ("area", "territory")
"""Spellings that leave the rules open: others in the same text say more."""

_PARTLY = [word for word in _RULES if word not in _SCORINGS and (len(word) >= 5 or not word.isascii())]
"""Spellings that are not met by chance within a longer text."""

_ING = re.compile(r"\b(ing|goe)(goe|ing|s)?(?![a-z])|[应應]", re.IGNORECASE)
_NOT_PLAYED = {
    "a button": ("button",),
    "a group tax": ("ancient", "stonescoring", "grouptax", "古棋", "还棋头", "還棋頭"),
}
"""What the rules of some names have, by what is in the names."""

_WRITTEN = {
    "japanese": "Japanese",
    "chinese": "Chinese",
    "chinese-ogs": "Chinese-OGS",
    "chinese-kgs": "Chinese-KGS",
    "aga": "AGA",
    "new-zealand": "NZ",
    "tromp-taylor": "Tromp-Taylor",
}

_PART = re.compile(
    r"komi(?P<komi>-?[0-9]+(?:\.[0-9]+)?)|ko(?P<ko>SIMPLE|POSITIONAL|SITUATIONAL|SPIGHT)"
    "|score(?P<scoring>AREA|TERRITORY)|tax(?P<tax>NONE|SEKI|ALL)"
    "|sui(?P<suicide>[01])|button(?P<button>[01])|whb(?P<bonus>0|N-1|N)|fpok(?P<friendly>[01])",
    re.IGNORECASE,
)
"""One of the parts of rules in KataGo's spelling, such as koPOSITIONALscoreAREAtaxNONEsui1."""

_DEFAULTS = {"ko": "koPOSITIONAL", "scoring": "scoreAREA", "suicide": "sui1"}
"""The parts that KataGo takes where they are left out."""

_KEYS = {
    "ko": "ko", "scoring": "score", "tax": "tax", "suicide": "sui", "hasButton": "button",
    "whiteHandicapBonus": "whb", "friendlyPassOk": "fpok", "komi": "komi",
}  # fmt: skip
"""The first letters of a part by its key, where the parts are written as JSON."""

_BONUS = {"0": "none", "N": "stones", "N-1": "stones-1"}


def rules_options(text: str) -> tuple[dict[str, Any], str]:
    """The options of Go that RU stands for, `komi` as text where RU has one, and a warning or "".

    Raise UserError for rules that are understood and not played here.
    """
    plain, shown = text.strip(), shortened(text)[1:-1]
    parts = _of_json(plain, shown) if plain.startswith("{") else re.sub(r"[\s,;:=]", "", plain)
    if plain.startswith("{") or _PART.match(parts) or re.match("ko[A-Z]+score", parts, re.IGNORECASE):
        return _of_parts(parts, shown)
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    name = _RULES.get(letters) or _RULES.get(re.sub("(rule|rules|ruleset|scoring)$", "", letters))
    if name is not None:
        return {"rules": name}, ""
    for what, words in _NOT_PLAYED.items():
        if any(word in letters for word in words):
            raise _not_played(shown, what)
    within = _rules_within(text.lower(), letters)
    if len(within) == 1:
        (name,) = within
        return {"rules": name}, f"rules RU[{shown}]: read as {name}"
    what = f"unknown rules RU[{shown}]" if text.strip() else "no rules (RU)"
    return {"rules": FALLBACK}, f"{what}: read as {FALLBACK}"


def is_ing(text: str) -> bool:
    """Whether RU stands for Ing's rules, which are played as tromp-taylor's and have no draw."""
    return _ING.search(text) is not None


def _not_played(shown: str, what: str) -> UserError:
    return UserError(f"RU[{shown}]: {what} is not played here; change RU to replay the game by other rules")


def _rules_within(text: str, letters: str) -> set[str]:
    """Go's names for the rules that a text speaks of; `letters` is the text without the rest."""
    words = _RULES.keys() & re.findall("[a-z]{3,}", text)
    found = {_RULES[word] for word in (*words, *_PARTLY) if word in letters and word not in _SCORINGS}
    if _ING.search(text):
        found.add(_RULES["ing"])
    return found or {_RULES[word] for word in words}


def _of_json(text: str, shown: str) -> str:
    """KataGo's rules as a JSON object, in the spelling that has no keys."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise UserError(f"RU[{shown}] is no JSON") from error
    written = {True: "1", False: "0"}
    return "".join(
        f"{_KEYS.get(key, key)}{written[value] if isinstance(value, bool) else value}" for key, value in pairs
    )


def _of_parts(text: str, shown: str) -> tuple[dict[str, Any], str]:
    parts: dict[str, str] = {}
    at = 0
    while match := _PART.match(text, at):
        name, value = next((name, value) for name, value in match.groupdict().items() if value is not None)
        if name in parts:
            raise UserError(f"RU[{shown}] says {name} twice")
        parts[name] = value.upper()
        at = match.end()
    if at < len(text):
        raise UserError(f"RU[{shown}]: {shortened(text[at:])} is not understood")
    left_out = [part for name, part in _DEFAULTS.items() if name not in parts]
    ko, tax = parts.get("ko", "POSITIONAL"), parts.get("tax", "NONE")
    scoring = parts.get("scoring", "AREA").lower()
    played_tax = tax == "NONE" or (tax == "SEKI" and scoring == "territory")
    for played, part in (
        (ko != "SPIGHT", "koSPIGHT"),
        (played_tax, f"tax{tax} with score{scoring.upper()}"),
        (parts.get("button") != "1", "button1"),
    ):
        if not played:
            raise _not_played(shown, part)
    options = {"ko": ko.lower(), "suicide": parts.get("suicide") != "0", "scoring": scoring}
    options |= {"rules": "tromp-taylor", "handicap_bonus": _BONUS[parts.get("bonus", "0")]}
    options |= {"komi": parts["komi"]} if "komi" in parts else {}
    notes = [f"read with {', '.join(left_out)}"] if left_out else []
    if tax == "SEKI":
        notes.append("taxSEKI: eyes in a seki count unless TB and TW leave them out")
    if parts.get("friendly") == "1":
        notes.append("fpok1: stones count as alive unless they are captured")
    return options, f"rules RU[{shown}]: {'; '.join(notes)}" if notes else ""


def rules_text(options: dict[str, str]) -> str:
    """RU for the options in a game's name."""
    parts = {"ko", "suicide", "scoring", "handicap_bonus"} & options.keys()
    if not parts:
        return _WRITTEN[options.get("rules", "tromp-taylor")]
    bonus = {name: letter for letter, name in _BONUS.items()}[options.get("handicap_bonus", "none")]
    return (
        f"ko{options.get('ko', 'positional').upper()}score{options.get('scoring', 'area').upper()}"
        f"sui{0 if options.get('suicide') == 'false' else 1}whb{bonus}"
    )
