// Which edge to walk. Notation: N visits, P prior, Q mean value, c the exploration constant.
//
//   PUCT (Silver et al. 2017):  Q(a) + c P(a) sqrt(N) / (1 + N(a))
//         where c may grow with the visits, by c_puct_growth ln((N + base) / base) (Silver et al. 2018), and
//         follow the spread of the values below the node (Wu 2019ff, "dynamic variance-scaled cPUCT")
//   UCT  (Kocsis & Szepesvari 2006, UCB1):  Q(a) + c sqrt(ln N / N(a)), unvisited edges first
//
// Ties go to the first edge, which has the lowest action.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cmath>

#include "search/node.h"
#include "search/params.h"

namespace selfplay {

// `scale` is c sqrt(N); `unvisited_q` stands in for Q where N(a) is 0.
inline int best_puct_edge(const Edges& edges, int capacity, float scale, float unvisited_q) {
  int best = 0;
  float best_score = kNever;
#if defined(__AVX2__)
  const __m256 scales = _mm256_set1_ps(scale);
  const __m256 unvisited = _mm256_set1_ps(unvisited_q);
  const __m256 one = _mm256_set1_ps(1.0f);
  for (int start = 0; start < capacity; start += 8) {
    const __m256i count = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(edges.visits + start));
    const __m256 none = _mm256_castsi256_ps(_mm256_cmpeq_epi32(count, _mm256_setzero_si256()));
    const __m256 q = _mm256_blendv_ps(_mm256_loadu_ps(edges.q + start), unvisited, none);
    const __m256 u = _mm256_div_ps(_mm256_mul_ps(scales, _mm256_loadu_ps(edges.prior + start)),
                                   _mm256_add_ps(one, _mm256_cvtepi32_ps(count)));
    const __m256 score = _mm256_add_ps(q, u);
    __m256 top = _mm256_max_ps(score, _mm256_permute2f128_ps(score, score, 1));
    top = _mm256_max_ps(top, _mm256_shuffle_ps(top, top, 0x4e));
    top = _mm256_max_ps(top, _mm256_shuffle_ps(top, top, 0xb1));
    const float highest = _mm256_cvtss_f32(top);
    if (highest > best_score) {
      best_score = highest;
      const int mask = _mm256_movemask_ps(_mm256_cmp_ps(score, top, _CMP_EQ_OQ));
      best = start + std::countr_zero(static_cast<unsigned>(mask));
    }
  }
#else
  for (int i = 0; i < capacity; ++i) {
    const float q = edges.visits[i] ? edges.q[i] : unvisited_q;
    const float score = q + scale * edges.prior[i] / (1.0f + static_cast<float>(edges.visits[i]));
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
#endif
  return best;
}

inline int best_uct_edge(const Edges& edges, int num_edges, float c, double visits) {
  const double log_visits = std::log(visits);
  int best = 0;
  double best_score = kNever;
  for (int i = 0; i < num_edges; ++i) {
    if (edges.visits[i] == 0) return i;
    const double score = edges.q[i] + c * std::sqrt(log_visits / edges.visits[i]);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

// Standard deviation of the values below a node, one of kUsualSpread counting as kUsualVisits visits of it.
inline constexpr float kUsualSpread = 0.4f;
inline constexpr float kUsualVisits = 2.0f;
inline float value_spread(const Node& node) {
  const float visits = static_cast<float>(node.visits);
  const float variance = std::max(0.0f, node.squared_value - node.q * node.q);
  const float usual = kUsualSpread * kUsualSpread;
  return std::sqrt((usual * kUsualVisits + variance * visits) / (kUsualVisits + visits));
}

inline float exploration(const Node& node, const SearchParams& params, float visits) {
  float c = params.c_puct;
  if (params.c_puct_growth > 0) {
    c += params.c_puct_growth * std::log((visits + params.c_puct_base) / params.c_puct_base);
  }
  if (params.c_puct_spread > 0) {
    c *= 1 + params.c_puct_spread * (value_spread(node) / kUsualSpread - 1);
  }
  return c;
}

inline constexpr float kLeastScale = 1e-30f;  // above 0, which times the priors of padding lanes is no number

inline int best_edge(const Node& node, const Edges& edges, const SearchParams& params) {
  const float visits = static_cast<float>(node.visits + node.in_flight);
  if (params.rule == Rule::kUct) return best_uct_edge(edges, node.num_edges, params.c_puct, visits);
  const float unvisited_q = node.q - params.fpu_reduction * std::sqrt(node.visited_prior);
  const float scale = exploration(node, params, visits) * std::sqrt(visits);
  return best_puct_edge(edges, node.capacity, std::max(scale, kLeastScale), unvisited_q);
}

}  // namespace selfplay
