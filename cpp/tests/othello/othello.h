// Othello as an ordinary game in C++: what the one in games/othello.py is compared with. Actions, planes,
// symmetries, notation and the bits of a board are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/game.h"
#include "games/custom/function_game.h"

namespace selfplay::othello {

inline constexpr int kSide = 8;
inline constexpr int kCells = 64;
inline constexpr Action kPass = kCells;
inline constexpr int kActions = kCells + 1;
inline constexpr int kPlanes = 3;
inline constexpr int kMaxPlies = 120;

// Bit 8 * row + column is a cell, rows from the top.
using Board = std::uint64_t;

class OthelloState final : public State {
 public:
  const Game& game() const override;
  int player() const override { return player_; }
  int legal_actions(Action* out) const override;
  void play(Action action) override;
  std::optional<float> outcome() const override;
  float score(float* owner) const override;
  std::unique_ptr<State> clone() const override { return std::make_unique<OthelloState>(*this); }
  void assign(const State& other) override { *this = static_cast<const OthelloState&>(other); }
  void encode(float* planes) const override;
  std::uint64_t key() const override;
  Canonical canonical() const override;
  int ply() const override { return ply_; }
  Position position() const override { return {"", std::vector<Action>(moves_, moves_ + ply_)}; }
  std::string text() const override;
  std::string action_text(Action action) const override;
  Action parse_action(const std::string& text) const override;

 private:
  Board own_ = 1ULL << 28 | 1ULL << 35;
  Board theirs_ = 1ULL << 27 | 1ULL << 36;
  std::uint8_t player_ = 0;
  std::uint8_t ply_ = 0;
  std::uint8_t moves_[kMaxPlies] = {};
};

class Othello : public Game {
 public:
  Othello();
  std::string name() const override { return "othello-twin"; }
  int num_actions() const override { return kActions; }
  PlanesShape planes_shape() const override { return {kPlanes, kSide, kSide}; }
  int max_plies() const override { return kMaxPlies; }
  bool has_score() const override { return true; }
  std::unique_ptr<State> initial() const override { return std::make_unique<OthelloState>(); }
  // Moves with spaces between.
  std::unique_ptr<State> parse(const std::string& position) const override;
  const std::vector<Symmetry>& symmetries() const override { return symmetries_; }

 private:
  std::vector<Symmetry> symmetries_;
};

// The same rules as a table of C functions.
std::unique_ptr<custom::FunctionGame> function_othello();

}  // namespace selfplay::othello
