// Where in a tree's arena the node of each position is: keys of positions, open addressing.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "search/node.h"

namespace selfplay {

class PositionTable {
 public:
  struct Entry {
    std::uint64_t key;
    NodeRef node;  // 0: empty
  };

  // 0 where the position has no node.
  NodeRef find(std::uint64_t key) const { return entries_.empty() ? 0 : entries_[slot(key)].node; }

  void insert(std::uint64_t key, NodeRef node) {
    if (2 * (used_ + 1) > entries_.size()) grow();
    Entry& entry = entries_[slot(key)];
    used_ += entry.node == 0;
    entry = {key, node};
  }

  void clear() {
    entries_.clear();
    used_ = 0;
  }

  // The entries, empty ones among them.
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t bytes() const { return sizeof(Entry) * entries_.size(); }
  // That one entry more would add.
  std::size_t growth() const {
    return 2 * (used_ + 1) > entries_.size() ? sizeof(Entry) * grown_size() - bytes() : 0;
  }

 private:
  std::size_t grown_size() const { return entries_.empty() ? 64 : 2 * entries_.size(); }

  // Of the key, or the empty one that it would take.
  std::size_t slot(std::uint64_t key) const {
    const std::size_t mask = entries_.size() - 1;
    std::size_t at = static_cast<std::size_t>(key * 0x9e3779b97f4a7c15ULL >> 32) & mask;
    while (entries_[at].node && entries_[at].key != key) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Entry> old(grown_size(), Entry{0, 0});
    std::swap(old, entries_);
    for (const Entry& entry : old) {
      if (entry.node) entries_[slot(entry.key)] = entry;
    }
  }

  std::vector<Entry> entries_;  // a power of two of them
  std::size_t used_ = 0;
};

}  // namespace selfplay
