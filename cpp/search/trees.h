// Many trees of one caller, walked together: while one walk waits for memory the next goes on.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "search/tree/tree.h"

namespace selfplay {

struct Request {
  std::int32_t tree;
  std::int32_t leaf;
};

// Requests that one reply answers; empty once it has, or once their trees have been forgotten. Its memory is
// used again for others, which have another number.
struct Requests : std::vector<Request> {
  std::uint64_t number = 0;
};

class Trees {
 public:
  Trees(const Game* game, const SearchParams& params, double cache_mb);

  SearchContext& context() { return context_; }
  const SearchContext& context() const { return context_; }
  std::size_t size() const { return trees_.size(); }
  Tree& tree(std::size_t index) { return trees_[index]; }
  const Tree& tree(std::size_t index) const { return trees_[index]; }
  // The index of the tree that is added next: the lowest that is free.
  std::size_t next_index() const { return free_.empty() ? trees_.size() : free_.back(); }
  std::size_t add(std::unique_ptr<State> state, NoiseSeed noise_seed,
                  std::vector<Restriction> restrictions = {});
  // Takes out a tree that waits for no answer. Its index is free for another.
  void remove(std::size_t index);
  void add_proposed(int player, TokenBudget tokens) { trees_.emplace_back(context_, player, tokens); }
  void clear();
  // Forgets every node and the evaluations too (the weights have changed), or the nodes alone.
  void drop();
  void drop_nodes();
  // Takes back all visits that wait for an answer, which will not come; what has been found stays.
  void abandon();

  // Walks every tree, or those at `order` and in that order, until it waits for an answer or `idle(index)`
  // has nothing more for it to do, or `most` requests have come up. Each tree is asked for its limit, a
  // number of simulations or an Effort, by `limit(index)`; `idle` may change the tree and return true to go
  // on. Earlier batches may still wait for their replies.
  template <typename Limit, typename Idle>
  Requests& select(Limit limit, Idle idle, std::size_t most = std::numeric_limits<std::size_t>::max(),
                   const std::vector<std::size_t>* order = nullptr) {
    return unless_broken([&]() -> Requests& { return walk(limit, idle, most, order); });
  }

  // What a long walk calls now and then; it may throw.
  void on_poll(std::function<void()> poll) { poll_ = std::move(poll); }

  // As `select`, but batches are of one kind: as long as any tree has an ended node to be judged, those
  // alone; then all else that has come up. So trees whose last descent met an end go on before the others'
  // answers.
  template <typename Limit, typename Idle>
  Requests& select_endings_first(Limit limit, Idle idle,
                                 std::size_t most = std::numeric_limits<std::size_t>::max()) {
    return endings_first(select(limit, idle, most - std::min(most, held_ ? held_->size() : 0)));
  }

  Leaf& leaf(const Request& request) {
    return trees_[static_cast<std::size_t>(request.tree)].leaf(request.leaf);
  }

  void backup(Requests& batch, const float* wdl, const float* logits);
  void backup(Requests& batch, const float* wdl, const std::int64_t* offsets, const Proposals& columns,
              const std::int32_t* tokens, const bool* exact);

  // Runs a change of the trees. Where it fails on the way, as rules in Python may, no tree is left in the
  // middle of a descent: all nodes are forgotten.
  template <typename Change>
  decltype(auto) unless_broken(Change change) {
    try {
      return change();
    } catch (...) {
      drop_nodes();
      throw;
    }
  }

  // Planes [B, C, H, W] and legal mask [B, A] of a batch in canonical orientation.
  void encode(const Requests& batch, float* planes);
  void legal(const Requests& batch, bool* mask);

 private:
  template <typename Limit, typename Idle>
  Requests& walk(Limit limit, Idle idle, std::size_t most, const std::vector<std::size_t>* order) {
    Requests& batch = free_batch();
    const std::size_t count = order ? order->size() : trees_.size();
    constexpr std::size_t kGroup = 16;  // walks under way at once: enough to hide a trip to memory
    std::size_t group[kGroup];
    std::size_t next = 0, active = 0;
    while (active > 0 || (next < count && batch.size() < most)) {
      if (poll_ && ++rounds_ % kPollRounds == 0) poll_();
      // Every walk under way may end in a request.
      while (active < kGroup && next < count && batch.size() + active < most) {
        group[active++] = order ? (*order)[next] : next;
        ++next;
      }
      for (std::size_t i = 0; i < active;) {
        const std::size_t index = group[i];
        const bool may_start = trees_[index].descending() || batch.size() + active <= most;
        const bool goes_on =
            may_start && (step(batch, index, limit(index)) || (!trees_[index].waiting() && idle(index)));
        if (goes_on) {
          ++i;
        } else {
          group[i] = group[--active];
        }
      }
    }
    return batch;
  }
  // One step of one tree; false where it can go no further by itself.
  bool step(Requests& batch, std::size_t index, const Effort& effort) {
    Tree& tree = trees_[index];
    switch (tree.step(effort)) {
      case Tree::Step::kDown:
      case Tree::Step::kDone:
        return true;
      case Tree::Step::kWaits:
        batch.push_back({static_cast<std::int32_t>(index), tree.last_leaf()});
        return (effort.leaves > 0 ? effort.leaves : context_.params.max_in_flight) > 1;
      case Tree::Step::kIdle:
        break;
    }
    return false;
  }
  void answer(Requests& batch, const float* wdl, const float* logits);
  void answer(Requests& batch, const float* wdl, const std::int64_t* offsets, const Proposals& columns,
              const std::int32_t* tokens, const bool* exact);
  Requests& endings_first(Requests& batch);
  Requests& free_batch();
  void forget_batches();
  void turn(Leaf& leaf);

  static constexpr std::uint64_t kPollRounds = 1 << 16;  // tens of milliseconds

  SearchContext context_;
  std::function<void()> poll_;
  std::uint64_t rounds_ = 0;
  std::vector<Tree> trees_;
  std::vector<std::size_t> free_;  // indices of those that have been taken out, the lowest last
  std::deque<Requests> batches_;   // as many as have ever waited side by side
  std::uint64_t batches_begun_ = 0;
  Requests* held_ = nullptr;  // one of those, which has not been given out yet and is not empty
  std::vector<float> unturned_;
};

}  // namespace selfplay
