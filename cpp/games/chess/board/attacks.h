// Attack sets on the 8x8 board; a smaller board is walled in by the occupied set.
//
// Sliding pieces look theirs up by "fancy" magic multiplication: the men that can stand in the way
// are gathered by one multiplication into an index of a square's own part of the table.
#pragma once

#include <vector>

#include "games/chess/board/bitboard.h"

namespace selfplay::chess {

struct Magic {
  Bitboard mask;  // squares where a man shortens a ray
  Bitboard factor;
  const Bitboard* attacks;
  int shift;

  Bitboard at(Bitboard occupied) const { return attacks[((occupied & mask) * factor) >> shift]; }
};

class AttackTables {
 public:
  AttackTables();
  AttackTables(const AttackTables&) = delete;
  AttackTables& operator=(const AttackTables&) = delete;

  Magic bishop[64];
  Magic rook[64];
  Bitboard knight[64];
  Bitboard king[64];
  // Captures of a pawn that moves up, and of one that moves down.
  Bitboard pawn_up[64];
  Bitboard pawn_down[64];
  // Squares strictly between two on a common line; none for any other pair.
  Bitboard between[64][64];

 private:
  void fill_sliders(Magic* magics, const Bitboard* factors, bool straight, std::size_t& used);

  std::vector<Bitboard> sliders_;
};

// Made at start-up.
extern const AttackTables kAttacks __attribute__((visibility("hidden")));

inline Bitboard bishop_attacks(int square, Bitboard occupied) { return kAttacks.bishop[square].at(occupied); }
inline Bitboard rook_attacks(int square, Bitboard occupied) { return kAttacks.rook[square].at(occupied); }

// Squares from one to another on a common line, both included.
inline Bitboard span(int from, int to) { return kAttacks.between[from][to] | bit(from) | bit(to); }

}  // namespace selfplay::chess
