"""RU, the rules of an SGF file in the spellings of many programs, as options of Go."""

from __future__ import annotations

import re
from typing import Any

from engine.errors import UserError
from games.records.record import shortened

FALLBACK = "japanese"
"""Rules of files that name none or unknown ones: simple ko allows the most."""

_SPELLINGS = {
    "japanese": "japanese japan jp jpn jap nihon nihonkiin korean korea kr kor territory"
    " 日本 日本ルール 日本规则 日本規則 韩国 韓国 韓國 韩国规则 한국 일본 한국룰 일본룰",
    "chinese": "chinese china cn chn zh area 中国 中国规则 中国ルール 中國 中國規則 중국 중국룰",
    "chinese-ogs": "chineseogs",
    "chinese-kgs": "chinesekgs",
    "aga": "aga american us usgo bga british french ffg egf aga1991",
    "new-zealand": "nz newzealand nzl",
    "tromp-taylor": "tromptaylor tt trompandtaylor logical goe ing inggoe goeing 应氏 应氏规则 應氏 應氏規則",
}
_RULES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_WORDS = tuple(
    sorted((word for word in _RULES if len(word) >= 5 or not word.isascii()), key=len, reverse=True)
)
"""Spellings that are not met by chance within a longer text."""

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
    "ko(?P<ko>SIMPLE|POSITIONAL|SITUATIONAL|SPIGHT)|score(?P<scoring>AREA|TERRITORY)|tax(?P<tax>NONE|SEKI|ALL)"
    "|sui(?P<suicide>[01])|button(?P<button>[01])|whb(?P<bonus>0|N-1|N)|fpok(?P<friendly>[01])",
    re.IGNORECASE,
)
"""One of the parts of rules in KataGo's spelling, such as koPOSITIONALscoreAREAtaxNONEsui1."""

_BONUS = {"0": "none", "N": "stones", "N-1": "stones-1"}


def rules_options(text: str) -> tuple[dict[str, Any], str]:
    """The options of Go that RU stands for, and a warning or "".

    Raise UserError for rules that are understood and not played here.
    """
    plain, shown = text.strip(), shortened(text)[1:-1]
    if re.match(r"ko[A-Z]+\s*score", plain, re.IGNORECASE):
        return _of_parts(re.sub(r"[\s,;]", "", plain), shown)
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    name = _RULES.get(letters) or _RULES.get(re.sub("(rule|rules|ruleset|scoring)$", "", letters))
    if name is not None:
        return {"rules": name}, ""
    within = {_RULES[word] for word in _WORDS if word in letters}
    if len(within) == 1:
        (name,) = within
        return {"rules": name}, f"rules RU[{shown}]: read as {name}"
    what = f"unknown rules RU[{shown}]" if text.strip() else "no rules (RU)"
    return {"rules": FALLBACK}, f"{what}: read as {FALLBACK}"


def is_ing(text: str) -> bool:
    """Whether RU stands for Ing's rules, which are played as tromp-taylor's and have no draw."""
    return re.search(r"(?i)\b(ing|goe)|[应應]", text) is not None


def _of_parts(text: str, shown: str) -> tuple[dict[str, Any], str]:
    parts: dict[str, str] = {}
    at = 0
    while match := _PART.match(text, at):
        name, value = next((name, value) for name, value in match.groupdict().items() if value is not None)
        if name in parts:
            raise UserError(f"RU[{shown}] says {name} twice")
        parts[name] = value.upper()
        at = match.end()
    if at < len(text) or "scoring" not in parts:
        raise UserError(f"RU[{shown}]: {shortened(text[at:])} is not understood")
    tax, scoring = parts.get("tax", "NONE"), parts["scoring"].lower()
    played_tax = tax == "NONE" or (tax == "SEKI" and scoring == "territory")
    for played, part in (
        (parts["ko"] != "SPIGHT", "koSPIGHT"),
        (played_tax, f"tax{tax} with score{scoring.upper()}"),
        (parts.get("button") != "1", "button1"),
    ):
        if not played:
            raise UserError(f"RU[{shown}]: {part} is not played here")
    options = {"ko": parts["ko"].lower(), "suicide": parts.get("suicide") == "1", "scoring": scoring}
    options |= {"rules": "tromp-taylor", "handicap_bonus": _BONUS[parts.get("bonus", "0")]}
    notes = []
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
