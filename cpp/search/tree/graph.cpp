// One node for each position, however it is reached: the tree becomes a graph.
//
// After Wu 2019ff ("Monte-Carlo Graph Search from First Principles", KataGo's docs/GraphSearch.md): visits
// belong to edges, a node's N is 1 + the visits of its edges, and its value is worked out anew from its own
// evaluation U and what its children are worth now,
//
//   Q(n) = (U(n) + sum N(n, a) Q(child)) / (1 + sum N(n, a)).
//
// A descent whose edge leads to a node that has had at least as many visits as the edge ends there and takes
// over its value. So does one that comes back to a node of its own path, which a game whose keys leave
// history out allows. Keys are compared at every step: where the history has led elsewhere than the last
// time, the edge follows.
#include <algorithm>

#include "search/tree/tree.h"

namespace selfplay {

Tree::Step Tree::visit_position(Leaf& leaf, NodeRef parent, int edge) {
  const Action action = arena_.edges(arena_.node(parent)).action[edge];
  leaf.state->play(action);
  const std::uint64_t key = leaf.state->key();
  if (const NodeRef known = positions_.find(key)) {
    const Edges edges = arena_.edges(arena_.node(parent));
    edges.link[edge] = known;
    const Node& child = arena_.node(known);
    const bool returns = std::any_of(leaf.path.begin(), leaf.path.end(),
                                     [=](const PathStep& step) { return step.node == known; });
    if (!returns && (child.status != NodeStatus::kExpanded || child.visits < edges.visits[edge])) {
      at_ = known;
      return Step::kDown;
    }
    ++context_->stats.transpositions;
    ++tally_.transpositions;
    leaf.node = known;
    leaf.taken_over = true;
    complete(leaf);
    return Step::kDone;
  }
  const NodeRef child = add_game_node(*leaf.state, action, leaf.path.size());
  if (child) positions_.insert(key, child);
  return visit_new(leaf, parent, edge, child);
}

void Tree::backup_graph(Leaf& leaf) {
  Node& last = arena_.node(leaf.node);
  if (!leaf.taken_over && ++last.visits == 1 && last.status == NodeStatus::kExpanded) refresh(last);
  for (auto step = leaf.path.rbegin(); step != leaf.path.rend(); ++step) {
    Node& node = arena_.node(step->node);
    --node.in_flight;
    ++node.visits;
    refresh(node);
  }
}

// Value, draw, spread and proof of an expanded node from what its children are worth now.
void Tree::refresh(Node& node) {
  const bool proofs = context_->params.proofs;
  const Edges edges = arena_.edges(node);
  const float raw = 2 * node.raw_win + node.raw_draw - 1;
  double visits = 1, value = raw, draw = node.raw_draw, squares = raw * raw;
  bool any_proven = false;
  node.visited_prior = 0;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.visits[i] == 0 || (edges.link[i] & kActionBit)) continue;
    const Node& child = arena_.node(edges.link[i]);
    if (child.visits == 0) continue;  // waits for its evaluation
    const double count = edges.visits[i];
    const float q = sign(node, child) * child.q;
    edges.q[i] = proofs && child.proven && q <= -1 ? kNever : q;
    node.visited_prior += edges.prior[i];
    any_proven |= child.proven;
    visits += count;
    value += count * q;
    draw += count * child.draw;
    squares += count * (child.proven ? q * q : child.squared_value);
  }
  if (proofs && any_proven && !node.proven) prove(node, edges);
  if (proofs && node.proven) return;
  node.q = static_cast<float>(value / visits);
  node.draw = static_cast<float>(draw / visits);
  node.squared_value = static_cast<float>(squares / visits);
}

}  // namespace selfplay
