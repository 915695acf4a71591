"""KM, the komi of an SGF file, in points.

The standard has points. Chinese servers write hundredths, of points (650) or of stones (375; a stone is two
points), others stones (3.75), and people write fractions and words. What is not plainly points is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from engine.errors import UserError
from games.records.record import shortened

MOST_POINTS = 625

MOST_STONES = 4.75
"""Of a komi counted in stones; the usual ones are 2.75 to 3.75."""

DOUBTFUL = 25
"""Points from which on a number without a decimal point is hardly one of points."""

_HUNDREDTHS = ("fox", "野狐", "yehu", "tencent", "txwq", "腾讯", "騰訊")
"""Parts of the names of programs (AP) that write hundredths."""

_REPLACED = {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "又": " "} | dict.fromkeys(
    "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63", "-"
)
_DECIMAL = re.compile(
    r"(?P<sign>[+-]?) ?(?P<number>[0-9]{1,9}(?:[.,][0-9]{0,9})?|[.,][0-9]{1,9})(?P<rest>.*)"
)
_MIXED = re.compile(
    "(?P<sign>[+-]?) ?(?:(?P<whole>[0-9]{1,9})(?: |-| - ))?(?P<over>[13]) ?/ ?(?P<under>[24])(?P<rest>.*)"
)
_NAME = re.compile("(?:komi|コミ|덤|[黑黒]?[贴貼]) ?:? ?")
_HALF = re.compile("(?<![0-9.,])(?P<whole>[0-9]{0,9}) ?(?P<unit>目|点|點|집) ?[半반]|[半반] ?(?:目|点|點|집)")
_REVERSED = re.compile(r"\b(?:reverse|black)\b|逆|[黑黒흑]")
_POINTS = {"", "p", "pt", "pts", "point", "points", "moku", "目", "点", "點", "집"}
_STONES = {"子", "zi", "stone", "stones"}


def komi_text(komi: float) -> str:
    """KM for a number of points; with a decimal point where it would be doubtful without."""
    return f"{komi:g}" if abs(komi) < DOUBTFUL else f"{komi:.1f}"


def komi_option(text: str, programs: Sequence[str] = (), rules: str = "") -> tuple[float, str]:
    """KM in points, and a warning or "".

    `programs` are the values of AP and `rules` is Go's name for the rules: they tell what a number counts.
    Raise UserError for what is no number of points.
    """
    if not text.strip():
        return 0.0, "no komi (KM): read as 0"
    shown = shortened(" ".join(text.split()))[1:-1]
    written, is_whole, unit = _parse(text, shown)
    writes_hundredths = any(name in program.lower() for program in programs for name in _HUNDREDTHS)
    komi = written
    if unit in _STONES:
        komi = 2 * written
    elif is_whole and abs(written) >= DOUBTFUL and (written % 25 == 0 or writes_hundredths):
        komi = _of_hundredths(written / 100, shown, rules)
    elif written % 1 in (0.25, 0.75):
        komi = _of_stones(written, shown)
    if komi % 0.5 or abs(komi) > MOST_POINTS:
        raise UserError(f"KM[{shown}]: komi must be a multiple of 0.5 from -{MOST_POINTS} to {MOST_POINTS}")
    doubtful = is_whole and (abs(written) >= DOUBTFUL or (writes_hundredths and written != 0))
    told = doubtful or komi != written or unit not in _POINTS
    return komi + 0.0, f"komi KM[{shown}]: read as {komi:g} points" if told else ""


def _parse(text: str, shown: str) -> tuple[float, bool, str]:
    """The number, whether it is written without decimals and fraction, and the word after it."""
    replaced = "".join(_REPLACED.get(letter, letter) for letter in text)
    plain = unicodedata.normalize("NFKC", replaced)
    plain = " ".join("".join(_REPLACED.get(letter, letter) for letter in plain).split()).lower()
    plain = plain[match.end() :] if (match := _NAME.match(plain)) else plain
    plain = _HALF.sub(lambda half: f"{half['whole'] or 0}.5", plain)
    mixed = _MIXED.fullmatch(plain)
    match = mixed or _DECIMAL.fullmatch(plain)
    rest = match["rest"] if match else ""
    unit = rest.strip(" .").lower()
    glued = rest[:1] not in ("", " ") and unit not in _POINTS | _STONES
    raised = any(unicodedata.category(letter) == "No" for letter in replaced)
    if match is None or glued or raised or re.search(r"[0-9/]", rest) or _REVERSED.search(rest):
        raise UserError(f"KM[{shown}] is not a number of points such as 6.5")
    if mixed:
        number = int(mixed["whole"] or 0) + int(mixed["over"]) / int(mixed["under"])
    else:
        number = float(match["number"].replace(",", "."))
    is_whole = not mixed and match["number"].isdecimal()
    return -number if match["sign"] == "-" else number, is_whole, unit


def _of_hundredths(count: float, shown: str, rules: str) -> float:
    """In points; Chinese rules have 2.5 to 4.5 stones, and no rules quarters of a point."""
    if rules.startswith("chinese") and 2.5 <= abs(count) <= 4.5:
        return 2 * count
    return _of_stones(count, shown) if count % 1 in (0.25, 0.75) else count


def _of_stones(count: float, shown: str) -> float:
    if abs(count) > MOST_STONES:
        raise UserError(f"KM[{shown}] is a komi in neither points nor stones: write points such as 6.5")
    return 2 * count
