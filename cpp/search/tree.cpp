#include "search/tree.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "search/puct.h"

namespace selfplay {

namespace {

constexpr int kMaxFruitless = 2;  // proposals without a new move before a node is left as it is

// A proven node's probability of a draw follows from its value, which is 1, 0 or -1 in most games.
float proven_draw(float value) { return 1.0f - std::abs(value); }

float sign(const Node& parent, const Node& child) { return parent.player == child.player ? 1.0f : -1.0f; }

bool finite(const Wdl& wdl) {
  return std::isfinite(wdl.win) && std::isfinite(wdl.draw) && std::isfinite(wdl.loss);
}

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
  return root().status == NodeStatus::kEnded || (root().proven && context_->params.proofs);
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
    ++(node.status == NodeStatus::kEnded ? context_->stats.terminal_hits : context_->stats.proven_hits);
    leaf.node = ref;
    complete(leaf);
    return Step::kDone;
  }
  if (!context_->game) {
    const Step asked = visit_proposed(leaf, ref);
    if (asked != Step::kDown) return asked;
  }
  const Edges edges = arena_.edges(node);
  const int edge = best_edge(node, edges, context_->params);
  if (edges.visits[edge] == 0) {
    edges.q[edge] = node.q - context_->params.fpu_reduction * std::sqrt(node.visited_prior);
  }
  ++edges.visits[edge];
  ++node.in_flight;
  leaf.path.push_back({ref, static_cast<std::uint32_t>(edge)});
  return visit_child(leaf, ref, edge);
}

Tree::Step Tree::begin() {
  current_ = 0;
  while (current_ < static_cast<int>(leaves_.size()) && busy_[static_cast<std::size_t>(current_)]) ++current_;
  if (current_ == static_cast<int>(leaves_.size())) return Step::kIdle;
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
    ++(arena_.node(child).status == NodeStatus::kEnded ? context_->stats.terminal_hits
                                                       : context_->stats.proven_hits);
    leaf.node = child;
    complete(leaf);
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

void Tree::answer(int index, const float* wdl, const float* logits) {
  Leaf& leaf = leaves_[static_cast<std::size_t>(index)];
  ++context_->stats.evaluations;
  if (context_->cache.enabled() && finite({wdl[0], wdl[1], wdl[2]})) {
    context_->cache.insert(leaf.canonical.key, wdl, logits);
  }
  expand(leaf.node, leaf.turned ? leaf.canonical.symmetry : 0, wdl, logits);
  busy_[static_cast<std::size_t>(index)] = false;
  --waiting_;
  complete(leaf);
}

void Tree::answer(int index, const Wdl& wdl, const Proposals& proposals) {
  Leaf& leaf = leaves_[static_cast<std::size_t>(index)];
  ++context_->stats.evaluations;
  busy_[static_cast<std::size_t>(index)] = false;
  --waiting_;
  if (leaf.widening) {
    add_proposals(leaf.node, proposals);
    release(leaf);
    if (leaf.node == root_) shape_root();
    return;
  }
  Node& node = arena_.node(leaf.node);
  const bool usable = finite(wdl);
  if (!usable) ++context_->stats.bad_replies;
  node.raw_win = usable ? wdl.win : 0;
  node.raw_draw = usable ? wdl.draw : 1;
  if (leaf.kind == RequestKind::kValue) {
    node.status = NodeStatus::kEnded;
    node.q = 2 * node.raw_win + node.raw_draw - 1;
    node.draw = node.raw_draw;
    node.proven = proposals.exact && usable;
  } else {
    node.status = NodeStatus::kExpanded;
    add_proposals(leaf.node, proposals);
    if (leaf.node == root_) shape_root();
  }
  complete(leaf);
}

// Sets priors and value of a node from a dense row; not finite counts as equal priors and a draw.
void Tree::expand(NodeRef ref, int symmetry, const float* wdl, const float* logits) {
  Node& node = arena_.node(ref);
  const Edges edges = arena_.edges(node);
  const int count = node.num_edges;
  const std::vector<Action>& turned =
      context_->game->symmetries()[static_cast<std::size_t>(symmetry)].actions;
  float highest = kNever;
  for (int i = 0; i < count; ++i) {
    const float logit = logits[turned[edges.link[i] & ~kActionBit]];
    edges.prior[i] = logit;
    highest = std::max(highest, logit);
  }
  float total = 0;
  for (int i = 0; i < count; ++i) {
    edges.prior[i] = edges.prior[i] == highest ? 1.0f : std::exp(edges.prior[i] - highest);
    total += edges.prior[i];
  }
  const Wdl value{wdl[0], wdl[1], wdl[2]};
  const bool usable = finite(value) && std::isfinite(total) && std::isfinite(highest);
  for (int i = 0; i < count; ++i)
    edges.prior[i] = usable ? edges.prior[i] / total : 1.0f / static_cast<float>(count);
  if (!usable) ++context_->stats.bad_replies;
  node.raw_win = usable ? value.win : 0;
  node.raw_draw = usable ? value.draw : 1;
  node.status = NodeStatus::kExpanded;
  if (ref == root_) shape_root();
}

// Adds the moves of one reply to a node.
void Tree::add_proposals(NodeRef ref, const Proposals& proposals) {
  bool any = false;
  for (int p = 0; p < proposals.count; ++p) {
    const Action id = proposals.action[p];
    const float weight = std::isfinite(proposals.prior[p]) ? std::max(proposals.prior[p], 0.0f) : 0.0f;
    int at = 0;
    const int known = arena_.node(ref).num_edges;
    const Edges old = arena_.edges(arena_.node(ref));
    while (at < known && arena_.node(old.link[at]).action != id) ++at;
    if (at == known) {
      if (known >= context_->params.max_proposals) continue;
      if (known + 1 > arena_.node(ref).capacity) arena_.grow_edges(ref, known + 1);
      const NodeRef child = arena_.add_node(0);
      Node& fresh = arena_.node(child);
      fresh.action = id;
      fresh.player = static_cast<std::uint8_t>(proposals.player[p]);
      fresh.status = proposals.ends[p] ? NodeStatus::kUnjudged : NodeStatus::kUnvisited;
      Node& node = arena_.node(ref);
      node.num_edges = static_cast<std::uint16_t>(known + 1);
      const Edges edges = arena_.edges(node);
      edges.prior[at] = 0;
      edges.link[at] = child;
      any = true;
    }
    // Priors are kept normalised; prior_weight remembers what they summed to.
    Node& node = arena_.node(ref);
    const Edges edges = arena_.edges(node);
    const float total = node.prior_weight + weight;
    for (int i = 0; i < node.num_edges; ++i) {
      const float part = edges.prior[i] * node.prior_weight + (i == at ? weight : 0.0f);
      edges.prior[i] = total > 0 ? part / total : 0.0f;
    }
    node.prior_weight = total;
  }
  Node& node = arena_.node(ref);
  node.fruitless = any ? 0 : static_cast<std::uint8_t>(node.fruitless + 1);
}

void Tree::complete(Leaf& leaf) {
  backup(leaf);
  ++new_visits_;
  ++context_->stats.simulations;
  at_ = 0;
}

void Tree::backup(Leaf& leaf) {
  const bool proofs = context_->params.proofs;
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
    }
    child = &node;
  }
}

// A proven win proves the node; so do proofs of every move, but only where the moves are all there are.
void Tree::prove(Node& node, const Edges& edges) {
  float best = kNever;
  bool all = context_->game != nullptr;
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
}

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
