#include "search/trees.h"

#include <cstring>
#include <utility>

namespace selfplay {

Trees::Trees(const Game* game, const SearchParams& params, double cache_mb)
    : context_{game, params, EvaluationCache(game ? game->num_actions() : 1, game ? cache_mb : 0),
               {},   {},     NodeArena(params.transpositions),
               {},   {}} {
  check(params);
  if (game) {
    context_.scratch.resize(static_cast<std::size_t>(game->num_actions()));
    unturned_.resize(static_cast<std::size_t>(game->planes_shape().size()));
  }
}

std::size_t Trees::add(std::unique_ptr<State> state, NoiseSeed noise_seed,
                       std::vector<Restriction> restrictions) {
  Tree tree(context_, std::move(state), noise_seed, std::move(restrictions));
  const std::size_t index = next_index();
  if (free_.empty()) {
    trees_.push_back(std::move(tree));
  } else {
    free_.pop_back();
    trees_[index] = std::move(tree);
  }
  return index;
}

void Trees::remove(std::size_t index) {
  trees_[index].vacate();
  free_.insert(std::upper_bound(free_.begin(), free_.end(), index, std::greater<>()), index);
}

void Trees::abandon() {
  for (Tree& tree : trees_) tree.abandon();
  forget_batches();
}

void Trees::clear() {
  trees_.clear();
  free_.clear();
  forget_batches();
}

void Trees::drop() {
  drop_nodes();
  context_.cache.clear();
}

void Trees::drop_nodes() {
  forget_batches();
  for (Tree& tree : trees_) tree.drop();
}

Requests& Trees::free_batch() {
  const auto free =
      std::find_if(batches_.begin(), batches_.end(), [](const Requests& batch) { return batch.empty(); });
  Requests& batch = free == batches_.end() ? batches_.emplace_back() : *free;
  batch.number = ++batches_begun_;
  return batch;
}

// Gives out the requests of a batch that ask for a verdict and holds the others back; where none does, all
// that has been held.
Requests& Trees::endings_first(Requests& batch) {
  const auto others = std::stable_partition(batch.begin(), batch.end(), [this](const Request& request) {
    return leaf(request).kind == RequestKind::kValue;
  });
  if (!held_ && (others == batch.begin() || others == batch.end())) return batch;
  if (!held_) held_ = &free_batch();
  held_->insert(held_->end(), others, batch.end());
  batch.erase(others, batch.end());
  return batch.empty() ? *std::exchange(held_, nullptr) : batch;
}

void Trees::forget_batches() {
  held_ = nullptr;
  for (Requests& batch : batches_) batch.clear();
}

void Trees::backup(Requests& batch, const float* wdl, const float* logits) {
  unless_broken([&] { answer(batch, wdl, logits); });
}

void Trees::backup(Requests& batch, const float* wdl, const std::int64_t* offsets, const Proposals& columns,
                   const std::int32_t* tokens, const bool* exact) {
  unless_broken([&] { answer(batch, wdl, offsets, columns, tokens, exact); });
}

void Trees::answer(Requests& batch, const float* wdl, const float* logits) {
  const std::size_t num_actions = static_cast<std::size_t>(context_.game->num_actions());
  constexpr std::size_t kAhead = 4;  // the network has pushed the trees out of the caches
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (i + kAhead < batch.size()) {
      const Request& later = batch[i + kAhead];
      trees_[static_cast<std::size_t>(later.tree)].prefetch_answer(later.leaf);
    }
    const Request& request = batch[i];
    trees_[static_cast<std::size_t>(request.tree)].answer(request.leaf, wdl + 3 * i,
                                                          logits + num_actions * i);
  }
  batch.clear();
}

void Trees::answer(Requests& batch, const float* wdl, const std::int64_t* offsets, const Proposals& columns,
                   const std::int32_t* tokens, const bool* exact) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Request& request = batch[i];
    const std::int64_t first = offsets[i];
    const Proposals part{static_cast<int>(offsets[i + 1] - first),
                         columns.action + first,
                         columns.prior + first,
                         columns.player + first,
                         columns.ends + first,
                         exact && exact[i],
                         tokens ? tokens[i] : 0};
    const Wdl value{wdl[3 * i], wdl[3 * i + 1], wdl[3 * i + 2]};
    trees_[static_cast<std::size_t>(request.tree)].answer(request.leaf, value, part);
  }
  batch.clear();
}

void Trees::turn(Leaf& leaf) {
  if (leaf.turned) return;
  leaf.canonical = leaf.state->canonical();
  leaf.turned = true;
}

void Trees::encode(const Requests& batch, float* planes) {
  for (const Request& request : batch) {
    Leaf& waiting = leaf(request);
    turn(waiting);
    encode_turned(*context_.game, *waiting.state, waiting.canonical.symmetry, planes, unturned_.data());
    planes += unturned_.size();
  }
}

void Trees::legal(const Requests& batch, bool* mask) {
  const std::size_t num_actions = static_cast<std::size_t>(context_.game->num_actions());
  std::memset(mask, 0, batch.size() * num_actions);
  for (const Request& request : batch) {
    Leaf& waiting = leaf(request);
    turn(waiting);
    const std::vector<Action>& turned =
        context_.game->symmetries()[static_cast<std::size_t>(waiting.canonical.symmetry)].actions;
    const int count = waiting.state->legal_actions(context_.scratch.data());
    for (int i = 0; i < count; ++i)
      mask[turned[static_cast<std::size_t>(context_.scratch[static_cast<std::size_t>(i)])]] = true;
    mask += num_actions;
  }
}

}  // namespace selfplay
