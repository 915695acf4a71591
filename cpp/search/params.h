// Settings of a search. engine/config.py says what each means to a user.
#pragma once

namespace selfplay {

inline constexpr int kMostProposals = 32768;  // edges of a proposed node
inline constexpr int kMostInFlight = 65536;
inline constexpr int kMostSimulations = 1 << 30;  // of one search: visits are counted in 31 bits

// How edges are chosen: kGumbel halves at the root and walks by PUCT below it, kGumbelFull walks there by
// its own deterministic rule.
enum class Rule { kPuct, kUct, kGumbel, kGumbelFull };

struct SearchParams {
  Rule rule = Rule::kPuct;
  float policy_temperature = 1.0f;  // of every node's priors
  float c_puct = 1.5f;              // exploration constant of PUCT and UCT
  float c_puct_growth = 0.0f;       // of it with the logarithm of the visits
  float c_puct_base = 500.0f;       // visits from which it grows
  float c_puct_spread = 0.0f;       // share of it that follows the spread of values below a node
  float fpu_reduction = 0.2f;       // times the root of the visited prior, below the node's own value
  float noise_fraction = 0.0f;      // of Dirichlet noise in the root's priors
  float noise_alpha_total = 10.0f;  // divided among the legal moves
  bool noise_shaped = false;        // half of alpha goes to moves of higher prior
  float root_temperature = 1.0f;    // of the root's priors
  float forced_playouts = 0.0f;     // k of the visits forced on moves at a root with noise
  int considered_actions = 16;      // Gumbel: sampled at the root
  float gumbel_scale = 1.0f;        // of the noise at a root with a seed
  float c_visit = 50.0f;            // Gumbel: how values count against logits
  float c_scale = 1.0f;
  float lcb_deviations = 0.0f;  // 0: the most visits choose the move; else the lower confidence bound
  bool early_stop = false;      // end a search without noise once its choice is certain
  bool proofs = true;           // back up proven results
  bool reuse = true;            // keep the subtree of the move played
  bool transpositions = false;  // one node for each position
  int max_in_flight = 1;        // leaves of one tree that wait at a time
  double max_tree_mb = 256;     // memory of one tree

  // Proposed trees: a node with N visits may have widening_factor * N^widening_exponent edges.
  int initial_proposals = 1;  // asked for at a node's first visit
  int more_proposals = 1;     // asked for each time that a node widens
  float widening_factor = 0.5f;
  float widening_exponent = 0.75f;  // 0: no widening
  int max_proposals = 64;           // edges of a node
  int fruitless_requests = 2;       // in a row without a new move, before a node stays as it is
  int max_step_tokens = 0;          // most tokens that one move may cost; a tree with a budget needs it
};

// Throws InputError for a setting that no search can use.
void check(const SearchParams& params);

}  // namespace selfplay
