// What the search found at the root: which move to play, what the policy learns from it, and the rules of
// choosing edges that only the root has.
#include <algorithm>
#include <cmath>

#include "search/puct.h"
#include "search/tree/tree.h"

namespace selfplay {

std::vector<RootEdge> Tree::root_edges() const {
  std::vector<RootEdge> result;
  if (!root_ || root().status == NodeStatus::kUnvisited || root().status == NodeStatus::kWaiting)
    return result;
  const Node& node = root();
  const Edges edges = arena_.edges(node);
  const bool proofs = context_->params.proofs;
  for (int i = 0; i < node.num_edges; ++i) {
    const std::uint32_t link = edges.link[i];
    const float raw = raw_priors_[static_cast<std::size_t>(i)];
    RootEdge edge{
        .action = action_of(edges, i), .visits = edges.visits[i], .prior = edges.prior[i], .raw_prior = raw};
    if (!(link & kActionBit)) tell_child(edge, arena_.node(link));
    result.push_back(edge);
  }
  const auto is_good = [&](const RootEdge& edge) {
    if (!proofs) return true;
    if (node.proven) return edge.proof != kNotProven && edge.q == node.q;
    return !(edge.proof == -1 && edge.q <= -1);
  };
  std::vector<bool> allowed;
  for (const RootEdge& edge : result) allowed.push_back(is_good(edge));
  if (std::find(allowed.begin(), allowed.end(), true) == allowed.end()) allowed.assign(result.size(), true);
  if (is_gumbel()) {
    rate_by_gumbel(result, allowed);
  } else {
    rate_by_visits(result, allowed);
  }
  return result;
}

// What the root's edge to a child is worth.
void Tree::tell_child(RootEdge& edge, const Node& child) const {
  const bool proven = context_->params.proofs && child.proven;
  if (child.visits == 0 || edge.visits == 0) return;
  edge.answered = std::min(edge.visits, child.visits);
  edge.q = sign(root(), child) * child.q;
  edge.draw = child.draw;
  edge.error = 0;
  if (child.status != NodeStatus::kEnded && !proven && context_->game) {
    edge.error = value_spread(child) / std::sqrt(static_cast<float>(edge.answered));
  }
  if (!proven) return;
  edge.proof = (edge.q > 0) - (edge.q < 0);
  if (context_->game) edge.plies = static_cast<int>(child.plies) + 1;
}

void Tree::rate_by_visits(std::vector<RootEdge>& result, const std::vector<bool>& allowed) const {
  const bool pruned = context_->params.forced_playouts > 0 && noise_seed_;
  const std::vector<float> counted = pruned ? pruned_visits(result) : std::vector<float>();
  double visits = 0, prior = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!allowed[i]) continue;
    visits += pruned ? counted[i] : static_cast<float>(result[i].visits);
    prior += result[i].raw_prior;
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    RootEdge& edge = result[i];
    if (!allowed[i]) {
      edge.rating = kNever;
      continue;
    }
    const double count = pruned ? counted[i] : static_cast<float>(edge.visits);
    edge.target = static_cast<float>(visits > 0 ? count / visits : prior > 0 ? edge.raw_prior / prior : 0);
    edge.rating = edge.target;
  }
  if (context_->params.lcb_deviations > 0) rate_by_bound(result, allowed);
}

// The lower confidence bound of moves with enough visits; the others stay below all of them.
void Tree::rate_by_bound(std::vector<RootEdge>& result, const std::vector<bool>& allowed) const {
  constexpr float kEnough = 0.15f;  // of the most visited one's
  constexpr float kBelowAll = -1e6f;
  const Edges edges = arena_.edges(root());
  std::uint32_t most = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (allowed[i]) most = std::max(most, result[i].visits);
  }
  if (most == 0) return;
  for (std::size_t i = 0; i < result.size(); ++i) {
    RootEdge& edge = result[i];
    if (!allowed[i]) continue;
    edge.rating = kBelowAll;
    if (std::isnan(edge.q) || static_cast<float>(edge.visits) < kEnough * static_cast<float>(most)) continue;
    const float spread = edge.proof == kNotProven ? value_spread(arena_.node(edges.link[i])) : 0.0f;
    edge.rating =
        edge.q - context_->params.lcb_deviations * spread / std::sqrt(static_cast<float>(edge.visits));
  }
}

// The improved policy is the target; what sequential halving leaves over is the choice.
void Tree::rate_by_gumbel(std::vector<RootEdge>& result, const std::vector<bool>& allowed) const {
  const Node& node = root();
  const Edges edges = arena_.edges(node);
  std::vector<float> logits(result.size());
  if (result.empty()) return;
  improved_logits(node, edges, context_->params, logits.data());
  std::uint32_t most = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (allowed[i]) most = std::max(most, fresh_visits(edges, static_cast<int>(i)));
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    const bool is_left = allowed[i] && fresh_visits(edges, static_cast<int>(i)) == most;
    result[i].rating = is_left ? gumbels_[i] + logits[i] : kNever;
    if (!allowed[i]) logits[i] = kNever;
  }
  softmax(logits.data(), node.num_edges);
  for (std::size_t i = 0; i < result.size(); ++i) result[i].target = allowed[i] ? logits[i] : 0.0f;
}

std::uint32_t Tree::fresh_visits(const Edges& edges, int edge) const {
  const auto at = static_cast<std::size_t>(edge);
  return edges.visits[edge] - (at < reused_visits_.size() ? reused_visits_[at] : 0);
}

// Sequential halving: of the edges whose turn it is the one that promises most.
int Tree::halving_edge(const Node& node, const Edges& edges, std::uint32_t simulations) {
  const SearchParams& params = context_->params;
  constexpr std::uint32_t kLongest = 1u << 22;  // after so many visits the most promising edge gets all
  std::uint32_t handed = 0;
  int tried = 0;
  for (int i = 0; i < node.num_edges; ++i) {
    handed += fresh_visits(edges, i);
    tried += fresh_visits(edges, i) > 0 || (edges.visits[i] && edges.q[i] == kNever);
  }
  const std::uint32_t length = std::clamp(simulations - root_evaluations_, 1u, kLongest);
  const int considered = std::min<int>(params.considered_actions, node.num_edges);
  const std::vector<std::uint32_t>& table = context_->halving.visits(considered, length);
  // Moves proposed late have a visit each at once, then catch up while they promise most.
  const bool is_behind = !context_->game && tried < considered;
  const std::uint32_t wanted = handed < length && !is_behind ? table[handed] : 0;
  context_->logits.resize(node.num_edges);
  improved_logits(node, edges, params, context_->logits.data());
  int best = 0;
  float best_score = kNever;
  bool best_in_turn = false;
  for (int i = 0; i < node.num_edges; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const float score = gumbels_[at] + context_->logits[at];
    const std::uint32_t fresh = fresh_visits(edges, i);
    const bool in_turn = handed < length && (i < first_edges_ ? fresh == wanted : fresh <= wanted);
    if (score == kNever || in_turn < best_in_turn) continue;
    if (in_turn > best_in_turn || score > best_score) {
      best = i;
      best_score = score;
      best_in_turn = in_turn;
    }
  }
  return best;
}

// Visits forced on an edge that has any: sqrt(k P(a) N) (Wu 2019, section 3.2).
float Tree::forced_visits(float prior) const {
  return std::sqrt(context_->params.forced_playouts * prior * static_cast<float>(root().visits));
}

// The first edge that has had fewer visits than are forced; -1 where there is none.
int Tree::forced_edge(const Node& node, const Edges& edges) const {
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.visits[i] == 0 || edges.q[i] == kNever) continue;
    if (static_cast<float>(edges.visits[i]) < forced_visits(edges.prior[i])) return i;
  }
  return -1;
}

// Visits without those that only force explains: up to as many are taken off as leave a move's PUCT score
// below the most visited one's, and a move left with one visit loses it (Wu 2019, section 3.2).
std::vector<float> Tree::pruned_visits(const std::vector<RootEdge>& edges) const {
  std::vector<float> visits;
  std::size_t most = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    visits.push_back(static_cast<float>(edges[i].visits));
    if (visits[i] > visits[most]) most = i;
  }
  if (edges.empty() || visits[most] == 0 || std::isnan(edges[most].q)) return visits;
  const float total = static_cast<float>(root().visits);
  const float scale = exploration(root(), context_->params, total) * std::sqrt(total);
  const float bar = edges[most].q + scale * edges[most].prior / (1 + visits[most]);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (i == most || visits[i] == 0 || std::isnan(edges[i].q)) continue;
    const float forced = std::floor(forced_visits(edges[i].prior));
    const float gap = bar - edges[i].q;
    const float needed = gap > 0 ? std::ceil(scale * edges[i].prior / gap - 1) : visits[i];
    visits[i] = std::min(visits[i], std::max({needed, visits[i] - forced, 0.0f}));
    if (visits[i] <= 1) visits[i] = 0;
  }
  return visits;
}

// Whether no order of the visits left could change which move has the most.
bool Tree::is_choice_certain(std::uint32_t simulations) const {
  if (is_gumbel() || context_->params.lcb_deviations > 0 || root().num_edges == 0) return false;
  const Node& node = root();
  const Edges edges = arena_.edges(node);
  std::uint32_t first = 0, second = 0;
  for (int i = 0; i < node.num_edges; ++i) {
    const bool lost = edges.visits[i] && edges.q[i] == kNever;
    const std::uint32_t visits = lost ? 0 : edges.visits[i];
    second = std::max(second, std::min(first, visits));
    first = std::max(first, visits);
  }
  return first > second + (simulations - new_visits_);
}

Action Tree::best_action() const {
  Action best = -1;
  float highest = kNever;
  for (const RootEdge& edge : root_edges()) {
    if (best >= 0 && edge.rating <= highest) continue;
    highest = edge.rating;
    best = edge.action;
  }
  return best;
}

}  // namespace selfplay
