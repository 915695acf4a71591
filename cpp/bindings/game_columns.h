// Columns of games between Python and the core; selfplay/columns.def says what each holds.
#pragma once

#include <unordered_set>

#include "bindings/bindings.h"
#include "selfplay/record.h"

namespace selfplay {

template <>
inline constexpr bool is_bound<Column> = true;

// With the name of their game as `rules`.
py::dict to_dict(const Game& game, const GameColumns& games);

// Columns of whole games, or of games under way. ValueError or TypeError, which names the column, where one
// is missing, is of another type or does not fit the others, and where it holds what no game of these rules
// has; InputError where `rules`, which may be missing, names another game. `sampled`, where given, takes the
// keys of the positions that can be samples.
enum class Games { kWhole, kUnderWay };
GameColumns games_from(const Game& game, const py::dict& dict, Games kind,
                       std::unordered_set<std::uint64_t>* sampled = nullptr);

}  // namespace selfplay
