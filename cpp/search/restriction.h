// Moves that a search of a game may or may not consider, and how far one step of it may go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/game.h"

namespace selfplay {

// At the first `plies` plies from the root on `player` considers `actions` alone, or all but those.
struct Restriction {
  int player;
  int plies;  // 1: at the root alone
  bool allowed;
  std::vector<Action> actions;  // ascending

  bool applies(int mover, int depth) const { return mover == player && depth < plies; }
  bool permits(Action action) const {
    return std::binary_search(actions.begin(), actions.end(), action) == allowed;
  }
};

// What a tree may do before it is left alone again.
struct Effort {
  // All defaults but the simulations: as the settings have it.
  Effort(std::uint32_t simulations) : simulations(simulations), until(simulations) {}  // NOLINT: is one
  Effort(std::uint32_t simulations, std::uint32_t until, int leaves, double bytes)
      : simulations(simulations), until(until), leaves(leaves), bytes(bytes) {}

  std::uint32_t simulations;  // new visits in the end, by which halving and early stops plan
  std::uint32_t until;        // and those after which it pauses
  int leaves = 0;             // in flight at a time; 0: max_in_flight
  double bytes = std::numeric_limits<double>::infinity();  // of the tree; max_tree_mb holds besides
};

}  // namespace selfplay
