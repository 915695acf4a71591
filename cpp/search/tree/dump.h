// A whole tree as columns: for targets, logs and tests.
#pragma once

#include <cstdint>
#include <vector>

#include "core/game.h"

namespace selfplay {

// n nodes, each after the one it was first reached from, and their E edges; values are for the node's player.
struct TreeDump {
  std::vector<std::int32_t> parent;  // where it was first reached from; -1 the root
  std::vector<std::int32_t> action;  // of the edge from there; -1 the root
  std::vector<std::int32_t> depth;
  std::vector<std::int8_t> player;
  std::vector<std::int64_t> visits;
  std::vector<float> value;      // mean; NaN where unvisited
  std::vector<float> raw_value;  // as evaluated; NaN before that
  std::vector<std::uint8_t> ends;
  std::vector<std::int8_t> proof;          // sign of the proven value, or kNotProven
  std::vector<std::int64_t> edge_offsets;  // [n + 1]
  std::vector<std::int32_t> edge_action;
  std::vector<std::int32_t> edge_node;  // -1: none yet
  std::vector<float> edge_prior;
  std::vector<std::int64_t> edge_visits;
  std::vector<float> edge_q;  // for the player who chooses; NaN where unvisited
};

}  // namespace selfplay
