// Actions, planes and keys.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/random.h"
#include "games/chess/board/movegen.h"
#include "games/chess/chess.h"
#include "games/chess/notation/move_text.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

Chess game_of(Variant variant, int history = 1) {
  Options options;
  options.variant = variant;
  options.history = history;
  return Chess(options);
}

std::vector<Action> legal(const State& state) {
  std::vector<Action> actions(static_cast<std::size_t>(state.game().num_actions()));
  actions.resize(static_cast<std::size_t>(state.legal_actions(actions.data())));
  return actions;
}

std::vector<float> planes(const State& state) {
  std::vector<float> result(static_cast<std::size_t>(state.game().planes_shape().size()), 7.0f);
  state.encode(result.data());
  return result;
}

// The squares of ones in a plane, as the player to move names them; "all" or a number for a filled one.
std::string drawing(const State& state, int plane) {
  const PlanesShape shape = state.game().planes_shape();
  const std::vector<float> all = planes(state);
  const auto first = all.begin() + plane * shape.cells();
  if (std::all_of(first, first + shape.cells(), [&](float value) { return value == *first && value != 0; })) {
    return *first == 1 ? "all" : std::to_string(*first).substr(0, 4);
  }
  std::string squares;
  for (int rank = 0; rank < shape.height; ++rank) {
    for (int file = 0; file < shape.width; ++file) {
      const float value = *(first + (shape.height - 1 - rank) * shape.width + file);
      CHECK(value == 0.0f || value == 1.0f);
      if (value != 1.0f) continue;
      if (!squares.empty()) squares += ' ';
      squares += square_text(square_at(file, rank));
    }
  }
  return squares;
}

void check_planes(const State& state, const std::vector<std::string>& expected) {
  CHECK_EQ(state.game().planes_shape().planes, static_cast<int>(expected.size()));
  for (std::size_t plane = 0; plane < expected.size(); ++plane) {
    CHECK_EQ(std::to_string(plane) + ": " + drawing(state, static_cast<int>(plane)),
             std::to_string(plane) + ": " + expected[plane]);
  }
}

}  // namespace

TEST(chess_actions_number_every_move_once) {
  for (const auto& [size, count, plain] : {std::tuple(8, 1858, 1792), std::tuple(5, 455, 416)}) {
    const PolicyIndex index(size);
    CHECK_EQ(index.num_actions(), count);
    for (Action action = 0; action < count; ++action) {
      const Move move = index.move(action);
      CHECK_EQ(index.action(move), action);
      CHECK_EQ(move.promotion() == kQueen, action < plain);
    }
    CHECK_EQ(index.action(Move(0, 0)), -1);
    CHECK_EQ(index.action(Move(0, 20)), -1);
    CHECK_EQ(index.action(Move(0, 1, kKnight)), -1);
    CHECK_EQ(index.action(Move(8 * (size - 2), 8 * (size - 1) - 1, kKnight)), -1);
  }
}

TEST(chess_legal_actions_are_the_legal_moves_in_order) {
  for (const Variant variant : {Variant::kStandard, Variant::kChess960, Variant::kGardner}) {
    const Chess game = game_of(variant);
    const std::vector<std::string> starts = {
        "", "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
        "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1"};
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      Random random(seed);
      const auto state = game.parse(variant == Variant::kGardner ? "" : starts[seed % starts.size()]);
      for (int ply = 0; ply < 120 && !state->outcome(); ++ply) {
        MoveList list;
        legal_moves(static_cast<const ChessState&>(*state).board(), list);
        std::vector<Action> expected;
        for (const Move move : list) expected.push_back(game.index().action(move));
        std::sort(expected.begin(), expected.end());
        const std::vector<Action> actions = legal(*state);
        CHECK(actions == expected);
        CHECK(std::adjacent_find(actions.begin(), actions.end()) == actions.end());
        state->play(actions[random.below(static_cast<std::uint32_t>(actions.size()))]);
      }
    }
  }
}

TEST(chess_planes_by_hand) {
  const Chess game;
  const auto state = game.parse("r3k3/8/8/3pP3/8/8/8/4K2R w Kq d6 25 30");
  const std::vector<std::string> men = {"e5", "", "", "h1", "", "e1", "d5", "", "", "a8", "", "e8"};
  std::vector<std::string> expected = men;
  expected.insert(expected.end(), 12, "");  // there is no earlier position
  expected.insert(expected.end(), {
                                      "d1 e1 f1 g1 d2 e2 f2 h2 h3 h4 h5 d6 f6 h6 h7 h8",
                                      "a1 a2 a3 a4 c4 e4 a5 a6 a7 d7 e7 f7 b8 c8 d8 e8 f8",
                                      "",      // occurred before
                                      "0.24",  // the clock, in steps of eight
                                      "",
                                      "all",
                                      "all",
                                      "",
                                      "d6",
                                  });
  check_planes(*state, expected);
  // The same with colours exchanged looks the same.
  const auto mirror = game.parse("4k2r/8/8/8/3Pp3/8/8/R3K3 b kQ d3 25 30");
  CHECK(planes(*mirror) == planes(*state));
  CHECK(legal(*mirror) == legal(*state));
  CHECK(mirror->key() != state->key());
}

TEST(chess_planes_of_the_position_before) {
  const Chess game;
  const auto state = game.parse("4k3/7p/8/8/8/8/P7/4K3 w - - 0 1 moves a2a4");
  // Black looks from the other side of the board.
  for (const auto& [plane, squares] : {std::pair(0, "h2"), std::pair(5, "e1"), std::pair(6, "a5"),
                                       std::pair(12, "h2"), std::pair(17, "e1"), std::pair(18, "a7")}) {
    CHECK_EQ(drawing(*state, plane), std::string(squares));
  }
  state->play(state->parse_action("h7h5"));
  for (const auto& [plane, squares] :
       {std::pair(0, "a4"), std::pair(6, "h5"), std::pair(12, "a4"), std::pair(18, "h7")}) {
    CHECK_EQ(drawing(*state, plane), std::string(squares));
  }
  const Chess longer = game_of(Variant::kStandard, 2);
  const auto two_before = longer.parse("4k3/7p/8/8/8/8/P7/4K3 w - - 0 1 moves a2a4 h7h5");
  CHECK_EQ(drawing(*two_before, 24), std::string("a2"));
  CHECK_EQ(drawing(*two_before, 30), std::string("h7"));
  CHECK_EQ(game_of(Variant::kStandard, 0).planes_shape().planes, 21);
}

TEST(chess_planes_of_variants_and_repetition) {
  const Chess chess960 = game_of(Variant::kChess960, 0);
  const auto castling = chess960.parse("1r2k3/8/8/8/8/8/8/RR2K1RR w HBb - 0 1");
  CHECK_EQ(drawing(*castling, 16), std::string("b1 b2 b3 b4 b5 b6 b7 b8"));
  CHECK_EQ(drawing(*castling, 17), std::string("h1 h2 h3 h4 h5 h6 h7 h8"));
  CHECK_EQ(drawing(*castling, 18), std::string("b1 b2 b3 b4 b5 b6 b7 b8"));
  CHECK_EQ(drawing(*castling, 19), std::string(""));
  const Chess gardner = game_of(Variant::kGardner, 0);
  const auto start = gardner.initial();
  check_planes(*start, {"a2 b2 c2 d2 e2", "b1", "c1", "a1", "d1", "e1", "a4 b4 c4 d4 e4", "b5", "c5", "a5",
                        "d5", "e5", "b1 c1 d1 e1 a2 b2 c2 d2 e2 a3 b3 c3 d3 e3",
                        "a3 b3 c3 d3 e3 a4 b4 c4 d4 e4 b5 c5 d5 e5", "", ""});
  const Chess game;
  const auto repeated = game.parse("g1f3 g8f6 f3g1 f6g8");
  CHECK_EQ(drawing(*repeated, 26), std::string("0.50"));
}

TEST(chess_keys_join_ways_to_one_position) {
  const Chess game = game_of(Variant::kStandard, 0);
  const auto key = [&](const Chess& rules, const char* moves) { return rules.parse(moves)->key(); };
  CHECK_EQ(key(game, "g1f3 g8f6 b1c3 b8c6"), key(game, "b1c3 b8c6 g1f3 g8f6"));
  CHECK_EQ(key(game, "e2e4 e7e5 g1f3"), key(game, "g1f3 e7e5 e2e4"));
  CHECK(key(game, "g1f3") != key(game, "g1f3 g8f6 f3g1 f6g8 g1f3"));  // it has occurred
  CHECK(key(game, "e2e4") != key(game, "e2e3"));
  // With an earlier position in the planes, the last move counts too.
  const Chess longer;
  CHECK(key(longer, "e2e4 e7e5 g1f3") != key(longer, "g1f3 e7e5 e2e4"));
  CHECK_EQ(key(longer, "e2e4 e7e5 g1f3 g8f6 d2d3 b8c6"), key(longer, "g1f3 g8f6 e2e4 e7e5 d2d3 b8c6"));
}

// Equal keys mean equal planes, legal actions and outcome.
TEST(chess_keys_determine_what_search_sees) {
  const std::vector<std::pair<Variant, std::string>> starts = {
      {Variant::kStandard, ""},
      {Variant::kStandard, "8/8/4k3/8/8/3K4/7R/8 w - - 60 1"},
      {Variant::kStandard, "8/8/1p2k3/8/P7/3K4/8/8 w - - 0 1"},
      {Variant::kChess960, "1r2k1r1/8/8/8/8/8/8/RR2K1RR w HBgb - 0 1"},
      {Variant::kGardner, ""},
      {Variant::kGardner, "k4/5/1K3/5/4R w - - 0 1"},
  };
  for (const auto& [variant, start] : starts) {
    for (const int history : {0, 1, 3}) {
      const Chess game = game_of(variant, history);
      std::map<std::uint64_t, std::tuple<std::vector<float>, std::vector<Action>, std::optional<float>>> seen;
      int met_again = 0;
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        Random random(seed);
        const auto state = game.parse(start);
        for (int ply = 0; ply < 60; ++ply) {
          const std::vector<Action> actions = legal(*state);
          CHECK_EQ(actions.empty(), state->outcome().has_value());
          const auto summary = std::make_tuple(planes(*state), actions, state->outcome());
          const auto [entry, fresh] = seen.emplace(state->key(), summary);
          CHECK(entry->second == summary);
          met_again += !fresh;
          if (actions.empty()) break;
          state->play(actions[random.below(static_cast<std::uint32_t>(actions.size()))]);
        }
      }
      CHECK(met_again >= 7);
    }
  }
}

}  // namespace selfplay::chess
