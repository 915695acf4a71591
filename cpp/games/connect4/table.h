// The solver's transposition table: score bounds of positions, four to a bucket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace selfplay::connect4 {

struct Bounds {
  int lower;
  int upper;
  int effort;  // 0-7, half the logarithm of the nodes spent on the position
};

// An entry is one word: key (49 bits), lower and upper bound (6 each), effort (3). The whole key is
// kept, so two positions never share an entry.
class TranspositionTable {
 public:
  // Throws std::invalid_argument unless 1 <= megabytes <= 65536.
  explicit TranspositionTable(int megabytes);

  void prefetch(std::uint64_t key) const { __builtin_prefetch(bucket(key)); }

  bool find(std::uint64_t key, Bounds* bounds) const {
    const std::uint64_t* entries = bucket(key);
    for (int i = 0; i < kWays; ++i) {
      if (entries[i] >> kKeyShift != key) continue;
      bounds->lower = static_cast<int>((entries[i] >> 9) & 63) - kOffset;
      bounds->upper = static_cast<int>((entries[i] >> 3) & 63) - kOffset;
      bounds->effort = static_cast<int>(entries[i] & 7);
      return true;
    }
    return false;
  }

  // Replaces the entry of the same key, or the one in the bucket that took the least effort.
  void store(std::uint64_t key, const Bounds& bounds);
  void clear();

 private:
  static constexpr int kWays = 4;
  static constexpr int kKeyShift = 15;
  static constexpr int kOffset = 22;  // no score is below -21

  std::uint64_t* bucket(std::uint64_t key) const {
    return entries_ + ((key * 0x9e3779b97f4a7c15ULL) >> hash_shift_) * kWays;
  }
  // Halves all efforts, so that what earlier positions left behind gives way.
  void age();

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  std::uint64_t* entries_ = nullptr;  // into memory_, at a cache line's start
  std::size_t size_ = 0;              // entries, a power of two
  int hash_shift_ = 0;
  std::size_t stores_since_aging_ = 0;
};

}  // namespace selfplay::connect4
