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
  std::vector<Action> policy_actions;  // sparse policy target
  std::vector<float> policy_probs;
};

struct GameRecord {
  std::int64_t id = 0;
  std::uint64_t seed = 0;
  std::string start;
  float outcome = NAN;  // for the first player; NaN while under way
  bool truncated = false;
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
  std::vector<std::int64_t> policy_offsets{0};
  std::vector<std::int32_t> policy_action;
  std::vector<float> policy_prob;

  std::size_t games() const { return game_id.size(); }
  void append(const GameRecord& game);
  GameRecord game(std::size_t index) const;
};

}  // namespace selfplay
