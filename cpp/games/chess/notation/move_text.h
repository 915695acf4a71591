// Moves as text: UCI and SAN.
#pragma once

#include <string>

#include "games/chess/board/board.h"

namespace selfplay::chess {

std::string square_text(int square);  // as White sees it

bool is_castling(const Board& board, Move move);
bool is_promotion(const Board& board, Move move);
// En passant too.
bool is_capture(const Board& board, Move move);

// Castling is the king's own step (e1g1), or the king taking its rook (e1h1) as Chess960 needs.
std::string uci_text(const Board& board, Move move, bool takes_rook);

// With the marks of check and mate.
std::string san_text(const Board& board, Move move);

// A legal move in UCI, castling in either form, in SAN, or in long algebraic notation (Ng1-f3, e2-e4), also
// with figurines and other dashes. A pawn's capture names its file, and x or a colon stands only where
// something is captured; marks of check, mate and judgement are not compared with the board. Throws
// InputError.
Move parse_move(const Board& board, const std::string& text);

}  // namespace selfplay::chess
