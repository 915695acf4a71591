// Positions as text: FEN, X-FEN and Shredder-FEN, and the start positions of the variants.
#pragma once

#include <string>

#include "games/chess/board/board.h"

namespace selfplay::chess {

enum class Variant { kStandard, kChess960, kGardner };

// How rights to castle are written: KQkq, with a file's letter only where that would name another
// rook (X-FEN), or file letters throughout (Shredder-FEN).
enum class CastlingLetters { kXFen, kShredder };

struct Setup {
  Board board;
  int move_number = 1;  // of the full move, as FEN counts
};

inline constexpr int kChess960Starts = 960;
inline constexpr int kUsualStart = 518;  // the number of the usual start among those of Chess960

// `start` is the number of a Chess960 start (Scharnagl's scheme); other variants have one start.
Setup start_setup(Variant variant, int start = kUsualStart);

// Four fields, or up to six with the half-move clock and the move number. Throws InputError, also for a
// position that no game can reach.
Setup parse_fen(const std::string& text, Variant variant);

std::string fen_text(const Setup& setup, CastlingLetters letters = CastlingLetters::kXFen);

}  // namespace selfplay::chess
