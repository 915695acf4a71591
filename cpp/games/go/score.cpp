#include "games/go/score.h"

#include <string>

#include "games/go/notation.h"

namespace selfplay::go {

namespace {

// The points of `through` that touch `from`, directly or by way of each other.
Bits reached(const Geometry& geometry, const Bits& from, const Bits& through) {
  Bits reach = geometry.adjacent(from) & through;
  while (true) {
    const Bits grown = reach | (geometry.adjacent(reach) & through);
    if (grown == reach) return reach;
    reach = grown;
  }
}

Owners surrounded(const Geometry& geometry, const Bits& black, const Bits& white) {
  const Bits empty = geometry.all.without(black | white);
  const Bits by_black = reached(geometry, black, empty);
  const Bits by_white = reached(geometry, white, empty);
  return {{by_black.without(by_white), by_white.without(by_black)}};
}

}  // namespace

Owners area(const Board& board) {
  Owners owners = surrounded(board.geometry(), board.stones(kBlack), board.stones(kWhite));
  for (const Color color : {kBlack, kWhite}) owners.of[color] |= board.stones(color);
  return owners;
}

Bits dead_strings(const Board& board, const std::vector<int>& points) {
  const Geometry& geometry = board.geometry();
  Bits dead;
  for (const int point : points) {
    if (point < 0 || point >= geometry.points) {
      throw InputError("dead stone at point " + std::to_string(point) + ", which is off the board");
    }
    if (board.at(point) == kEmpty) {
      throw InputError("dead stone at '" + point_text(geometry, point) + "': the point is empty");
    }
    dead |= board.string(point);
  }
  return dead;
}

Owners territory(const Board& board, const Bits& dead) {
  return surrounded(board.geometry(), board.stones(kBlack).without(dead), board.stones(kWhite).without(dead));
}

}  // namespace selfplay::go
