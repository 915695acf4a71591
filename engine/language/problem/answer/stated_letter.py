"""The option that a completion chooses: one letter, or none where it hedges, denies, asks or lists."""

from __future__ import annotations

import re

from engine.language.problem.answer.mark import marked
from engine.language.problem.answer.option import Options
from engine.language.problem.answer.statement import (
    Statement,
    after_thought,
    contradicts,
    denies,
    end_of,
    first_sentence,
    is_corrected,
    last_statement,
    sentence_before,
)
from engine.language.problem.answer.turn import before_problems, first_turn
from engine.language.spelling import plain

MAX_CHARS = 20_000
"""Of a completion: only its end is read."""

_REWRITES = [
    (re.compile(pattern), new)
    for pattern, new in (
        (
            r"\\(?:text|mathrm|mbox|textrm|textbf|mathbf|textit|operatorname|mathbb|mathsf|bf|rm)\s?\{([^{}]*)\}",
            r"\1",
        ),
        (r"\\[()\[\]]|\\[,;: !]|\$", " "),
        (r"\\(?:left|right)(?![a-z])", ""),
        (r"\*+|__|`|~~|</?(?:b|i|em|strong|p|br)\s?/?>", ""),
        (r"(?:^|(?<=\n))[\u2600-\u2bff\U0001f300-\U0001faff]+[ \t]*", ""),
        (r"(?<![^\W\d_])([A-Z])[\u3001.:)](?=[^\x00-\x7f])", r"\1. "),
        (r"(?:^|(?<=\n))[ \t]*[-#>=:\u2022]+[ \t]*(?=\S)", ""),
        (r"\u2192|->|=>", ": "),
        (r"(?<![\w])_(?=\w)|(?<=\w)_(?!\w)", ""),
        (r"(?<!box)(?<!boxed)\{([A-Z])\}", r"\1"),
        (r"(?<![\w'])'([A-Za-z])'(?!\w)", r"\1"),
        (r"(?i)\b(answer|choice|option)\s+-+\s+(?=[(\[]?[A-Za-z]\b)", r"\1: "),
    )
]
_BRACKETED = r"\(\s?([A-Za-z])\s?\)|\[\s?([A-Za-z])\s?\]"
_LETTER = rf"(?:{_BRACKETED}|(?<![\w'.-])([A-Za-z])(?![\w'\u00b0+#]|-\w|\.\w))"
_ONE = re.compile(_LETTER)
_LEAD = re.compile(
    r"[\s\"'>:]*(?:(?:is|the|are|be|to|option|options|choice|letter|answer|statement|number|probably|definitely"
    r"|clearly|most likely|likely|simply|just|therefore|thus|hence|so|then|indeed|actually|correct|right|best"
    r"|one|it's|it|is:)\b[\s:,\"']*)*",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"\b(?:i|we|you)(?:'d|'ll| would| will| should| must)?\s+"
    r"(?:choose|pick|select|go with|chose|picked|selected)\b"
    r"|\b(?:correct|right|best)\s+(?:option|choice|one|letter|statement)\b[^\n.:=?!]{0,40}?(?:\bis\b|[:=])"
    r"|\b(?:final|my)\s+(?:choice|option)\b(?:\s+is\b|\s?[:=])?"
    r"|\blet's\s+(?:go with|choose|pick|select)\b"
    r"|\b(?:that|this|which)\s+leaves\b"
    r"|^[ \t]*(?:(?:choose|pick|select|letter)\b|(?:selected|choice|option)\s?:)"
    r"|\b(?:it|this|that)(?:'s|\s+is|\s+must be|\s+has to be|\s+should be|\s+would be)"
    rf"(?=\s+(?:option\s+)?{_LETTER})"
    rf"|^[ \t]*(?:so|thus|therefore|hence)\b[,:]?(?=\s+{_LETTER}[\s.!)]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED = re.compile(
    rf"{_LETTER}[^\n.?!;]{{0,60}}?\b(?:is|would be|must be|seems)\s+"
    r"(?:clearly\s+|definitely\s+|thus\s+|therefore\s+)?"
    r"(?:(?:the|my)\s+)?(?:only\s+)?(?:correct|right|best|answer)\b",
)
_OPTION = re.compile(rf"\b(?:option|choice|answer)\s+{_LETTER}", re.IGNORECASE)
_LISTED = re.compile(
    r"^[ \t]*(?:[-\u2022]\s*)?(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])\s*[).:]|([A-Z])\s-)(?=\s|$)",
    re.MULTILINE,
)
_ALONE = re.compile(rf"[\s\"']*(?:{_BRACKETED}|([A-Za-z]))[\s\"'.):,!\]]*")
_INSTEAD = re.compile(
    r"\b(?:not|rather than|instead of|over|unlike|nor)\s+(?:option\s+|choice\s+)?$", re.IGNORECASE
)
_WHY = re.compile(
    r"\b(?:because|since|as|so|for|when|if|where|which|given|that|due|whereas|while)\b", re.IGNORECASE
)
_IN_CASE = re.compile(r"\s*,?\s+(?:if|unless|provided|assuming)\b", re.IGNORECASE)
_FUNCTION_WORD = re.compile(
    r"\s+(?:because|since|as|for|with|which|given|due|and|or|not|but|rather|that|instead|based|according|by|from"
    r"|in|on|at|here|so|when|where|while|after|before|using|via|per|under|to|though|although|only|again|indeed"
    r"|also|then|therefore|thus|hence|is|was|would|among|has|had|the|this|it|i|we|you|he|she|they|there|overall"
    r"|above|below|without|between|over|rounded|option|choice|if|unless|maybe|possibly|perhaps|of)\b"
    r"|\s+[^a-z]|\s*[^\sa-zA-Z]|\s*$",
    re.IGNORECASE,
)
"""What may stand behind a bare letter that is an option; a noun makes `T cells` of it."""

_FOLLOWED = re.compile(
    r"\s+(?:because|since|as|for|with|which|given|due|and|or|not|but|rather|that|instead)\b"
)


def read_letter(text: str, options: Options | None = None) -> str:
    """The letter that a completion states last, upper case; empty where it does not choose just one.

    What follows the end of its turn, or a next problem that it makes up, states nothing. Where the options of
    the problem are known, a letter is one of them, and no initial of a name or of words that another one has;
    where they are not, a letter after E with a point and a word behind it is taken for an initial.
    """
    rest = after_thought(first_turn(text))
    if rest is None:
        return ""
    cleaned = clean(end_of(rest, MAX_CHARS))
    if options:
        cleaned = options.shortened(cleaned)
    found = (_read(before) for before in before_problems(cleaned))
    letter = next((letter for letter in found if letter), "") or _read(cleaned)
    return letter if letter and not _is_initial(letter, cleaned, options) else ""


def _is_initial(letter: str, text: str, options: Options | None) -> bool:
    """Whether a letter is no option, or is where it stands last but the start of other words."""
    if options and letter not in options.texts:
        return True
    last = list(re.finditer(rf"(?<![\w'.-]){letter}\. ?[A-Za-z][^\n]*", text))
    if not last:
        return False
    line = last[-1][0].strip(" .)")
    if options:
        return options.names(line, apart_from=letter)
    return letter > "E" and re.fullmatch(r"[A-Z]\. ?[A-Za-z][\w'-]*", line) is not None


def read_gold_letter(text: str) -> str:
    """The letter that an answer of a file is: alone, in brackets, in a box, before its text."""
    return _read(clean(text))


def clean(text: str) -> str:
    """A text in plain marks without Markdown and what LaTeX has for looks alone."""
    text = marked(plain(text))
    for pattern, new in _REWRITES:
        text = pattern.sub(new, text)
    return text


def _read(text: str) -> str:
    statement, place = last_statement(text), -1
    if statement is not None:
        place = len(text) - len(statement.after) - len(statement.value)
    named = [m for m in _NAMED.finditer(text) if m.start() > place and not _is_word(m, text)]
    chosen = [match for match in _CHOSEN.finditer(text) if match.start() > place]
    if named and (not chosen or named[-1].start() > chosen[-1].start()):
        others = [m for m in named[:-1] if _letter(m) != _letter(named[-1]) and _read_named(text, m)]
        if others and not is_corrected(text[others[-1].end() : named[-1].start()]):
            return ""
        return _read_named(text, named[-1])
    if chosen:
        start = chosen[-1].end()
        value = first_sentence(text[start:].lstrip())
        before = text[max(0, chosen[-1].start() - 80) : chosen[-1].start()]
        after = text[start:].lstrip()[len(value) :]
        return _read_statement(Statement(value, False, before, after))
    if statement is not None:
        return _read_statement(statement)
    return _read_unstated(text)


def _read_statement(statement: Statement) -> str:
    correction = statement.correction
    if correction is not None:
        letters = _letters(correction)
        if letters:
            return letters[0] if len(set(letters)) == 1 else _read_unstated(correction)
        return ""
    if statement.is_denied:
        return ""
    if statement.is_whole:
        value = re.sub(r"^\s*(?:option|choice|answer)\b:?", "", statement.value, flags=re.IGNORECASE)
        match = _ALONE.fullmatch(value) or _LISTED.match(value)
        rest = first_sentence(statement.after)
        joined = re.match(r"[\s).\]}]*(?:or|and|,|/|;|&)\s*\(?\s*(?:\\boxed|[A-Za-z]\b)", rest)
        earlier = re.search(r"\\boxed\s*\{[^{}]*\}\s*(?:,|/|&|or|and|,?\s*(?:or|and))?\s*$", statement.before)
        return "" if joined or earlier or not match or _others(value, match) else _letter(match)
    return _first_letter(statement.value)


def _first_letter(value: str) -> str:
    """The letter that a sentence begins with, but for words that lead to it, where it names no other."""
    lead = _LEAD.match(value)
    start = lead.end() if lead else 0
    match = _ONE.match(value, start)
    if not match:
        return ""
    rest = value[match.end() :]
    bare = match[3]
    if bare and (bare.islower() or bare in "AI") and not re.match(r"\s*(?:$|[.,):;/&|!\-\u2014(])", rest):
        explained = bare == "A" and _FOLLOWED.match(rest)
        if not explained:
            return ""
    if re.match(r"\s?[/&|+-]\s?\(?[A-Za-z]\b", rest) or _IN_CASE.match(rest):
        return ""
    if bare and not _FUNCTION_WORD.match(rest):
        return ""
    return "" if _others(rest, None) else _letter(match)


def _others(rest: str, match: re.Match[str] | None) -> bool:
    """Whether what follows a letter names another one, but for what it explains and what it leaves aside."""
    told = _WHY.split(rest if match is None else rest[match.end() :])[0]
    if re.match(r"[\s,(]*(?:or|and)\b", rest if match is None else rest[match.end() :]):
        return True
    for other in _ONE.finditer(told if told.strip() else ""):
        if not _is_word(other, told) and not _INSTEAD.search(told[: other.start()]):
            return True
    return False


def _read_named(text: str, match: re.Match[str]) -> str:
    """`B is the correct answer`."""
    start = max(0, match.start() - 80)
    before = re.split(r"[.!?;\n]", text[start : match.start()])[-1]
    after = text[match.end() :]
    bare = match[3]
    if bare and bare.islower():
        return ""
    if re.search(r"\b(?:or|and)\s+(?:option\s+|choice\s+)?$|\b[A-Z]\)?\s?[/&,|]\s?$", before, re.IGNORECASE):
        return ""
    statement = Statement(match[0], False, before, after)
    inner = match[0][len(match[0]) - len(match[0].lstrip()) :]
    if (
        statement.is_denied
        or denies(inner)
        or _others(match[0][match.end(match.lastindex or 0) - match.start() :], None)
    ):
        return ""
    correction = statement.correction
    return _letter(match) if correction is None else _read(correction)


def _read_unstated(text: str) -> str:
    """The letter alone, or before its text; else the one option, or the one letter in brackets, of a text."""
    lines = [line for line in text.split("\n") if line.strip()]
    alone = [match for line in lines if (match := _ALONE.fullmatch(line))]
    if alone and len({_letter(match) for match in alone}) > 1:
        return ""
    listed = [_letter(match) for match in _LISTED.finditer(text)]
    if alone and (_ALONE.fullmatch(lines[-1]) or (_ALONE.fullmatch(lines[0]) and not listed[1:])):
        return _letter(alone[0])
    if len(lines) == 1 and (first := _ONE.match(text.lstrip())):
        rest = text.lstrip()[first.end() :]
        if first[3] is None or _FOLLOWED.match(rest) or re.match(r"\s*[,;(\u2014]", rest):
            return "" if "?" in text or contradicts(rest) else _first_letter(text.lstrip())
    options = [_letter(match) for match in _OPTION.finditer(text) if _is_named_option(text, match)]
    if options:
        return options[-1] if len({*options, *listed}) == 1 else ""
    bracketed = [_letter(match) for match in re.finditer(_BRACKETED, text)]
    found = {*listed, *bracketed}
    if len(found) != 1 or "?" in lines[-1]:
        return ""
    if listed and _LISTED.match(lines[0]):
        return "" if _others(lines[0], _LISTED.match(lines[0])) and not bracketed else listed[0]
    if bracketed:
        last_one = list(re.finditer(_BRACKETED, text))[-1]
        sentence = text[: last_one.start()].rpartition("\n")[2]
        denied = denies(re.split("[.;,]", sentence)[-1]) or denies(first_sentence(text[last_one.end() :]))
        return "" if denied or (_others(text, None) and len(set(_letters(text))) > 1) else bracketed[-1]
    return ""


def _is_named_option(text: str, match: re.Match[str]) -> bool:
    """Whether `option B` is neither denied nor asked about, nor the start of something else."""
    rest = first_sentence(text[match.end() : match.end() + 200])
    before = sentence_before(text, match.start())
    if re.match(r"\s*(?:[,/&]|or|and)\s+\(?[A-Z]\b", rest) or denies(before[-40:]):
        return False
    if denies(rest) or text[match.end() + len(rest) :][:1] == "?":
        return False
    return not (match[3] and match[3].islower()) or not rest.strip(" .)")


def _is_word(match: re.Match[str], text: str) -> bool:
    """Whether a bare letter is the article or the pronoun, or a small letter, which stands for no option."""
    bare, end = match[3], match.end(3)
    if not bare or bare.islower():
        return bool(bare)
    return bare in "AI" and bool(
        re.match(
            r"\s+(?!(?:is|was|would|must|seems|or|and|but|not|because|since)\b)[a-z]|'", text[end : end + 12]
        )
    )


def _letters(text: str) -> list[str]:
    """Letters that stand for options: in brackets, or capital ones that are no word."""
    return [_letter(match) for match in _ONE.finditer(text) if not _is_word(match, text)]


def _letter(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group).upper()
