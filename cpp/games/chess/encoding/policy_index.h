// Actions: a compact numbering of all moves that a piece could make on an empty board.
//
// First the moves of a queen or a knight from each square, ascending by from and then to: 1,792 on 8x8.
// They also stand for pawn moves, for promotion to a queen, and for castling as the king taking its rook.
// Then promotions to knight, bishop and rook, ascending by from, to and piece: 66 on 8x8. Squares are seen
// by the player to move.
#pragma once

#include <vector>

#include "core/game.h"
#include "games/chess/board/board.h"

namespace selfplay::chess {

class PolicyIndex {
 public:
  explicit PolicyIndex(int size);

  int num_actions() const { return static_cast<int>(moves_.size()); }
  Move move(Action action) const { return moves_[static_cast<std::size_t>(action)]; }
  // -1 for what is no piece's move.
  Action action(Move move) const;
  // The legal moves in ascending order; returns their number.
  int legal_actions(const Board& board, Action* out) const;

 private:
  std::int16_t plain_[64][64];
  std::int16_t underpromotions_[64][3];  // by from and direction: the first of three
  std::vector<Move> moves_;
};

}  // namespace selfplay::chess
