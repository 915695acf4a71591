"""python-chess as the judge of chess and Chess960: moves, draws, repetitions and notation on random games."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import chess
import pytest
from bent import BENTS, BentPlayer

from engine._core import ChessState
from engine.registry import load_game

NOTATION_STRIDE = 4
"""SAN is compared at one ply in so many."""


@dataclass
class Walk:
    """One game under way in both programs."""

    state: ChessState
    board: chess.Board
    draws: str
    seen: Counter[str] = field(default_factory=Counter)
    """Positions so far."""

    def outcome(self, mobile: bool, occurrences: int) -> float | None:
        """As the board's rules have it, for the player to move."""
        if not mobile:
            return -1.0 if self.board.is_check() else 0.0
        most, clock = (5, 150) if self.draws == "fide" else (3, 100)
        drawn = occurrences >= most or self.board.halfmove_clock >= clock
        return 0.0 if drawn or self.board.is_insufficient_material() else None

    def compare(self) -> dict[str, chess.Move]:
        """Compare all there is; the legal moves of a running game by their UCI texts."""
        board, state = self.board, self.state
        moves = {board.uci(move): move for move in board.legal_moves}
        position = board.epd(en_passant="legal")
        fen = f"{position} {board.halfmove_clock} {board.fullmove_number}"
        self.seen[position] += 1
        assert state.fen() == fen
        assert state.repetitions() == self.seen[position] - 1, fen
        outcome = self.outcome(bool(moves), self.seen[position])
        assert state.outcome() == outcome, fen
        legal = {state.action_text(action) for action in state.legal_actions()}
        assert legal == (moves.keys() if outcome is None else set()), fen
        return moves if outcome is None else {}

    def compare_notation(self, move: chess.Move, action: int) -> None:
        san = self.board.san(move)
        assert self.state.san(action) == san
        assert self.state.parse_action(san) == action

    def kinds(self, move: chess.Move) -> list[str]:
        """What is rare about a move."""
        return [
            kind
            for kind, holds in (
                ("castling", self.board.is_castling(move)),
                ("en passant", self.board.is_en_passant(move)),
                ("promotion", move.promotion is not None),
            )
            if holds
        ]

    def end(self) -> str:
        """Why the game is over, by python-chess's own account."""
        board = self.board
        reasons = {
            "mate": board.is_checkmate(),
            "stalemate": board.is_stalemate(),
            "material": board.is_insufficient_material(),
            "repetition": board.is_repetition(5 if self.draws == "fide" else 3),
            "clock": board.halfmove_clock >= (150 if self.draws == "fide" else 100),
        }
        return next((reason for reason, holds in reasons.items() if holds), "not over")


def play(game: str, board: chess.Board, bent: str, source: random.Random, tally: Counter[str]) -> None:
    """Play one game, comparing at every ply; adds to `tally` what it met."""
    state = load_game(game).initial()
    assert isinstance(state, ChessState)
    walk = Walk(state, board, "fide" if "fide" in game else "threefold")
    player = BentPlayer(bent, source)
    while moves := walk.compare():
        texts = {state.action_text(action): action for action in state.legal_actions()}
        text = player.choose(state, texts)
        if state.ply() % NOTATION_STRIDE == 0:
            walk.compare_notation(moves[text], texts[text])
        tally.update(walk.kinds(moves[text]))
        tally["plies"] += 1
        state.play(texts[text])
        board.push(moves[text])
    tally[walk.end()] += 1


def play_all(plies: int, seed: int) -> Counter[str]:
    """Games of every kind with every bent, until `plies` have been compared."""
    source = random.Random(seed)
    tally: Counter[str] = Counter()
    while tally["plies"] < plies:
        for bent in BENTS:
            play("chess", chess.Board(), bent, source, tally)
            play("chess:draws=fide", chess.Board(), bent, source, tally)
            number = source.randrange(960)
            play(f"chess960:start={number}", chess.Board.from_chess960_pos(number), bent, source, tally)
    assert tally["not over"] == 0
    return tally


def test_random_games() -> None:
    tally = play_all(4000, seed=1)
    assert min(tally["castling"], tally["promotion"], tally["repetition"]) > 0


@pytest.mark.slow
def test_a_million_plies() -> None:
    tally = play_all(1_000_000, seed=2)
    rare = ("castling", "en passant", "promotion")
    for met in (*rare, "repetition", "clock", "material", "mate", "stalemate"):
        assert tally[met] > 100, (met, tally)
