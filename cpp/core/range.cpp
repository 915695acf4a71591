#include "core/range.h"

#include <string>

#include "core/game.h"
#include "core/quote.h"

namespace selfplay {

void require_range(const char* setting, double value, double least, double most) {
  if (value >= least && value <= most) return;
  throw InputError(std::string(setting) + " is " + shown(value) + "; give " + shown(least) + " to " +
                   shown(most));
}

}  // namespace selfplay
