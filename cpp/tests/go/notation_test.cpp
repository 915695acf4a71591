// Points, starts and positions as text.
#include "tests/go/position.h"
#include "tests/test.h"

namespace selfplay::go {

namespace {

std::string handicap(int columns, int rows, int stones) {
  const Geometry geometry(columns, rows);
  std::string text;
  for (const int point : fixed_handicap(geometry, stones)) {
    if (!text.empty()) text += ' ';
    text += point_text(geometry, point);
  }
  return text;
}

// What is printed for a position after it has been read.
std::string reprinted(const Go& game, const std::string& position) {
  return position_text(*game.parse(position));
}

}  // namespace

TEST(go_points_are_written_as_in_gtp) {
  const Geometry geometry(9, 9), largest(25, 25), oblong(5, 3);
  CHECK_EQ(parse_point(geometry, "A9"), 0);
  CHECK_EQ(parse_point(geometry, "J1"), 80);
  CHECK_EQ(parse_point(geometry, "h9"), 7);
  CHECK_EQ(parse_point(geometry, "j9"), 8);
  CHECK_EQ(parse_point(geometry, "PASS"), 81);
  CHECK_EQ(parse_point(largest, "z25"), 24);
  CHECK_EQ(point_text(largest, 24 * 25 + 24), std::string("Z1"));
  CHECK_EQ(point_text(oblong, 14), std::string("E1"));
  CHECK_EQ(point_text(oblong, 15), std::string("pass"));
  for (int action = 0; action <= largest.points; ++action) {
    CHECK_EQ(parse_point(largest, point_text(largest, action)), action);
  }
}

TEST(go_wrong_points_are_refused_by_name) {
  const Geometry geometry(9, 9), oblong(5, 3);
  for (const std::string typed :
       {"", "I5", "5A", "A", "A0", "A01", "A-1", "A 1", "AA1", "A1 ", "A123", "\u00e9"}) {
    CHECK_THROWS(parse_point(geometry, typed), InputError, "'" + typed + "' is neither");
  }
  CHECK_THROWS(parse_point(geometry, "K5"), InputError, "'K5' is off the 9x9 board");
  CHECK_THROWS(parse_point(geometry, "A10"), InputError, "'A10' is off the 9x9 board");
  CHECK_THROWS(parse_point(oblong, "A4"), InputError, "'A4' is off the 5x3 board");
  CHECK_THROWS(parse_point(geometry, std::string(500, 'x')), InputError, "xxx…'");
}

TEST(go_board_sizes) {
  for (const auto& [columns, rows] : {std::pair(1, 5), {5, 1}, {26, 5}, {5, 26}, {0, 0}, {-3, 9}}) {
    CHECK_THROWS(Geometry(columns, rows), InputError, "give sides from 2 to 25");
  }
  CHECK_EQ(Go(GoOptions{2, 2, {}, 0, {}}).num_actions(), 5);
  const Go largest(GoOptions{25, 25, {}, 0, {}}), oblong(GoOptions{5, 3, {}, 0, {}});
  CHECK_EQ(largest.num_actions(), 626);
  CHECK_EQ(legal(*largest.initial()).size(), 626u);
  CHECK_EQ(oblong.planes_shape().height, 3);
  CHECK_EQ(oblong.planes_shape().width, 5);
  CHECK_EQ(oblong.symmetries().size(), 4u);
  CHECK_EQ(largest.symmetries().size(), 8u);
}

TEST(go_names_hold_what_differs_from_the_usual) {
  CHECK_EQ(square(9).name(), std::string("go:size=9"));
  CHECK_EQ(square(9, "chinese", 7).name(), std::string("go:size=9,rules=chinese,komi=7"));
  CHECK_EQ(square(19, "japanese", 6.5).name(), std::string("go:size=19,rules=japanese"));
  GoOptions options{5, 3, {}, 40, {}};
  options.rules.ko = Ko::kSituational;
  options.rules.handicap_bonus = HandicapBonus::kStones;
  options.rules.komi = -3;
  options.handicap = {0, 14};
  CHECK_EQ(
      Go(options).name(),
      std::string("go:size=5x3,ko=situational,handicap_bonus=stones,komi=-1.5,max_plies=40,handicap=A3+E1"));
  options.rules = {Ko::kSimple, false, Scoring::kTerritory, HandicapBonus::kStones, 0};
  options.handicap = {};
  CHECK_EQ(Go(options).name(), std::string("go:size=5x3,ko=simple,suicide=false,scoring=territory,"
                                           "handicap_bonus=stones,komi=0,max_plies=40"));
}

TEST(go_wrong_options_are_refused) {
  CHECK_THROWS(parse_rules("ing"), InputError, "unknown rules 'ing'; known: tromp-taylor, chinese");
  CHECK_THROWS(parse_ko("super"), InputError, "simple, positional, situational");
  CHECK_THROWS(parse_scoring("moku"), InputError, "area, territory");
  CHECK_THROWS(parse_handicap_bonus("two"), InputError, "none, stones, stones-1");
  CHECK_EQ(komi_from_points(-0.5), -1);
  CHECK_THROWS(komi_from_points(7.25), InputError, "multiple of 0.5");
  CHECK_THROWS(komi_from_points(1e9), InputError, "multiple of 0.5");
  CHECK_THROWS(Go(GoOptions{9, 9, {}, -1, {}}), InputError, "max_plies -1");
  CHECK_THROWS(Go(GoOptions{9, 9, {}, 0, {3}}), InputError, "give two or more");
  CHECK_THROWS(Go(GoOptions{9, 9, {}, 0, {3, 3}}), InputError, "two handicap stones at 'D9'");
  CHECK_THROWS(Go(GoOptions{9, 9, {}, 0, {3, 81}}), InputError, "off the board");
  CHECK_THROWS(Go(GoOptions{2, 2, {}, 0, {0, 1, 2, 3}}), InputError, "no liberty");
}

TEST(go_fixed_handicaps_are_those_of_gtp) {
  CHECK_EQ(handicap(19, 19, 2), std::string("D4 Q16"));
  CHECK_EQ(handicap(19, 19, 3), std::string("D4 Q16 D16"));
  CHECK_EQ(handicap(19, 19, 5), std::string("D4 Q16 D16 Q4 K10"));
  CHECK_EQ(handicap(19, 19, 7), std::string("D4 Q16 D16 Q4 D10 Q10 K10"));
  CHECK_EQ(handicap(19, 19, 8), std::string("D4 Q16 D16 Q4 D10 Q10 K4 K16"));
  CHECK_EQ(handicap(19, 19, 9), std::string("D4 Q16 D16 Q4 D10 Q10 K4 K16 K10"));
  CHECK_EQ(handicap(13, 13, 5), std::string("D4 K10 D10 K4 G7"));
  CHECK_EQ(handicap(9, 9, 5), std::string("C3 G7 C7 G3 E5"));
  CHECK_EQ(handicap(9, 13, 6), std::string("C4 G10 C10 G4 C7 G7"));
  CHECK_EQ(handicap(8, 8, 4), std::string("C3 F6 C6 F3"));
  CHECK_THROWS(handicap(8, 8, 5), InputError, "8x8 board: give 2 to 4");
  CHECK_THROWS(handicap(19, 19, 10), InputError, "give 2 to 9");
  CHECK_THROWS(handicap(19, 19, 1), InputError, "give 2 to 9");
  CHECK_THROWS(handicap(5, 5, 2), InputError, "no fixed points");
}

TEST(go_positions_read_and_printed_stay_the_same) {
  const Go game = square(9, "chinese");
  const std::string canonical[] = {"",
                                   "C3 pass D4",
                                   "handicap:G7,C3;",
                                   "handicap:G7,C3; D4 E5",
                                   "B:D4,C3 W:E5 turn:W; C4",
                                   "B:D4,C3 W:E5; C4",
                                   "W:A1;",
                                   "turn:W; pass"};
  for (const std::string& position : canonical) CHECK_EQ(reprinted(game, position), position);
  const std::pair<std::string, std::string> others[] = {{"  c3   PASS d4 ", "C3 pass D4"},
                                                        {"handicap:2;", "handicap:G7,C3;"},
                                                        {"Handicap:c3,g7;d4", "handicap:G7,C3; D4"},
                                                        {"turn:w w:e5 b:c3,d4;c4", "B:D4,C3 W:E5 turn:W; C4"},
                                                        {"turn:B B:C3;", "B:C3;"},
                                                        {"turn:B; C3", "C3"}};
  for (const auto& [typed, printed] : others) CHECK_EQ(reprinted(game, typed), printed);
}

TEST(go_start_of_a_handicap_game_is_named) {
  const Go game(GoOptions{9, 9, {}, 0, fixed_handicap(Geometry(9, 9), 2)});
  CHECK_EQ(game.initial()->position().start, std::string("handicap:G7,C3;"));
  CHECK_EQ(reprinted(game, "D4"), std::string("handicap:G7,C3; D4"));
  CHECK_EQ(reprinted(game, "turn:B; D4"), std::string("turn:B; D4"));
  CHECK_EQ(at(game, "turn:B;")->player(), 0);
}

TEST(go_wrong_positions_are_refused_with_the_reason) {
  const Go game = square(5, "chinese");
  CHECK_THROWS(game.parse("C3 C3"), InputError,
               "position 'C3 C3', ply 2: move 'C3' is illegal: the point is occupied");
  CHECK_THROWS(game.parse("C3 J9"), InputError, "ply 2: 'J9' is off the 5x5 board");
  CHECK_THROWS(game.parse("C3 what"), InputError, "ply 2: 'what' is neither");
  CHECK_THROWS(game.parse("pass pass C3"), InputError, "ply 3: move 'C3' comes after the end");
  CHECK_THROWS(game.parse("B:C3,C3;"), InputError, "'C3' has a stone already");
  CHECK_THROWS(game.parse("B:C3 W:D3,C3;"), InputError, "'C3' has a stone already");
  CHECK_THROWS(game.parse("B:pass;"), InputError, "'pass' is not a point");
  CHECK_THROWS(game.parse("B:;"), InputError, "'' is neither");
  CHECK_THROWS(game.parse("B:C3,;"), InputError, "'' is neither");
  CHECK_THROWS(game.parse("B:C3 B:D4;"), InputError, "two fields 'b'");
  CHECK_THROWS(game.parse("C3;"), InputError, "field 'C3' is none of");
  CHECK_THROWS(game.parse("turn:X;"), InputError, "field 'turn:X' is none of");
  CHECK_THROWS(game.parse(";"), InputError, "no field");
  CHECK_THROWS(game.parse("handicap:C3,D4 turn:B;"), InputError, "goes with no other");
  CHECK_THROWS(game.parse("W:A1 handicap:C3,D4;"), InputError, "goes with no other");
  CHECK_THROWS(game.parse("handicap:C3;"), InputError, "give two or more");
  CHECK_THROWS(game.parse("handicap:2;"), InputError, "no fixed points");
  CHECK_THROWS(game.parse("W:A5 B:A4,B5;"), InputError, "no liberty");
  CHECK_THROWS(game.parse("B:A1; C3; D4"), InputError, "ply 1: 'C3;' is neither");
}

TEST(go_draws_the_board) {
  CHECK_EQ(at(square(5), "C3 E1 A5")->text(), std::string("5 X . . . .\n"
                                                          "4 . . . . .\n"
                                                          "3 . . X . .\n"
                                                          "2 . . . . .\n"
                                                          "1 . . . . O\n"
                                                          "  A B C D E\n"));
  const std::string drawing = Go(GoOptions{2, 10, {}, 0, {}}).initial()->text();
  CHECK_EQ(drawing.substr(0, 14), std::string("10 . .\n 9 . .\n"));
  CHECK_EQ(drawing.substr(drawing.size() - 7), std::string("   A B\n"));
}

}  // namespace selfplay::go
