// What a table of settings says of each of them, beside its type and name.
#pragma once

#include <optional>
#include <span>
#include <type_traits>

#include "core/range.h"

namespace selfplay {

// From `least` to `most`; where it is open, `least` itself is not in it.
struct Range {
  double least = 0;
  double most = 0;
  bool is_open = false;
};

constexpr Range above(double least, double most) { return {least, most, true}; }

enum class SettingKind { kBool, kInt, kFloat, kChoice };

// Values are numbers for every kind: 0 and 1 for a switch, the place in the enum for a choice.
struct Setting {
  const char* name = "";
  SettingKind kind = SettingKind::kFloat;
  std::span<const char* const> names{};  // of a choice's values
  double initial = 0;                    // where code sets nothing
  bool in_core = true;                   // whether it is a field here
  // As far as the arithmetic holds. Switches and choices have none.
  Range holds{};
  // The section of engine/config/ in which a user sets it, and what may stand there; empty: code sets it.
  const char* section = "";
  std::optional<double> preset{};  // where a user sets nothing, unless that is `initial`
  Range allowed{};
  const char* choices = "";           // of a choice, joined by ", "
  std::optional<double> noiseless{};  // what it is in a search without noise
  bool games_only = false;            // whether proposed trees need it at `initial`
  const char* does = "";              // as users read it
};

// A setting whose values are of type T; names_of(T) names those of a choice.
template <typename T>
constexpr Setting declared(Setting setting) {
  if constexpr (std::is_enum_v<T>) {
    setting.kind = SettingKind::kChoice;
    setting.names = names_of(T{});
  } else if constexpr (std::is_same_v<T, bool>) {
    setting.kind = SettingKind::kBool;
  } else {
    setting.kind = std::is_integral_v<T> ? SettingKind::kInt : SettingKind::kFloat;
  }
  return setting;
}

// Throws InputError for a number that is not in `setting.holds`.
template <typename T>
void require_holds(const Setting& setting, T value) {
  if constexpr (!std::is_enum_v<T> && !std::is_same_v<T, bool>) {
    require_range(setting.name, static_cast<double>(value), setting.holds.least, setting.holds.most);
  }
}

}  // namespace selfplay
