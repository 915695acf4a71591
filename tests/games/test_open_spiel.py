"""OpenSpiel as the judge of chess, Chess960 and Go on random games.

Where its rules are not ours, and what is compared all the same:

- Chess: White is its player 1.
- Chess960: a castling move is written "king's square, king's target"; so castling is compared as SAN.
- Go: suicide is never legal, and a single stone may not be taken back at once, as under our ko=simple,
  suicide=false. A stone that brings back an earlier board is legal and ends the game as a draw: exactly these
  our positional superko forbids.
- Go: columns are a to t without i, the bottom row comes first; a pass is the last action in both.
- Go: a game ends after 2 * size * size plies; the tests give both programs the same longer limit.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from bent import BENTS, BentPlayer

from engine._core import ChessState, GoState, State
from engine.registry import load_game

pyspiel: Any = pytest.importorskip("pyspiel", reason="OpenSpiel (open_spiel) is not installed here")

GO_SIZES = (2, 3, 4, 5, 7, 9, 13, 19)
KOMI = 7.5
LONGEST_GO = 60_000
"""Plies, for both programs; no random game comes near."""


def chess_moves(state: ChessState, spiel: Any) -> tuple[dict[str, int], dict[str, int]]:
    """The legal actions of both by a text that both write: coordinates, and SAN for castling."""
    board = spiel.board()
    ours = {}
    for action in state.legal_actions():
        san = state.san(action)
        ours[san.rstrip("+#") if san.startswith("O") else state.action_text(action)] = action
    theirs = {}
    for action in spiel.legal_actions():
        move = pyspiel.chess.action_to_move(action, board)
        text = spiel.action_to_string(action).rstrip("+#") if move.is_castling() else move.to_lan()
        theirs[text] = action
    return ours, theirs


def play_chess(game: str, spiel: Any, bent: str, source: random.Random, tally: Counter[str]) -> None:
    state = load_game(game).initial()
    assert isinstance(state, ChessState)
    player = BentPlayer(bent, source)
    while state.outcome() is None:
        assert not spiel.is_terminal(), state.fen()
        ours, theirs = chess_moves(state, spiel)
        assert ours.keys() == theirs.keys(), state.fen()
        text = player.choose(state, ours)
        state.play(ours[text])
        spiel.apply_action(theirs[text])
        tally["plies"] += 1
    assert spiel.is_terminal(), state.fen()
    assert spiel.returns()[1 - state.player()] == state.outcome(), state.fen()
    tally["mate" if state.outcome() else "draw"] += 1


def play_all_chess(plies: int, seed: int) -> Counter[str]:
    source = random.Random(seed)
    tally: Counter[str] = Counter()
    chess, chess960 = pyspiel.load_game("chess"), pyspiel.load_game("chess", {"chess960": True})
    while tally["plies"] < plies:
        for bent in BENTS:
            play_chess("chess", chess.new_initial_state(), bent, source, tally)
            number = source.randrange(960)
            start = load_game(f"chess960:start={number}").initial()
            assert isinstance(start, ChessState)
            spiel = chess960.new_initial_state(start.fen(shredder=True))
            play_chess(f"chess960:start={number}", spiel, bent, source, tally)
    return tally


def spiel_go(size: int) -> Any:
    return pyspiel.load_game("go", {"board_size": size, "komi": KOMI, "max_game_length": LONGEST_GO})


def our_go(size: int, ko: str) -> State:
    limits = f"komi={KOMI},max_plies={LONGEST_GO}"
    return load_game(f"go:size={size},ko={ko},suicide=false,{limits}").initial()


def turned(action: int, size: int) -> int:
    """An action of one program as the other numbers it: rows are counted from the other side."""
    return action if action == size * size else (size - 1 - action // size) * size + action % size


def their_actions(spiel: Any, size: int) -> list[int]:
    return sorted(turned(action, size) for action in spiel.legal_actions())


def chosen(actions: list[int], source: random.Random) -> int:
    """A pass, which comes last, one time in fifty."""
    return actions[-1] if len(actions) == 1 or source.random() < 0.02 else source.choice(actions[:-1])


def recurring(spiel: Any, size: int) -> set[int]:
    """Actions that end the game because the board has been there before."""
    found = set()
    for action in spiel.legal_actions()[:-1]:
        after = spiel.child(action)
        if after.is_terminal():
            found.add(turned(action, size))
    return found


def play_go(size: int, ko: str, source: random.Random, tally: Counter[str]) -> None:
    """Play one game; under positional superko the recurring moves are looked for at every ply."""
    state, spiel = our_go(size, ko), spiel_go(size).new_initial_state()
    while state.outcome() is None:
        assert not spiel.is_terminal()
        assert spiel.current_player() == state.player()
        actions, theirs = state.legal_actions(), their_actions(spiel, size)
        if ko == "positional":
            ends = recurring(spiel, size)
            tally["forbidden"] += len(ends)
            theirs = [action for action in theirs if action not in ends]
        assert actions == theirs, state.text()
        action = chosen(actions, source)
        state.play(action)
        spiel.apply_action(turned(action, size))
        tally["plies"] += 1
        if ko == "simple" and spiel.is_terminal() and state.outcome() is None:
            assert spiel.returns() == [0.0, 0.0]
            tally["ended by superko"] += 1
            return
    assert isinstance(state, GoState)
    assert spiel.is_terminal()
    assert spiel.returns()[state.player()] == state.outcome(), state.text()
    tally["scored"] += 1


def play_all_go(plies: int, seed: int, sizes: tuple[int, ...] = GO_SIZES) -> Counter[str]:
    """Games on all sizes, until `plies` have been compared on each under either kind of ko."""
    total: Counter[str] = Counter()
    for size in sizes:
        for ko in ("simple", "positional"):
            source, tally = random.Random(seed), Counter[str]()
            while tally["plies"] < plies:
                play_go(size, ko, source, tally)
            total += tally
    return total


def test_random_chess() -> None:
    tally = play_all_chess(8000, seed=1)
    assert min(tally["mate"], tally["draw"]) > 0


@pytest.mark.slow
def test_a_million_plies_of_chess() -> None:
    tally = play_all_chess(1_000_000, seed=2)
    assert min(tally["mate"], tally["draw"]) > 300


def test_random_go() -> None:
    tally = play_all_go(500, seed=1, sizes=(2, 3, 4, 5, 9))
    assert min(tally["scored"], tally["forbidden"], tally["ended by superko"]) > 0


@pytest.mark.slow
def test_a_million_plies_of_go() -> None:
    plies = 1_000_000 // (2 * len(GO_SIZES)) + 1
    tally = play_all_go(plies, seed=2)
    assert min(tally["scored"], tally["forbidden"], tally["ended by superko"]) > 1000
