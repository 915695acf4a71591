// The learner's window: recent games in memory, decoded to training samples.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/game.h"
#include "selfplay/record.h"

namespace selfplay {

// Where a sample is written; row b of each array. A actions, S floats of planes.
struct SampleBuffers {
  float* planes;          // [B, S]
  float* policy;          // [B, A]
  float* wdl;             // [B, 3]
  bool* legal;            // [B, A]
  float* weight;          // [B]
  std::int64_t* game_id;  // [B]
  std::int32_t* ply;      // [B]
  // Where the game has a score, else null: at the end of the game, for the player to move in the sample. The
  // end of a resigned game is not known: 0 for its owners, NaN for its score.
  float* owner;  // [B, H * W]
  float* score;  // [B]
  // What only some learners ask for, else null.
  float* reply = nullptr;       // [B, A], policy target of the next ply; zeros where it is not the other's
  float* short_term = nullptr;  // [B, K, 3], for each horizon
  float* moves_left = nullptr;  // [B], plies to the end of the game; NaN where it was resigned or cut off
};

// How samples are decoded.
struct SampleTargets {
  float value_mix = 0;            // share of the search's value in the value target; the rest is the outcome
  bool proven_values = false;     // a root that the search has proven has that value alone
  float policy_temperature = 1;   // the policy target is its p ** (1 / temperature), normalised
  std::vector<float> horizons{};  // K mean distances in plies, each >= 1, of values that are averaged
};

// Share of a game's weight that goes to its plies in proportion to a surprise, the rest as it was (policy
// surprise weighting: KataGo's documents of its methods, 2020): how often the positions of a game are drawn
// in all is kept. A game without any surprise keeps its weights.
struct SurpriseWeights {
  double policy = 0;  // by the divergence from the network's prior to the policy target
  double value = 0;   // by the divergence from the network's value to the search's
};

class ReplayWindow {
 public:
  explicit ReplayWindow(const Game& game, SurpriseWeights surprise = {}) : game_(game), surprise_(surprise) {}

  void append(GameColumns games);
  // Drops the oldest batches as long as at least `positions` samples remain.
  void trim(std::int64_t positions);
  std::int64_t positions() const { return positions_; }
  std::int64_t games() const { return games_; }
  // Draws plies in proportion to their weight and decodes each in a random orientation.
  void sample(int count, std::uint64_t seed, const SampleTargets& targets, const SampleBuffers& out) const;

 private:
  struct Batch {
    GameColumns games;
    std::vector<double> cumulative;      // weight up to and including each ply
    std::vector<std::uint32_t> game_of;  // game index of each ply
    std::int64_t positions = 0;
  };

  // Weights of the plies of a game to be drawn by, from first to end.
  std::vector<double> draw_weights(const GameColumns& games, std::size_t g) const;
  // Plays `state`, the position of a sample, on to its game's end and writes what the board is then.
  void decode_score(const Batch& batch, std::size_t ply, int symmetry, State& state, const SampleBuffers& out,
                    int row, std::vector<float>& scratch) const;
  void decode(const Batch& batch, std::size_t ply, int symmetry, const SampleTargets& targets,
              const SampleBuffers& out, int row, std::vector<float>& scratch) const;
  // Writes the policy target of a ply, zeros without one.
  void decode_policy(const GameColumns& games, std::size_t ply, int symmetry, float temperature,
                     float* policy) const;
  void decode_future(const Batch& batch, std::size_t ply, int symmetry, const SampleTargets& targets,
                     const SampleBuffers& out, int row) const;

  const Game& game_;
  const SurpriseWeights surprise_;
  std::deque<Batch> batches_;
  std::int64_t positions_ = 0;
  std::int64_t games_ = 0;
};

}  // namespace selfplay
