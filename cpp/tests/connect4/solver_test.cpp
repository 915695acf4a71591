#include "games/connect4/solver.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "core/random.h"
#include "tests/test.h"

namespace selfplay::connect4 {

namespace {

// Score by plain search over all lines.
int full_search(const Connect4State& state, std::unordered_map<std::uint64_t, int>& known) {
  if (const std::optional<float> outcome = state.outcome()) {
    return *outcome == 0 ? 0 : -(kCells + 2 - state.ply()) / 2;
  }
  if (const auto found = known.find(state.key()); found != known.end()) return found->second;
  Action actions[kWidth];
  int best = -kCells;
  for (int i = state.legal_actions(actions); i-- > 0;) {
    Connect4State child = state;
    child.play(actions[i]);
    best = std::max(best, -full_search(child, known));
  }
  return known[state.key()] = best;
}

Connect4State random_position(Random& random, int plies) {
  while (true) {
    Connect4State state;
    Action actions[kWidth];
    while (state.ply() < plies && !state.outcome()) {
      const int count = state.legal_actions(actions);
      state.play(actions[random.below(static_cast<std::uint32_t>(count))]);
    }
    if (!state.outcome()) return state;
  }
}

std::unique_ptr<State> at(const std::string& moves) { return Connect4().parse(moves); }

const Connect4State& board(const std::unique_ptr<State>& state) {
  return static_cast<const Connect4State&>(*state);
}

}  // namespace

TEST(solver_agrees_with_full_search) {
  Solver solver(1);
  Random random(1);
  for (int plies = 27; plies < kCells; ++plies) {
    for (int i = 0; i < 40; ++i) {
      const Connect4State state = random_position(random, plies);
      std::unordered_map<std::uint64_t, int> known;
      CHECK_EQ(solver.score(state), full_search(state, known));
    }
  }
}

// The second player cannot answer a base cell in kind and still stop four upright on top of it.
TEST(solver_sees_upright_fours_above_a_paired_cell) {
  Solver solver(1);
  CHECK_EQ(solver.score(board(at("2241134243166236342256655"))), -6);
}

TEST(solver_columns_hold_the_score) {
  Solver solver(1);
  Random random(2);
  for (int i = 0; i < 20; ++i) {
    const Connect4State state = random_position(random, 20);
    const Solver::Columns scores = solver.scores(state), outcomes = solver.outcomes(state);
    int best = -kCells;
    for (int column = 0; column < kWidth; ++column) {
      const auto at_column = static_cast<std::size_t>(column);
      CHECK_EQ(scores[at_column].has_value(), outcomes[at_column].has_value());
      if (!scores[at_column]) continue;
      const int score = *scores[at_column];
      CHECK_EQ(*outcomes[at_column], (score > 0) - (score < 0));
      best = std::max(best, score);
    }
    CHECK_EQ(solver.score(state), best);
  }
}

// More positions than fit, so that entries are replaced and age.
TEST(solver_survives_a_small_table) {
  Solver small(1), large(64);
  Random random(3);
  for (int i = 0; i < 4; ++i) {
    const Connect4State state = random_position(random, 13);
    CHECK(small.scores(state) == large.scores(state));
  }
}

TEST(solver_stops_when_the_poll_throws) {
  Solver solver(4);
  solver.on_poll([] { throw std::runtime_error("stop"); });
  CHECK_THROWS(solver.score(board(at(""))), std::runtime_error, "stop");
  solver.on_poll(nullptr);
  CHECK_EQ(solver.score(board(at("112233"))), 18);
}

TEST(solver_refuses_a_table_of_no_size) {
  CHECK_THROWS(Solver(0), std::invalid_argument, "table of 0 MB: give 1 to 65536");
}

}  // namespace selfplay::connect4
