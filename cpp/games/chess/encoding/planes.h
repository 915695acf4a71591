// The input planes of a position, seen by the player to move: the last rank first, the a-file left.
#pragma once

#include "games/chess/board/board.h"

namespace selfplay::chess {

// In order: for the position and each earlier one, six planes of the mover's pieces (pawn, knight, bishop,
// rook, queen, king) and six of the other's; the squares attacked by the mover and by the other; how often
// the position has occurred and the half-move clock, each as the part of what makes a draw. On 8x8 also the
// rights to castle (mover's to the queen's and the king's side, then the other's) and the square to capture
// on en passant.
struct PlanesInput {
  const Board* board;
  const Board* previous;  // the latest first
  int previous_count;
  int history;       // how many earlier positions have planes
  bool marks_rooks;  // a right to castle fills the file of its rook (Chess960) and not the whole plane
  float repetition;
  float clock;
};

int count_planes(int size, int history);
void write_planes(const PlanesInput& input, float* planes);

}  // namespace selfplay::chess
