// Settings that come from outside, and what they may be.
#pragma once

namespace selfplay {

// Throws InputError, which names the setting and its range, unless least <= value <= most.
void require_range(const char* setting, double value, double least, double most);

// The least of what may come close to 0 and not be it.
inline constexpr double kAboveZero = 1e-6;

}  // namespace selfplay
