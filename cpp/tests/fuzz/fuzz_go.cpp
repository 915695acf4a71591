// Go on small boards under all rules: positions and moves as text, then a game by the bytes that are left,
// with a second, plain Go as the judge of games from the empty board.
#include <algorithm>
#include <optional>

#include "games/go/go.h"
#include "tests/fuzz/fuzz.h"
#include "tests/go/naive.h"

using namespace selfplay;
using namespace selfplay::go;

namespace {

constexpr int kMostPlies = 200;

GoOptions options_of(fuzzing::Input& input) {
  GoOptions options;
  options.columns = 2 + input.below(6);
  options.rows = 2 + input.below(6);
  options.rules.ko = static_cast<Ko>(input.below(3));
  options.rules.suicide = input.below(2) == 1;
  options.rules.scoring = static_cast<Scoring>(input.below(2));
  options.rules.komi = input.below(30) - 15;
  options.max_plies = 1 + input.byte();
  return options;
}

std::string stones(const GoState& state) {
  std::string line;
  for (int point = 0; point < state.board().geometry().points; ++point) {
    const Color there = state.board().at(point);
    line += there == kBlack ? 'X' : there == kWhite ? 'O' : '.';
  }
  return line;
}

void check_board(const GoState& state, const NaiveGo& naive) {
  REQUIRE(stones(state) == naive.board());
  REQUIRE(fuzzing::legal(state) == naive.legal_actions());
  REQUIRE(state.captures(kBlack) == naive.prisoners('X') && state.captures(kWhite) == naive.prisoners('O'));
}

void check_points(const GoState& state) {
  const std::vector<Action> actions = fuzzing::legal(state);
  for (Action action = -1; action <= state.game().num_actions(); ++action) {
    REQUIRE(state.is_legal(action) == std::binary_search(actions.begin(), actions.end(), action));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzzing::Input input(bytes, size);
  const GoOptions options = options_of(input);
  const Go game(options);
  const std::unique_ptr<State> state = fuzzing::parse(game, input.text());
  if (!state) return 0;
  const auto& position = static_cast<const GoState&>(*state);
  fuzzing::check_move_text(*state, input.text());
  fuzzing::check_written(*state);
  std::optional<NaiveGo> naive;
  if (state->position().start.empty()) {
    naive.emplace(options.columns, options.rows, options.rules, options.max_plies);
    for (const Action action : state->position().moves) naive->play(action);
  }
  for (int ply = 0; ply < kMostPlies; ++ply) {
    fuzzing::check_laws(*state);
    check_points(position);
    if (naive) check_board(position, *naive);
    const std::vector<Action> actions = fuzzing::legal(*state);
    if (actions.empty() || input.done()) break;
    const Action action = actions[static_cast<std::size_t>(input.below(static_cast<int>(actions.size())))];
    state->play(action);
    if (naive) naive->play(action);
  }
  fuzzing::check_written(*state);
  return 0;
}
