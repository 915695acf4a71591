// The way down: from the root to a leaf that waits for an answer, or to a result.
#include "search/tree.h"

#include <algorithm>
#include <cmath>

#include "search/puct.h"

namespace selfplay {

namespace {

constexpr int kMaxFruitless = 2;  // proposals without a new move before a node is left as it is

}  // namespace

Tree::Tree(SearchContext& context, std::unique_ptr<State> state, NoiseSeed noise_seed)
    : context_(&context), noise_seed_(noise_seed), root_state_(std::move(state)) {
  leaves_.resize(static_cast<std::size_t>(context.params.max_in_flight));
  busy_.resize(leaves_.size());
  for (Leaf& leaf : leaves_) leaf.state = root_state_->clone();
}

Tree::Tree(SearchContext& context, int player, NoiseSeed noise_seed)
    : context_(&context), proposed_player_(player), noise_seed_(noise_seed) {
  leaves_.resize(static_cast<std::size_t>(context.params.max_in_flight));
  busy_.resize(leaves_.size());
}

bool Tree::finished(std::uint32_t simulations) const {
  if (new_visits_ >= simulations || capped_) return true;
  if (!root_) return root_state_ && root_state_->outcome().has_value();
  if (root().status == NodeStatus::kEnded || (root().proven && context_->params.proofs)) return true;
  return context_->params.early_stop && !noise_seed_ && is_choice_certain(simulations);
}

Tree::Step Tree::step(std::uint32_t simulations) {
  if (!at_) {
    if (new_visits_ + static_cast<std::uint32_t>(waiting_) >= simulations || finished(simulations)) {
      return Step::kIdle;
    }
    return begin();
  }
  Leaf& leaf = leaves_[static_cast<std::size_t>(current_)];
  const NodeRef ref = at_;
  Node& node = arena_.node(ref);
  if (node.status == NodeStatus::kWaiting) {
    ++context_->stats.collisions;
    return give_up(leaf);
  }
  if (node.status == NodeStatus::kEnded || (node.proven && context_->params.proofs)) {
    complete_known(leaf, ref);
    return Step::kDone;
  }
  if (!context_->game) {
    const Step asked = visit_proposed(leaf, ref);
    if (asked != Step::kDown) return asked;
  }
  const Edges edges = arena_.edges(node);
  const bool is_special = ref == root_ || context_->params.rule == Rule::kGumbelFull;
  const int edge =
      is_special ? choose_edge(ref, node, edges, simulations) : best_edge(node, edges, context_->params);
  if (edges.visits[edge] == 0) {
    edges.q[edge] = node.q - context_->params.fpu_reduction * std::sqrt(node.visited_prior);
  }
  ++edges.visits[edge];
  ++node.in_flight;
  leaf.path.push_back({ref, static_cast<std::uint32_t>(edge)});
  return visit_child(leaf, ref, edge);
}

int Tree::choose_edge(NodeRef ref, const Node& node, const Edges& edges, std::uint32_t simulations) {
  const SearchParams& params = context_->params;
  if (ref == root_) {
    if (is_gumbel()) return halving_edge(node, edges, simulations);
    if (params.forced_playouts > 0 && noise_seed_) {
      const int forced = forced_edge(node, edges);
      if (forced >= 0) return forced;
    }
  } else if (params.rule == Rule::kGumbelFull) {
    context_->logits.resize(node.num_edges);
    return gumbel_edge(node, edges, params, context_->logits.data());
  }
  return best_edge(node, edges, params);
}

Tree::Step Tree::begin() {
  const int leaves = std::min(static_cast<int>(leaves_.size()), context_->params.max_in_flight);
  current_ = 0;
  while (current_ < leaves && busy_[static_cast<std::size_t>(current_)]) ++current_;
  if (current_ == leaves) return Step::kIdle;
  Leaf& leaf = leaves_[static_cast<std::size_t>(current_)];
  leaf.path.clear();
  leaf.turned = false;
  leaf.widening = false;
  if (context_->game) leaf.state->assign(*root_state_);
  if (!root_) {
    start_root();
    if (context_->game && root().status == NodeStatus::kUnvisited) return open_leaf(leaf, root_);
  }
  at_ = root_;
  arena_.prefetch(at_);
  return Step::kDown;
}

void Tree::start_root() {
  arena_.reset();
  reused_visits_.clear();
  root_evaluations_ = 1;
  if (context_->game) {
    root_ = add_game_node(*root_state_, -1);
  } else {
    root_ = arena_.add_node(0);
    arena_.node(root_).player = static_cast<std::uint8_t>(proposed_player_);
    arena_.node(root_).status = NodeStatus::kUnvisited;
  }
}

// A node for `state`: ended, or unvisited with an edge for every legal action. 0 where memory is full.
NodeRef Tree::add_game_node(const State& state, Action action) {
  if (root_ && context_->params.proofs && state.winning_action() >= 0) return add_won_node(state, action);
  Action* legal = context_->scratch.data();
  const int count = state.legal_actions(legal);
  if (!fits(NodeArena::node_bytes(count))) return 0;
  const NodeRef ref = arena_.add_node(count);
  Node& node = arena_.node(ref);
  node.action = action;
  node.player = static_cast<std::uint8_t>(state.player());
  if (count == 0) {
    node.status = NodeStatus::kEnded;
    node.proven = true;
    node.q = *state.outcome();
    node.draw = proven_draw(node.q);
    node.raw_draw = node.draw;
    node.raw_win = (1 + node.q - node.draw) / 2;
    return ref;
  }
  node.status = NodeStatus::kUnvisited;
  std::uint32_t* link = arena_.edges(node).link;
  for (int i = 0; i < count; ++i) link[i] = kActionBit | static_cast<std::uint32_t>(legal[i]);
  return ref;
}

// A node for a position that its player to move wins at once: proven without an evaluation.
NodeRef Tree::add_won_node(const State& state, Action action) {
  if (!fits(NodeArena::node_bytes(0))) return 0;
  const NodeRef ref = arena_.add_node(0);
  Node& node = arena_.node(ref);
  node.action = action;
  node.player = static_cast<std::uint8_t>(state.player());
  node.status = NodeStatus::kUnvisited;
  node.proven = true;
  node.q = 1;
  node.raw_win = 1;
  return ref;
}

bool Tree::fits(std::size_t bytes) {
  if (static_cast<double>(arena_.bytes() + bytes) <= context_->params.max_tree_mb * 1048576.0) return true;
  if (!root_) return true;  // a root always fits: there must be a move to choose from
  return false;
}

Tree::Step Tree::visit_child(Leaf& leaf, NodeRef parent, int edge) {
  const std::uint32_t link = arena_.edges(arena_.node(parent)).link[edge];
  if (!(link & kActionBit)) {
    arena_.prefetch(link);
    if (context_->game) leaf.state->play(arena_.node(link).action);
    at_ = link;
    return Step::kDown;
  }
  const Action action = static_cast<Action>(link & ~kActionBit);
  leaf.state->play(action);
  const NodeRef child = add_game_node(*leaf.state, action);
  if (!child) {
    capped_ = true;
    ++context_->stats.capped;
    return give_up(leaf);
  }
  arena_.edges(arena_.node(parent)).link[edge] = child;
  if (arena_.node(child).proven) {
    complete_known(leaf, child);
    return Step::kDone;
  }
  return open_leaf(leaf, child);
}

// Asks for the evaluation of an unvisited node, of the cache first.
Tree::Step Tree::open_leaf(Leaf& leaf, NodeRef ref) {
  Node& node = arena_.node(ref);
  leaf.node = ref;
  leaf.kind = RequestKind::kEvaluate;
  if (context_->game && context_->cache.enabled()) {
    leaf.canonical = leaf.state->canonical();
    leaf.turned = true;
    if (const float* row = context_->cache.find(leaf.canonical.key)) {
      ++context_->stats.cache_hits;
      ++tally_.cache_hits;
      expand(ref, leaf.canonical.symmetry, row, row + 3);
      complete(leaf);
      return Step::kDone;
    }
  }
  node.status = NodeStatus::kWaiting;
  busy_[static_cast<std::size_t>(current_)] = true;
  ++waiting_;
  at_ = 0;
  return Step::kWaits;
}

// In a proposed tree: ask for the moves of a new node, the verdict of an ended one, or for more moves
// of a node that has been visited often; kDown where there is nothing to ask.
Tree::Step Tree::visit_proposed(Leaf& leaf, NodeRef ref) {
  Node& node = arena_.node(ref);
  const SearchParams& params = context_->params;
  if (node.status == NodeStatus::kUnvisited || node.status == NodeStatus::kUnjudged) {
    const bool ends = node.status == NodeStatus::kUnjudged;
    const Step asked = open_leaf(leaf, ref);
    leaf.kind = ends ? RequestKind::kValue : RequestKind::kPropose;
    leaf.count = ends ? 0 : std::min(params.initial_proposals, params.max_proposals);
    return asked;
  }
  const double visits = static_cast<double>(node.visits + node.in_flight);
  const double allowed = params.widening_factor * std::pow(visits, params.widening_exponent);
  if (node.fruitless < kMaxFruitless && node.num_edges < params.max_proposals &&
      params.widening_exponent > 0 && node.num_edges < std::ceil(allowed)) {
    leaf.node = ref;
    leaf.kind = RequestKind::kPropose;
    leaf.widening = true;
    leaf.count = std::min(2, params.max_proposals - node.num_edges);
    busy_[static_cast<std::size_t>(current_)] = true;
    ++waiting_;
    at_ = 0;
    return Step::kWaits;
  }
  if (node.num_edges == 0) {  // nobody knows a move here: its own value stands
    leaf.node = ref;
    complete(leaf);
    return Step::kDone;
  }
  return Step::kDown;
}

// Takes back the visits of a descent that cannot be finished.
Tree::Step Tree::give_up(Leaf& leaf) {
  release(leaf);
  at_ = 0;
  return Step::kIdle;
}

void Tree::release(Leaf& leaf) {
  for (const PathStep& step : leaf.path) {
    Node& node = arena_.node(step.node);
    --node.in_flight;
    --arena_.edges(node).visits[step.edge];
  }
}

// A descent that ended where the game does, or at a node already proven.
void Tree::complete_known(Leaf& leaf, NodeRef ref) {
  const bool ended = arena_.node(ref).status == NodeStatus::kEnded;
  ++(ended ? context_->stats.terminal_hits : context_->stats.proven_hits);
  ++(ended ? tally_.terminal_hits : tally_.proven_hits);
  leaf.node = ref;
  complete(leaf);
}

void Tree::complete(Leaf& leaf) {
  backup(leaf);
  const auto depth = static_cast<std::uint32_t>(leaf.path.size());
  tally_.max_depth = std::max(tally_.max_depth, depth);
  tally_.total_depth += depth;
  ++new_visits_;
  ++context_->stats.simulations;
  at_ = 0;
}

}  // namespace selfplay
