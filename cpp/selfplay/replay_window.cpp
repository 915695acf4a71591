#include "selfplay/replay_window.h"

#include <algorithm>

#include "core/random.h"

namespace selfplay {

void ReplayWindow::append(GameColumns games) {
  Batch batch;
  double total = 0;
  for (std::size_t g = 0; g < games.games(); ++g) {
    for (auto m = games.move_offsets[g]; m < games.move_offsets[g + 1]; ++m) {
      const float weight = games.weight[static_cast<std::size_t>(m)];
      total += weight;
      batch.positions += weight > 0;
      batch.cumulative.push_back(total);
      batch.game_of.push_back(static_cast<std::uint32_t>(g));
    }
  }
  batch.games = std::move(games);
  positions_ += batch.positions;
  games_ += static_cast<std::int64_t>(batch.games.games());
  batches_.push_back(std::move(batch));
}

void ReplayWindow::trim(std::int64_t positions) {
  while (batches_.size() > 1 && positions_ - batches_.front().positions >= positions) {
    positions_ -= batches_.front().positions;
    games_ -= static_cast<std::int64_t>(batches_.front().games.games());
    batches_.pop_front();
  }
}

void ReplayWindow::sample(int count, std::uint64_t seed, float value_mix, const SampleBuffers& out) const {
  if (positions_ == 0) throw std::invalid_argument("the replay window has no position to draw");
  std::vector<double> ends;
  double total = 0;
  for (const Batch& batch : batches_) {
    total += batch.cumulative.empty() ? 0 : batch.cumulative.back();
    ends.push_back(total);
  }
  std::vector<float> scratch(static_cast<std::size_t>(game_.planes_shape().size()));
  const auto symmetries = static_cast<std::uint32_t>(game_.symmetries().size());
  Random random(seed);
  for (int row = 0; row < count; ++row) {
    const double draw = random.uniform() * total;
    const auto at = std::min<std::size_t>(
        static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), draw) - ends.begin()),
        ends.size() - 1);
    const Batch& batch = batches_[at];
    const double within = draw - (at ? ends[at - 1] : 0);
    const auto found = std::upper_bound(batch.cumulative.begin(), batch.cumulative.end(), within);
    std::size_t ply = std::min<std::size_t>(static_cast<std::size_t>(found - batch.cumulative.begin()),
                                            batch.cumulative.size() - 1);
    // Rounding may land on a ply of no weight at the very end of a batch.
    while (ply > 0 && batch.games.weight[ply] <= 0) --ply;
    decode(batch, ply, static_cast<int>(random.below(symmetries)), value_mix, out, row, scratch);
  }
}

void ReplayWindow::decode(const Batch& batch, std::size_t ply, int symmetry, float value_mix,
                          const SampleBuffers& out, int row, std::vector<float>& scratch) const {
  const GameColumns& games = batch.games;
  const std::size_t g = batch.game_of[ply];
  const auto first = static_cast<std::size_t>(games.move_offsets[g]);
  const std::unique_ptr<State> state = game_.parse(games.start[g]);
  for (std::size_t m = first; m < ply; ++m) state->play(games.move[m]);

  const std::int64_t num_actions = game_.num_actions();
  const std::vector<Action>& turned = game_.symmetries()[static_cast<std::size_t>(symmetry)].actions;
  encode_turned(game_, *state, symmetry, out.planes + std::int64_t{row} * game_.planes_shape().size(),
                scratch.data());

  float* policy = out.policy + row * num_actions;
  std::fill_n(policy, num_actions, 0.0f);
  for (auto p = static_cast<std::size_t>(games.policy_offsets[ply]);
       p < static_cast<std::size_t>(games.policy_offsets[ply + 1]); ++p) {
    policy[turned[static_cast<std::size_t>(games.policy_actions[p])]] = games.policy_probs[p];
  }
  bool* legal = out.legal + row * num_actions;
  std::fill_n(legal, num_actions, false);
  std::vector<Action> actions(static_cast<std::size_t>(num_actions));
  const int count = state->legal_actions(actions.data());
  for (int i = 0; i < count; ++i)
    legal[turned[static_cast<std::size_t>(actions[static_cast<std::size_t>(i)])]] = true;

  const float outcome = state->player() == 0 ? games.outcome[g] : -games.outcome[g];
  const float draw = outcome == 0 ? 1.0f : 0.0f;
  const float result[3] = {draw ? 0.0f : (1 + outcome) / 2, draw, draw ? 0.0f : (1 - outcome) / 2};
  const float found[3] = {games.root_wdl[ply].win, games.root_wdl[ply].draw, games.root_wdl[ply].loss};
  for (int i = 0; i < 3; ++i) out.wdl[3 * row + i] = (1 - value_mix) * result[i] + value_mix * found[i];
  out.weight[row] = games.weight[ply];
  out.game_id[row] = games.game_id[g];
  out.ply[row] = static_cast<std::int32_t>(ply - first);
  if (out.score) decode_score(batch, ply, symmetry, *state, out, row, scratch);
}

void ReplayWindow::decode_score(const Batch& batch, std::size_t ply, int symmetry, State& state,
                                const SampleBuffers& out, int row, std::vector<float>& scratch) const {
  const GameColumns& games = batch.games;
  const auto end = static_cast<std::size_t>(games.move_offsets[batch.game_of[ply] + 1]);
  const int mover = state.player();
  const int cells = game_.planes_shape().cells();
  float* owner = out.owner + std::int64_t{row} * cells;
  if (games.resigned[batch.game_of[ply]]) {
    std::fill_n(owner, cells, 0.0f);
    out.score[row] = NAN;
    return;
  }
  for (std::size_t m = ply; m < end; ++m) state.play(games.move[m]);
  const float sign = state.player() == mover ? 1.0f : -1.0f;
  out.score[row] = sign * state.score(scratch.data());
  const std::vector<std::int32_t>& turned = game_.symmetries()[static_cast<std::size_t>(symmetry)].cells;
  for (int cell = 0; cell < cells; ++cell) {
    owner[cell] = sign * scratch[static_cast<std::size_t>(turned[static_cast<std::size_t>(cell)])];
  }
}

}  // namespace selfplay
