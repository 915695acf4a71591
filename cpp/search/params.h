// Settings of a search, as search/settings.def declares them.
#pragma once

#include <limits>
#include <span>

#include "core/setting.h"

namespace selfplay {

inline constexpr int kMostProposals = 32768;  // edges of a proposed node
inline constexpr int kMostInFlight = 65536;
inline constexpr int kMostSimulations = 1 << 30;  // of one search: visits are counted in 31 bits
inline constexpr int kMostInt = std::numeric_limits<int>::max();
// What the core takes is wider than what a user may set: as far as the arithmetic holds.
inline constexpr double kLarge = 1e6;

// How edges are chosen: kGumbel halves at the root and walks by PUCT below it, kGumbelFull walks there by
// its own deterministic rule.
enum class Rule { kPuct, kUct, kGumbel, kGumbelFull };

inline constexpr const char* kRuleNames[] = {"puct", "uct", "gumbel", "gumbel-full"};
constexpr std::span<const char* const> names_of(Rule) { return kRuleNames; }

struct SearchParams {
#define SETTING(TYPE, NAME, INITIAL, ...) TYPE NAME = static_cast<TYPE>(INITIAL);
#include "search/settings.def"

  // Calls visit(setting, field) for every setting; the field is a pointer to a member, or null without one.
  template <typename Visit>
  static void for_each_setting(Visit visit) {
#define SETTING(TYPE, NAME, INITIAL, ...)                                                      \
  visit(declared<TYPE>({.name = #NAME, .initial = static_cast<double>(INITIAL), __VA_ARGS__}), \
        &SearchParams::NAME);
#define PROPOSER_SETTING(TYPE, NAME, INITIAL, ...)                                                    \
  visit(declared<TYPE>(                                                                               \
            {.name = #NAME, .initial = static_cast<double>(INITIAL), .in_core = false, __VA_ARGS__}), \
        nullptr);
#include "search/settings.def"
  }
};

// Throws InputError for a setting that no search can use.
void check(const SearchParams& params);
// And for one that proposed trees cannot.
void check_proposed(const SearchParams& params);

}  // namespace selfplay
