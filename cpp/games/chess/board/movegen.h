// Questions about the legal moves of a position.
#pragma once

#include "games/chess/board/board.h"

namespace selfplay::chess {

// No position that a game can reach has more than 218 legal moves.
struct MoveList {
  Move moves[256];
  int count = 0;

  const Move* begin() const { return moves; }
  const Move* end() const { return moves + count; }
};

void legal_moves(const Board& board, MoveList& list);
int count_legal_moves(const Board& board);
bool in_check(const Board& board);
int count_checkers(const Board& board);

// The number of move paths of `depth` plies.
std::uint64_t perft(const Board& board, int depth);

}  // namespace selfplay::chess
