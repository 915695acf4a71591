// Evaluations by canonical position: four entries to a set, the oldest in the set makes room.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/memory.h"
#include "core/zeroed_array.h"
#include "search/request.h"

namespace selfplay {

class EvaluationCache {
 public:
  EvaluationCache(int num_actions, double megabytes)
      : num_actions_(static_cast<std::size_t>(num_actions)), stride_(num_actions_ + 3) {
    check_memory("cache_mb", megabytes);
    const double entries = megabytes * 1048576.0 / static_cast<double>(sizeof(std::uint64_t) + 4 * stride_);
    sets_ = static_cast<std::size_t>(entries / kWays);
    keys_ = ZeroedArray<std::uint64_t>(sets_ * kWays);
    rows_ = ZeroedArray<float>(sets_ * kWays * stride_);
    next_.resize(sets_);
  }

  bool enabled() const { return sets_ > 0; }

  // Asks for the memory that `find` will read, so that it is there some steps later.
  void prefetch(std::uint64_t key) const {
    const std::size_t first = set(key) * kWays;
    __builtin_prefetch(keys_.data() + first);
    const std::size_t bytes = kWays * stride_ * sizeof(float);
    if (bytes > kMaxPrefetch) return;
    const char* rows = reinterpret_cast<const char*>(rows_.data() + first * stride_);
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(rows + at);
  }

  // Win, draw, loss, then the prior logits in canonical orientation; null where absent.
  const float* find(std::uint64_t key) const {
    const std::size_t first = set(key) * kWays;
    for (std::size_t i = first; i < first + kWays; ++i) {
      if (keys_[i] == key) return rows_.data() + i * stride_;
    }
    return nullptr;
  }

  void insert(std::uint64_t key, const float* wdl, const float* logits) {
    if (find(key)) return;
    const std::size_t in = set(key);
    const std::size_t at = in * kWays + next_[in];
    next_[in] = static_cast<std::uint8_t>((next_[in] + 1) % kWays);
    keys_[at] = key;
    float* row = rows_.data() + at * stride_;
    std::memcpy(row, wdl, 3 * sizeof(float));
    std::memcpy(row + 3, logits, num_actions_ * sizeof(float));
  }

  void clear() {
    if (enabled()) std::memset(keys_.data(), 0, sets_ * kWays * sizeof(std::uint64_t));
  }

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kMaxPrefetch = 256;  // bytes of rows; more would push out what is needed first

  // Keys are hashes: their upper half, spread over the sets.
  std::size_t set(std::uint64_t key) const {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(key) * sets_) >> 64);
  }

  std::size_t num_actions_;
  std::size_t stride_;
  std::size_t sets_;
  ZeroedArray<std::uint64_t> keys_;  // 0 marks an empty entry
  ZeroedArray<float> rows_;
  std::vector<std::uint8_t> next_;
};

}  // namespace selfplay
