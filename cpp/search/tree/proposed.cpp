// Trees of proposed moves: what they ask for, and how answers make a node grow. What it costs: budget.cpp.
#include <algorithm>
#include <cmath>

#include "search/tree/tree.h"

namespace selfplay {

namespace {

constexpr float kHeaviest = 1e30f;  // what a prior counts at most, so that sums stay finite

}  // namespace

Tree::Tree(SearchContext& context, int player, TokenBudget tokens)
    : context_(&context), proposed_player_(player), tokens_{tokens} {
  leaves_.resize(static_cast<std::size_t>(context.params.max_in_flight));
  busy_.resize(leaves_.size());
}

bool Tree::can_widen(const Node& node) const {
  const SearchParams& params = context_->params;
  return node.fruitless < params.fruitless_requests && node.num_edges < params.max_proposals &&
         params.widening_exponent > 0;
}

// Whether nobody knows a move at the root, or can still be asked for one.
bool Tree::is_barren() const {
  const Node& node = root();
  if (node.status != NodeStatus::kExpanded || node.num_edges > 0) return false;
  return !can_widen(node) || (waiting_ == 0 && affordable(1) == 0);
}

// Asks for the moves of a new node, the verdict of an ended one, or more moves of a node that has been
// visited often (progressive widening, Coulom 2007; Couetoux et al. 2011); kDown where there is nothing to
// ask.
Tree::Step Tree::visit_proposed(Leaf& leaf, NodeRef ref) {
  const Node& node = arena_.node(ref);
  const SearchParams& params = context_->params;
  if (node.status == NodeStatus::kUnjudged) {
    leaf.kind = RequestKind::kValue;
    leaf.count = 0;
    leaf.reserved = 0;
    return ask(leaf, ref);
  }
  if (node.status == NodeStatus::kUnvisited) {
    if (reserve(leaf, std::min(params.initial_proposals, params.max_proposals)) > 0) return ask(leaf, ref);
    out_of_tokens_ = waiting_ == 0;  // else some may come back
    return give_up(leaf);
  }
  const double visits = static_cast<double>(node.visits + node.in_flight);
  const double allowed = params.widening_factor * std::pow(visits, params.widening_exponent);
  if (node.status == NodeStatus::kExpanded && can_widen(node) && node.num_edges < std::ceil(allowed) &&
      reserve(leaf, std::min(params.more_proposals, params.max_proposals - node.num_edges)) > 0) {
    leaf.widening = true;
    return ask(leaf, ref);
  }
  if (node.num_edges == 0) {  // nobody knows a move here: its own value stands
    leaf.node = ref;
    complete(leaf);
    return Step::kDone;
  }
  return Step::kDown;
}

void Tree::answer(int index, const Wdl& wdl, const Proposals& proposals) {
  Leaf& leaf = leaves_[static_cast<std::size_t>(index)];
  ++context_->stats.evaluations;
  ++tally_.evaluations;
  context_->stats.tokens += static_cast<std::uint64_t>(proposals.tokens);
  settle(leaf, proposals.tokens);
  busy_[static_cast<std::size_t>(index)] = false;
  --waiting_;
  if (leaf.widening) {
    add_proposals(leaf.node, proposals);
    release(leaf);
    if (leaf.node == root_) shape_root();
    return;
  }
  Node& node = arena_.node(leaf.node);
  const bool usable = is_usable(wdl);
  if (!usable) ++context_->stats.bad_replies;
  const Wdl counted = usable ? without_rounding(wdl) : Wdl{0, 1, 0};
  node.raw_win = counted.win;
  node.raw_draw = counted.draw;
  if (leaf.kind == RequestKind::kValue) {
    node.status = NodeStatus::kEnded;
    node.q = 2 * node.raw_win + node.raw_draw - 1;
    node.draw = node.raw_draw;
    node.proven = proposals.exact && usable;
  } else {
    add_proposals(leaf.node, proposals);
    if (leaf.node == root_) {
      first_edges_ = root().num_edges;
      shape_root();
    }
  }
  complete(leaf);
}

// Adds the moves of one reply to a node: new ones as edges, known ones to the priors of theirs, which stay
// normalised. `prior_weight` remembers what they summed to; visits and values stay.
void Tree::add_proposals(NodeRef ref, const Proposals& proposals) {
  const int known = arena_.node(ref).num_edges;
  std::vector<float>& weights = context_->logits;
  weights.clear();
  for (int i = 0; i < known; ++i) {
    weights.push_back(arena_.edges(arena_.node(ref)).prior[i] * arena_.node(ref).prior_weight);
  }
  bool is_bad = false;
  for (int p = 0; p < proposals.count; ++p) {
    const int at = add_proposal(ref, proposals, p);
    if (at < 0) continue;
    weights.resize(arena_.node(ref).num_edges);
    const float prior = proposals.prior[p];
    const bool usable = std::isfinite(prior) && prior >= 0;
    is_bad |= !usable;
    weights[static_cast<std::size_t>(at)] += usable ? std::min(prior, kHeaviest) : 0.0f;
  }
  if (is_bad) ++context_->stats.bad_replies;
  Node& node = arena_.node(ref);
  float total = 0;
  for (const float weight : weights) total += weight;
  if (total <= 0) {
    std::fill(weights.begin(), weights.end(), 1.0f);
    total = node.num_edges;
  }
  const Edges edges = arena_.edges(node);
  for (int i = 0; i < node.num_edges; ++i) edges.prior[i] = weights[static_cast<std::size_t>(i)] / total;
  node.prior_weight = total;
  node.fruitless = node.num_edges > known ? 0 : static_cast<std::uint8_t>(node.fruitless + 1);
  node.status = NodeStatus::kExpanded;
  sum_visited_prior(node);
}

// The edge of one proposed move, made where it is new; -1 where there is no more room.
int Tree::add_proposal(NodeRef ref, const Proposals& proposals, int index) {
  const Action id = proposals.action[index];
  const int known = arena_.node(ref).num_edges;
  const Edges old = arena_.edges(arena_.node(ref));
  for (int i = 0; i < known; ++i) {
    if (arena_.node(old.link[i]).action == id) return i;
  }
  if (known >= context_->params.max_proposals) return -1;
  const bool grows = known + 1 > arena_.node(ref).capacity;
  const std::size_t bytes = arena_.node_bytes(0) + (grows ? arena_.node_bytes(known + 1) : 0);
  if (ref != root_ && !fits(bytes)) {
    if (!capped_) ++context_->stats.capped;
    capped_ = true;
    return -1;
  }
  if (grows) arena_.grow_edges(ref, known + 1);
  const NodeRef child = arena_.add_node(0);
  Node& fresh = arena_.node(child);
  fresh.action = id;
  fresh.player = static_cast<std::uint8_t>(proposals.player[index]);
  fresh.status = proposals.ends[index] ? NodeStatus::kUnjudged : NodeStatus::kUnvisited;
  Node& node = arena_.node(ref);
  node.num_edges = static_cast<std::uint16_t>(known + 1);
  const Edges edges = arena_.edges(node);
  edges.prior[known] = 0;
  edges.link[known] = child;
  return known;
}

}  // namespace selfplay
