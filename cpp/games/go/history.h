// The positions a game has been through, found by their hash. Hashes of 64 bits stand for positions: among
// the thousand or so of a game two different ones share a hash with a probability below 2^-44.
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
    filter_[word(key)] |= bit(key);
  }

  bool contains(std::uint64_t key) const {
    if (!(filter_[word(key)] & bit(key))) return false;
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
  static constexpr std::size_t kFilterWords = 128;

  static std::size_t word(std::uint64_t key) { return key % kFilterWords; }
  static std::uint64_t bit(std::uint64_t key) { return 1ULL << (key >> 58); }

  std::vector<std::uint64_t> keys_;
  std::array<std::uint64_t, kFilterWords> filter_ = {};  // no bit, no such key
};

}  // namespace selfplay::go
