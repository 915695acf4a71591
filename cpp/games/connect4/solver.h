// Exact scores of Connect Four positions, by null-window alpha-beta on bitboards.
//
// A score is 22 minus the number of stones the winner will have played, negative if the player to
// move loses, 0 for a draw; both sides play for the quickest win and the longest resistance.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "games/connect4/connect4.h"
#include "games/connect4/table.h"

namespace selfplay::connect4 {

// Threads may share a solver; they take turns.
class Solver {
 public:
  // One entry a column; nothing where it is full.
  using Columns = std::array<std::optional<int>, kWidth>;

  explicit Solver(int table_mb) : table_(table_mb) {}

  // For the player to move. These three need a position that is not over.
  int score(const Connect4State& position);
  Columns scores(const Connect4State& position);
  // The sign of each column's score, found much faster.
  Columns outcomes(const Connect4State& position);

  // Positions searched since construction or clear().
  std::uint64_t nodes();
  // Forgets all that was learned.
  void clear();
  // `poll` is called about every million nodes and stops a search by throwing; the solver stays sound.
  void on_poll(std::function<void()> poll) { poll_ = std::move(poll); }

 private:
  struct Node;
  struct Moves;

  Columns columns(const Connect4State& position, int floor, int ceiling);
  // The score, where it lies within [floor, ceiling]; else the end it lies beyond.
  int value(Board own, Board occupied, int ply, int floor, int ceiling);
  // Whether the score is above `alpha`: a result above it is a lower bound, any other an upper bound.
  int search(Node node, int alpha);
  int branch(const Node& node, Board candidates, int alpha);
  // A lower bound above `alpha` that an already known child gives, or nothing.
  std::optional<int> known_child(const Node& node, const Moves& moves, int alpha) const;

  TranspositionTable table_;
  // Bounds of early positions, which are too dear to lose to the table's replacement.
  std::unordered_map<std::uint64_t, Bounds> early_;
  std::uint64_t nodes_ = 0;
  std::function<void()> poll_;
  std::mutex mutex_;
};

}  // namespace selfplay::connect4
