// What the search expects: the variation from the root, and the nodes that it spent its visits on.
#include <algorithm>
#include <queue>

#include "search/tree/tree.h"

namespace selfplay {

// The child by which the expected line goes on: the most visited one; where the node is proven one that
// proves it, and has the end come soon where that is a win and late where not. 0 without one.
NodeRef Tree::next_in_line(const Node& node, Action& action) const {
  const Edges edges = arena_.edges(node);
  const bool by_proof = node.proven && context_->params.proofs && context_->game;
  NodeRef next = 0;
  std::uint32_t most = 0;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.visits[i] == 0 || (edges.link[i] & kActionBit)) continue;
    const Node& child = arena_.node(edges.link[i]);
    if (node.proven && sign(node, child) * child.q != node.q) continue;
    if (by_proof && !child.proven) continue;
    bool is_better = edges.visits[i] > most;
    if (by_proof && next && child.plies != arena_.node(next).plies) {
      is_better = (child.plies < arena_.node(next).plies) == (node.q > 0);
    }
    if (!is_better) continue;
    most = edges.visits[i];
    next = edges.link[i];
    action = action_of(edges, i);
  }
  return next;
}

std::vector<Action> Tree::principal_variation(int max_plies, Action first) const {
  std::vector<Action> line;
  if (!root_ || max_plies < 1 || root().num_edges == 0) return line;
  if (root().status == NodeStatus::kUnvisited || root().status == NodeStatus::kWaiting) return line;
  if (first < 0) first = best_action();
  if (first < 0) return line;
  line.push_back(first);
  NodeRef at = child_of_root(first);
  const std::unique_ptr<State> state = context_->game ? root_state_->clone() : nullptr;
  while (at && static_cast<int>(line.size()) < max_plies) {
    if (state) state->play(line.back());
    // Links follow the last history that passed them, which need not be this line's.
    if (is_graph() && positions_.find(state->key()) != at) break;
    const Node& node = arena_.node(at);
    if (state && node.status == NodeStatus::kUnvisited && node.proven) {
      line.push_back(state->winning_action());  // of a position that is won at once
      break;
    }
    if (node.num_edges == 0 || node.status != NodeStatus::kExpanded) break;
    Action action = -1;
    at = next_in_line(node, action);
    if (at) line.push_back(action);
  }
  return line;
}

std::vector<std::int64_t> Tree::line_visits(const std::vector<Action>& line) const {
  std::vector<std::int64_t> visits(line.size(), 0);
  NodeRef at = root_;
  for (std::size_t ply = 0; ply < line.size() && at; ++ply) {
    const Edges edges = arena_.edges(arena_.node(at));
    NodeRef next = 0;
    for (int i = 0; i < arena_.node(at).num_edges; ++i) {
      if (action_of(edges, i) != line[ply]) continue;
      visits[ply] = edges.visits[i];
      if (!(edges.link[i] & kActionBit)) next = edges.link[i];
    }
    at = next;
  }
  return visits;
}

VisitedNodes Tree::most_visited(std::size_t most) const {
  struct Candidate {
    double visits;
    NodeRef node;
    std::int64_t parent;  // among the nodes taken; -1 for the root
    Action action;
    // The earlier of two alike comes from the node that was taken first, then by the lower action.
    bool operator<(const Candidate& other) const {
      if (visits != other.visits) return visits < other.visits;
      return parent != other.parent ? parent > other.parent : action > other.action;
    }
  };
  VisitedNodes result;
  if (!has_root()) return result;
  std::priority_queue<Candidate> open;
  std::vector<Candidate> taken;
  open.push({static_cast<double>(root().visits), root_, -1, -1});
  while (!open.empty() && taken.size() < most) {
    const Candidate next = open.top();
    open.pop();
    const auto index = static_cast<std::int64_t>(taken.size());
    taken.push_back(next);
    result.visits.push_back(next.visits);
    if (next.parent >= 0) result.visits[static_cast<std::size_t>(next.parent)] -= next.visits;
    std::vector<Action> path;
    for (std::int64_t at = index; taken[static_cast<std::size_t>(at)].parent >= 0;
         at = taken[static_cast<std::size_t>(at)].parent) {
      path.push_back(taken[static_cast<std::size_t>(at)].action);
    }
    result.actions.insert(result.actions.end(), path.rbegin(), path.rend());
    result.offsets.push_back(static_cast<std::int64_t>(result.actions.size()));
    const Node& node = arena_.node(next.node);
    if (node.status != NodeStatus::kExpanded) continue;
    const Edges edges = arena_.edges(node);
    for (int i = 0; i < node.num_edges; ++i) {
      if (edges.visits[i] == 0 || (edges.link[i] & kActionBit)) continue;
      const std::uint32_t visits = std::min(edges.visits[i], arena_.node(edges.link[i]).visits);
      const double share = next.visits / node.visits;  // of a shared node's visits, else all
      if (visits > 0) open.push({visits * share, edges.link[i], index, action_of(edges, i)});
    }
  }
  return result;
}

}  // namespace selfplay
