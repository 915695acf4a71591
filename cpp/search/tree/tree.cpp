// The way down: from the root to a leaf that waits for an answer, or to a result.
#include "search/tree/tree.h"

#include <algorithm>
#include <cmath>

#include "search/puct.h"

namespace selfplay {

Tree::Tree(SearchContext& context, std::unique_ptr<State> state, NoiseSeed noise_seed,
           std::vector<Restriction> restrictions)
    : context_(&context),
      restrictions_(std::move(restrictions)),
      arena_(is_graph()),
      noise_seed_(noise_seed),
      root_state_(std::move(state)) {
  leaves_.resize(static_cast<std::size_t>(context.params.max_in_flight));
  busy_.resize(leaves_.size());
  for (Leaf& leaf : leaves_) leaf.state = root_state_->clone();
}

bool Tree::finished(std::uint32_t simulations) const {
  if (new_visits_ >= simulations || capped_ || out_of_tokens_ || is_vacant_) return true;
  if (!root_) return root_state_ && root_state_->outcome().has_value();
  if (!context_->game && is_barren()) return true;
  if (root().status == NodeStatus::kEnded || (root().proven && context_->params.proofs)) return true;
  if (root().restricted && context_->game && context_->params.proofs && is_exhausted()) return true;
  return context_->params.early_stop && !noise_seed_ && is_choice_certain(simulations);
}

// Whether every move that the root considers is proven, though that proves nothing of the root.
bool Tree::is_exhausted() const {
  const Edges edges = arena_.edges(root());
  for (int i = 0; i < root().num_edges; ++i) {
    if ((edges.link[i] & kActionBit) || !arena_.node(edges.link[i]).proven) return false;
  }
  return true;
}

Tree::Step Tree::step(const Effort& effort) {
  const std::uint32_t simulations = effort.simulations;
  if (!at_) {
    if (new_visits_ + static_cast<std::uint32_t>(waiting_) >= std::min(effort.until, simulations) ||
        finished(simulations)) {
      return Step::kIdle;
    }
    most_bytes_ = effort.bytes;
    return begin(effort.leaves > 0 ? effort.leaves : context_->params.max_in_flight);
  }
  Leaf& leaf = leaves_[static_cast<std::size_t>(current_)];
  const NodeRef ref = at_;
  if (leaf.turned) return look_up(leaf, ref);
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
  } else if (node.status == NodeStatus::kUnvisited) {  // the answer has been given up for lost
    return open_leaf(leaf, ref);
  } else if (node.num_edges == 0) {  // no move is permitted here: its own value stands
    leaf.node = ref;
    complete(leaf);
    return Step::kDone;
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

Tree::Step Tree::begin(int leaves) {
  if (waiting_ >= leaves) return Step::kIdle;
  current_ = 0;
  while (static_cast<std::size_t>(current_) < leaves_.size() && busy_[static_cast<std::size_t>(current_)]) {
    ++current_;
  }
  if (static_cast<std::size_t>(current_) == leaves_.size()) {
    leaves_.emplace_back().state = root_state_ ? root_state_->clone() : nullptr;
    busy_.push_back(false);
  }
  Leaf& leaf = leaves_[static_cast<std::size_t>(current_)];
  leaf.path.clear();
  leaf.turned = false;
  leaf.widening = false;
  leaf.taken_over = false;
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
  positions_.clear();
  reused_visits_.clear();
  root_evaluations_ = 1;
  if (context_->game) {
    root_ = add_game_node(*root_state_, -1, 0);
    if (is_graph()) positions_.insert(root_state_->key(), root_);
  } else {
    root_ = arena_.add_node(0);
    arena_.node(root_).player = static_cast<std::uint8_t>(proposed_player_);
    arena_.node(root_).status = proposed_ends_ ? NodeStatus::kUnjudged : NodeStatus::kUnvisited;
  }
}

// A node for `state`: ended, or unvisited with an edge for every legal action. 0 where memory is full.
NodeRef Tree::add_game_node(const State& state, Action action, std::size_t depth) {
  Action* legal = context_->scratch.data();
  if (root_ && context_->params.proofs) {
    Action winning = state.winning_action();
    if (winning >= 0 && permitted(state, static_cast<int>(depth), &winning, 1) == 1) {
      return add_won_node(state, action);
    }
  }
  const int every = state.legal_actions(legal);
  const int count = permitted(state, static_cast<int>(depth), legal, every);
  if (count > kMostEdges) {
    throw InputError("game '" + context_->game->name() + "' has a position of " + std::to_string(count) +
                     " legal actions; a search takes " + std::to_string(kMostEdges));
  }
  if (!fits(arena_.node_bytes(count))) return 0;
  const NodeRef ref = arena_.add_node(count);
  Node& node = arena_.node(ref);
  node.action = action;
  node.player = static_cast<std::uint8_t>(state.player());
  node.restricted = count < every;
  if (every == 0) {
    node.status = NodeStatus::kEnded;
    node.proven = true;
    node.plies = 0;
    node.q = outcome_at_end(state);
    node.draw = proven_draw(node.q);
    node.raw_draw = node.draw;
    node.raw_win = (1 + node.q - node.draw) / 2;
    return ref;
  }
  node.status = NodeStatus::kUnvisited;
  const Edges edges = arena_.edges(node);
  for (int i = 0; i < count; ++i) edges.link[i] = kActionBit | static_cast<std::uint32_t>(legal[i]);
  if (is_graph()) std::copy_n(legal, count, edges.action);
  return ref;
}

// Keeps those of `count` actions that may be considered at a depth, in their order; how many these are.
int Tree::permitted(const State& state, int depth, Action* actions, int count) const {
  for (const Restriction& each : restrictions_) {
    if (!each.applies(state.player(), depth)) continue;
    count = static_cast<int>(
        std::remove_if(actions, actions + count, [&](Action action) { return !each.permits(action); }) -
        actions);
  }
  return count;
}

// A node for a position that its player to move wins at once: proven without an evaluation.
NodeRef Tree::add_won_node(const State& state, Action action) {
  if (!fits(arena_.node_bytes(0))) return 0;
  const NodeRef ref = arena_.add_node(0);
  Node& node = arena_.node(ref);
  node.action = action;
  node.player = static_cast<std::uint8_t>(state.player());
  node.status = NodeStatus::kUnvisited;
  node.proven = true;
  node.q = 1;
  node.raw_win = 1;
  node.plies = 1;
  return ref;
}

bool Tree::fits(std::size_t bytes) {
  const std::size_t grown = is_graph() ? positions_.growth() : 0;
  const double most = std::min({context_->params.max_tree_mb * 1048576.0, kMostArenaBytes, most_bytes_});
  if (static_cast<double>(this->bytes() + grown + bytes) <= most) return true;
  if (!root_) return true;  // a root always fits: there must be a move to choose from
  return false;
}

Tree::Step Tree::visit_child(Leaf& leaf, NodeRef parent, int edge) {
  if (is_graph()) return visit_position(leaf, parent, edge);
  const std::uint32_t link = arena_.edges(arena_.node(parent)).link[edge];
  if (!(link & kActionBit)) {
    arena_.prefetch(link);
    if (context_->game) leaf.state->play(arena_.node(link).action);
    at_ = link;
    return Step::kDown;
  }
  const Action action = static_cast<Action>(link & ~kActionBit);
  leaf.state->play(action);
  return visit_new(leaf, parent, edge, add_game_node(*leaf.state, action, leaf.path.size()));
}

// Goes on at a node made just now; 0 where there was no memory for it.
Tree::Step Tree::visit_new(Leaf& leaf, NodeRef parent, int edge, NodeRef child) {
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

// Asks for the evaluation of an unvisited node, of the cache first: that is one step more, for its memory is
// far away.
Tree::Step Tree::open_leaf(Leaf& leaf, NodeRef ref) {
  leaf.node = ref;
  leaf.kind = RequestKind::kEvaluate;
  if (context_->cache.enabled()) {
    leaf.canonical = leaf.state->canonical();
    leaf.turned = true;
    context_->cache.prefetch(leaf.canonical.key);
    at_ = ref;
    return Step::kDown;
  }
  return ask(leaf, ref);
}

Tree::Step Tree::look_up(Leaf& leaf, NodeRef ref) {
  const float* row = context_->cache.find(leaf.canonical.key);
  if (!row) return ask(leaf, ref);
  ++context_->stats.cache_hits;
  ++tally_.cache_hits;
  expand(ref, leaf.canonical.symmetry, row, row + 3);
  complete(leaf);
  return Step::kDone;
}

Tree::Step Tree::ask(Leaf& leaf, NodeRef ref) {
  leaf.node = ref;
  arena_.node(ref).status = leaf.widening ? NodeStatus::kWidening : NodeStatus::kWaiting;
  busy_[static_cast<std::size_t>(current_)] = true;
  ++waiting_;
  at_ = 0;
  return Step::kWaits;
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
