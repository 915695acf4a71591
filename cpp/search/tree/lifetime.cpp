// Beginning again, giving up what has been asked, and the end of a tree.
#include <cassert>

#include "search/tree/tree.h"

namespace selfplay {

void Tree::renew() {
  assert(waiting_ == 0 && root_);
  new_visits_ = 0;
  tally_ = {};
  tally_.reused_visits = root().visits;
  root_evaluations_ = 0;
  capped_ = false;
  const Edges edges = arena_.edges(root());
  reused_visits_.assign(edges.visits, edges.visits + root().num_edges);
  first_edges_ = root().num_edges;
}

void Tree::abandon() {
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    if (!busy_[i]) continue;
    Leaf& leaf = leaves_[i];
    NodeStatus& status = arena_.node(leaf.node).status;
    const bool judges = leaf.kind == RequestKind::kValue;
    status = leaf.widening ? NodeStatus::kExpanded : judges ? NodeStatus::kUnjudged : NodeStatus::kUnvisited;
    if (leaf.kind == RequestKind::kPropose) settle(leaf, 0);
    release(leaf);
    busy_[i] = false;
    --waiting_;
  }
}

void Tree::vacate() {
  assert(waiting_ == 0);
  drop();
  is_vacant_ = true;
  arena_ = NodeArena();
  root_state_ = nullptr;
  leaves_.clear();
  busy_.clear();
  restrictions_.clear();
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
  tokens_.reserved = 0;
  new_visits_ = 0;
  tally_ = {};
  capped_ = false;
  out_of_tokens_ = false;
  at_ = 0;
  root_ = 0;
  arena_.reset();
  positions_.clear();
}

}  // namespace selfplay
