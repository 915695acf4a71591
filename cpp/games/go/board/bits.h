// Sets of points as bits: point p is bit p % 64 of word p / 64.
#pragma once

#include <bit>
#include <cstdint>

namespace selfplay::go {

inline constexpr int kMinSide = 2;
inline constexpr int kMaxSide = 25;
inline constexpr int kMaxPoints = kMaxSide * kMaxSide;
inline constexpr int kWords = (kMaxPoints + 63) / 64;

// All words take part whatever the size of the board: loops of fixed length become vector instructions.
struct Bits {
  std::uint64_t words[kWords] = {};

  bool test(int point) const { return (words[point >> 6] >> (point & 63)) & 1; }
  void set(int point) { words[point >> 6] |= 1ULL << (point & 63); }
  void reset(int point) { words[point >> 6] &= ~(1ULL << (point & 63)); }

  bool any() const {
    std::uint64_t all = 0;
    for (const std::uint64_t word : words) all |= word;
    return all != 0;
  }

  int count() const {
    int total = 0;
    for (const std::uint64_t word : words) total += std::popcount(word);
    return total;
  }

  Bits& operator|=(const Bits& other) {
    for (int i = 0; i < kWords; ++i) words[i] |= other.words[i];
    return *this;
  }

  Bits& operator&=(const Bits& other) {
    for (int i = 0; i < kWords; ++i) words[i] &= other.words[i];
    return *this;
  }

  friend Bits operator|(Bits a, const Bits& b) { return a |= b; }
  friend Bits operator&(Bits a, const Bits& b) { return a &= b; }
  bool operator==(const Bits&) const = default;

  // The points of this set that are not in `other`.
  Bits without(const Bits& other) const {
    Bits result;
    for (int i = 0; i < kWords; ++i) result.words[i] = words[i] & ~other.words[i];
    return result;
  }

  // Every point p moved to p + by or p - by, 0 < by < 64.
  Bits raised(int by) const {
    Bits result;
    result.words[0] = words[0] << by;
    for (int i = 1; i < kWords; ++i) result.words[i] = (words[i] << by) | (words[i - 1] >> (64 - by));
    return result;
  }

  Bits lowered(int by) const {
    Bits result;
    for (int i = 0; i + 1 < kWords; ++i) {
      result.words[i] = (words[i] >> by) | (words[i + 1] << (64 - by));
    }
    result.words[kWords - 1] = words[kWords - 1] >> by;
    return result;
  }

  // Calls `visit` with every point, in ascending order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (int i = 0; i < kWords; ++i) {
      for (std::uint64_t rest = words[i]; rest != 0; rest &= rest - 1) {
        visit(i * 64 + std::countr_zero(rest));
      }
    }
  }
};

}  // namespace selfplay::go
