// Random games and whole trees of moves, compared with a second, plain Go.
#include "tests/go/naive.h"

#include "core/random.h"
#include "tests/go/position.h"
#include "tests/test.h"

namespace selfplay::go {

namespace {

Rules rules_of(Ko ko, bool suicide) {
  Rules rules;
  rules.ko = ko;
  rules.suicide = suicide;
  return rules;
}

std::vector<Rules> all_rules() {
  std::vector<Rules> all;
  for (const Ko ko : {Ko::kSimple, Ko::kPositional, Ko::kSituational}) {
    for (const bool suicide : {false, true}) all.push_back(rules_of(ko, suicide));
  }
  return all;
}

std::uint64_t hash_of(const Board& board) {
  std::uint64_t hash = 0;
  for (const Color color : {kBlack, kWhite}) {
    board.stones(color).for_each([&](int point) { hash ^= board.geometry().stone_keys[point][color]; });
  }
  return hash;
}

void check_board(const GoState& state, const NaiveGo& naive) {
  const Board& board = state.board();
  CHECK_EQ(board.hash(), hash_of(board));
  for (int point = 0; point < board.geometry().points; ++point) {
    if (board.at(point) == kEmpty) continue;
    const int liberties = naive.liberties(point);
    CHECK_EQ(board.liberties(point, 4), std::min(liberties, 4));
    CHECK_EQ(board.is_in_atari(point), liberties == 1);
  }
}

// Legal actions and liberties are compared at one ply in `stride`, everything else at all.
void compare_game(int columns, int rows, const Rules& rules, std::uint64_t seed, int stride,
                  int resumptions = 0) {
  GoOptions options;
  options.columns = columns;
  options.rows = rows;
  options.rules = rules;
  options.resumptions = resumptions;
  const Go game(options);
  NaiveGo naive(columns, rows, rules, game.max_plies(), resumptions);
  GoState state(game, Start{});
  Random random(seed);
  while (!state.is_over()) {
    const std::vector<Action> actions = legal(state);
    if (state.ply() % stride == 0) {
      CHECK(actions == naive.legal_actions());
      check_board(state, naive);
    }
    // Games that are resumed have many passes.
    const bool passes = resumptions > 0 && random.below(3) == 0;
    const Action action =
        passes ? actions.back() : actions[random.below(static_cast<std::uint32_t>(actions.size()))];
    state.play(action);
    naive.play(action);
    CHECK_EQ(state.is_over(), naive.is_over());
    CHECK_EQ(stones(state), naive.board());
    CHECK_EQ(state.area_score(), naive.area() - rules.komi / 2.0);
    CHECK_EQ(state.captures(kBlack), naive.prisoners('X'));
    CHECK_EQ(state.captures(kWhite), naive.prisoners('O'));
  }
  CHECK(naive.is_over());
  CHECK(legal(state).empty());
}

void compare_trees(GoState& state, const NaiveGo& naive, int depth, std::uint64_t& leaves) {
  const std::vector<Action> actions = legal(state);
  CHECK(actions == naive.legal_actions());
  if (depth == 1) {
    leaves += actions.size();
    return;
  }
  for (const Action action : actions) {
    GoState child = state;
    NaiveGo naive_child = naive;
    child.play(action);
    naive_child.play(action);
    compare_trees(child, naive_child, depth - 1, leaves);
  }
}

std::uint64_t compared_leaves(int columns, int rows, const Rules& rules, int depth) {
  GoOptions options;
  options.columns = columns;
  options.rows = rows;
  options.rules = rules;
  const Go game(options);
  GoState state(game, Start{});
  std::uint64_t leaves = 0;
  compare_trees(state, NaiveGo(columns, rows, rules, game.max_plies()), depth, leaves);
  return leaves;
}

}  // namespace

TEST(go_random_games_on_tiny_boards_match_the_naive_game) {
  const int sizes[][2] = {{2, 2}, {2, 3}, {3, 2}, {3, 3}, {4, 3}, {4, 4}, {2, 7}, {5, 5}};
  std::uint64_t seed = 1;
  for (const auto& [columns, rows] : sizes) {
    for (const Rules& rules : all_rules()) {
      for (int game = 0; game < 50; ++game) compare_game(columns, rows, rules, seed++, 1);
    }
  }
}

TEST(go_resumed_games_match_the_naive_game) {
  std::uint64_t seed = 501;
  for (const Rules& rules : all_rules()) {
    for (const int resumptions : {1, 2, 5}) {
      for (int game = 0; game < 30; ++game) compare_game(3, 3, rules, seed++, 1, resumptions);
    }
  }
}

TEST(go_random_games_on_larger_boards_match_the_naive_game) {
  struct Size {
    int columns, rows, stride;
  };
  std::uint64_t seed = 1001;
  for (const Size& size : {Size{9, 9, 1}, Size{7, 11, 1}, Size{13, 13, 10}, Size{19, 19, 50}}) {
    for (const Rules& rules : all_rules()) compare_game(size.columns, size.rows, rules, seed++, size.stride);
  }
  compare_game(25, 25, rules_of(Ko::kPositional, true), seed, 300);
}

TEST(go_trees_of_moves_match_the_naive_game) {
  for (const Rules& rules : all_rules()) {
    compared_leaves(2, 2, rules, 6);
    compared_leaves(3, 2, rules, 4);
    compared_leaves(3, 3, rules, 3);
  }
}

}  // namespace selfplay::go
