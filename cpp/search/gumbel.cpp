#include "search/gumbel.h"

#include <algorithm>
#include <cmath>

namespace selfplay {

namespace {

constexpr std::size_t kMostTables = 64;

// From -1 ... 1 to 0 ... 1; a proven loss is stored as kNever.
float unit(float q) { return q == kNever ? 0.0f : (1 + q) / 2; }

float mixed_value(const Node& node, const Edges& edges) {
  double visits = 0, prior = 0, weighted = 0;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.visits[i] == 0) continue;
    visits += edges.visits[i];
    prior += edges.prior[i];
    weighted += edges.prior[i] * unit(edges.q[i]);
  }
  const double raw = node.raw_win + node.raw_draw / 2;
  if (prior <= 0) return static_cast<float>(raw);
  return static_cast<float>((raw + visits * weighted / prior) / (1 + visits));
}

}  // namespace

const std::vector<std::uint32_t>& HalvingTable::visits(int considered, std::uint32_t simulations) {
  if (tables_.size() > kMostTables) tables_.clear();
  std::vector<std::uint32_t>& table = tables_[{considered, simulations}];
  if (!table.empty()) return table;
  const auto width = static_cast<std::size_t>(std::max(considered, 1));
  const double rounds = std::max(1.0, std::ceil(std::log2(static_cast<double>(width))));
  std::vector<std::uint32_t> visited(width, 0);
  table.reserve(simulations);
  std::size_t left = width;
  while (table.size() < simulations) {
    const auto each = static_cast<std::size_t>(simulations / (rounds * static_cast<double>(left)));
    for (std::size_t pass = 0; pass < std::max<std::size_t>(each, 1); ++pass) {
      for (std::size_t i = 0; i < left; ++i) table.push_back(visited[i]++);
    }
    left = std::max<std::size_t>(std::min<std::size_t>(2, width), left / 2);
  }
  table.resize(simulations);
  return table;
}

void improved_logits(const Node& node, const Edges& edges, const SearchParams& params, float* out) {
  const float mixed = mixed_value(node, edges);
  std::uint32_t most = 0;
  for (int i = 0; i < node.num_edges; ++i) most = std::max(most, edges.visits[i]);
  const float scale = (params.c_visit + static_cast<float>(most)) * params.c_scale;
  for (int i = 0; i < node.num_edges; ++i) {
    const float q = edges.visits[i] ? unit(edges.q[i]) : mixed;
    const bool lost = edges.visits[i] && edges.q[i] == kNever;
    out[i] = lost ? kNever : std::log(std::max(edges.prior[i], 1e-30f)) + scale * q;
  }
}

void softmax(float* logits, int count) {
  const float highest = *std::max_element(logits, logits + count);
  float total = 0;
  for (int i = 0; i < count; ++i) {
    logits[i] = highest == kNever ? 1.0f : std::exp(logits[i] - highest);
    total += logits[i];
  }
  for (int i = 0; i < count; ++i) logits[i] /= total;
}

int gumbel_edge(const Node& node, const Edges& edges, const SearchParams& params, float* scratch) {
  improved_logits(node, edges, params, scratch);
  softmax(scratch, node.num_edges);
  const float share = 1.0f / static_cast<float>(node.visits + node.in_flight);  // 1 + the visits of its edges
  int best = 0;
  float best_score = kNever;
  for (int i = 0; i < node.num_edges; ++i) {
    if (edges.visits[i] && edges.q[i] == kNever) continue;
    const float score = scratch[i] - static_cast<float>(edges.visits[i]) * share;
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

}  // namespace selfplay
