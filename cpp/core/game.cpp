#include "core/game.h"

#include <typeinfo>

namespace selfplay {

std::uint64_t State::perft(int depth) const {
  if (depth <= 0) return 1;
  std::vector<Action> actions(static_cast<std::size_t>(game().num_actions()));
  actions.resize(static_cast<std::size_t>(legal_actions(actions.data())));
  if (depth == 1) return actions.size();
  const std::unique_ptr<State> child = clone();
  std::uint64_t paths = 0;
  for (const Action action : actions) {
    child->assign(*this);
    child->play(action);
    paths += child->perft(depth - 1);
  }
  return paths;
}

namespace {

[[noreturn]] void refuse_deadlock(const State& state) {
  throw InputError("game '" + state.game().name() +
                   "' has a position with neither a legal action nor an outcome");
}

}  // namespace

float outcome_at_end(const State& state) {
  if (const std::optional<float> outcome = state.outcome()) return *outcome;
  refuse_deadlock(state);
}

int legal_in_play(const State& state, Action* out) {
  const int count = state.legal_actions(out);
  if (count == 0) refuse_deadlock(state);
  return count;
}

bool is_same_game(const Game& one, const Game& other) {
  if (&one == &other) return true;
  const PlanesShape mine = one.planes_shape(), theirs = other.planes_shape();
  return typeid(one) == typeid(other) && one.name() == other.name() &&
         one.num_actions() == other.num_actions() && mine.planes == theirs.planes &&
         mine.height == theirs.height && mine.width == theirs.width && one.max_plies() == other.max_plies() &&
         one.has_score() == other.has_score() && one.symmetries().size() == other.symmetries().size();
}

void encode_turned(const Game& game, const State& state, int symmetry, float* planes, float* scratch) {
  if (symmetry == 0) {
    state.encode(planes);
    return;
  }
  state.encode(scratch);
  const PlanesShape shape = game.planes_shape();
  const std::vector<std::int32_t>& cells = game.symmetries()[static_cast<std::size_t>(symmetry)].cells;
  for (int plane = 0; plane < shape.planes; ++plane) {
    const float* from = scratch + plane * shape.cells();
    float* to = planes + plane * shape.cells();
    for (int cell = 0; cell < shape.cells(); ++cell) to[cell] = from[cells[static_cast<std::size_t>(cell)]];
  }
}

}  // namespace selfplay
