"""The rules that an SGF file names: RU and KM, in the spellings of many programs, as options of Go."""

from __future__ import annotations

import re
from typing import Any

from engine.errors import UserError
from games.records.record import shortened

FALLBACK = "japanese"
"""Rules of files that name none or unknown ones: simple ko allows the most."""

_SPELLINGS = {
    "japanese": "japanese japan jp jpn jap nihon nihonkiin korean korea kr kor territory"
    " 日本 日本ルール 日本规则 日本規則 韩国 韓国 한국",
    "chinese": "chinese china cn chn zh area 中国 中国规则 中国ルール 中國 中國規則",
    "chinese-ogs": "chineseogs",
    "chinese-kgs": "chinesekgs",
    "aga": "aga american us bga british french ffg egf",
    "new-zealand": "nz newzealand nzl",
    "tromp-taylor": "tromptaylor tt trompandtaylor logical goe ing inggoe goeing 应氏 应氏规则 應氏",
}
_RULES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}

_WRITTEN = {
    "japanese": "Japanese",
    "chinese": "Chinese",
    "chinese-ogs": "Chinese-OGS",
    "chinese-kgs": "Chinese-KGS",
    "aga": "AGA",
    "new-zealand": "NZ",
    "tromp-taylor": "Tromp-Taylor",
}

_PARTS = re.compile(
    r"ko(SIMPLE|POSITIONAL|SITUATIONAL)score(AREA|TERRITORY)(?:tax(?:NONE|SEKI|ALL))?(?:sui([01]))?"
    r"(?:button[01])?(?:whb(0|N-1|N))?"
)
"""Rules by their parts, in KataGo's spelling."""

_BONUS = {"0": "none", "N": "stones", "N-1": "stones-1"}


def rules_options(text: str) -> tuple[dict[str, Any], str]:
    """The options of Go that RU stands for, and a warning or ""."""
    parts = _PARTS.fullmatch(text.strip())
    if parts is not None:
        ko, scoring, suicide, bonus = parts.groups()
        options = {"ko": ko.lower(), "suicide": suicide == "1", "scoring": scoring.lower()}
        return {"rules": "tromp-taylor", **options, "handicap_bonus": _BONUS[bonus or "0"]}, ""
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    name = _RULES.get(letters) or _RULES.get(re.sub("(rule|rules|ruleset)$", "", letters))
    if name is not None:
        return {"rules": name}, ""
    what = f"unknown rules RU[{shortened(text)[1:-1]}]" if letters else "no rules (RU)"
    return {"rules": FALLBACK}, f"{what}: read as {FALLBACK}"


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


def komi_text(komi: float) -> str:
    """KM for a number of points."""
    return f"{komi:g}" if abs(komi) < 100 else f"{komi:.1f}"


def komi_option(text: str) -> tuple[float, str]:
    """KM in points, and a warning or "".

    Some servers count half of the points, as in 3.75, or write hundredths, as in 375 and 650. Raise
    UserError for what is no number.
    """
    if not text.strip():
        return 0.0, "no komi (KM): read as 0"
    number = re.fullmatch(r"\s*([+-]?[0-9]{1,9}(?:[.,][0-9]{0,9})?)(?:\s.*)?", text, re.DOTALL)
    if number is None:
        raise UserError(f"KM[{shortened(text)[1:-1]}] is not a number of points")
    written = komi = float(number[1].replace(",", "."))
    if re.fullmatch("[+-]?[0-9]{3,}", number[1]) and komi % 25 == 0:
        komi /= 100
    if komi % 1 in (0.25, 0.75):
        komi *= 2
    return komi, "" if komi == written else f"komi KM[{text.strip()[:20]}]: read as {komi:g} points"
