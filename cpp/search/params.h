// Settings of a search. engine/config.py says what each means to a user.
#pragma once

namespace selfplay {

enum class Rule { kPuct, kUct };

struct SearchParams {
  Rule rule = Rule::kPuct;
  float policy_temperature = 1.0f;  // of every node's priors
  float c_puct = 1.5f;              // exploration constant of either rule
  float fpu_reduction = 0.2f;       // times the root of the visited prior, below the node's own value
  float noise_fraction = 0.0f;      // of Dirichlet noise in the root's priors
  float noise_alpha_total = 10.0f;  // divided among the legal moves
  float root_temperature = 1.0f;    // of the root's priors
  bool proofs = true;               // back up proven results
  bool reuse = true;                // keep the subtree of the move played
  int max_in_flight = 1;            // leaves of one tree that wait at a time
  double max_tree_mb = 256;         // memory of one tree

  // Proposed trees: a node with N visits may have widening_factor * N^widening_exponent edges.
  int initial_proposals = 4;
  float widening_factor = 2.0f;
  float widening_exponent = 0.5f;
  int max_proposals = 16;
};

}  // namespace selfplay
