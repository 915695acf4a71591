// What depends on the size of a board alone: neighbours, symmetries and the numbers behind its hashes.
//
// A point's number is row * columns + column, rows counted from the top: the number of the action that
// plays there and of its cell in every plane.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/game.h"
#include "games/go/board/bits.h"

namespace selfplay::go {

enum Color : std::uint8_t { kBlack, kWhite, kEmpty, kOffBoard };

constexpr Color opposite(Color color) { return static_cast<Color>(color ^ 1); }

inline constexpr int kMaxSymmetries = 8;

// One hash for each symmetry: entry s belongs to the board turned by symmetry s.
struct alignas(64) TurnedHash {
  std::array<std::uint64_t, kMaxSymmetries> of = {};

  TurnedHash& operator^=(const TurnedHash& other) {
    for (std::size_t i = 0; i < of.size(); ++i) of[i] ^= other.of[i];
    return *this;
  }
};

// What can be hashed at a point.
enum Mark { kBlackStone, kWhiteStone, kForbidden, kLastMove, kMarks };

struct Geometry {
  // Throws InputError unless both sides are 2 to 25.
  Geometry(int columns, int rows);

  // The points beside those of `set`, some of which may belong to it themselves.
  Bits adjacent(const Bits& set) const {
    Bits result = set.raised(columns) | set.lowered(columns);
    result |= (set & not_last_column).raised(1);
    result |= (set & not_first_column).lowered(1);
    return result & all;
  }

  int columns;
  int rows;
  int points;
  Bits all;
  Bits not_first_column;
  Bits not_last_column;
  // Above, left, right, below; `points` stands for a neighbour off the board.
  std::vector<std::array<std::uint16_t, 4>> neighbours;
  // Zobrist numbers of a stone by point and color.
  std::vector<std::array<std::uint64_t, 2>> stone_keys;
  // The same for every mark, under all symmetries at once; stone_keys is entry 0 of the stones.
  std::array<std::vector<TurnedHash>, kMarks> mark_keys;
  // Eight of a square, four of a rectangle.
  std::vector<Symmetry> symmetries;

 private:
  void make_neighbours();
  void make_symmetries();
  void make_keys();
};

}  // namespace selfplay::go
