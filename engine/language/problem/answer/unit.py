"""What stands around a number: units that may, and words and signs that make another thing of it."""

from __future__ import annotations

import re

_SHORT = (
    "kg|g|mg|lbs?|oz|t|km|m|cm|mm|nm|mi|ft|in|yd|s|secs?|ms|h|hrs?|hours?|mins?|l|L|ml|mL|mph|kmh|kph|kWh|kW|W|V|Hz"
    "|kHz|MHz|GHz|MB|GB|KB|TB|kB|cents?|mol|J|kJ|N|Pa|kPa|rad|deg|pts?|px|C|F|cals?|kcal|USD|EUR|GBP"
)
_LONG = "inch(?:es)?|met(?:er|re)s?|feet|foot|miles?|units?"
_POWER = r"(?:\^?\{?-?[0-9]\}?)?"
UNIT = re.compile(
    rf"\s?(?:(?:square|sq\.?|cubic|cu\.?)\s)?(?:{_SHORT}|{_LONG}){_POWER}"
    rf"(?:\s?[/\u00b7]\s?(?:{_SHORT}){_POWER})*(?![A-Za-z0-9^])"
)
"""With its power, `km/h`, `cm^2`; letters without a space that are no unit spoil a number."""

LONE_UNITS = re.compile(r"\s[msghlLVWNJCF](?![\w(^])")
"""A single letter after a space is a unit, or else a variable."""

PERCENT = re.compile(r"\s?(?:percent\b|per cent\b|percentage points?\b|pct\b)", re.IGNORECASE)
_POWERS = {
    2: "hundred",
    3: "thousand tausend mille",
    5: "lakh lac",
    6: "million mln mio millionen mill\u00f3n millones milioni",
    7: "crore",
    9: "billion bn mrd milliarde milliarden milliard miliardi",
    12: "trillion",
}
SCALES = {word: power for power, words in _POWERS.items() for word in words.split()}
SCALE = re.compile(rf"\s?({'|'.join(sorted(SCALES, key=len, reverse=True))})s?\b\.?(?!\s?th)", re.IGNORECASE)
"""Words for powers of ten."""

_MONTHS = r"jan\w*|feb\w*|mar|march|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec|december"
_PARTS = (
    "halfs?|halves|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|hundredths?"
    "|thousandths?"
)
_OPERATIONS = (
    "squared|cubed|factorial|times|plus|minus|over|divided|multiplied|mod|modulo|choose|by|pi|sqrt|sin|cos|tan"
    "|log|ln"
)
_RANGES = "or|and|to|through|thru|versus|vs|out|more|less|fewer"
_COUNTS = "dozens?|gross|grand|mil|mill|billionen|billones|pairs?|score|percentile|point|st|nd|rd|th"
_TIMES = r"am|pm|a\.m|p\.m|o'clock|uhr|noon|midnight|bc|ad"
SPOILED = re.compile(
    rf"\s?(?:(?:{_RANGES}|{_OPERATIONS}|{_COUNTS}|{_PARTS}|{_TIMES}|{_MONTHS})\b"
    r"|[A-Za-z](?![A-Za-z'])|[_^#@&\\:~'\u2030\u2308-\u230b]|-\w|/(?!\s?[A-Za-z]{2})|\([A-Za-z](?![A-Za-z])"
    r"|(?<!\s)\()",
    re.IGNORECASE,
)
"""Behind a number: it is part of something else."""

_LIMITS = "at least|at most|up to|over|under|below|above|beyond|exceeds?|nearly|almost|than|between|from"
_DENIALS = "or|not|no|never|[a-z]+n't|cannot"
_FACTORS = "plus|point|times|by|divided|twice|half|double|triple|thrice"
_LABELS = (
    "version|step|page|chapter|section|figure|table|equation|eq|problem|question|exercise|line|room|lemma|theorem"
    "|note|part|case"
)
_FUNCTIONS = (
    "sqrt|cbrt|log|lg|ln|exp|(?:arc|a)?(?:sin|cos|tan|cot|sec|csc)h?|gcd|lcm|max|min|abs|mod|floor|ceil|det"
    "|phi"
)
_OF = (
    "root|half|third|quarter|fourth|square|cube|log|logarithm|reciprocal|inverse|opposite|negative|factorial|power"
    "|multiple|percent|percentage|product|difference|order|%|one|two|three|four|five|six|seven|eight|nine|ten"
)
BEFORE_SPOILED = re.compile(
    rf"(?:[0-9]\s+(?:out\s+)?of\s*|[A-Za-z_#@\\&~\u2308-\u230b]|\\[A-Za-z]+\s*|(?<![A-Za-z'])[b-zB-HJ-Z]\s|[0-9]\s?[A-Za-z]\s?|[0-9]\s:\s?|\b(?:{_DENIALS})(?:\s+[A-Za-z]+){{1,2}}\s+"
    rf"|\b(?:{_LIMITS}|{_DENIALS}|{_FACTORS}|{_LABELS}|{_FUNCTIONS}|{_MONTHS}|(?:{_OF})s? of)\s*\(?\s*)$",
    re.IGNORECASE,
)
"""In front of a number: it is part of something else, or is not meant."""

JOINED = "万萬千百亿億十兆分多余折成倍点點月日号號年时時бм"
"""Letters of other scripts that make another number, a date or a time of it; others are units."""

COMPOUND = re.compile(
    r"\s*(?:feet|foot|ft|h|hrs?|hours?|m|mins?|minutes?|days?|weeks?|years?|months?|pounds?|lbs?|dollars?)\s*,?\s*"
)
"""Between the parts of what is measured in two units."""
