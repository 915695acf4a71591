// The root: its noise, what the search found there, and the move to the next one.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "search/tree.h"

namespace selfplay {

// Keeps the root's priors aside, then flattens them and mixes in Dirichlet noise.
void Tree::shape_root() {
  Node& node = arena_.node(root_);
  const Edges edges = arena_.edges(node);
  const int count = node.num_edges;
  raw_priors_.assign(edges.prior, edges.prior + count);
  if (count == 0) return;
  if (noise_seed_) add_noise(node, edges);
  node.visited_prior = 0;
  for (int i = 0; i < count; ++i) {
    if (edges.link[i] & kActionBit) continue;
    if (arena_.node(edges.link[i]).visits > 0) node.visited_prior += edges.prior[i];
  }
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
    std::vector<double> noise(static_cast<std::size_t>(count));
    double total = 0;
    for (double& part : noise) total += part = random.gamma(params.noise_alpha_total / count);
    for (int i = 0; i < count; ++i) {
      const double part = total > 0 ? noise[static_cast<std::size_t>(i)] / total : 1.0 / count;
      edges.prior[i] =
          static_cast<float>((1 - params.noise_fraction) * edges.prior[i] + params.noise_fraction * part);
    }
  }
}

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
        static_cast<Action>(link & ~kActionBit), edges.visits[i], edges.prior[i], raw, NAN, kNotProven, 0};
    if (!(link & kActionBit)) {
      const Node& child = arena_.node(link);
      edge.action = child.action;
      if (child.visits > 0) edge.q = sign(node, child) * child.q;
      if (proofs && child.proven && child.visits > 0) edge.proof = (edge.q > 0) - (edge.q < 0);
    }
    result.push_back(edge);
  }
  const auto allowed = [&](const RootEdge& edge) {
    if (!proofs) return true;
    if (node.proven) return edge.proof != kNotProven && edge.q == node.q;
    return !(edge.proof == -1 && edge.q <= -1);
  };
  const bool none = std::none_of(result.begin(), result.end(), allowed);
  double visits = 0, prior = 0;
  for (const RootEdge& edge : result) {
    if (!none && !allowed(edge)) continue;
    visits += edge.visits;
    prior += edge.raw_prior;
  }
  for (RootEdge& edge : result) {
    if (!none && !allowed(edge)) continue;
    edge.target = static_cast<float>(visits > 0  ? edge.visits / visits
                                     : prior > 0 ? edge.raw_prior / prior
                                                 : 0);
  }
  return result;
}

Action Tree::best_action() const {
  Action best = -1;
  float most = -1;
  for (const RootEdge& edge : root_edges()) {
    if (edge.target > most) {
      most = edge.target;
      best = edge.action;
    }
  }
  return best;
}

std::vector<Action> Tree::principal_variation(int max_plies) const {
  std::vector<Action> line;
  if (!root_ || root_edges().empty()) return line;
  const Action first = best_action();
  NodeRef at = 0;
  const Edges top = arena_.edges(root());
  for (int i = 0; i < root().num_edges; ++i) {
    if (!(top.link[i] & kActionBit) && arena_.node(top.link[i]).action == first) at = top.link[i];
  }
  if (first >= 0) line.push_back(first);
  while (at && static_cast<int>(line.size()) < max_plies) {
    const Node& node = arena_.node(at);
    if (node.num_edges == 0 || node.status != NodeStatus::kExpanded) break;
    const Edges edges = arena_.edges(node);
    NodeRef next = 0;
    std::uint32_t most = 0;
    for (int i = 0; i < node.num_edges; ++i) {
      if (edges.visits[i] <= most || (edges.link[i] & kActionBit)) continue;
      if (node.proven && sign(node, arena_.node(edges.link[i])) * arena_.node(edges.link[i]).q != node.q)
        continue;
      most = edges.visits[i];
      next = edges.link[i];
    }
    if (next) line.push_back(arena_.node(next).action);
    at = next;
  }
  return line;
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
  capped_ = false;
  at_ = 0;
  root_ = 0;
  arena_.reset();
}

}  // namespace selfplay
