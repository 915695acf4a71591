// Whose each point is. Komi and prisoners are no matter of the board: GoState adds them.
#pragma once

#include <vector>

#include "games/go/board/board.h"

namespace selfplay::go {

// Points by owner; those of nobody are in neither set.
struct Owners {
  Bits of[2];
};

// Stones, and the empty regions that touch stones of one color only.
Owners area(const Board& board);

// The strings at `points`. Throws InputError for a point without a stone.
Bits dead_strings(const Board& board, const std::vector<int>& points);

// The empty regions that touch one color only once the dead stones are off the board. Eyes in a seki
// count: to deny them takes an agreement on what is one.
Owners territory(const Board& board, const Bits& dead);

}  // namespace selfplay::go
