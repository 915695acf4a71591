#include "selfplay/pool.h"

#include <algorithm>
#include <cmath>

#include "core/range.h"

namespace selfplay {

namespace {

// What a random number is for; part of the seed it comes from.
enum Purpose : std::uint64_t { kOpening = 1, kBudget, kNoise, kPick, kHoldout, kShares };

constexpr double kMostId = 9e15;  // whole numbers are exact up to there

// So many games without a choice for anybody, one after another, and the pool gives up.
constexpr int kMaxChoicelessGames = 10000;

std::int64_t id_of(const char* setting, std::int64_t id) {
  require_range(setting, static_cast<double>(id), 0, kMostId);
  return id;
}

std::size_t count_of(const char* setting, std::int64_t count, double most) {
  require_range(setting, static_cast<double>(count), 1, most);
  return static_cast<std::size_t>(count);
}

std::uint64_t ply_seed(const GameRecord& game, Purpose purpose) {
  return derive_seed(game.seed, {purpose, game.plies.size()});
}

Wdl wdl_of(float value, float draw) {
  return {std::max(0.0f, (1 + value - draw) / 2), draw, std::max(0.0f, (1 - value - draw) / 2)};
}

// Writes down what the search of a ply did.
void record_search(PlyRecord& ply, const Tree& tree, std::uint32_t budget) {
  const SearchTally& tally = tree.tally();
  ply.budget = static_cast<std::int32_t>(budget);
  ply.evaluations = static_cast<std::int32_t>(tally.evaluations);
  ply.cache_hits = static_cast<std::int32_t>(tally.cache_hits);
  ply.terminal_hits = static_cast<std::int32_t>(tally.terminal_hits);
  ply.proven_hits = static_cast<std::int32_t>(tally.proven_hits);
  ply.transpositions = static_cast<std::int32_t>(tally.transpositions);
  ply.reused_visits = static_cast<std::int32_t>(tally.reused_visits);
  ply.max_depth = static_cast<std::int32_t>(tally.max_depth);
  if (tree.has_root() && tree.root().proven) ply.proof = (tree.root().q > 0) - (tree.root().q < 0);
  const double visits = std::max(tree.new_visits(), 1u);
  ply.mean_depth = static_cast<float>(static_cast<double>(tally.total_depth) / visits);
}

std::unique_ptr<State> replayed(const Game& game, const GameRecord& record) {
  std::unique_ptr<State> state = game.parse(record.start);
  for (const PlyRecord& ply : record.plies) state->play(ply.move);
  return state;
}

}  // namespace

void check(const PlayParams& play) {
  PlayParams::for_each_setting(
      [&](const Setting& setting, auto field) { require_holds(setting, play.*field); });
}

Pool::Pool(const Game& game, const SearchParams& search, const PlayParams& play, std::uint64_t seed,
           int games, std::int64_t first_id, std::int64_t stride, double cache_mb, std::int32_t checkpoint)
    : game_(game),
      play_((check(play), play)),
      trees_(&game, search, cache_mb),
      slots_(count_of("games", games, kMostSlots)),
      seed_(seed),
      next_id_(id_of("first_id", first_id)),
      stride_(static_cast<std::int64_t>(count_of("stride", stride, kMostId))),
      checkpoint_(checkpoint),
      rules_sample_(game.initial()) {
  if (rules_sample_->outcome())
    throw InputError("the first position of " + game.name() + " is over already; self-play needs moves");
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    trees_.add(game.initial(), std::nullopt);
    new_game(slots_[i]);
    set_root(i);
  }
}

// The next id, and all that it draws.
void Pool::new_game(Slot& slot) {
  slot.record = GameRecord{};
  slot.record.game_id = next_id_;
  slot.record.seed = derive_seed(seed_, {static_cast<std::uint64_t>(next_id_)});
  next_id_ += stride_;
  slot.record.holdout = Random(derive_seed(slot.record.seed, {kHoldout})).uniform() < play_.resign_holdout;
  draw_shares(slot);
  play_opening(slot.record);
}

// In an asymmetric game one player searches r times as much as the other, r log-uniform up to the ratio, and
// both together as much as in other games.
void Pool::draw_shares(Slot& slot) const {
  slot.shares[0] = slot.shares[1] = 1;
  Random random(derive_seed(slot.record.seed, {kShares}));
  if (random.uniform() >= play_.asymmetric_fraction) return;
  const double ratio = std::pow(play_.asymmetric_ratio, random.uniform());
  const std::uint32_t stronger = random.below(2);
  slot.shares[stronger] = 2 * ratio / (1 + ratio);
  slot.shares[1 - stronger] = 2 / (1 + ratio);
}

// The random opening: as many plies as drawn that leave the game running.
void Pool::play_opening(GameRecord& record) const {
  Random random(derive_seed(record.seed, {kOpening}));
  const bool wide = random.uniform() < play_.wide_opening_fraction;
  const int longest = wide ? play_.wide_opening_plies : play_.max_opening_plies;
  const int wanted = static_cast<int>(random.below(static_cast<std::uint32_t>(longest + 1)));
  std::unique_ptr<State> state = game_.initial();
  std::vector<Action> legal(static_cast<std::size_t>(game_.num_actions()));
  for (int ply = 0; ply < wanted; ++ply) {
    const int count = legal_in_play(*state, legal.data());
    const Action action = legal[random.below(static_cast<std::uint32_t>(count))];
    const int player = state->player();
    std::unique_ptr<State> next = state->clone();
    next->play(action);
    if (next->outcome()) break;
    state = std::move(next);
    record.plies.push_back(PlyRecord{});
    record.plies.back().move = action;
    record.plies.back().player = static_cast<std::int8_t>(player);
    record.plies.back().checkpoint = checkpoint_;
  }
  record.opening_plies = static_cast<std::int32_t>(record.plies.size());
}

void Pool::set_root(std::size_t index) {
  const std::unique_ptr<State> state = replayed(game_, slots_[index].record);
  trees_.tree(index).reset(*state, plan_move(slots_[index], *state));
}

// Decides how the next move is searched. A single legal move is played without.
NoiseSeed Pool::plan_move(Slot& slot, const State& state) {
  Random random(ply_seed(slot.record, kBudget));
  slot.full = random.uniform() < play_.full_search_fraction;
  const bool forced = state.legal_actions(trees_.context().scratch.data()) == 1;
  const int simulations = slot.full ? play_.simulations : play_.fast_simulations;
  const double share = slot.shares[state.player()];
  slot.budget = forced ? 0 : static_cast<std::uint32_t>(std::max(1L, std::lround(simulations * share)));
  if (!slot.full) return std::nullopt;
  return ply_seed(slot.record, kNoise);
}

void Pool::start(std::int64_t positions) {
  require_whole();
  is_finishing_.store(false, std::memory_order_relaxed);
  wanted_ = positions;
}

// Whether the moves asked for have been made, or nobody waits for them any more.
bool Pool::is_over() {
  if (is_finishing_.load(std::memory_order_relaxed)) wanted_ = 0;
  return wanted_ <= 0;
}

void Pool::require_whole() const {
  if (is_whole_) return;
  throw InputError("an error in the rules of " + game_.name() +
                   " has stopped this pool in the middle of a move; make a new one");
}

Requests& Pool::select(std::size_t most) {
  require_whole();
  return trees_.unless_broken([&]() -> Requests& { return next_batch(most); });
}

Requests& Pool::next_batch(std::size_t most) {
  Phases& phases = trees_.context().phases;
  const std::uint64_t before = trees_.context().stats.simulations;
  const Instant start = now();
  Requests& batch = trees_.select([this](std::size_t index) { return is_over() ? 0 : slots_[index].budget; },
                                  [this](std::size_t index) { return play_move(index); }, most);
  const double seconds = seconds_since(start);
  if (!batch.empty() && phases.samples()) {
    const auto asked = static_cast<double>(batch.size());
    const auto descents = asked + static_cast<double>(trees_.context().stats.simulations - before);
    phases.add_sample(rules_seconds(batch) * descents / asked, seconds);
  }
  phases.add_walk(seconds);
  if (is_over()) trees_.drop_nodes();
  return batch;
}

// How long the rules of the batch's descents take: each is done once more from its root.
double Pool::rules_seconds(const Requests& batch) {
  SearchContext& context = trees_.context();
  std::vector<std::vector<Action>> paths;
  for (const Request& request : batch) {
    paths.push_back(trees_.tree(static_cast<std::size_t>(request.tree)).path_actions(trees_.leaf(request)));
  }
  const Instant start = now();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Tree& tree = trees_.tree(static_cast<std::size_t>(batch[i].tree));
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
  Tree& tree = trees_.tree(index);
  if (is_over() || !tree.finished(slot.budget)) return false;
  change([&] { make_move(index); });
  return true;
}

void Pool::make_move(std::size_t index) {
  Slot& slot = slots_[index];
  Tree& tree = trees_.tree(index);
  const SecondsTimer timer(trees_.context().phases.record_s);
  std::vector<RootEdge> edges = tree.root_edges();
  if (edges.empty()) {
    Action* legal = trees_.context().scratch.data();
    legal_in_play(tree.root_state(), legal);
    edges.push_back({.action = legal[0], .visits = 0, .prior = 1, .raw_prior = 1, .target = 1, .rating = 1});
  }
  PlyRecord ply = ply_record(slot, tree, edges);
  ply.move = pick(slot, edges);
  if (slot.budget > 0) {
    --wanted_;
    ++positions_;
    choiceless_games_ = 0;
  }
  const Action move = ply.move;
  slot.record.plies.push_back(std::move(ply));
  const std::unique_ptr<State> next = tree.root_state().clone();
  next->play(move);
  const std::optional<float> outcome = next->outcome();
  const bool truncated = !outcome && next->ply() >= game_.max_plies();
  const bool resigned = !outcome && !truncated && resigns(slot.record);
  if (outcome || truncated || resigned) {
    const float value = outcome.value_or(0.0f);
    slot.record.outcome = next->player() == 0 ? value : -value;
    if (resigned) slot.record.outcome = slot.record.plies.back().player == 0 ? -1.0f : 1.0f;
    slot.record.truncated = truncated;
    slot.record.resigned = resigned;
    end_game(slot);
    set_root(index);
  } else {
    tree.advance(move, plan_move(slot, *next));
  }
}

PlyRecord Pool::ply_record(const Slot& slot, const Tree& tree, const std::vector<RootEdge>& edges) const {
  PlyRecord ply;
  ply.player = static_cast<std::int8_t>(tree.root_state().player());
  ply.visits = static_cast<std::int32_t>(tree.new_visits());
  ply.full_search = slot.full && slot.budget > 0;
  if (ply.full_search)
    ply.weight = std::min(1.0f, static_cast<float>(slot.budget) / static_cast<float>(play_.simulations));
  record_search(ply, tree, slot.budget);
  ply.checkpoint = checkpoint_;
  if (tree.has_root()) {
    const Node& root = tree.root();
    ply.root_wdl = wdl_of(root.q, root.draw);
    ply.raw_wdl = wdl_of(2 * root.raw_win + root.raw_draw - 1, root.raw_draw);
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

// Whether who has just moved gives up: its last values, as many as set, were all below the threshold. A ply
// whose value nobody knows, an opening move or a forced one, counts for nothing.
bool Pool::resigns(const GameRecord& record) const {
  if (resign_below_ <= kNeverResign || record.holdout) return false;
  const std::int8_t player = record.plies.back().player;
  int found = 0;
  for (auto ply = record.plies.rbegin(); ply != record.plies.rend() && found < play_.resign_plies; ++ply) {
    const bool known = ply->root_wdl.win + ply->root_wdl.draw + ply->root_wdl.loss > 0.5f;
    if (ply->player != player || !known) continue;
    if (ply->root_wdl.win - ply->root_wdl.loss >= resign_below_) return false;
    ++found;
  }
  return found == play_.resign_plies;
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
  if (temperature < 0.01 || trees_.context().params.rule >= Rule::kGumbel) return best->action;
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

void Pool::end_game(Slot& slot) {
  if (++choiceless_games_ > kMaxChoicelessGames) {
    throw InputError(game_.name() + " leaves no choice of moves: " + std::to_string(kMaxChoicelessGames) +
                     " games ended without one; self-play needs choices");
  }
  finished_.append(slot.record);
  ++games_;
  new_game(slot);
}

GameColumns Pool::take_games() {
  GameColumns games;
  std::swap(games, finished_);
  return games;
}

GameColumns Pool::snapshot() const {
  require_whole();
  GameColumns games;
  for (const Slot& slot : slots_) games.append(slot.record);
  return games;
}

void Pool::restore(const GameColumns& games, std::int64_t next_id) {
  if (games.games() != slots_.size()) {
    throw std::invalid_argument("snapshot of " + std::to_string(games.games()) + " games for a pool of " +
                                std::to_string(slots_.size()));
  }
  change([&, next_id = id_of("next_id", next_id)] {
    next_id_ = next_id;
    finished_ = GameColumns{};
    trees_.drop_nodes();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].record = games.game(i);
      draw_shares(slots_[i]);
      set_root(i);
    }
  });
}

void Pool::new_weights(std::int32_t checkpoint, float resign_below) {
  require_range("resign_below", resign_below, -1, 1);
  checkpoint_ = checkpoint;
  resign_below_ = resign_below;
  trees_.drop();
}

}  // namespace selfplay
