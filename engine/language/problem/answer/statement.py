"""Where a completion states its answer: after a closed thought, in a box, behind `Answer:`, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAGS = r"(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)"
_OPEN = re.compile(rf"<\s*{_TAGS}\s*>|<\|(?:begin_of_)?thought\|>|\u25c1think\u25b7|\[THINK\]", re.IGNORECASE)
_CLOSE = re.compile(
    rf"<\s*/\s*{_TAGS}\s*>|<\|end_of_thought\|>|\u25c1/think\u25b7|\[/THINK\]"
    r"|<\|channel\|>\s*final\s*<\|message\|>",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_SHORT_BOX = re.compile(r"\\boxed\s+([A-Za-z0-9]+)")
_ANSWER_TAG = re.compile(r"<\s*answer\s*>", re.IGNORECASE)
_ANSWER_TAG_END = re.compile(r"<\s*/\s*answer\s*>", re.IGNORECASE)
_MARK = re.compile(
    r"####|\b(?:answers?|ans)\b(?:[ \t]*\]?[ \t]*(?=[-+]?[ \t]*[$\\(]*[0-9])"
    r"|(?P<between>[^\n.:=?!]{0,60}?)(?:\b(?:is|are|was|equals|be|becomes|comes to)\b(?:[ \t]*:)?|[:=]))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?:[.?]|(?<![0-9)}])!)(?=\s|$)|;(?![^()\[\]\n;]{0,40}[)\]])|\n")
_LINE_END = re.compile(r"(?:[.?]|(?<![0-9)}])!)(?=\s|$)|\n")
_CORRECTION = re.compile(
    r"(?:^|[.!?\n;,(]|--?|\u2026)\s{0,9}(?:oh,?\s+|but\s+|hmm+,?\s+|um,?\s+)?"
    r"(?:no[,.!]?\s+wait|wait\b|oops\b|sorry\b|correction\b|scratch that\b|actually\b|i mean\b|no[,.!]\s"
    r"|on second thoughts?\b|let me (?:re|double|correct|fix)|i made (?:a|an) (?:mistake|error)|hold on\b"
    r"|that(?:'s| is) (?:wrong|incorrect|not right))",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|never|cannot|nor|neither|without|except|exclud\w+|eliminat\w+|rul\w+ out|reject)\b|n't\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:is|was|are|be)\s+(?:definitely\s+|clearly\s+|also\s+)?(?:not\b|wrong\b|incorrect\b|false\b)"
    r"|\b(?:isn|wasn|aren|can)'t\b|\b(?:wrong|incorrect|impossible)\b"
    r"|\b(?:is|was|be|gets?)\s+(?:(?:far |much |way )?too\s+\w+|eliminated|excluded|ruled out|rejected)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|suppose|supposing|assume|assuming|whether|unless)\b[^,.;:]*$"
    r"|\b(?:not|n't|doubt)\b[^,.;:]{0,40}$",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|suppose|supposing|assume|assuming|whether|unless)\b"
    r"(?:(?!\b(?:then|get|gets|have|has|there|gives|becomes)\b)[^,.;:])*$",
    re.IGNORECASE,
)
_EXPLANATION = re.compile(
    r"\b(?:because|since|as|so|for|when|if|where|which|given|after|from|with|that|due|using|by|rounded)\b|\(",
    re.IGNORECASE,
)
_UNSURE = re.compile(r"\b(?:might|could|may|cannot|can't|must not)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One place of a text that says what the answer is."""

    value: str
    """What a box or a tag holds, or else the rest of the sentence behind the mark."""
    is_whole: bool
    """Whether nothing but the answer is in it."""
    before: str
    """The start of its sentence."""
    after: str
    """All that follows."""

    @property
    def is_denied(self) -> bool:
        """Whether its own sentence takes it back, doubts it, or only supposes it."""
        near = self.before[-40:]
        if _CONDITION.search(self.before) or _NEGATION.search(near) or _UNSURE.search(near):
            return True
        rest = first_sentence(self.after) if self.is_whole else self.value
        end = self.after[len(rest) :][:1] if self.is_whole else rest.rstrip()[-1:]
        return end == "?" or bool(_DENIAL.search(claim(rest)))

    @property
    def correction(self) -> str | None:
        """What follows from where the text takes the answer back; None where it does not."""
        match = _CORRECTION.search(self.after)
        return None if match is None else self.after[match.start() :]


def after_thought(text: str) -> str | None:
    """What follows the last closed thought, all of a text without one; None where a thought is open."""
    closed = 0
    for match in _CLOSE.finditer(text):
        closed = match.end()
    rest = text[closed:]
    return None if _OPEN.search(rest) else rest


def end_of(text: str, max_chars: int) -> str:
    """The last characters of a text, from the first white space on where it is longer."""
    if len(text) <= max_chars:
        return text
    cut = re.search(r"\s", text[-max_chars:])
    return text[-max_chars:][cut.end() :] if cut else ""


def last_statement(text: str) -> Statement | None:
    """The last place that states an answer, None where there is none."""
    text = _ANSWER_TAG_END.sub("\n", _ANSWER_TAG.sub("\n#### ", text))
    found = next(_boxes(text), None)
    place = -1 if found is None else found[0]
    for mark in reversed(list(_MARK.finditer(text))):
        if mark.start() < place:
            break
        rest = text[mark.end() :]
        start = len(rest) - len(rest.lstrip())
        end = _LINE_END.search(rest, start)
        value = rest[start : end.start() if end else len(rest)]
        return Statement(
            value + rest[start + len(value) :][:1].replace("\n", ""),
            False,
            sentence_before(text, mark.start()) + (mark["between"] or ""),
            rest[start + len(value) :],
        )
    return None if found is None else found[1]


def boxed_values(text: str) -> list[str]:
    """What stands in each box, in their order; nothing where one is cut off."""
    found: list[str] = []
    for match in _BOX.finditer(text):
        end = _closing(text, match.end())
        if end is None:
            return []
        found.append(text[match.end() : end])
    return found


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without their ends but for a question's."""
    found, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        found.append(text[start : match.end() if match[0] == "?" else match.start()])
        start = match.end()
    return [part for part in (*found, text[start:]) if part.strip()]


def first_sentence(text: str) -> str:
    """What comes before the end of the first sentence or line."""
    match = _SENTENCE_END.search(text)
    return text[: match.start()] if match else text


def is_supposed(before: str) -> bool:
    """Whether a sentence that begins so only supposes what comes next."""
    return bool(_SUPPOSED.search(before))


def is_corrected(text: str) -> bool:
    """Whether a text takes back what came before it."""
    return bool(_CORRECTION.search(text))


def claim(sentence: str) -> str:
    """A sentence up to where it begins to explain itself."""
    match = _EXPLANATION.search(sentence)
    return sentence[: match.start()] if match else sentence


def contradicts(text: str) -> bool:
    """Whether what follows an answer says that it is none."""
    return bool(_DENIAL.search(claim(text)))


def denies(text: str) -> bool:
    """Whether what follows an answer says that it is none, or has any negation in it."""
    return contradicts(text) or bool(_NEGATION.search(text))


def sentence_before(text: str, place: int) -> str:
    """The start of the sentence that a place stands in, of the 200 characters before it."""
    start = max(0, place - 200)
    head = text[start:place]
    ends = list(_SENTENCE_END.finditer(head))
    return head[ends[-1].end() :] if ends else head


def _boxes(text: str) -> Iterator[tuple[int, Statement]]:
    """The last box, with braces that close."""
    starts = [(match.start(), match.end()) for match in _BOX.finditer(text)]
    short = list(_SHORT_BOX.finditer(text))
    if short and (not starts or short[-1].start() > starts[-1][0]):
        match = short[-1]
        place = match.start()
        yield place, Statement(match[1], True, sentence_before(text, place), text[match.end() :])
    elif starts:
        place, start = starts[-1]
        end = _closing(text, start)
        if end is None:  # cut off: nothing is stated
            yield place, Statement("", True, "", "")
        else:
            yield place, Statement(text[start:end], True, sentence_before(text, place), text[end + 1 :])


def _closing(text: str, start: int) -> int | None:
    depth = 1
    for match in re.compile(r"\\[\\{}]|[{}]").finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return None
