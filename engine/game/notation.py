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
        if letter == '"' and text[place - 1 : place] != "\\":
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
        refusal = error
    for shorter in dict.fromkeys((text, _SEMICOLON.split(text, 1)[0])):
        try:
            return _parse_shorter(game, shorter, is_shorter=shorter != text)
        except (InputError, ValueError) as error:
            refusal = error if _NUMBER.match(shorter) else refusal
    raise InputError(str(refusal)) from refusal


def read_position(game: Game, text: str) -> State:
    """The position that somebody gives, read like a line; the first one where nothing is given.

    Raise InputError where there is none, as in a comment alone.
    """
    state = parse_line(game, text)
    if state is None and (given := text.strip(BLANK)):
        raise InputError(f"position '{given[:60]}' is a comment alone; leave it out, or give a position")
    return game.initial() if state is None else state


def _parse_shorter(game: Game, text: str, is_shorter: bool) -> State:
    """A text without what may be a comment, in the game's notation, or any as moves; raise InputError."""
    if is_shorter:
        try:
            return game.parse(text)
        except (InputError, ValueError):
            pass
    return _play_moves(game, text)


def _play_moves(game: Game, text: str) -> State:
    """The position after moves from the start, with or without numbers; raise InputError naming the ply."""
    moves = [move for word in text.split() if (move := _NUMBER.sub("", word, count=1))]
    if not moves:
        raise InputError(f"position '{text[:60]}' has no move")
    state = game.initial()
    for ply, move in enumerate(moves, start=1):
        try:
            state.play(state.parse_action(move))
        except (InputError, ValueError) as error:
            raise InputError(f"position '{text[:60]}', ply {ply}: {error}") from error
    return state
