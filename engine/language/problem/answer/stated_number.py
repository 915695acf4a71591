"""The number that a completion ends with, out of prose, Markdown and LaTeX: right, or not read at all.

A number is never taken out of what it belongs to: a date, a range, a list, a product, a version.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from engine.language.problem.answer.notation import SET_CLOSE, SET_OPEN, clean
from engine.language.problem.answer.number import number_text
from engine.language.problem.answer.quantity import Quantity, read_quantity
from engine.language.problem.answer.statement import (
    Statement,
    after_thought,
    boxed_values,
    claim,
    denies,
    end_of,
    first_sentence,
    is_corrected,
    is_supposed,
    last_statement,
    sentences,
)
from engine.language.problem.answer.turn import before_problems, first_turn
from engine.language.problem.answer.unit import (
    BEFORE_SPOILED,
    COMPOUND,
    JOINED,
    LONE_UNITS,
    PERCENT,
    SCALE,
    SCALES,
    SPOILED,
    UNIT,
)

MAX_CHARS = 20_000
"""Of a completion: only its end is read."""

MAX_CONTEXT = 240
"""Characters before a number that are looked at."""

_DIGITS = r"[0-9]+(?:[.,'_:][0-9]+)*(?:[eE][-+]?[0-9]+(?![A-Za-z0-9]))?|\.[0-9]+"
_COMMANDS = r"\\(?:frac|dfrac|tfrac|cfrac|sqrt|pi|times|cdot|ast|div|ln|sin|cos|tan)(?![a-zA-Z])"
_SIGNS = (
    rf"[-+*/^!()\[\]{{}}{SET_OPEN}{SET_CLOSE}=<>|\u00b1\u221e\u222a\u00b0%\u00d7\u00b7\u00f7\u221a\u03c0]"
)
_COMMA = r"[,;](?=\s?[-+(\\]?[0-9\\\u221e])"
_EULER = r"(?<=[ {(])e(?![A-Za-z])|\be(?=\s?[\^/]|\s\\)"
_ATOM = rf"(?:{_DIGITS}|{_COMMANDS}|{_SIGNS}|{_COMMA}|{_EULER})"
_RUN = re.compile(rf"{_ATOM}(?:[ \t]{{0,2}}{_ATOM})*")
_HAS_NUMBER = re.compile(r"[0-9\u03c0\u221a\u221e]|\\(?:pi|sqrt)|\be\s?\^")

_MINUS_WORD = re.compile(r"\b(?:negative|minus)\s*$", re.IGNORECASE)
_LEAD = re.compile(
    r"[\s\"'(:>]*(?:(?:the|a|an|is|was|are|be|equal|equals|to|just|simply|exactly|only|approximately|roughly"
    r"|around|about|thus|therefore|hence|so|then|value|number|total|final|of|it|it's|we|get|have|negative|minus"
    r"|answer|result|that)\b[\s:,]*)*"
    r"(?P<variable>(?:[A-Za-z]{1,2}|\\[a-z]+)(?:_\{?\w{1,3}\}?)?(?:\s?\([^()]{0,12}\))?)?\s*"
)
_TERM = re.compile(
    r"(?<![A-Za-z\\_{])[0-9]+\s?\*?\s?[a-zA-Z](?![a-zA-Z])[^A-Za-z]*$"
    r"|(?<![A-Za-z])[a-zA-Z]\s?(?:\^|[/*+-]\s?[0-9])[^A-Za-z]*$"
)
_ASSIGNED = re.compile(r"\s*(?:,|;|&|and|,\s*and)\s*\\?[A-Za-z]{1,6}(?:_\{?\w+\}?)?\s*")
"""Between two values of two variables."""

_OTHER_IN_BRACKETS = re.compile(
    r"^[^(]*\((?:\s*(?:or|and)\b|(?![^()]*(?:=|because|since|as|so|for|from|given|that|by))[^()]*[0-9])",
    re.IGNORECASE,
)
"""A number in brackets that is neither explained nor an equation."""

_BOX_BEFORE = re.compile(r"\\boxed\s*\{[^{}]*\}\s*(?:,|/|or|and|,?\s*(?:or|and))?\s*$")
_OPERATION_BEHIND = re.compile(
    r"[\s)\]}]*(?:[+^!_\u00d7\u00b7\u00f7]|\\(?:times|cdot|div|frac|sqrt)|[-*/]\s*[0-9\\(])"
)
_OPERATION_BEFORE = re.compile(r"(?:[-+^]|[+*/^\u00d7\u00b7\u00f7]\s*|\\(?:times|cdot|div|frac|sqrt)\s*)$")
_CASES = re.compile(
    r"\b(?:otherwise|else)\b|\b(?:for|if|when|where|unless)\b.*\b(?:and|or|but)\s+[-+]?[0-9]", re.IGNORECASE
)
"""What a value holds in one case alone is followed by, where another is named for the rest."""

MAX_BOXES = 8
"""That are compared with each other, and ways in which a value is written."""

_RESTATED = re.compile(
    r"\s*,?\s*\(?\s*\b(?:or|i\.e\.,?|that is,?|which is|which equals|equivalently,?)\s+|\s+\((?=[^()]*\)\W*$)"
)
_WORD = re.compile(r"(?<![\\a-z])[a-z]{2,}")
_ROUNDED = re.compile(
    r",?\s*\(?\b(?:rounded|correct|accurate)\s+(?:(?:off|up|down)\s+)?to\s+[^.;]{1,60}$", re.IGNORECASE
)
_REASON = re.compile(
    r"(?:[ \t]*\n)|[\s#]*(?:because|since|as\b|explanation|explained|reason|justification|solution|steps?\b)",
    re.IGNORECASE,
)
"""What follows an answer on the line before it."""

_CONCLUSION = re.compile(
    r"\b(?:so|thus|therefore|hence|total|altogether|in all|finally|result|gives|get|left|remain\w*)\b|=",
    re.IGNORECASE,
)
_LINK = re.compile(r"\b(?:or|and|to|through|vs|versus)\s*$", re.IGNORECASE)


def read_stated(text: str) -> Quantity | None:
    """What a completion says last that the answer is, else the last number in it; None where neither is.

    A box, `<answer>`, `####` or `Answer:` states one. A hedge (`5 or 6`), a list, a denial and a question
    state none, and a correction takes back what was said before it. Nor does
    what follows the end of its turn, or a next problem that it makes up.
    """
    rest = after_thought(first_turn(text))
    return None if rest is None else _read_first_problem(clean(end_of(rest, MAX_CHARS)))


def read_gold(text: str) -> Quantity | None:
    """The value that an answer of a file is: all of it, or what it has behind `####` or in a box."""
    cleaned = clean(text)
    if "####" in cleaned or "\\boxed" in cleaned:
        return _read_prose(cleaned)
    return _read_whole(cleaned)


def _read_first_problem(text: str) -> Quantity | None:
    """What comes before a next problem, where it states an answer or is one; else, of two values, none."""
    for before in before_problems(text):
        if last_statement(before) is not None or _read_whole(before) is not None:
            return _read_prose(before)
        found, other = _read_last(before), _read_prose(text)
        if found is not None:
            return other if other is not None and other.is_same(found, 0.0) else None
    return _read_prose(text)


def _read_prose(text: str) -> Quantity | None:
    statement = last_statement(text)
    if statement is None:
        return _read_first_line(text) or _read_last(text)
    correction = statement.correction
    if correction is not None:
        return _read_last(correction)
    if statement.is_denied:
        return None
    if not statement.is_whole:
        return _read_sentence(statement.value)
    if _is_part(statement):
        return _read_boxes(text)
    found = _read_whole(statement.value)
    if found is None and last_statement(statement.value) is not None:
        return _read_prose(statement.value)
    return found


def _read_boxes(text: str) -> Quantity | None:
    """What all the boxes of a text hold, where that is one value."""
    values = boxed_values(text)
    if not 2 <= len(values) <= MAX_BOXES or _OPERATION_BEHIND.match(text[text.rfind(values[-1]) :]):
        return None
    found = [_read_whole(value) for value in values]
    return found[-1] if _are_same(found) else None


def _read_first_line(text: str) -> Quantity | None:
    """A value alone on the first line that lines beginning with a reason, or with nothing, follow."""
    first, _, rest = text.strip().partition("\n")
    if not _REASON.match(rest) or is_corrected(rest) or _CONCLUSION.search(rest):
        return None
    return _read_whole(first)


def _are_same(found: list[Quantity | None]) -> bool:
    return all(each is not None and found[0] is not None and each.is_same(found[0], 0.0) for each in found)


def _read_last(text: str) -> Quantity | None:
    """Out of the last sentence that has a number."""
    for sentence in reversed(sentences(text)):
        if _HAS_NUMBER.search(sentence):
            return None if "?" in sentence else _read_sentence(sentence, is_stated=False)
    return None


def _read_whole(text: str) -> Quantity | None:
    text = text.strip().removesuffix(".").strip()
    runs = _runs(text)
    if not runs or not _begins(text, runs[0]):
        return None
    found, rest = _quantity_at(text, runs[0])
    is_unit = re.fullmatch(r"(?:\s*[A-Za-z]+){0,4}[\s\"')]*", rest)
    return found if is_unit and not denies(rest) else None


def _read_sentence(text: str, *, is_stated: bool = True) -> Quantity | None:
    """The value that a sentence has, once or in several ways."""
    text = _ROUNDED.sub("", text)
    same = _read_restated(text, is_stated=is_stated)
    return _read_once(text, is_stated=is_stated) if same is None else same


def _read_once(text: str, *, is_stated: bool) -> Quantity | None:
    """The value that a sentence begins with, which only an explanation follows, else its last one."""
    runs = _runs(text)
    if not runs:
        return None
    if not is_stated and is_supposed(text[max(0, runs[-1].start() - MAX_CONTEXT) : runs[-1].start()]):
        return None
    if is_stated and _begins(text, runs[0]):
        found, rest = _quantity_at(text, runs[0])
        if _HAS_NUMBER.search(claim(rest)) or _OTHER_IN_BRACKETS.search(rest) or _CASES.search(rest):
            return None
        return found
    last = runs[-1]
    if len(runs) > 1:
        between = text[runs[-2].end() : last.start()]
        words = len(between.split())
        if _LINK.search(between) and (words <= 4 or re.search(r"\bor\s*$", between)):
            return None
        if is_stated and re.search(r"\b(?:or|either)\b", text):
            return None
        if last[0].startswith("=") and _ASSIGNED.fullmatch(between):
            return None
        if COMPOUND.fullmatch(between) or re.search(r"\b(?:maybe|perhaps|possibly)\b", text):
            return None
    found, rest = _quantity_at(text, last)
    return None if re.search(r"[0-9]", rest) or denies(rest) else found


def _read_restated(text: str, *, is_stated: bool) -> Quantity | None:
    """A value that is only said once more: `1/2 or 0.5`, `0.5 (1/2)`, `1/2, or 50%`."""
    first, *others = _RESTATED.split(text)
    if not 1 <= len(others) < MAX_BOXES or not all(map(_HAS_NUMBER.search, (first, *others))):
        return None
    words = set(_WORD.findall(first.lower())) | {"percent", "exactly"}
    if not all(words.issuperset(_WORD.findall(other.lower())) for other in others):
        return None  # 5 boys (5 girls)
    found = [
        _read_once(first, is_stated=is_stated),
        *(_read_whole(other.rstrip(" ).")) for other in others),
    ]
    return found[0] if _are_same(found) else None


def _begins(text: str, run: re.Match[str]) -> bool:
    """Whether a sentence begins with a run, but for words that only lead to it, and a variable set to it."""
    lead = _LEAD.fullmatch(text[: run.start()]) if run.start() <= MAX_CONTEXT else None
    return lead is not None and (not lead["variable"] or run[0].lstrip()[:1] in ("=", "<"))


def _runs(text: str) -> list[re.Match[str]]:
    return [match for match in _RUN.finditer(text) if _HAS_NUMBER.search(match[0])]


def _quantity_at(text: str, run: re.Match[str]) -> tuple[Quantity | None, str]:
    """(what a run of numbers and signs is worth where it stands, what follows it and its unit)."""
    start, end = _balanced(text, run.start(), run.end())
    before, body, rest = text[max(0, start - MAX_CONTEXT) : start], text[start:end], text[end:]
    body, rest = _without_dash(body, rest)
    sides = body.split("=")
    if "=" in body:
        if "<" in body or _TERM.search(before + "=".join(sides[:-1])):
            return None, rest
        before, body = " ", sides[-1]
    if BEFORE_SPOILED.search(before) or "<" in body or ">" in body:
        return None, rest
    if re.match(r"[-+] ", body) and re.search(r"\w\s*$", before):  # a dash, a bullet, or a sign
        return None, rest
    if rest.startswith("]") and "[" not in before:  # the end of a list
        return None, rest
    if rest.startswith("..") and "." in body:  # decimals that go on
        return None, rest
    if rest.startswith("s") and body.endswith("0"):  # the 1900s
        return None, rest
    unit = UNIT.match(rest)
    is_joined = rest[:1].isalpha() and (rest[0].isascii() or rest[0] in JOINED)
    if is_joined and not unit and not SCALE.match(rest) and not PERCENT.match(rest):
        return None, rest
    percent, scale = PERCENT.match(rest), SCALE.match(rest)
    found = read_quantity(body.replace("\u00b0", " ").strip())
    if unit:
        rest = rest[unit.end() :]
    elif percent:
        rest = rest[percent.end() :]
        found = _as_percent(found)
    elif scale:
        rest = rest[scale.end() :]
        found = _scaled(found, SCALES[scale[1].lower()])
    if SPOILED.match(rest) and not LONE_UNITS.match(rest):
        return None, rest
    if _MINUS_WORD.search(before):
        found = _scaled(found, 0, -1)
    return found, rest


def _balanced(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of a run whose brackets all close, without space around it."""
    if end - start > MAX_CONTEXT:  # a long number, or nothing to read
        return start, end
    while True:
        body = text[start:end]
        depth, low, surplus = 0, 0, -1
        for place, letter in enumerate(body):
            depth += (letter in f"([{{{SET_OPEN}") - (letter in f")]}}{SET_CLOSE}")
            if depth < low:
                low, surplus = depth, place
        if body[:1].isspace() or (depth - low > 0 and body[:1] in f"([{{{SET_OPEN}"):
            start += 1
        elif surplus >= 0 and not body[surplus:].strip(f" )]}}{SET_CLOSE}"):
            end = start + surplus
        elif body[-1:].isspace() or (depth > 0 and body[-1:] in f"([{{{SET_OPEN}"):
            end -= 1
        else:
            return start, end


def _without_dash(body: str, rest: str) -> tuple[str, str]:
    """A dash with space on both sides of it, before a word, ends what was said; so does `/` before a unit."""
    match = re.search(r"\s-{1,3}\s*$", body)
    if match and re.match(r"\s*(?!(?:sin|cos|tan|log|ln|sqrt)(?![a-z]))[A-Za-z]{2,}", rest):
        return body[: match.start()], " , " + rest
    if re.search(r"[0-9]\s?/$", body) and re.match(r"\s?[A-Za-z]{2,}", rest):
        return body.rstrip("/ "), " per " + rest
    return body, rest


def _as_percent(found: Quantity | None) -> Quantity | None:
    if found is None or found.number is None or found.is_percent:
        return None
    return replace(found, text=found.text + "%", is_percent=True)


def _scaled(found: Quantity | None, power: int, sign: int = 1) -> Quantity | None:
    if found is None or not isinstance(found.number, Fraction) or found.is_percent:
        return None
    number = found.number * sign * 10**power
    return Quantity(number_text(number), number)


def _is_part(statement: Statement) -> bool:
    """Whether a box is one of several that are joined, is said to be one of two, or belongs to a formula."""
    joined = r"[\s)\].}]*(?:or|and|,|/|;|to)\s*(?:\(?\s*(?:\\boxed|[-0-9\\])|either|maybe|perhaps)"
    rest = first_sentence(statement.after)
    if re.match(joined, rest, re.IGNORECASE) or _OPERATION_BEHIND.match(rest):
        return True
    return bool(_BOX_BEFORE.search(statement.before) or _OPERATION_BEFORE.search(statement.before))
