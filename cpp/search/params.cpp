#include "search/params.h"

#include "core/range.h"

namespace selfplay {

namespace {

// Wider than what engine/config.py lets a user set: as far as the arithmetic holds.
constexpr double kLarge = 1e6;

}  // namespace

void check(const SearchParams& params) {
  require_range("policy_temperature", params.policy_temperature, kAboveZero, kLarge);
  require_range("c_puct", params.c_puct, 0, kLarge);
  require_range("c_puct_growth", params.c_puct_growth, 0, kLarge);
  require_range("c_puct_base", params.c_puct_base, kAboveZero, 1e12);
  require_range("c_puct_spread", params.c_puct_spread, 0, kLarge);
  require_range("fpu_reduction", params.fpu_reduction, -kLarge, kLarge);
  require_range("noise_fraction", params.noise_fraction, 0, 1);
  require_range("noise_alpha_total", params.noise_alpha_total, kAboveZero, 1e9);
  require_range("root_temperature", params.root_temperature, kAboveZero, kLarge);
  require_range("forced_playouts", params.forced_playouts, 0, kLarge);
  require_range("considered_actions", params.considered_actions, 1, 1 << 30);
  require_range("gumbel_scale", params.gumbel_scale, 0, kLarge);
  require_range("c_visit", params.c_visit, 0, 1e9);
  require_range("c_scale", params.c_scale, 0, 1e9);
  require_range("lcb_deviations", params.lcb_deviations, 0, kLarge);
  require_range("max_in_flight", params.max_in_flight, 1, kMostInFlight);
  require_range("max_tree_mb", params.max_tree_mb, 0, 1e9);
  require_range("widening_factor", params.widening_factor, 0, 1e9);
  require_range("widening_exponent", params.widening_exponent, 0, 1);
}

}  // namespace selfplay
