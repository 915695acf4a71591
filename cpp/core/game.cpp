#include "core/game.h"

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
