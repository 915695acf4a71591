// The way up: an answer becomes priors and a value, and the value and its proof go up the path.
#include <algorithm>
#include <cmath>

#include "search/tree/tree.h"

namespace selfplay {

void Tree::prefetch_answer(int index) const {
  const Leaf& leaf = leaves_[static_cast<std::size_t>(index)];
  if (context_->cache.enabled()) context_->cache.prefetch(leaf.canonical.key);
  arena_.prefetch(leaf.node);
  for (const PathStep& step : leaf.path) arena_.prefetch(step.node);
}

void Tree::answer(int index, const float* wdl, const float* logits) {
  Leaf& leaf = leaves_[static_cast<std::size_t>(index)];
  ++context_->stats.evaluations;
  ++tally_.evaluations;
  if (context_->cache.enabled() && is_usable({wdl[0], wdl[1], wdl[2]})) {
    context_->cache.insert(leaf.canonical.key, wdl, logits);
  }
  expand(leaf.node, leaf.turned ? leaf.canonical.symmetry : 0, wdl, logits);
  busy_[static_cast<std::size_t>(index)] = false;
  --waiting_;
  complete(leaf);
}

// Sets priors and value of a node from a dense row; one that is no probabilities, or has no finite prior,
// counts as equal priors and a draw.
void Tree::expand(NodeRef ref, int symmetry, const float* wdl, const float* logits) {
  Node& node = arena_.node(ref);
  const Edges edges = arena_.edges(node);
  const int count = node.num_edges;
  const std::vector<Action>& turned =
      context_->game->symmetries()[static_cast<std::size_t>(symmetry)].actions;
  const float sharpness = 1 / context_->params.policy_temperature;
  float highest = kNever;
  for (int i = 0; i < count; ++i) {
    const float logit = logits[turned[edges.link[i] & ~kActionBit]] * sharpness;
    edges.prior[i] = logit;
    highest = std::max(highest, logit);
  }
  float total = 0;
  for (int i = 0; i < count; ++i) {
    edges.prior[i] = edges.prior[i] == highest ? 1.0f : std::exp(edges.prior[i] - highest);
    total += edges.prior[i];
  }
  const Wdl value{wdl[0], wdl[1], wdl[2]};
  const bool usable = is_usable(value) && (count == 0 || (std::isfinite(total) && std::isfinite(highest)));
  for (int i = 0; i < count; ++i)
    edges.prior[i] = usable ? edges.prior[i] / total : 1.0f / static_cast<float>(count);
  if (!usable) ++context_->stats.bad_replies;
  const Wdl counted = usable ? without_rounding(value) : Wdl{0, 1, 0};
  node.raw_win = counted.win;
  node.raw_draw = counted.draw;
  node.status = NodeStatus::kExpanded;
  if (ref != root_) return;
  first_edges_ = count;
  shape_root();
}

void Tree::backup(Leaf& leaf) {
  if (is_graph()) return backup_graph(leaf);
  const SearchParams& params = context_->params;
  const bool proofs = params.proofs;
  const bool squares = context_->game != nullptr;
  Node* child = &arena_.node(leaf.node);
  float value = child->q;
  float draw = child->draw;
  ++child->visits;
  if (!child->proven && child->status != NodeStatus::kEnded) {
    value = 2 * child->raw_win + child->raw_draw - 1;
    draw = child->raw_draw;
    const float part = 1.0f / static_cast<float>(child->visits);
    child->q += (value - child->q) * part;
    child->draw += (draw - child->draw) * part;
    if (squares) child->squared_value += (value * value - child->squared_value) * part;
  }
  for (auto step = leaf.path.rbegin(); step != leaf.path.rend(); ++step) {
    Node& node = arena_.node(step->node);
    const Edges edges = arena_.edges(node);
    const float turn = sign(node, *child);
    value *= turn;
    --node.in_flight;
    ++node.visits;
    if (child->visits == 1) node.visited_prior += edges.prior[step->edge];
    const float child_q = turn * child->q;
    edges.q[step->edge] = proofs && child->proven && child_q <= -1 ? kNever : child_q;
    if (proofs && child->proven && !node.proven) prove(node, edges);
    if (proofs && node.proven) {
      value = node.q;
      draw = node.draw;
    } else {
      const float part = 1.0f / static_cast<float>(node.visits);
      node.q += (value - node.q) * part;
      node.draw += (draw - node.draw) * part;
      if (squares) node.squared_value += (value * value - node.squared_value) * part;
    }
    child = &node;
  }
}

// A proven win proves the node; so do proofs of every move, but only where the moves are all there are.
void Tree::prove(Node& node, const Edges& edges) {
  float best = kNever;
  bool all = context_->game && !node.restricted;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.link[i] & kActionBit) {
      all = false;
      continue;
    }
    const Node& child = arena_.node(edges.link[i]);
    if (child.proven) {
      best = std::max(best, sign(node, child) * child.q);
    } else {
      all = false;
    }
  }
  if (best < 1 && !all) return;
  node.proven = true;
  node.q = best;
  node.draw = proven_draw(best);
  if (context_->game) node.plies = plies_of_proof(node, edges);
}

// To the end of the game along the proof of a node: by the shortest way to what is won, the longest to all
// else.
std::uint32_t Tree::plies_of_proof(const Node& node, const Edges& edges) const {
  const bool won = node.q > 0;
  std::uint32_t plies = 0;
  bool any = false;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.link[i] & kActionBit) continue;
    const Node& child = arena_.node(edges.link[i]);
    if (!child.proven || sign(node, child) * child.q != node.q) continue;
    plies = !any ? child.plies : won ? std::min(plies, child.plies) : std::max(plies, child.plies);
    any = true;
  }
  return plies + 1;
}

}  // namespace selfplay
