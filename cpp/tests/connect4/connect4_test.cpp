#include "games/connect4/connect4.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "tests/test.h"

namespace selfplay::connect4 {

namespace {

std::uint64_t perft(const Connect4State& state, int depth) {
  if (depth == 0) return 1;
  Action actions[kWidth];
  const int count = state.legal_actions(actions);
  std::uint64_t leaves = 0;
  for (int i = 0; i < count; ++i) {
    Connect4State child = state;
    child.play(actions[i]);
    leaves += perft(child, depth - 1);
  }
  return leaves;
}

std::unique_ptr<State> at(const std::string& moves) { return Connect4().parse(moves); }

std::vector<Action> legal(const State& state) {
  std::vector<Action> actions(kWidth);
  actions.resize(static_cast<std::size_t>(state.legal_actions(actions.data())));
  return actions;
}

std::string mirror_moves(std::string moves) {
  for (char& column : moves) column = static_cast<char>('1' + '7' - column);
  return moves;
}

std::vector<float> planes(const State& state, int symmetry = 0) {
  const Connect4 game;
  std::vector<float> result(kPlanes * kCells), scratch(result.size());
  encode_turned(game, state, symmetry, result.data(), scratch.data());
  return result;
}

// A game of random moves up to `plies`, or to its end.
std::string random_moves(std::uint64_t seed, int plies) {
  Random random(seed);
  Connect4State state;
  std::string moves;
  for (int ply = 0; ply < plies; ++ply) {
    const std::vector<Action> actions = legal(state);
    if (actions.empty()) break;
    const Action action = actions[random.below(static_cast<std::uint32_t>(actions.size()))];
    state.play(action);
    moves += state.action_text(action);
  }
  return moves;
}

}  // namespace

TEST(connect4_perft) {
  const std::uint64_t expected[] = {1, 7, 49, 343, 2401, 16807, 117649, 823536, 5673234};
  for (int depth = 0; depth <= 8; ++depth) CHECK_EQ(perft(Connect4State(), depth), expected[depth]);
}

TEST(connect4_four_in_a_row_wins_in_every_direction) {
  struct Line {
    int column, row, right, up;
  };
  int lines = 0;
  for (const Line step : {Line{0, 0, 1, 0}, Line{0, 0, 0, 1}, Line{0, 0, 1, 1}, Line{0, 0, 1, -1}}) {
    for (int column = 0; column < kWidth; ++column) {
      for (int row = 0; row < kHeight; ++row) {
        const int last_column = column + 3 * step.right, last_row = row + 3 * step.up;
        if (last_column >= kWidth || last_row >= kHeight || last_row < 0) continue;
        Board four = 0;
        for (int i = 0; i < 4; ++i) four |= 1ULL << ((column + i * step.right) * 7 + row + i * step.up);
        CHECK(has_four(four));
        for (Board rest = four; rest != 0; rest &= rest - 1) CHECK(!has_four(four ^ (rest & -rest)));
        ++lines;
      }
    }
  }
  CHECK_EQ(lines, 69);
}

TEST(connect4_lines_do_not_wrap_around_the_edges) {
  // Three in the top of a column and the bottom of the next one.
  CHECK(!has_four((0b111ULL << 3) | (1ULL << 7)));
  // A row that leaves on the right does not come back on the left.
  CHECK(!has_four((1ULL << 28) | (1ULL << 35) | (1ULL << 42) | (1ULL << 1)));
}

TEST(connect4_ends_when_four_are_connected) {
  const std::vector<std::string> wins = {
      "1122334",      // row
      "1212121",      // column
      "12234334464",  // rising
      "76654554424",  // falling
      "71122334",     // row of the second player
  };
  for (const std::string& moves : wins) {
    const auto state = at(moves);
    CHECK_EQ(state->outcome().value_or(9), -1.0f);
    CHECK(legal(*state).empty());
    CHECK_EQ(state->player(), static_cast<int>(moves.size() % 2));
    const auto before = at(moves.substr(0, moves.size() - 1));
    CHECK(!before->outcome().has_value());
  }
}

TEST(connect4_full_board_is_a_draw) {
  const std::string moves = "113272225476732544134431315631645667727565";
  const auto state = at(moves);
  CHECK_EQ(state->outcome().value_or(9), 0.0f);
  CHECK_EQ(state->ply(), kCells);
  CHECK(legal(*state).empty());
}

TEST(connect4_full_columns_are_not_legal) {
  const auto state = at("444444");
  CHECK(legal(*state) == (std::vector<Action>{0, 1, 2, 4, 5, 6}));
  CHECK_THROWS(state->parse_action("4"), InputError, "full");
  CHECK_THROWS(state->parse_action("8"), InputError, "'8'");
  CHECK_THROWS(state->parse_action("44"), InputError, "'44'");
  CHECK_THROWS(at("4444444"), InputError, "ply 7");
  CHECK_THROWS(at("11223344"), InputError, "end of the game");
  CHECK_THROWS(at(std::string(43, '1')), InputError, "at most 42");
  CHECK_THROWS(at("4\u00e9"), InputError, "ply 2: move '\u00e9'");
}

TEST(connect4_key_names_the_position_not_the_path) {
  CHECK_EQ(at("1213")->key(), at("1312")->key());
  CHECK(at("12")->key() != at("21")->key());
  CHECK(at("1")->key() != at("7")->key());
  // The same stones, another player to move, cannot occur; the same columns with colours swapped can.
  CHECK(at("1221")->key() != at("2112")->key());
}

TEST(connect4_canonical_joins_a_position_and_its_mirror) {
  const Connect4 game;
  for (int seed = 0; seed < 200; ++seed) {
    const std::string moves = random_moves(static_cast<std::uint64_t>(seed), seed % 30);
    const auto state = at(moves), mirror = at(mirror_moves(moves));
    const Canonical here = state->canonical(), there = mirror->canonical();
    CHECK_EQ(here.key, there.key);
    CHECK(here.key == state->key() || here.key == mirror->key());
    CHECK(planes(*state, here.symmetry) == planes(*mirror, there.symmetry));
    CHECK(planes(*state, 1) == planes(*mirror, 0));
    CHECK_EQ(state->outcome().value_or(9), mirror->outcome().value_or(9));

    std::vector<Action> turned;
    for (const Action action : legal(*state)) turned.push_back(game.symmetries()[1].actions[action]);
    std::sort(turned.begin(), turned.end());
    CHECK(turned == legal(*mirror));
  }
}

TEST(connect4_encodes_stones_playable_cells_and_threats) {
  const auto state = at("44352535");  // the first player is to move
  const std::string expected[kPlanes] = {
      // own
      "....... ....... ....... ....... ..x.... .xxx...",
      // theirs
      "....... ....... ....... ....x.. ...xx.. ....x..",
      // where a stone can land
      "....... ....... ....x.. ..xx... .x..... x....xx",
      // what completes four for the player to move
      "....... ....... ....... ....... ....... x......",
      // and for the other one: above the stones of column 5
      "....... ....... ....x.. ....... ....... .......",
  };
  const std::vector<float> found = planes(*state);
  for (int plane = 0; plane < kPlanes; ++plane) {
    std::string drawing;
    for (int cell = 0; cell < kCells; ++cell) {
      if (cell > 0 && cell % kWidth == 0) drawing += ' ';
      const float value = found[static_cast<std::size_t>(plane * kCells + cell)];
      CHECK(value == 0.0f || value == 1.0f);
      drawing += value == 1.0f ? 'x' : '.';
    }
    CHECK_EQ(drawing, expected[plane]);
  }
}

TEST(connect4_draws_the_board) {
  CHECK_EQ(at("443")->text(), std::string(". . . . . . .\n"
                                          ". . . . . . .\n"
                                          ". . . . . . .\n"
                                          ". . . . . . .\n"
                                          ". . . O . . .\n"
                                          ". . X X . . .\n"
                                          "1 2 3 4 5 6 7\n"));
}

TEST(connect4_copies_share_nothing) {
  const auto original = at("4435");
  const auto copy = original->clone();
  auto assigned = at("1");
  assigned->assign(*original);
  copy->play(0);
  CHECK_EQ(original->ply(), 4);
  CHECK_EQ(original->key(), at("4435")->key());
  CHECK_EQ(assigned->key(), original->key());
  CHECK(assigned->position().moves == (std::vector<Action>{3, 3, 2, 4}));
  CHECK_EQ(copy->key(), at("44351")->key());
}

}  // namespace selfplay::connect4
