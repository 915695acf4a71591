// Gumbel search (Danihelka et al. 2022, "Policy improvement by planning with Gumbel"). Notation: P prior,
// N visits, Q mean value for the player at the node in [-1, 1], g Gumbel noise, q a value in [0, 1].
//
//   sigma(q) = (c_visit + max N) c_scale q                                             (equation 8)
//   completed q(a) = q(a) where N(a) > 0, else the mixed value                         (equation 10)
//   mixed value = (v + sum N * sum P q / sum P) / (1 + sum N), sums over visited edges (equation 33)
//   improved policy = softmax(log P + sigma(completed q))                              (equation 11)
//
// At the root the edges of the highest g + log P + sigma(completed q) are visited by sequential halving
// (Karnin et al. 2013); below it kGumbelFull takes the edge of the highest
// improved policy(a) - N(a) / (1 + sum N)                                              (equation 14).
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "search/node.h"
#include "search/params.h"

namespace selfplay {

// How often the edge of each visit must have been visited before: `simulations` visits dealt in rounds to
// `considered` edges, half as many a round, at least two.
class HalvingTable {
 public:
  const std::vector<std::uint32_t>& visits(int considered, std::uint32_t simulations);

 private:
  std::map<std::pair<int, std::uint32_t>, std::vector<std::uint32_t>> tables_;
};

// log P + sigma(completed q) of each edge; kNever for a proven loss. `out` has room for node.num_edges.
void improved_logits(const Node& node, const Edges& edges, const SearchParams& params, float* out);

// Turns logits into probabilities; kNever becomes 0. Equal ones where all are kNever.
void softmax(float* logits, int count);

// The edge of the deterministic rule. `scratch` has room for node.num_edges.
int gumbel_edge(const Node& node, const Edges& edges, const SearchParams& params, float* scratch);

}  // namespace selfplay
