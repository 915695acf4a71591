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
};

class ReplayWindow {
 public:
  explicit ReplayWindow(const Game& game) : game_(game) {}

  void append(GameColumns games);
  // Drops the oldest batches as long as at least `positions` samples remain.
  void trim(std::int64_t positions);
  std::int64_t positions() const { return positions_; }
  std::int64_t games() const { return games_; }
  // Draws plies in proportion to their weight and decodes each in a random orientation. The value
  // target is the outcome, mixed with the search's value by `value_mix`.
  void sample(int count, std::uint64_t seed, float value_mix, const SampleBuffers& out) const;

 private:
  struct Batch {
    GameColumns games;
    std::vector<double> cumulative;      // weight up to and including each ply
    std::vector<std::uint32_t> game_of;  // game index of each ply
    std::int64_t positions = 0;
  };

  // Plays `state`, the position of a sample, on to its game's end and writes what the board is then.
  void decode_score(const Batch& batch, std::size_t ply, int symmetry, State& state, const SampleBuffers& out,
                    int row, std::vector<float>& scratch) const;
  void decode(const Batch& batch, std::size_t ply, int symmetry, float value_mix, const SampleBuffers& out,
              int row, std::vector<float>& scratch) const;

  const Game& game_;
  std::deque<Batch> batches_;
  std::int64_t positions_ = 0;
  std::int64_t games_ = 0;
};

}  // namespace selfplay
