#include <cmath>
#include <unordered_map>

#include "search/tree/tree.h"

namespace selfplay {

namespace {

bool is_judged(const Node& node) {
  return node.visits > 0 || node.proven || node.status == NodeStatus::kExpanded;
}

void append_node(TreeDump& dump, const Node& node, bool proofs) {
  const bool ends = node.status == NodeStatus::kEnded || node.status == NodeStatus::kUnjudged;
  const bool proven = proofs && node.proven && node.visits > 0;
  dump.player.push_back(static_cast<std::int8_t>(node.player));
  dump.visits.push_back(node.visits);
  dump.value.push_back(node.visits > 0 ? node.q : NAN);
  dump.raw_value.push_back(is_judged(node) ? 2 * node.raw_win + node.raw_draw - 1 : NAN);
  dump.ends.push_back(ends);
  dump.proof.push_back(static_cast<std::int8_t>(proven ? (node.q > 0) - (node.q < 0) : kNotProven));
}

// The edges that a node shows: those of one not yet evaluated have no priors.
int shown_edges(const Node& node) {
  return node.status == NodeStatus::kUnvisited || node.status == NodeStatus::kWaiting ? 0 : node.num_edges;
}

}  // namespace

// Breadth first, so that parents come before their children.
TreeDump Tree::dump() const {
  TreeDump result;
  result.edge_offsets.push_back(0);
  if (!root_) return result;
  std::vector<NodeRef> nodes{root_};
  std::unordered_map<NodeRef, std::int32_t> index{{root_, 0}};
  result.parent.push_back(-1);
  result.action.push_back(-1);
  result.depth.push_back(0);
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    const Node& node = arena_.node(nodes[at]);
    append_node(result, node, context_->params.proofs);
    const Edges edges = arena_.edges(node);
    for (int i = 0; i < shown_edges(node); ++i) {
      const std::uint32_t link = edges.link[i];
      const Node* child = link & kActionBit ? nullptr : &arena_.node(link);
      const Action action = action_of(edges, i);
      std::int32_t to = -1;
      if (child) {
        const auto [found, is_new] = index.emplace(link, static_cast<std::int32_t>(nodes.size()));
        to = found->second;
        if (is_new) {
          nodes.push_back(link);
          result.parent.push_back(static_cast<std::int32_t>(at));
          result.action.push_back(action);
          result.depth.push_back(result.depth[at] + 1);
        }
      }
      result.edge_action.push_back(action);
      result.edge_node.push_back(to);
      result.edge_prior.push_back(edges.prior[i]);
      result.edge_visits.push_back(edges.visits[i]);
      result.edge_q.push_back(
          child && child->visits > 0 && edges.visits[i] > 0 ? sign(node, *child) * child->q : NAN);
    }
    result.edge_offsets.push_back(static_cast<std::int64_t>(result.edge_action.size()));
  }
  return result;
}

}  // namespace selfplay
