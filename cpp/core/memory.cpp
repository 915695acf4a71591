#include "core/memory.h"

#include <unistd.h>

#include <cmath>
#include <string>

#include "core/game.h"
#include "core/quote.h"

namespace selfplay {

void check_memory(const char* setting, double megabytes) {
  static const double most =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE)) / 1048576;
  if (megabytes >= 0 && megabytes <= most) return;
  throw InputError(std::string(setting) + " is " + shown(megabytes) + " MB; give 0 to " +
                   shown(std::floor(most)) + ", which is what this machine has");
}

}  // namespace selfplay
