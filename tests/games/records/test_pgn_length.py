"""Long PGN files, made to cost more than they should."""

from __future__ import annotations

import pytest
from record_reading import Reader

from engine.errors import UserError
from games.records.pgn import reader as pgn

READER = Reader(pgn)
read_all = READER.all


LONG = {
    "repeated tags": ("".join(f'[White "{n}"]\n' for n in range(20_000)), 0),
    "wrong marks": ("{" + "x" * 4_000_000 + "}\n1. " + "Nf3+ Nf6+ Ng1+ Ng8+ " * 4, 0),
    "opened": ("1. e4 " + "(" * 4_000_000, 1),
    "opened apart": ("1. e4 " + "( a" * 100_000, 1),
    "braces": ("1. e4 " + "{" * 4_000_000, 1),
    "comments": ("1. e4 " + "{}" * 2_000_000, 0),
    "variations": ("1. e4 " + "()" * 2_000_000, 0),
    "closed": ("1. e4 " + ")" * 4_000_000, 1),
    "tags": ("[" * 1_000_000 + "\n1. e4", 0),
    "open tags": ('[a "\n' * 100_000, 1),
    "quotes": ('[a "' + '"' * 4_000_000, 1),
    "escaped quotes": ('[a "' + '\\"' * 2_000_000, 1),
    "lines": ("1. e4" + "\n;\n%" * 1_000_000, 0),
    "en passant": ("1. e4" + " ep" * 100_000, 1),
    "notes": ("1. e4" + " TN + ch mate" * 30_000 + " =Q" * 30_000, 1),
    "brackets outside of games": ("1. e4 *" + " [a b" * 1_000_000, 0),
    "first numbers": ("1. e4 e5" + "\n\n\n1." * 100_000, 0),
    "a word": ("1. " + "e" * 4_000_000, 1),
    "open comments": ('[Event "x"]\n\n1. e4 {\n' * 3_000, 3_000),
    "open comments and one end": ('[Event "x"]\n\n1. e4 {\n' * 3_000 + "}" + "(a)" * 100_000 + " Ke5", 3_000),
    "open variations": ("1. e4 ( *\n" * 3_000, 3_000),
    "comments that hold tags": ('1. e4 {\n[Event "x"]\n{ }' * 3_000, 3_000),
}


@pytest.mark.parametrize("name", LONG)
def test_length_costs_no_more_than_it_must(name: str) -> None:
    text, bad = LONG[name]
    assert sum(isinstance(found, UserError) for found in read_all(text)) == bad
