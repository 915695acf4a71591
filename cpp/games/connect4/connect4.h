// Connect Four on two 64-bit boards.
//
// Bit numbers, seven to a column; the top row of each column stays empty so that shifts cannot
// carry a line from one column to the next:
//
//    6 13 20 27 34 41 48
//    5 12 19 26 33 40 47
//    4 11 18 25 32 39 46
//    3 10 17 24 31 38 45
//    2  9 16 23 30 37 44
//    1  8 15 22 29 36 43
//    0  7 14 21 28 35 42
#pragma once

#include "core/game.h"

namespace selfplay::connect4 {

inline constexpr int kWidth = 7;
inline constexpr int kHeight = 6;
inline constexpr int kCells = kWidth * kHeight;
inline constexpr int kPlanes = 5;
using Board = std::uint64_t;

inline constexpr Board kBottom = 0x0000040810204081ULL;  // the lowest cell of every column
inline constexpr Board kFull = kBottom * ((1ULL << kHeight) - 1);

constexpr Board column_mask(int column) { return ((1ULL << kHeight) - 1) << (column * 7); }

// Whether `stones` has four in a row in any direction.
constexpr bool has_four(Board stones) {
  for (const int shift : {1, 7, 6, 8}) {
    const Board pairs = stones & (stones >> shift);
    if (pairs & (pairs >> (2 * shift))) return true;
  }
  return false;
}

// The cells that a stone dropped now can come to rest in.
constexpr Board playable(Board occupied) { return (occupied + kBottom) & kFull; }

// Cells that complete four with `stones`, taken or not. Works on one board or on lanes.
template <typename T>
inline __attribute__((always_inline)) void winning_cells(const T& stones, T& cells) {
  cells = (stones << 1) & (stones << 2) & (stones << 3);
  for (const int step : {kHeight, kHeight + 1, kHeight + 2}) {
    T pairs = (stones << step) & (stones << (2 * step));
    cells |= pairs & ((stones << (3 * step)) | (stones >> step));
    pairs = (stones >> step) & (stones >> (2 * step));
    cells |= pairs & ((stones >> (3 * step)) | (stones << step));
  }
}

inline Board winning_cells(Board stones) {
  Board cells;
  winning_cells(stones, cells);
  return cells;
}

// The board with its columns in reverse order.
constexpr Board mirrored(Board board) {
  Board result = 0;
  for (int column = 0; column < kWidth; ++column) {
    result |= ((board >> (column * 7)) & 0x7f) << ((kWidth - 1 - column) * 7);
  }
  return result;
}

class Connect4State final : public State {
 public:
  const Game& game() const override;
  int player() const override { return ply_ & 1; }
  int legal_actions(Action* out) const override;
  void play(Action action) override;
  std::optional<float> outcome() const override;
  Action winning_action() const override;
  std::unique_ptr<State> clone() const override { return std::make_unique<Connect4State>(*this); }
  void assign(const State& other) override { *this = static_cast<const Connect4State&>(other); }
  void encode(float* planes) const override;
  std::uint64_t key() const override;
  Canonical canonical() const override;
  int ply() const override { return ply_; }
  Position position() const override;
  std::string text() const override;
  std::string action_text(Action action) const override;
  Action parse_action(const std::string& text) const override;

  // Stones of the player to move, and of both players.
  Board own() const { return own_; }
  Board occupied() const { return occupied_; }

 private:
  Board own_ = 0;
  Board occupied_ = 0;
  std::uint8_t ply_ = 0;
  bool lost_ = false;                // the player to move has just been beaten
  std::uint8_t moves_[kCells] = {};  // columns 0-6 in the order played
};

class Connect4 : public Game {
 public:
  Connect4();
  std::string name() const override { return "connect4"; }
  int num_actions() const override { return kWidth; }
  PlanesShape planes_shape() const override { return {kPlanes, kHeight, kWidth}; }
  int max_plies() const override { return kCells; }
  std::unique_ptr<State> initial() const override { return std::make_unique<Connect4State>(); }
  // Columns 1-7 as played from the empty board.
  std::unique_ptr<State> parse(const std::string& position) const override;
  const std::vector<Symmetry>& symmetries() const override { return symmetries_; }

 private:
  std::vector<Symmetry> symmetries_;
};

}  // namespace selfplay::connect4
