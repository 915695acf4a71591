// The positions a game has been through, found by their hash. Two positions of one hash pass for the same:
// a game of 1,000 plies meets such a pair with a probability below 2^-36.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace selfplay::go {

class History {
 public:
  // Makes room for `positions`, so that push() does not allocate.
  void reserve(int positions) { keys_.reserve(static_cast<std::size_t>(positions)); }

  void push(std::uint64_t key) {
    keys_.push_back(key);
    filter_[word(key)] |= bits(key);
  }

  bool contains(std::uint64_t key) const {
    if ((filter_[word(key)] & bits(key)) != bits(key)) return false;
    if (keys_.back() == key) return true;
    bool found = false;
    for (const std::uint64_t other : keys_) found |= other == key;
    return found;
  }

  // The first position with this key, counted from 0; -1 where there is none.
  int find(std::uint64_t key) const {
    const auto at = std::find(keys_.begin(), keys_.end(), key);
    return at == keys_.end() ? -1 : static_cast<int>(at - keys_.begin());
  }

 private:
  static constexpr std::size_t kFilterWords = 256;

  // A Bloom filter of three bits in one word: of a game of 1,000 plies about one key in 100 passes wrongly.
  static std::size_t word(std::uint64_t key) { return key % kFilterWords; }
  static std::uint64_t bits(std::uint64_t key) {
    return 1ULL << (key >> 58) | 1ULL << (key >> 52 & 63) | 1ULL << (key >> 46 & 63);
  }

  std::vector<std::uint64_t> keys_;
  std::array<std::uint64_t, kFilterWords> filter_ = {};
};

}  // namespace selfplay::go
