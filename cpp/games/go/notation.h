// Go in text: points as GTP writes them, and the positions that a game can start from.
//
// Columns are A to Z without I from the left, rows 1 to 25 from the bottom; either case is read.
//
// A position is "[start;] moves", with spaces between moves. A start is one of
//   "handicap:C3,G7"               Black's handicap stones: White moves next and gets the rules' bonus;
//                                  "handicap:2" stands for that many on the fixed points
//   "[B:C3,D4] [W:E5] [turn:W]"    any position in which every string has a liberty; Black moves next
//                                  where `turn` is left out
// and is written with its points from the top row down, each row from the left.
#pragma once

#include <string>
#include <vector>

#include "core/game.h"
#include "games/go/board/geometry.h"

namespace selfplay::go {

struct Start {
  Bits stones[2];
  Color to_move = kBlack;
  bool is_handicap = false;  // the black stones are
};

// All that read text throw InputError that quotes it.

// "D4"; "pass" for the action after the last point.
std::string point_text(const Geometry& geometry, Action action);
Action parse_point(const Geometry& geometry, const std::string& text);

// The points that the Go Text Protocol fixes for a handicap of `stones`, for rectangles in the same manner.
// Throws InputError where the board has none for that number.
std::vector<int> fixed_handicap(const Geometry& geometry, int stones);

// White to move after these stones of Black. Throws InputError unless two or more different points.
Start handicap_start(const Geometry& geometry, const std::vector<int>& points);

// Without the semicolon.
Start parse_start(const Geometry& geometry, const std::string& text);
// With the semicolon: "turn:B;" for the empty board.
std::string start_text(const Geometry& geometry, const Start& start);

}  // namespace selfplay::go
