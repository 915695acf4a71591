// Stones and strings on a board, kept up move by move; no history, hence no ko.
//
// A string is a ring of its stones (`next_`) with its sums at one of them, its head (`heads_`). Liberties
// are counted once for each stone beside them; with their sum and sum of squares that is enough to tell
// whether all of them are one point (by Cauchy's inequality, n * sum of squares == square of the sum).
// The stones of strings with a single liberty are kept as a set, so that legality is settled for all
// points at once.
#pragma once

#include <cstdint>

#include "games/go/board/bits.h"
#include "games/go/board/geometry.h"

namespace selfplay::go {

class Board {
 public:
  // The empty board; `geometry` must outlive it.
  explicit Board(const Geometry& geometry);
  Board(const Board& other) { *this = other; }
  // Copies as much as the size of the board needs.
  Board& operator=(const Board& other);

  const Geometry& geometry() const { return *geometry_; }
  Color at(int point) const { return colors_[point]; }
  const Bits& stones(Color color) const { return stones_[color]; }
  const Bits& empty() const { return empty_; }
  // Zobrist hash of the stones; 0 for the empty board.
  std::uint64_t hash() const { return hash_; }

  // Where `color` may play but for ko: on empty points, suicide left out where it is not allowed.
  Bits legal_points(Color color, bool suicide) const;
  // Empty points where `color` would capture; suicide is never among them.
  Bits capture_points(Color color) const;
  // The hash that play() would lead to.
  std::uint64_t hash_after(Color color, int point) const;

  // Puts a stone on an empty point and removes the opponent's strings left without liberties, or else the
  // own string in a suicide, when the point ends up empty. Returns the number of stones removed.
  int play(Color color, int point);

  // The string at an occupied point.
  Bits string(int point) const;
  int string_size(int point) const { return strings_[heads_[point]].size; }
  bool is_head(int point) const { return heads_[point] == point; }
  bool is_in_atari(int point) const { return atari_[colors_[point]].test(point); }
  // The liberty of a string in atari.
  int last_liberty(int point) const;
  // Liberties of the string at an occupied point, counted up to `limit`, at most kMaxLiberties.
  int liberties(int point, int limit) const;
  static constexpr int kMaxLiberties = 4;

  // Calls `visit` with every stone of the string at `point`, in no special order.
  template <typename Visit>
  void for_each_stone(int point, Visit visit) const {
    int stone = point;
    do {
      visit(stone);
      stone = next_[stone];
    } while (stone != point);
  }

 private:
  struct String {
    std::uint64_t hash;
    std::uint32_t squares;    // sum of the squares of its liberties' numbers
    std::uint32_t sum;        // sum of the numbers
    std::uint16_t liberties;  // each counted once for every stone beside it
    std::uint16_t size;

    void add_liberty(std::uint32_t point) {
      squares += point * point;
      sum += point;
      ++liberties;
    }
    void remove_liberty(std::uint32_t point) {
      squares -= point * point;
      sum -= point;
      --liberties;
    }
    // Needs a liberty. One point is beside four stones at most.
    bool has_one_liberty() const { return liberties <= 4 && liberties * squares == sum * sum; }
  };

  void place(Color color, int point);
  void join(int point, int neighbour);
  int remove_string(int head);
  void mark_atari(int head, bool in_atari);

  const Geometry* geometry_;
  std::uint64_t hash_ = 0;
  Bits empty_;
  Bits stones_[2];
  Bits atari_[2];                 // stones of strings with one liberty
  Color colors_[kMaxPoints + 1];  // the last in use is off the board
  std::uint16_t heads_[kMaxPoints] = {};
  std::uint16_t next_[kMaxPoints] = {};
  String strings_[kMaxPoints] = {};  // valid at heads
};

}  // namespace selfplay::go
