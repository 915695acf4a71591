// The root: its noise, and the move to the next one.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <unordered_map>

#include "search/tree/tree.h"

namespace selfplay {

// Keeps the root's priors aside, then flattens them and mixes in Dirichlet noise; Gumbel noise instead
// stays beside them.
void Tree::shape_root() {
  Node& node = arena_.node(root_);
  const Edges edges = arena_.edges(node);
  const int count = node.num_edges;
  raw_priors_.assign(edges.prior, edges.prior + count);
  if (count == 0) return;
  if (is_gumbel()) {
    draw_gumbels(count);
  } else if (noise_seed_) {
    add_noise(node, edges);
  }
  sum_visited_prior(node);
}

void Tree::sum_visited_prior(Node& node) {
  const Edges edges = arena_.edges(node);
  node.visited_prior = 0;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.visits[i] == 0 || (edges.link[i] & kActionBit)) continue;
    if (arena_.node(edges.link[i]).visits > 0) node.visited_prior += edges.prior[i];
  }
}

void Tree::draw_gumbels(int count) {
  gumbels_.assign(static_cast<std::size_t>(count), 0.0f);
  if (!noise_seed_) return;
  Random random(*noise_seed_);
  for (float& gumbel : gumbels_) {
    const double uniform = std::max(random.uniform(), 1e-300);
    gumbel = static_cast<float>(-std::log(-std::log(uniform))) * context_->params.gumbel_scale;
  }
}

// Dirichlet's alpha of each edge. Shaped: half is dealt evenly, half to moves whose log prior, cut off at
// 0.01, is above the mean of all (Wu 2019ff, "shaped Dirichlet noise").
std::vector<double> Tree::noise_alphas(const Node& node, const Edges& edges) const {
  const auto count = static_cast<std::size_t>(node.num_edges);
  const double total = context_->params.noise_alpha_total;
  std::vector<double> alphas(count, total / static_cast<double>(count));
  if (!context_->params.noise_shaped) return alphas;
  std::vector<double> above(count);
  double mean = 0, sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    above[i] = std::log(std::min(static_cast<double>(edges.prior[i]), 0.01) + 1e-20);
    mean += above[i] / static_cast<double>(count);
  }
  for (double& part : above) sum += part = std::max(0.0, part - mean);
  if (sum <= 0) return alphas;
  for (std::size_t i = 0; i < count; ++i) alphas[i] = (alphas[i] + total * above[i] / sum) / 2;
  return alphas;
}

void Tree::add_noise(const Node& node, const Edges& edges) {
  const SearchParams& params = context_->params;
  const int count = node.num_edges;
  if (params.root_temperature != 1) {
    double total = 0;
    for (int i = 0; i < count; ++i) {
      edges.prior[i] = std::pow(edges.prior[i], 1 / params.root_temperature);
      total += edges.prior[i];
    }
    for (int i = 0; i < count; ++i) edges.prior[i] = static_cast<float>(edges.prior[i] / total);
  }
  if (params.noise_fraction > 0 && count > 1) {
    Random random(*noise_seed_);
    std::vector<double> noise = noise_alphas(node, edges);
    double total = 0;
    for (double& part : noise) total += part = random.gamma(part);
    for (int i = 0; i < count; ++i) {
      const double part = total > 0 ? noise[static_cast<std::size_t>(i)] / total : 1.0 / count;
      edges.prior[i] =
          static_cast<float>((1 - params.noise_fraction) * edges.prior[i] + params.noise_fraction * part);
    }
  }
}

std::vector<Action> Tree::path_actions(const Leaf& leaf) const {
  std::vector<Action> actions;
  for (const PathStep& step : leaf.path) {
    actions.push_back(action_of(arena_.edges(arena_.node(step.node)), static_cast<int>(step.edge)));
  }
  return actions;
}

// A copy of a node and its edges, whose links are still those of the source.
NodeRef Tree::copy_node(const Node& source, NodeArena& to) const {
  const NodeRef copy = to.add_node(source.num_edges);
  Node& target = to.node(copy);
  const NodeRef block = target.edges;
  const std::uint16_t capacity = target.capacity;
  target = source;
  target.edges = block;
  target.capacity = capacity;
  const Edges old = arena_.edges(source);
  const Edges fresh = to.edges(target);
  for (int i = 0; i < source.num_edges; ++i) {
    fresh.prior[i] = old.prior[i];
    fresh.visits[i] = old.visits[i];
    fresh.q[i] = old.q[i];
    fresh.link[i] = old.link[i];
    if (is_graph()) fresh.action[i] = old.action[i];
  }
  return copy;
}

// Copies what can be reached from a node, each node once; `positions_` then has the copies.
NodeRef Tree::copy_subtree(NodeRef from, NodeArena& to) {
  struct Pending {
    NodeRef source;
    NodeRef parent;
    int edge;
  };
  std::vector<Pending> stack{{from, 0, 0}};
  std::unordered_map<NodeRef, NodeRef> copies;  // of shared nodes
  NodeRef top = 0;
  while (!stack.empty()) {
    const Pending next = stack.back();
    stack.pop_back();
    if (const auto found = copies.find(next.source); found != copies.end()) {
      to.edges(to.node(next.parent)).link[next.edge] = found->second;
      continue;
    }
    const Node& source = arena_.node(next.source);
    const NodeRef copy = copy_node(source, to);
    if (is_graph()) copies.emplace(next.source, copy);
    if (next.parent) {
      to.edges(to.node(next.parent)).link[next.edge] = copy;
    } else {
      top = copy;
    }
    const Edges edges = arena_.edges(source);
    for (int i = 0; i < source.num_edges; ++i) {
      if (!(edges.link[i] & kActionBit)) stack.push_back({edges.link[i], copy, i});
    }
  }
  keep_positions(copies);
  return top;
}

// Forgets the positions of all nodes but those copied, and knows these by their copies.
void Tree::keep_positions(const std::unordered_map<NodeRef, NodeRef>& copies) {
  PositionTable kept;
  for (const PositionTable::Entry& entry : positions_.entries()) {
    if (const auto found = copies.find(entry.node); found != copies.end()) {
      kept.insert(entry.key, found->second);
    }
  }
  std::swap(positions_, kept);
}

NodeRef Tree::child_of_root(Action action) const {
  const Edges edges = arena_.edges(root());
  for (int i = 0; i < root().num_edges; ++i) {
    if (!(edges.link[i] & kActionBit) && action_of(edges, i) == action) return edges.link[i];
  }
  return 0;
}

void Tree::advance(Action action, NoiseSeed noise_seed) {
  assert(waiting_ == 0);
  NodeRef child = root_ ? child_of_root(action) : 0;
  if (context_->game) {
    std::unique_ptr<State> next = root_state_->clone();  // the rules may fail, and leave all as it was
    next->play(action);
    if (is_graph()) child = positions_.find(next->key());
    root_state_ = std::move(next);
  } else {
    assert(child);
    const NodeStatus status = arena_.node(child).status;
    proposed_player_ = arena_.node(child).player;
    proposed_ends_ = status == NodeStatus::kUnjudged || status == NodeStatus::kEnded;
  }
  const bool kept = child && context_->params.reuse &&
                    (proposed_ends_ || arena_.node(child).status == NodeStatus::kExpanded);
  if (!kept) child = 0;
  noise_seed_ = noise_seed;
  new_visits_ = 0;
  tally_ = {};
  root_evaluations_ = 0;
  capped_ = false;
  out_of_tokens_ = false;
  at_ = 0;
  if (!child) {
    root_ = 0;
    arena_.reset();
    positions_.clear();
    return;
  }
  NodeArena& spare = context_->spare;
  spare.reset(is_graph());
  root_ = copy_subtree(child, spare);
  arena_.swap(spare);
  spare.trim();
  tally_.reused_visits = root().visits;
  const Edges edges = arena_.edges(root());
  reused_visits_.assign(edges.visits, edges.visits + root().num_edges);
  first_edges_ = root().num_edges;
  shape_root();
}

}  // namespace selfplay
