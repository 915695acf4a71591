// Games as columns: what the pool hands out, the replay files hold and the learner's window decodes.
// Values of a ply are for its player to move.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "search/request.h"

namespace selfplay {

// What the search of a ply did; all 0 where there was none.
struct PlySearch {
  std::int32_t budget = 0;  // new visits it was given; fewer were made where it ended early
  std::int32_t evaluations = 0;
  std::int32_t cache_hits = 0;
  std::int32_t terminal_hits = 0;
  std::int32_t proven_hits = 0;
  std::int32_t transpositions = 0;
  std::int32_t reused_visits = 0;  // of the root, kept from the search before
  std::int32_t max_depth = 0;      // plies below the root
  std::int32_t proof = 2;          // sign of the root's proven value, or kNotProven
  float mean_depth = 0;            // over the new visits
};

// One ply of a game.
struct PlyRecord {
  Action move = 0;
  std::int8_t player = 0;   // who moves
  std::int32_t visits = 0;  // new visits of its search; 0 where it was not searched
  bool full_search = false;
  float weight = 0;  // as a training sample; 0 for opening moves and fast searches
  std::int32_t checkpoint = 0;
  float kl = 0;  // from the raw prior to the policy target, in nats
  Wdl root{0, 0, 0};
  Wdl raw{0, 0, 0};
  PlySearch search;
  std::vector<Action> policy_actions;  // sparse policy target
  std::vector<float> policy_probs;
};

struct GameRecord {
  std::int64_t id = 0;
  std::uint64_t seed = 0;
  std::string start;
  float outcome = NAN;  // for the first player; NaN while under way
  bool truncated = false;
  bool resigned = false;  // its last mover gave up: who it was has lost, and the board's end is not known
  bool holdout = false;   // played to the end whatever its values
  std::int32_t opening_plies = 0;
  std::vector<PlyRecord> plies;
};

// G games with M plies and P policy entries in all; offsets have one entry more than what they index.
struct GameColumns {
  std::vector<std::int64_t> game_id;
  std::vector<std::uint64_t> seed;
  std::vector<std::string> start;
  std::vector<float> outcome;
  std::vector<std::uint8_t> truncated;
  std::vector<std::uint8_t> resigned;
  std::vector<std::uint8_t> holdout;
  std::vector<std::int32_t> opening_plies;
  std::vector<std::int64_t> move_offsets{0};
  std::vector<std::int32_t> moves;
  std::vector<std::int8_t> player;
  std::vector<std::int32_t> visits;
  std::vector<std::uint8_t> full_search;
  std::vector<float> weight;
  std::vector<std::int32_t> checkpoint;
  std::vector<float> kl;
  std::vector<Wdl> root_wdl;
  std::vector<Wdl> raw_wdl;
  std::vector<PlySearch> search;
  std::vector<std::int64_t> policy_offsets{0};
  std::vector<std::int32_t> policy_action;
  std::vector<float> policy_prob;

  std::size_t games() const { return game_id.size(); }
  void append(const GameRecord& game);
  GameRecord game(std::size_t index) const;
};

}  // namespace selfplay
