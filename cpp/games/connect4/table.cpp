#include "games/connect4/table.h"

#include <bit>
#include <new>
#include <stdexcept>
#include <string>

#include "core/memory.h"

namespace selfplay::connect4 {

namespace {

constexpr std::size_t kCacheLine = 64;

}  // namespace

TranspositionTable::TranspositionTable(int megabytes) {
  if (megabytes < 1 || megabytes > 65536) {
    throw std::invalid_argument("table of " + std::to_string(megabytes) + " MB: give 1 to 65536");
  }
  check_memory("table_mb", megabytes);
  size_ = std::bit_floor((static_cast<std::size_t>(megabytes) << 20) / sizeof(std::uint64_t));
  hash_shift_ = 64 - std::countr_zero(size_ / kWays);
  clear();
}

void TranspositionTable::clear() {
  // calloc hands out pages that cost nothing until they are written.
  memory_.reset();
  memory_.reset(std::calloc(size_ * sizeof(std::uint64_t) + kCacheLine, 1));
  if (!memory_) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
  entries_ = reinterpret_cast<std::uint64_t*>((address + kCacheLine - 1) / kCacheLine * kCacheLine);
  stores_since_aging_ = 0;
}

void TranspositionTable::store(std::uint64_t key, const Bounds& bounds) {
  if (++stores_since_aging_ > 2 * size_) age();
  std::uint64_t* entries = bucket(key);
  int slot = 0, least = 8;
  for (int i = 0; i < kWays; ++i) {
    if (entries[i] >> kKeyShift == key) {
      slot = i;
      break;
    }
    const int effort = entries[i] == 0 ? -1 : static_cast<int>(entries[i] & 7);
    if (effort < least) {
      least = effort;
      slot = i;
    }
  }
  entries[slot] = key << kKeyShift | static_cast<std::uint64_t>(bounds.lower + kOffset) << 9 |
                  static_cast<std::uint64_t>(bounds.upper + kOffset) << 3 |
                  static_cast<std::uint64_t>(bounds.effort);
}

void TranspositionTable::age() {
  stores_since_aging_ = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    entries_[i] = (entries_[i] & ~7ULL) | ((entries_[i] & 7) >> 1);
  }
}

}  // namespace selfplay::connect4
