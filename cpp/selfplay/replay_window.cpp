#include "selfplay/replay_window.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace selfplay {

namespace {

constexpr int kNoProof = 2;

// What a game's end is worth to a player.
Wdl result_of(const GameColumns& games, std::size_t g, int player) {
  const float outcome = player == 0 ? games.outcome[g] : -games.outcome[g];
  if (outcome == 0) return {0, 1, 0};
  return {(1 + outcome) / 2, 0, (1 - outcome) / 2};
}

bool is_known(const Wdl& wdl) { return wdl.win + wdl.draw + wdl.loss > 0; }

double finite_surprise(double divergence) {
  return std::isfinite(divergence) ? std::max(0.0, divergence) : 0.0;
}

// Nats from what the network said of a ply's value to what the search found; 0 where one is not known.
double value_surprise(const Wdl& raw, const Wdl& found) {
  if (!is_known(raw) || !is_known(found)) return 0;
  const auto term = [](double target, double prior) {
    return target > 0 ? target * std::log(target / std::max(prior, 1e-12)) : 0;
  };
  return finite_surprise(term(found.win, raw.win) + term(found.draw, raw.draw) + term(found.loss, raw.loss));
}

// Moves `share` of the weights' sum from where it is to the plies of much `surprise`.
void move_weight(const std::vector<double>& weight, const std::vector<double>& surprise, double share,
                 std::vector<double>& result) {
  double total = 0, surprises = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    total += weight[i];
    surprises += weight[i] * surprise[i];
  }
  if (!(surprises > 0)) return;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    result[i] += share * weight[i] * (total * surprise[i] / surprises - 1);
  }
}

// The mean of the values found at later plies and of the outcome, the k-th later ply with weight
// (1 - lambda) lambda ** (k - 1) for lambda = 1 - 1 / horizon; a ply without a value leaves its weight to the
// next.
void average_future(const GameColumns& games, std::size_t g, std::size_t ply, float horizon, float* out) {
  const int mover = games.player[ply];
  const auto end = static_cast<std::size_t>(games.move_offsets[g + 1]);
  const double fade = 1 - 1 / static_cast<double>(horizon);
  double left = 1, carried = 0, sums[3] = {0, 0, 0};
  const auto add = [&](const Wdl& wdl, bool is_ours, double weight) {
    sums[0] += weight * static_cast<double>(is_ours ? wdl.win : wdl.loss);
    sums[1] += weight * static_cast<double>(wdl.draw);
    sums[2] += weight * static_cast<double>(is_ours ? wdl.loss : wdl.win);
  };
  for (std::size_t m = ply + 1; m < end; ++m) {
    carried += left * (1 - fade);
    left *= fade;
    if (!is_known(games.root_wdl[m])) continue;
    add(games.root_wdl[m], games.player[m] == mover, carried);
    carried = 0;
  }
  add(result_of(games, g, mover), true, left + carried);
  for (int i = 0; i < 3; ++i) out[i] = static_cast<float>(sums[i]);
}

}  // namespace

std::vector<double> ReplayWindow::draw_weights(const GameColumns& games, std::size_t g) const {
  const auto first = static_cast<std::size_t>(games.move_offsets[g]);
  const auto end = static_cast<std::size_t>(games.move_offsets[g + 1]);
  std::vector<double> weight, policy, value;
  for (std::size_t m = first; m < end; ++m) {
    weight.push_back(std::max(0.0f, games.weight[m]));
    if (surprise_.policy > 0) policy.push_back(finite_surprise(games.kl[m]));
    if (surprise_.value > 0) value.push_back(value_surprise(games.raw_wdl[m], games.root_wdl[m]));
  }
  std::vector<double> result = weight;
  if (surprise_.policy > 0) move_weight(weight, policy, surprise_.policy, result);
  if (surprise_.value > 0) move_weight(weight, value, surprise_.value, result);
  for (double& each : result) each = std::max(0.0, each);
  return result;
}

void ReplayWindow::append(GameColumns games) {
  Batch batch;
  double total = 0;
  for (std::size_t g = 0; g < games.games(); ++g) {
    const std::vector<double> weights = draw_weights(games, g);
    for (auto m = games.move_offsets[g]; m < games.move_offsets[g + 1]; ++m) {
      total += weights[static_cast<std::size_t>(m - games.move_offsets[g])];
      batch.positions += games.weight[static_cast<std::size_t>(m)] > 0;
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

void ReplayWindow::sample(int count, std::uint64_t seed, const SampleTargets& targets,
                          const SampleBuffers& out) const {
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
    while (ply > 0 && batch.cumulative[ply] <= batch.cumulative[ply - 1]) --ply;
    decode(batch, ply, static_cast<int>(random.below(symmetries)), targets, out, row, scratch);
  }
}

void ReplayWindow::decode(const Batch& batch, std::size_t ply, int symmetry, const SampleTargets& targets,
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

  decode_policy(games, ply, symmetry, targets.policy_temperature, out.policy + row * num_actions);
  bool* legal = out.legal + row * num_actions;
  std::fill_n(legal, num_actions, false);
  std::vector<Action> actions(static_cast<std::size_t>(num_actions));
  const int count = state->legal_actions(actions.data());
  for (int i = 0; i < count; ++i)
    legal[turned[static_cast<std::size_t>(actions[static_cast<std::size_t>(i)])]] = true;

  const Wdl result = result_of(games, g, state->player());
  const Wdl& found = games.root_wdl[ply];
  float* wdl = out.wdl + std::ptrdiff_t{3} * row;
  const float mix = targets.value_mix;
  wdl[0] = (1 - mix) * result.win + mix * found.win;
  wdl[1] = (1 - mix) * result.draw + mix * found.draw;
  wdl[2] = (1 - mix) * result.loss + mix * found.loss;
  if (const std::int32_t proof = games.proof[ply]; targets.proven_values && proof >= -1 && proof < kNoProof) {
    for (int i = 0; i < 3; ++i) wdl[i] = proof == 1 - i ? 1.0f : 0.0f;
  }
  out.weight[row] = games.weight[ply];
  out.game_id[row] = games.game_id[g];
  out.ply[row] = static_cast<std::int32_t>(ply - first);
  decode_future(batch, ply, symmetry, targets, out, row);
  if (out.score) decode_score(batch, ply, symmetry, *state, out, row, scratch);
}

void ReplayWindow::decode_policy(const GameColumns& games, std::size_t ply, int symmetry, float temperature,
                                 float* policy) const {
  const std::vector<Action>& turned = game_.symmetries()[static_cast<std::size_t>(symmetry)].actions;
  const auto begin = static_cast<std::size_t>(games.policy_offsets[ply]);
  const auto end = static_cast<std::size_t>(games.policy_offsets[ply + 1]);
  std::fill_n(policy, game_.num_actions(), 0.0f);
  float most = 0, total = 0;
  for (std::size_t p = begin; p < end; ++p) {
    policy[turned[static_cast<std::size_t>(games.policy_actions[p])]] = games.policy_probs[p];
    most = std::max(most, games.policy_probs[p]);
  }
  if (temperature == 1 || most == 0) return;
  const auto at = [&](std::size_t p) -> float& {
    return policy[turned[static_cast<std::size_t>(games.policy_actions[p])]];
  };
  for (std::size_t p = begin; p < end; ++p) total += at(p) = std::pow(at(p) / most, 1 / temperature);
  for (std::size_t p = begin; p < end; ++p) at(p) /= total;
}

void ReplayWindow::decode_future(const Batch& batch, std::size_t ply, int symmetry,
                                 const SampleTargets& targets, const SampleBuffers& out, int row) const {
  const GameColumns& games = batch.games;
  const std::size_t g = batch.game_of[ply];
  const auto end = static_cast<std::size_t>(games.move_offsets[g + 1]);
  if (out.reply) {
    float* reply = out.reply + row * std::int64_t{game_.num_actions()};
    if (ply + 1 < end && games.player[ply + 1] != games.player[ply]) {
      decode_policy(games, ply + 1, symmetry, targets.policy_temperature, reply);
    } else {
      std::fill_n(reply, game_.num_actions(), 0.0f);
    }
  }
  if (out.short_term) {
    const std::size_t horizons = targets.horizons.size();
    float* values = out.short_term + 3 * horizons * static_cast<std::size_t>(row);
    for (std::size_t k = 0; k < horizons; ++k) {
      average_future(games, g, ply, targets.horizons[k], values + 3 * k);
    }
  }
  if (out.moves_left) {
    const bool is_known_end = !games.resigned[g] && !games.truncated[g];
    out.moves_left[row] = is_known_end ? static_cast<float>(end - ply) : NAN;
  }
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
