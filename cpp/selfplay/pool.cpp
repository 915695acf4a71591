#include "selfplay/pool.h"

#include <algorithm>
#include <cmath>

namespace selfplay {

namespace {

// What a random number is for; part of the seed it comes from.
enum Purpose : std::uint64_t { kOpening = 1, kBudget, kNoise, kPick };

std::uint64_t ply_seed(const GameRecord& game, Purpose purpose) {
  return derive_seed(game.seed, {purpose, game.plies.size()});
}

Wdl wdl_of(float value, float draw) {
  return {std::max(0.0f, (1 + value - draw) / 2), draw, std::max(0.0f, (1 - value - draw) / 2)};
}

std::unique_ptr<State> replayed(const Game& game, const GameRecord& record) {
  std::unique_ptr<State> state = game.parse(record.start);
  for (const PlyRecord& ply : record.plies) state->play(ply.move);
  return state;
}

}  // namespace

Pool::Pool(const Game& game, const SearchParams& search, const PlayParams& play, std::uint64_t seed,
           int slots, std::int64_t first_id, std::int64_t stride, double cache_mb, std::int32_t checkpoint)
    : game_(game),
      play_(play),
      forest_(&game, search, cache_mb),
      slots_(static_cast<std::size_t>(slots)),
      seed_(seed),
      next_id_(first_id),
      stride_(stride),
      checkpoint_(checkpoint),
      rules_sample_(game.initial()) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    forest_.add(game.initial(), std::nullopt);
    new_game(slots_[i]);
    set_root(i);
  }
}

// The next id, and its random opening: as many plies as drawn that leave the game running.
void Pool::new_game(Slot& slot) {
  slot.record = GameRecord{};
  slot.record.id = next_id_;
  slot.record.seed = derive_seed(seed_, {static_cast<std::uint64_t>(next_id_)});
  next_id_ += stride_;
  Random random(derive_seed(slot.record.seed, {kOpening}));
  const bool wide = random.uniform() < play_.wide_opening_fraction;
  const int longest = wide ? play_.wide_opening_plies : play_.max_opening_plies;
  const int wanted = static_cast<int>(random.below(static_cast<std::uint32_t>(longest + 1)));
  std::unique_ptr<State> state = game_.initial();
  std::vector<Action> legal(static_cast<std::size_t>(game_.num_actions()));
  for (int ply = 0; ply < wanted; ++ply) {
    const int count = state->legal_actions(legal.data());
    const Action action = legal[random.below(static_cast<std::uint32_t>(count))];
    const int player = state->player();
    std::unique_ptr<State> next = state->clone();
    next->play(action);
    if (next->outcome()) break;
    state = std::move(next);
    slot.record.plies.push_back(PlyRecord{});
    slot.record.plies.back().move = action;
    slot.record.plies.back().player = static_cast<std::int8_t>(player);
    slot.record.plies.back().checkpoint = checkpoint_;
  }
  slot.record.opening_plies = static_cast<std::int32_t>(slot.record.plies.size());
}

void Pool::set_root(std::size_t index) {
  const std::unique_ptr<State> state = replayed(game_, slots_[index].record);
  forest_.tree(index).reset(*state, plan_move(slots_[index], *state));
}

// Decides how the next move is searched. A single legal move is played without.
NoiseSeed Pool::plan_move(Slot& slot, const State& state) {
  Random random(ply_seed(slot.record, kBudget));
  slot.full = random.uniform() < play_.full_search_fraction;
  const bool forced = state.legal_actions(forest_.context().scratch.data()) == 1;
  slot.budget = static_cast<std::uint32_t>(forced      ? 0
                                           : slot.full ? play_.simulations
                                                       : play_.fast_simulations);
  if (!slot.full) return std::nullopt;
  return ply_seed(slot.record, kNoise);
}

void Pool::start(std::int64_t positions) { wanted_ = positions; }

RequestList& Pool::select(std::size_t most) {
  Phases& phases = forest_.context().phases;
  const std::uint64_t before = forest_.context().stats.simulations;
  const Instant start = now();
  RequestList& batch =
      forest_.gather([this](std::size_t index) { return wanted_ > 0 ? slots_[index].budget : 0; },
                     [this](std::size_t index) { return play_move(index); }, most);
  const double seconds = seconds_since(start);
  if (!batch.empty() && phases.samples()) {
    const auto asked = static_cast<double>(batch.size());
    const auto descents = asked + static_cast<double>(forest_.context().stats.simulations - before);
    phases.add_sample(rules_seconds(batch) * descents / asked, seconds);
  }
  phases.add_walk(seconds);
  if (wanted_ <= 0) forest_.drop_nodes();
  return batch;
}

// How long the rules of the batch's descents take: each is done once more from its root.
double Pool::rules_seconds(const RequestList& batch) {
  SearchContext& context = forest_.context();
  std::vector<std::vector<Action>> paths;
  for (const Request& request : batch) {
    paths.push_back(forest_.tree(static_cast<std::size_t>(request.tree)).path_actions(forest_.leaf(request)));
  }
  const Instant start = now();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Tree& tree = forest_.tree(static_cast<std::size_t>(batch[i].tree));
    rules_sample_->assign(tree.root_state());
    for (const Action action : paths[i]) rules_sample_->play(action);
    if (!paths[i].empty() && context.params.proofs) rules_sample_->winning_action();
    rules_sample_->legal_actions(context.scratch.data());
    if (context.cache.enabled()) rules_sample_->canonical();
  }
  return seconds_since(start);
}

// Plays the move that the search of this slot has found; false where that is not over or not wanted.
bool Pool::play_move(std::size_t index) {
  Slot& slot = slots_[index];
  Tree& tree = forest_.tree(index);
  if (wanted_ <= 0 || !tree.finished(slot.budget)) return false;
  const SecondsTimer timer(forest_.context().phases.record_s);
  std::vector<RootEdge> edges = tree.root_edges();
  if (edges.empty()) {
    Action* legal = forest_.context().scratch.data();
    tree.root_state().legal_actions(legal);
    edges.push_back({legal[0], 0, 1, 1, NAN, kNotProven, 1, 1});
  }
  PlyRecord ply = ply_record(slot, tree, edges);
  ply.move = pick(slot, edges);
  if (slot.budget > 0) {
    --wanted_;
    ++positions_;
  }
  const Action move = ply.move;
  slot.record.plies.push_back(std::move(ply));
  const std::unique_ptr<State> next = tree.root_state().clone();
  next->play(move);
  const std::optional<float> outcome = next->outcome();
  const bool truncated = !outcome && next->ply() >= game_.max_plies();
  if (outcome || truncated) {
    const float value = outcome.value_or(0.0f);
    finish(slot, next->player() == 0 ? value : -value, truncated);
    set_root(index);
  } else {
    tree.advance(move, plan_move(slot, *next));
  }
  return true;
}

PlyRecord Pool::ply_record(const Slot& slot, const Tree& tree, const std::vector<RootEdge>& edges) const {
  PlyRecord ply;
  ply.player = static_cast<std::int8_t>(tree.root_state().player());
  ply.visits = static_cast<std::int32_t>(tree.new_visits());
  ply.full_search = slot.full && slot.budget > 0;
  ply.weight = ply.full_search ? 1.0f : 0.0f;
  ply.checkpoint = checkpoint_;
  if (tree.has_root()) {
    const Node& root = tree.root();
    ply.root = wdl_of(root.q, root.draw);
    ply.raw = wdl_of(2 * root.raw_win + root.raw_draw - 1, root.raw_draw);
  }
  double kl = 0;
  for (const RootEdge& edge : edges) {
    if (edge.target <= 0) continue;
    ply.policy_actions.push_back(edge.action);
    ply.policy_probs.push_back(edge.target);
    kl += edge.target * std::log(edge.target / std::max(edge.raw_prior, 1e-12f));
  }
  ply.kl = static_cast<float>(kl);
  return ply;
}

// Draws a move in proportion to target^(1 / temperature); the best one where that is close to 0, and under
// Gumbel's rules, whose noise at the root has drawn already.
Action Pool::pick(const Slot& slot, const std::vector<RootEdge>& edges) const {
  const double ply = static_cast<double>(slot.record.plies.size());
  const double cooling = std::exp2(-ply / play_.temperature_half_life);
  const double temperature =
      play_.final_temperature + (play_.temperature - play_.final_temperature) * cooling;
  const RootEdge* best = &edges.front();
  for (const RootEdge& edge : edges) {
    if (edge.rating > best->rating) best = &edge;
  }
  if (temperature < 0.01 || forest_.context().params.rule >= Rule::kGumbel) return best->action;
  float highest = 0;
  for (const RootEdge& edge : edges) highest = std::max(highest, edge.target);
  std::vector<double> weights;
  double total = 0;
  for (const RootEdge& edge : edges) {
    weights.push_back(edge.target > 0 ? std::pow(edge.target / highest, 1 / temperature) : 0.0);
    total += weights.back();
  }
  double draw = Random(ply_seed(slot.record, kPick)).uniform() * total;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    draw -= weights[i];
    if (draw < 0 && weights[i] > 0) return edges[i].action;
  }
  return best->action;
}

void Pool::finish(Slot& slot, float outcome, bool truncated) {
  slot.record.outcome = outcome;
  slot.record.truncated = truncated;
  finished_.append(slot.record);
  ++finished_games_;
  new_game(slot);
}

GameColumns Pool::take_games() {
  GameColumns games;
  std::swap(games, finished_);
  return games;
}

GameColumns Pool::snapshot() const {
  GameColumns games;
  for (const Slot& slot : slots_) games.append(slot.record);
  return games;
}

void Pool::restore(const GameColumns& games, std::int64_t next_id) {
  if (games.games() != slots_.size()) {
    throw std::invalid_argument("snapshot of " + std::to_string(games.games()) + " games for a pool of " +
                                std::to_string(slots_.size()));
  }
  next_id_ = next_id;
  finished_ = GameColumns{};
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].record = games.game(i);
    set_root(i);
  }
}

void Pool::new_weights(std::int32_t checkpoint) {
  checkpoint_ = checkpoint;
  forest_.drop();
}

}  // namespace selfplay
