"""The engine knows no game: none is named in its code, nor what one game alone has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.registry import game_names

ROOT = Path(__file__).resolve().parents[1]

TERMS = (
    "castling", "checkmate", "connect four", "fen", "komi", "needs agreement", "pgn", "sgf", "stones?",
    "tic-tac-toe",
)  # fmt: skip
NAMES = [name for name in game_names() if name != "go"]
NAMED = re.compile(rf"\b({'|'.join([*NAMES, *TERMS])}|go:\w+=)(?![a-z])", re.I)
"""`go` alone is a word of English: as a text of its own, or with options, it is the game."""

ALLOWED = {
    (
        "engine/config/config.py",
        "connect4",
    ): "the default of the setting `game`, where a command is told none",
    ("engine/protocols/uci/command.py", "go"): "what starts a search in UCI",
    ("engine/doctor.py", "go"): "an extra of this package",
    ("engine/doctor.py", "SGF whose charset has to be found"): "what that extra is for",
}


OWN_WORDS = {
    "engine/protocols/gtp": {"komi", "stones", "stone", "sgf"},
    "engine/protocols/analysis": {"komi", "stones", "stone"},
    "engine/protocols/uci": {"fen"},
    "engine/arena/client": {"komi", "stones", "fen", "go", "chess"},
}
"""Words that a protocol has for whatever it is used for: names of its commands and what it lets be asked."""


def is_own(path: Path, text: str) -> bool:
    """Whether a file's text has, of a game, words of its protocol alone."""
    folders = [folder for folder in OWN_WORDS if path.is_relative_to(ROOT / folder)]
    own = set().union(*(OWN_WORDS[folder] for folder in folders))
    found = [match[1].lower() for match in NAMED.finditer(re.sub("_", " ", text))]
    found += [text] if text == "go" else []
    return bool(found) and all(word in own for word in found)


def naming(source: str) -> Iterator[str]:
    """Texts outside docstrings, and names of the code, that are of a game."""
    tree = ast.parse(source)
    bodies = [node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)]
    told = {id(line.value) for body in bodies for line in body if isinstance(line, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            text, shown = node.value, node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            shown = node.id if isinstance(node, ast.Name) else node.attr
            text = re.sub(r"_|(?<=[a-z0-9])(?=[A-Z])", " ", shown)
        else:
            continue
        if text == "go" or NAMED.search(text):
            yield shown


def test_the_engine_names_no_game() -> None:
    found = {
        (str(path.relative_to(ROOT)), text)
        for path in sorted((ROOT / "engine").rglob("*.py"))
        for text in naming(path.read_text(encoding="utf-8"))
        if not is_own(path, text)
    }
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('x = "connect4"', "connect4"),
        ('f(help="default: Connect Four")', "default: Connect Four"),
        ("game.needs_agreement", "needs_agreement"),
        ("_core.Connect4Solver(1)", "Connect4Solver"),
        ('"about dead stones"\nx = "about dead stones"', "about dead stones"),
        ('load("go:size=9")', "go:size=9"),
        ('GOALS = {"go": 3}', "go"),
        ('f"{x} in FEN"', " in FEN"),
    ],
)
def test_a_game_that_is_named_is_found(source: str, shown: str) -> None:
    assert shown in list(naming(source))


def test_examples_of_docstrings_and_words_of_english_are_none() -> None:
    assert list(naming('"""Such as chess."""\nx = "go on"\n"""As in go:size=9."""\n')) == []
