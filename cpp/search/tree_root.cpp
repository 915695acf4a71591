// The root: its noise, and the move to the next one.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "search/tree.h"

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
  node.visited_prior = 0;
  for (int i = 0; i < count; ++i) {
    if (edges.link[i] & kActionBit) continue;
    if (arena_.node(edges.link[i]).visits > 0) node.visited_prior += edges.prior[i];
  }
}

void Tree::draw_gumbels(int count) {
  gumbels_.assign(static_cast<std::size_t>(count), 0.0f);
  if (!noise_seed_ || !context_->game) return;
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
  if (params.noise_fraction > 0 && context_->game && count > 1) {
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
    actions.push_back(arena_.node(arena_.edges(arena_.node(step.node)).link[step.edge]).action);
  }
  return actions;
}

NodeRef Tree::copy_subtree(NodeRef from, NodeArena& to) const {
  struct Pending {
    NodeRef source;
    NodeRef parent;
    int edge;
  };
  std::vector<Pending> stack{{from, 0, 0}};
  NodeRef top = 0;
  while (!stack.empty()) {
    const Pending next = stack.back();
    stack.pop_back();
    const Node& source = arena_.node(next.source);
    const NodeRef copy = to.add_node(source.num_edges);
    Node& target = to.node(copy);
    const NodeRef block = target.edges;
    const std::uint16_t capacity = target.capacity;
    target = source;
    target.edges = block;
    target.capacity = capacity;
    if (next.parent) {
      to.edges(to.node(next.parent)).link[next.edge] = copy;
    } else {
      top = copy;
    }
    const Edges old = arena_.edges(source);
    const Edges fresh = to.edges(target);
    for (int i = 0; i < source.num_edges; ++i) {
      fresh.prior[i] = old.prior[i];
      fresh.visits[i] = old.visits[i];
      fresh.q[i] = old.q[i];
      fresh.link[i] = old.link[i];
      if (!(old.link[i] & kActionBit)) stack.push_back({old.link[i], copy, i});
    }
  }
  return top;
}

void Tree::advance(Action action, NoiseSeed noise_seed) {
  assert(waiting_ == 0);
  NodeRef child = 0;
  if (root_ && context_->params.reuse) {
    const Edges edges = arena_.edges(root());
    for (int i = 0; i < root().num_edges; ++i) {
      if (!(edges.link[i] & kActionBit) && arena_.node(edges.link[i]).action == action) child = edges.link[i];
    }
    if (child && arena_.node(child).status != NodeStatus::kExpanded) child = 0;
  }
  if (context_->game) root_state_->play(action);
  noise_seed_ = noise_seed;
  new_visits_ = 0;
  tally_ = {};
  root_evaluations_ = 0;
  capped_ = false;
  at_ = 0;
  if (!child) {
    root_ = 0;
    arena_.reset();
    return;
  }
  NodeArena& spare = context_->spare;
  spare.reset();
  root_ = copy_subtree(child, spare);
  arena_.swap(spare);
  tally_.reused_visits = root().visits;
  const Edges kept = arena_.edges(root());
  reused_visits_.assign(kept.visits, kept.visits + root().num_edges);
  shape_root();
}

void Tree::reset(const State& state, NoiseSeed noise_seed) {
  assert(waiting_ == 0);
  root_state_->assign(state);
  noise_seed_ = noise_seed;
  drop();
}

void Tree::drop() {
  for (std::size_t i = 0; i < busy_.size(); ++i) busy_[i] = false;
  waiting_ = 0;
  new_visits_ = 0;
  tally_ = {};
  capped_ = false;
  at_ = 0;
  root_ = 0;
  arena_.reset();
}

}  // namespace selfplay
