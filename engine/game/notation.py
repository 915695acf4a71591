"""Positions as people hand them over: a line of a file with its comment, a list of numbered moves."""

from __future__ import annotations

import re

from engine._core import Game, InputError, State

BLANK = "\ufeff \t\r\n\f\v\x1a"
"""What may stand around a position; a byte order mark, and what ends text files of DOS, among it."""

_SEMICOLON = re.compile(r"\s+;")

_NUMBER = re.compile(r"^[0-9]{1,4}\.+")
"""Of a move, as in `1.e4 e5` and `12... Kf7`."""


def without_comment(line: str) -> str:
    """A line without its comment and what stands around it; nothing of one that is a comment.

    A comment begins with # at the start or behind a blank, outside of quotes, or with ; at the start.
    """
    text = line.strip(BLANK)
    if text.startswith((";", "#")):
        return ""
    quoted = False
    for place, letter in enumerate(text):
        if letter == '"' and not text[:place].endswith("\\"):
            quoted = not quoted
        elif letter == "#" and not quoted and text[place - 1] in BLANK:
            return text[:place].rstrip(BLANK)
    return text


def parse_line(game: Game, line: str) -> State | None:
    """The position of a line: in the game's notation, or moves from the start, numbered or not.

    What follows a ; behind a blank is taken for a comment where the game does not read it. None of a line
    without a position. Raise InputError, as the game says it, where neither reads it.
    """
    text = without_comment(line)
    if not text:
        return None
    try:
        return game.parse(text)
    except (InputError, ValueError) as error:
        for shorter in (text, _SEMICOLON.split(text, 1)[0]):
            if (state := _parse(game, shorter)) is not None:
                return state
        raise InputError(str(error)) from error


def read_position(game: Game, text: str) -> State:
    """The position that somebody gives, read like a line; the first one where nothing is given.

    Raise InputError where there is none, as in a comment alone.
    """
    state = parse_line(game, text)
    if state is None and (given := text.strip(BLANK)):
        raise InputError(f"position '{given[:60]}' is a comment alone; leave it out, or give a position")
    return game.initial() if state is None else state


def _parse(game: Game, text: str) -> State | None:
    """The position of a text, or of the moves in it; None where neither is there."""
    try:
        return game.parse(text)
    except (InputError, ValueError):
        pass
    moves = [move for word in text.split() if (move := _NUMBER.sub("", word, count=1))]
    state = game.initial()
    try:
        for move in moves:
            state.play(state.parse_action(move))
    except (InputError, ValueError):
        return None
    return state if moves else None
