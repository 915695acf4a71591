"""Junk and damaged texts: every one is read as a position or refused in words that quote it."""

from __future__ import annotations

import random
import re
from typing import Any

import chess
from hypothesis import given, settings
from hypothesis import strategies as st

from engine._core import ChessState, Game, State
from engine.errors import InputError
from engine.registry import load_game, position_text

GAMES = {
    spec: load_game(spec)
    for spec in (
        "connect4",
        "chess",
        "chess960",
        "gardner",
        "go:size=9",
        "go:size=5x3,ko=simple",
        "othello",
        "tictactoe",
        "nim",
    )
}
STARTS = {
    "chess": ("", "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"),
    "chess960": ("", "0", "959", "r1k2r2/8/8/8/8/8/8/R1K2R2 w FAfa - 3 20"),
    "go:size=9": ("", "turn:W;", "handicap:4;", "B:C3,D4 W:E5 turn:W;"),
}
"""Positions that games begin with, beside the usual."""

LONGEST_MESSAGE = 700
QUOTED_CHARACTERS = 20
"""Of what a message must show."""

games = st.sampled_from(sorted(GAMES))
seeds = st.integers(0, 2**32)
alphabet = "abcdefghkABCDEFGHJKLMNPQRS0123456789/-+=#x;:, wOnbrq\t\n\0é€"
junk = st.one_of(st.text(max_size=300), st.text(alphabet, max_size=120), st.text(alphabet, min_size=500))


def random_position(spec: str, seed: int) -> State:
    source = random.Random(seed)
    state = GAMES[spec].parse(source.choice(STARTS.get(spec, ("",))))
    for _ in range(source.randrange(80)):
        if not (actions := state.legal_actions()):
            break
        state.play(source.choice(actions))
    return state


def read(game: Game, text: str) -> State | None:
    """The position, or None where the text is refused as it should be."""
    try:
        return game.parse(text)
    except InputError as error:
        check_message(str(error), text)
        return None


def check_message(message: str, text: str) -> None:
    """The message shows the start of the text, or of a part of it, and is no longer than a few lines."""
    assert len(message) < LONGEST_MESSAGE
    shown = re.sub(r"[\x00-\x1f\x7f]", " ", text)
    parts = {shown, *re.split(r"[ ,:;]", shown), *shown}
    assert any(f"'{part[:QUOTED_CHARACTERS]}" in message for part in parts), message


def check_fixed_point(game: Game, state: State) -> None:
    """What is written is read back as the same position, and written as the same text."""
    text = position_text(game, state)
    again = game.parse(text)
    assert again.key() == state.key()
    assert again.legal_actions() == state.legal_actions()
    assert position_text(game, again) == text


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """A text with a few characters or words changed."""
    for _ in range(draw(st.integers(1, 3))):
        at, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        match draw(st.integers(0, 3)):
            case 0:
                text = text[:at] + draw(st.text(alphabet, min_size=1, max_size=3)) + text[at:]
            case 1:
                text = text[:at] + text[min(end, at + 3) :]
            case 2:
                text = text[:at] + draw(st.sampled_from(list(alphabet))) + text[at + 1 :]
            case _:
                text = text[:end] + text[at:]
    return text


@given(spec=games, text=junk)
@settings(max_examples=150)
def test_junk_is_refused_with_a_quotation(spec: str, text: str) -> None:
    state = read(GAMES[spec], text)
    if state is not None:
        check_fixed_point(GAMES[spec], state)


@given(spec=games, seed=seeds, data=st.data())
@settings(max_examples=150)
def test_damaged_positions_are_refused_or_read(spec: str, seed: int, data: st.DataObject) -> None:
    game = GAMES[spec]
    state = random_position(spec, seed)
    check_fixed_point(game, state)
    text = position_text(game, state)
    read_state = read(game, data.draw(damaged(text)))
    if read_state is not None:
        check_fixed_point(game, read_state)


@given(spec=games, seed=seeds, text=junk)
@settings(max_examples=150)
def test_junk_is_no_move(spec: str, seed: int, text: str) -> None:
    state = random_position(spec, seed)
    try:
        action = state.parse_action(text)
    except InputError as error:
        check_message(str(error), text)
    else:
        assert action in state.legal_actions()
        assert state.parse_action(state.action_text(action)) == action


@given(spec=games, seed=seeds, data=st.data())
@settings(max_examples=150)
def test_damaged_moves_are_refused_or_legal(spec: str, seed: int, data: st.DataObject) -> None:
    state = random_position(spec, seed)
    actions = state.legal_actions()
    if not actions:
        return
    action = data.draw(st.sampled_from(actions))
    texts = [state.action_text(action)]
    if isinstance(state, ChessState):
        texts.append(state.san(action))
    for text in texts:
        assert state.parse_action(text) == action
        changed = data.draw(damaged(text))
        try:
            assert state.parse_action(changed) in actions
        except InputError as error:
            check_message(str(error), changed)


LOOSE = [("=", ""), ("=", "/"), ("x", ""), ("", "x"), ("+", ""), ("", "+"), ("-", ""), ("", "-"), ("O", "0")]


@given(seed=seeds, data=st.data())
@settings(max_examples=200)
def test_moves_written_otherwise_are_those_of_python_chess(seed: int, data: st.DataObject) -> None:
    state = random_position("chess", seed)
    assert isinstance(state, ChessState)
    board = chess.Board(state.fen())
    for action in state.legal_actions():
        text = state.san(action)
        for old, new in data.draw(st.lists(st.sampled_from(LOOSE), max_size=2)):
            at = data.draw(st.integers(0, len(text))) if not old else text.find(old)
            text = text if at < 0 else text[:at] + new + text[at + len(old) :]
        try:
            theirs = board.parse_san(text).uci()
        except ValueError:
            continue
        try:
            ours = state.action_text(state.parse_action(text))
        except InputError as error:
            ours = theirs if "captures nothing" in str(error) else str(error)
        assert ours == theirs, text


FORMS = st.sampled_from(["chess", "chess960"])


@given(form=FORMS, seed=seeds, shredder=st.booleans())
@settings(max_examples=150)
def test_fens_are_read_as_they_are_written(form: str, seed: int, shredder: bool) -> None:
    game, state = GAMES[form], random_position(form, seed)
    assert isinstance(state, ChessState)
    fen = state.fen(shredder=shredder)
    again = game.parse(fen)
    assert isinstance(again, ChessState)
    assert again.fen(shredder=shredder) == fen
    assert again.fen() == state.fen()
    board = chess.Board(fen, chess960=form == "chess960")
    assert (board.shredder_fen(en_passant="legal") if shredder else board.fen(en_passant="legal")) == fen


OPERANDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@given(form=FORMS, seed=seeds, clock=st.integers(0, 99), comment=OPERANDS, names=st.data())
@settings(max_examples=150)
def test_epds_of_python_chess_are_read(
    form: str, seed: int, clock: int, comment: str, names: st.DataObject
) -> None:
    state = random_position(form, seed)
    assert isinstance(state, ChessState)
    board = chess.Board(state.fen(), chess960=form == "chess960")
    operations: dict[str, Any] = {"id": comment, "hmvc": clock, "fmvn": clock + 1, "D1": 20, "c0": "x; y"}
    if state.outcome() is None:
        operations["bm"] = list(board.legal_moves)[:3]
    chosen = names.draw(st.permutations(sorted(operations)))
    text = board.epd(en_passant="legal", **{name: operations[name] for name in chosen})
    again = GAMES[form].parse(text)
    assert isinstance(again, ChessState)
    assert again.fen().split() == [*state.fen().split()[:4], str(clock), str(clock + 1)]
    assert GAMES[form].parse(text.rstrip(";")).key() == again.key()


@given(form=FORMS, seed=seeds, data=st.data())
@settings(max_examples=150)
def test_damaged_epds_are_refused_or_read(form: str, seed: int, data: st.DataObject) -> None:
    state = random_position(form, seed)
    assert isinstance(state, ChessState)
    text = " ".join(state.fen().split()[:4]) + ' bm e4; hmvc 7; id "a; b"; fmvn 9;'
    again = read(GAMES[form], data.draw(damaged(text)))
    if isinstance(again, ChessState) and again.ply() == 0:
        check_fixed_point(GAMES[form], again)


@given(form=FORMS, seed=seeds, data=st.data())
@settings(max_examples=150)
def test_damaged_fens_are_refused_or_of_a_position_that_python_chess_takes(
    form: str, seed: int, data: st.DataObject
) -> None:
    whole = random_position(form, seed)
    assert isinstance(whole, ChessState)
    state = read(GAMES[form], data.draw(damaged(whole.fen())))
    if isinstance(state, ChessState) and not state.position()[1]:
        board = chess.Board(state.fen(), chess960=form == "chess960")
        assert board.is_valid() or board.status() == chess.STATUS_TOO_MANY_CHECKERS
        check_fixed_point(GAMES[form], state)
