"""One row of a preference file: a prompt and two responses, in each form that trl's trainers read.

    prompt, chosen, rejected        texts, or messages of role and content; trl's explicit prompt
    chosen, rejected                which begin with the prompt; trl's implicit prompt
    prompt, completion, label       one response, and whether it is wanted (KTO)

A prompt of messages is kept as one text (`engine.language.model.conversation`), which a model that talks
reads through its chat template.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.errors import UserError
from engine.language.model.conversation import completion_text, conversation_text
from engine.language.spelling import spaced_once

MAX_CHARS = 100_000
"""Of a prompt or a response."""

SHARES = ("share", "probability")
SCORES = (("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"))
UNREAD = ("margin", "tools", "images", "image", "chat_template_kwargs")
"""Columns of trl's that change what is learnt there, and nothing here."""

_TURN = "\n\nAssistant:"
"""Before a response, in texts that hold a dialogue of `\n\nHuman:` and `\n\nAssistant:`."""

_LABELS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


class UnfitError(Exception):
    """A row that is no comparison; its text says why, as a count of such rows is told."""


class Compared(NamedTuple):
    """Two responses to a prompt, the first of which is preferred with probability `share`."""

    prompt: str
    chosen: str
    rejected: str
    share: float


def compared(where: str, row: Mapping[str, Any], prompts: Sequence[str] = ()) -> Compared:
    """The comparison in a row.

    Args:
        where: the row stands.
        row: by column.
        prompts: that responses may begin with, where the row names none; longest first.

    Raises:
        UserError: where a column is missing or holds what it cannot.
        UnfitError: for a row that compares nothing.
    """
    chosen, rejected = (_response(where, row, name) for name in ("chosen", "rejected"))
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise UserError(f"{where}: one of 'chosen' and 'rejected' is text, the other messages; give one form")
    if "prompt" not in row:
        prompt, first, second = _implicit(where, chosen, rejected, prompts)
    else:
        prompt = prompt_text(where, row["prompt"])
        first, second = (_after(where, prompt, name, row[name]) for name in ("chosen", "rejected"))
    for text in (prompt, first, second):
        check_text(where, text)
        if not text.strip():
            raise UnfitError("with an empty text")
    if spaced_once(first) == spaced_once(second):
        raise UnfitError("of two equal responses")
    return Compared(prompt, first, second, _share(where, row))


def labelled(where: str, row: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(prompt, response, whether it is wanted) of a row of trl's unpaired form; errors as of `compared`."""
    prompt = prompt_text(where, row.get("prompt"))
    completion = _after(where, prompt, "completion", _response(where, row, "completion"))
    mark = row.get("label")
    label = mark if isinstance(mark, bool) else _LABELS.get(str(mark).strip().lower())
    if label is None:
        raise UserError(f"{where}: 'label' is {_shown(mark)}; give true or false")
    for text in (prompt, completion):
        check_text(where, text)
        if not text.strip():
            raise UnfitError("with an empty text")
    return prompt, completion, label


def prompt_text(where: str, value: object) -> str:
    """The text of a prompt, which may be messages; UserError for anything else."""
    if isinstance(value, list):
        try:
            return conversation_text(value)
        except ValueError as error:
            raise UserError(f"{where}: 'prompt': {error}") from error
    if not isinstance(value, str):
        raise UserError(f"{where}: 'prompt' is {_shown(value)}; give text, or messages of role and content")
    return value


def check_text(where: str, text: str) -> None:
    """Refuse what is too long or no Unicode."""
    if len(text) > MAX_CHARS:
        raise UserError(f"{where}: a text of {len(text)} characters; the most is {MAX_CHARS}")
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: a text with half of a surrogate pair; give valid Unicode") from None


def _response(where: str, row: Mapping[str, Any], name: str) -> str | list[Any]:
    if name not in row:
        raise UserError(
            f"{where}: no '{name}'; there are {', '.join(sorted(row))[:200] or 'none'}; give prompt, chosen "
            "and rejected, or prompt, completion and label for KTO"
        )
    value = row[name]
    if not isinstance(value, str | list):
        raise UserError(f"{where}: '{name}' is {_shown(value)}; give text, or messages of role and content")
    return value


def _after(where: str, prompt: str, name: str, value: str | list[Any]) -> str:
    """A response, without the messages before it, which must be those of the prompt."""
    if isinstance(value, str):
        return value
    before, text = _turns(where, name, value)
    if before and prompt not in (conversation_text(before), conversation_text(before[-1:])):
        raise UnfitError("of two different prompts")
    return text


def _turns(where: str, name: str, messages: list[Any]) -> tuple[list[Any], str]:
    """(the messages of the prompt, the response after them)."""
    try:
        text = completion_text(messages[-1:])
        if messages[:-1]:
            conversation_text(messages[:-1])
    except ValueError as error:
        raise UserError(f"{where}: '{name}': {error}") from error
    return messages[:-1], text


def _implicit(
    where: str, chosen: str | list[Any], rejected: str | list[Any], prompts: Sequence[str]
) -> tuple[str, str, str]:
    """(prompt, chosen, rejected) where both responses begin with the prompt."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        size = _common(chosen, rejected, prompts)
        if not chosen[:size].strip():
            raise UnfitError(
                "of two different prompts" if chosen.strip() and rejected.strip() else "with an empty text"
            )
        return chosen[:size], chosen[size:], rejected[size:]
    assert isinstance(chosen, list)
    assert isinstance(rejected, list)
    (first, better), (second, worse) = _turns(where, "chosen", chosen), _turns(where, "rejected", rejected)
    if not first or not second:
        raise UserError(f"{where}: no 'prompt', and no message before the response; give one of them")
    prompt = conversation_text(first)
    if prompt != conversation_text(second):
        raise UnfitError("of two different prompts")
    return prompt, better, worse


def _common(first: str, second: str, prompts: Sequence[str]) -> int:
    """Characters of the prompt that two texts begin with.

    It ends at the last turn of a dialogue, at the end of a known prompt, or else where the texts begin to
    differ, but within no word.
    """
    known = next((text for text in prompts if first.startswith(text) and second.startswith(text)), "")
    if known:
        return len(known)
    if _TURN in first and _TURN in second:
        ends = [text.rindex(_TURN) + len(_TURN) for text in (first, second)]
        return ends[0] if first[: ends[0]] == second[: ends[1]] else 0
    most = min(len(first), len(second)) - 1
    size = next((place for place in range(most) if first[place] != second[place]), most)
    breaks = [found.start() for found in re.finditer(r"\s+", first[: size + 1])]
    return breaks[-1] if breaks and breaks[-1] else max(size, 0)


def _share(where: str, row: Mapping[str, Any]) -> float:
    """The probability that the chosen one is better; UnfitError where scores deny that it is."""
    for names in SCORES:
        if all(row.get(name) is not None for name in names):
            better, worse = (_number(where, name, row[name]) for name in names)
            if better == worse:
                raise UnfitError("tied by their scores")
            if better < worse:
                raise UnfitError("whose scores prefer the rejected one")
    name = next((name for name in SHARES if row.get(name) is not None), None)
    if name is None:
        return 1.0
    share = _number(where, name, row[name])
    if not 0 <= share <= 1:
        raise UserError(f"{where}: '{name}' is {_shown(row[name])}; give a probability from 0 to 1")
    return share


def _number(where: str, name: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise UserError(f"{where}: '{name}' is {_shown(value)}; give a number")
    return number


def _shown(value: object) -> str:
    return json.dumps(value, default=str)[:80]
