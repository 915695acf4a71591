#include "games/go/board/board.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace selfplay::go {

Board::Board(const Geometry& geometry) : geometry_(&geometry), empty_(geometry.all) {
  std::fill_n(colors_, geometry.points, kEmpty);
  colors_[geometry.points] = kOffBoard;
}

Board& Board::operator=(const Board& other) {
  geometry_ = other.geometry_;
  hash_ = other.hash_;
  empty_ = other.empty_;
  std::copy_n(other.stones_, 2, stones_);
  std::copy_n(other.atari_, 2, atari_);
  const int points = geometry_->points;
  std::copy_n(other.colors_, points + 1, colors_);
  std::copy_n(other.heads_, points, heads_);
  std::copy_n(other.next_, points, next_);
  std::copy_n(other.strings_, points, strings_);
  return *this;
}

Bits Board::legal_points(Color color, bool suicide) const {
  if (suicide) return empty_;
  const Color other = opposite(color);
  return empty_ & geometry_->adjacent(empty_ | stones_[color].without(atari_[color]) | atari_[other]);
}

Bits Board::capture_points(Color color) const {
  return empty_ & geometry_->adjacent(atari_[opposite(color)]);
}

std::uint64_t Board::hash_after(Color color, int point) const {
  assert(at(point) == kEmpty);
  const Color other = opposite(color);
  std::uint64_t gone[2] = {0, 0};  // strings that `point` is the last liberty of
  int heads[4], count = 0;
  bool stands = false;
  for (const int neighbour : geometry_->neighbours[point]) {
    const Color there = colors_[neighbour];
    if (there == kEmpty) stands = true;
    if (there >= kEmpty) continue;
    if (!atari_[there].test(neighbour)) {
      stands = stands || there == color;
      continue;
    }
    stands = stands || there == other;
    const int head = heads_[neighbour];
    if (std::find(heads, heads + count, head) != heads + count) continue;
    heads[count++] = head;
    gone[there] ^= strings_[head].hash;
  }
  return stands ? hash_ ^ gone[other] ^ geometry_->stone_keys[point][color] : hash_ ^ gone[color];
}

int Board::play(Color color, int point) {
  assert(point >= 0 && point < geometry_->points && at(point) == kEmpty);
  place(color, point);
  int removed = 0;
  for (const int neighbour : geometry_->neighbours[point]) {
    const Color there = colors_[neighbour];
    if (there >= kEmpty) continue;
    const int head = heads_[neighbour];
    if (there == color) {
      join(point, neighbour);
    } else if (strings_[head].liberties == 0) {
      removed += remove_string(head);
    } else if (strings_[head].has_one_liberty() && !atari_[there].test(head)) {
      mark_atari(head, true);
    }
  }
  const int own = heads_[point];
  if (strings_[own].liberties == 0) return removed + remove_string(own);
  if (strings_[own].has_one_liberty()) mark_atari(own, true);
  return removed;
}

// A string of one, its neighbours' liberties counted anew; none of them is joined, removed or marked yet.
void Board::place(Color color, int point) {
  const std::uint64_t key = geometry_->stone_keys[point][color];
  colors_[point] = color;
  stones_[color].set(point);
  empty_.reset(point);
  hash_ ^= key;
  heads_[point] = next_[point] = static_cast<std::uint16_t>(point);
  String own{key, 0, 0, 0, 1};
  for (const int neighbour : geometry_->neighbours[point]) {
    if (colors_[neighbour] == kEmpty) {
      own.add_liberty(static_cast<std::uint32_t>(neighbour));
    } else if (colors_[neighbour] != kOffBoard) {
      strings_[heads_[neighbour]].remove_liberty(static_cast<std::uint32_t>(point));
    }
  }
  strings_[point] = own;
}

// Makes one string of those at two points; the smaller takes the head of the larger. A mark of atari is
// taken off, to be set by the caller when all is joined.
void Board::join(int point, int neighbour) {
  int from = heads_[point], to = heads_[neighbour];
  if (from == to) return;
  if (atari_[colors_[neighbour]].test(to)) mark_atari(to, false);
  if (strings_[from].size > strings_[to].size) std::swap(from, to);
  String& string = strings_[to];
  const String& part = strings_[from];
  string.hash ^= part.hash;
  string.squares += part.squares;
  string.sum += part.sum;
  string.liberties = static_cast<std::uint16_t>(string.liberties + part.liberties);
  string.size = static_cast<std::uint16_t>(string.size + part.size);
  for_each_stone(from, [&](int stone) { heads_[stone] = static_cast<std::uint16_t>(to); });
  std::swap(next_[from], next_[to]);
}

int Board::remove_string(int head) {
  const Color color = colors_[head], other = opposite(color);
  hash_ ^= strings_[head].hash;
  for_each_stone(head, [&](int stone) {
    colors_[stone] = kEmpty;
    empty_.set(stone);
    stones_[color].reset(stone);
    atari_[color].reset(stone);
  });
  for_each_stone(head, [&](int stone) {
    for (const int neighbour : geometry_->neighbours[stone]) {
      if (colors_[neighbour] != other) continue;
      const int freed = heads_[neighbour];
      strings_[freed].add_liberty(static_cast<std::uint32_t>(stone));
      if (atari_[other].test(freed) && !strings_[freed].has_one_liberty()) mark_atari(freed, false);
    }
  });
  return strings_[head].size;
}

void Board::mark_atari(int head, bool in_atari) {
  Bits& atari = atari_[colors_[head]];
  if (in_atari) {
    for_each_stone(head, [&](int stone) { atari.set(stone); });
  } else {
    for_each_stone(head, [&](int stone) { atari.reset(stone); });
  }
}

Bits Board::string(int point) const {
  Bits result;
  for_each_stone(point, [&](int stone) { result.set(stone); });
  return result;
}

int Board::last_liberty(int point) const {
  assert(is_in_atari(point));
  const String& string = strings_[heads_[point]];
  return static_cast<int>(string.sum / string.liberties);
}

int Board::liberties(int point, int limit) const {
  assert(limit <= kMaxLiberties);
  int found[kMaxLiberties], count = 0;
  int stone = point;
  do {
    for (const int neighbour : geometry_->neighbours[stone]) {
      if (colors_[neighbour] != kEmpty) continue;
      if (std::find(found, found + count, neighbour) != found + count) continue;
      found[count++] = neighbour;
      if (count == limit) return count;
    }
    stone = next_[stone];
  } while (stone != point);
  return count;
}

}  // namespace selfplay::go
