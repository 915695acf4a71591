#include "search/params.h"

#include <string>

#include "core/game.h"

namespace selfplay {

void check(const SearchParams& params) {
  SearchParams::for_each_setting([&](const Setting& setting, auto field) {
    if constexpr (!std::is_null_pointer_v<decltype(field)>) require_holds(setting, params.*field);
  });
}

void check_proposed(const SearchParams& params) {
  SearchParams::for_each_setting([&](const Setting& setting, auto field) {
    if constexpr (!std::is_null_pointer_v<decltype(field)>) {
      if (setting.games_only && static_cast<double>(params.*field) != setting.initial) {
        throw InputError(std::string("searches with ") + setting.name + " need trees of a game");
      }
    }
  });
}

}  // namespace selfplay
