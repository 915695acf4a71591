#include "bindings/game_columns.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bindings/search/requests.h"
#include "core/quote.h"

namespace selfplay {

namespace {

py::array_t<float> wdl_array(const std::vector<Wdl>& rows) {
  py::array_t<float> result({static_cast<py::ssize_t>(rows.size()), py::ssize_t{3}});
  static_assert(sizeof(Wdl) == 3 * sizeof(float));
  if (!rows.empty()) std::memcpy(result.mutable_data(), rows.data(), rows.size() * sizeof(Wdl));
  return result;
}

py::array bool_array(const std::vector<std::uint8_t>& values) {
  return to_array(values).attr("astype")("bool").cast<py::array>();
}

py::list to_python(const std::vector<std::string>& texts) { return py::cast(texts); }
py::array to_python(const std::vector<Wdl>& rows) { return wdl_array(rows); }
py::array to_python(const std::vector<std::uint8_t>& flags) { return bool_array(flags); }

template <typename T>
py::array to_python(const std::vector<T>& values) {
  return to_array(values);
}

const char* name_of(const Column& column) { return column.given_name[0] ? column.given_name : column.member; }

// Calls visit(column, name, values) for every column that Python has in memory.
template <typename Visit>
void for_each_in_memory(Visit visit) {
  GameColumns::for_each_column([&](const Column& column, auto values) {
    if constexpr (!std::is_null_pointer_v<decltype(values)>) visit(column, name_of(column), values);
  });
}

}  // namespace

py::dict to_dict(const Game& game, const GameColumns& games) {
  py::dict result;
  result["rules"] = game.name();
  result["move_offsets"] = to_array(games.move_offsets);
  result["policy_offsets"] = to_array(games.policy_offsets);
  for_each_in_memory(
      [&](const Column&, const char* name, auto values) { result[name] = to_python(games.*values); });
  return result;
}

namespace {

// So much may a policy of float32 probabilities be above 1, and so much may a sample weigh.
constexpr float kMostProbability = 1 + kProbabilityError;
constexpr float kMostWeight = 1e6f;

[[noreturn]] void refuse(const std::string& what) {
  throw py::value_error("columns of games do not fit together: " + what);
}

void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

py::object entry(const py::dict& games, const char* name) {
  if (!games.contains(name)) throw py::value_error(std::string("games have no column '") + name + "'");
  return games[name];
}

// An array of numbers of `axes` axes, the last of them of three numbers where there are two. Whole numbers
// come as such, and as large as fits; true and false as such where `T` holds those.
template <typename T>
std::vector<T> column(const py::dict& games, const char* name, int axes = 1) {
  const py::object given = entry(games, name);
  if (!py::isinstance<py::array>(given)) {
    throw py::type_error(std::string("column '") + name + "' is a " + Py_TYPE(given.ptr())->tp_name +
                         "; give an array");
  }
  const auto array = py::reinterpret_borrow<py::array>(given);
  const char kind = array.dtype().kind();
  const bool is_whole = kind == 'i' || kind == 'u' || (kind == 'b' && std::is_same_v<T, std::uint8_t>);
  if (!is_whole && (std::is_integral_v<T> || kind != 'f')) {
    throw py::type_error(std::string("column '") + name + "' is of " +
                         py::str(array.dtype()).cast<std::string>() + "; give " +
                         (std::is_integral_v<T> ? "whole numbers" : "numbers"));
  }
  if (array.ndim() != axes || (axes == 2 && array.shape(1) != 3)) {
    throw py::value_error(std::string("column '") + name + "' has another shape than " +
                          (axes == 2 ? "[M, 3]" : "one axis"));
  }
  const auto values = py::array_t<T, py::array::c_style | py::array::forcecast>::ensure(array);
  if (!values) throw py::error_already_set();
  if (std::is_integral_v<T> && !py::bool_(py::module_::import("numpy").attr("array_equal")(array, values))) {
    throw py::value_error(std::string("column '") + name + "' holds numbers out of range");
  }
  return std::vector<T>(values.data(), values.data() + values.size());
}

std::vector<std::uint8_t> flags(const py::dict& games, const char* name) {
  std::vector<std::uint8_t> values = column<std::uint8_t>(games, name);
  for (const std::uint8_t value : values) {
    if (value > 1) throw py::value_error(std::string("column '") + name + "' is neither true nor false");
  }
  return values;
}

std::vector<std::string> texts(const py::dict& games, const char* name) {
  try {
    return entry(games, name).cast<std::vector<std::string>>();
  } catch (const py::cast_error&) {
    throw py::type_error(std::string("column '") + name + "' is no list of texts");
  }
}

std::vector<Wdl> wdl_column(const py::dict& games, const char* name) {
  const std::vector<float> values = column<float>(games, name, 2);
  std::vector<Wdl> rows(values.size() / 3);
  if (!rows.empty()) std::memcpy(rows.data(), values.data(), rows.size() * sizeof(Wdl));
  for (const Wdl& row : rows) {
    const bool is_unknown = row.win == 0 && row.draw == 0 && row.loss == 0;
    if (!is_unknown && !is_usable(row)) {
      throw py::value_error(std::string("column '") + name + "' holds (" + shown(row.win) + ", " +
                            shown(row.draw) + ", " + shown(row.loss) + "), which are no probabilities");
    }
  }
  return rows;
}

void read(const py::dict& games, const char* name, std::vector<std::string>& values) {
  values = texts(games, name);
}
void read(const py::dict& games, const char* name, std::vector<Wdl>& values) {
  values = wdl_column(games, name);
}
void read(const py::dict& games, const char* name, std::vector<std::uint8_t>& values) {
  values = flags(games, name);
}
template <typename T>
void read(const py::dict& games, const char* name, std::vector<T>& values) {
  values = column<T>(games, name);
}

template <typename T>
void require_offsets(const std::vector<T>& offsets, std::size_t count, std::size_t total, const char* what) {
  require(offsets.size() == count + 1 && offsets.front() == 0 && std::size_t(offsets.back()) == total, what);
  require(std::is_sorted(offsets.begin(), offsets.end()), what);
}

void require_rules(const Game& game, const py::dict& dict) {
  if (!dict.contains("rules")) return;
  const py::object rules = dict["rules"];
  if (py::isinstance<py::str>(rules) && rules.cast<std::string>() == game.name()) return;
  throw InputError("games of " + py::str(rules).cast<std::string>() + " where those of " + game.name() +
                   " are expected");
}

GameColumns read_columns(const py::dict& dict) {
  GameColumns games;
  games.move_offsets = column<std::int64_t>(dict, "move_offsets");
  games.policy_offsets = column<std::int64_t>(dict, "policy_offsets");
  for_each_in_memory([&](const Column& column, const char* name, auto values) {
    if (!column.is_from_rules) read(dict, name, games.*values);
  });
  return games;
}

void require_lengths(const GameColumns& games) {
  const std::size_t count = games.games(), plies = games.plies(), entries = games.policy_actions.size();
  for_each_in_memory([&](const Column& column, const char*, auto values) {
    const std::size_t length = (games.*values).size();
    if (column.level == ColumnLevel::kGame) require(length == count, "one value a game");
    if (column.level == ColumnLevel::kPly && !column.is_from_rules)
      require(length == plies, "one value a ply");
    if (column.level == ColumnLevel::kPolicy) require(length == entries, "one value a policy action");
  });
  require_offsets(games.move_offsets, count, plies, "move_offsets");
  require_offsets(games.policy_offsets, plies, entries, "policy_offsets");
}

void require_numbers(const GameColumns& games, int num_actions, Games kind) {
  for (std::size_t g = 0; g < games.games(); ++g) {
    const float outcome = games.outcome[g];
    const bool is_under_way = kind == Games::kUnderWay && std::isnan(outcome);
    if (!is_under_way && !(outcome >= -1 && outcome <= 1)) {
      refuse("the outcome of a game is " + shown(outcome) + ", not -1 to 1");
    }
    const auto plies = games.move_offsets[g + 1] - games.move_offsets[g];
    require(games.opening_plies[g] >= 0 && games.opening_plies[g] <= plies,
            "opening_plies is not between 0 and the plies of its game");
  }
  for (const float weight : games.weight) {
    if (!(weight >= 0 && weight <= kMostWeight)) refuse("a weight is " + shown(weight));
  }
  for (const Action action : games.policy_actions)
    require(action >= 0 && action < num_actions, "policy_actions");
  for (const float probability : games.policy_probs) {
    if (!(probability >= 0 && probability <= kMostProbability)) {
      refuse("a policy's probability is " + shown(probability));
    }
  }
}

// Plays every game, and fills in who moves.
void replay(const Game& game, GameColumns& games, Games kind, std::unordered_set<std::uint64_t>* sampled) {
  std::vector<Action> legal(static_cast<std::size_t>(game.num_actions()));
  for (std::size_t g = 0; g < games.games(); ++g) {
    const std::unique_ptr<State> state = game.parse(games.start[g]);
    for (auto m = games.move_offsets[g]; m < games.move_offsets[g + 1]; ++m) {
      const Action move = games.move[static_cast<std::size_t>(m)];
      const int moves = state->legal_actions(legal.data());
      require(std::binary_search(legal.begin(), legal.begin() + moves, move), "a move is illegal");
      games.player.push_back(static_cast<std::int8_t>(state->player()));
      if (sampled && games.weight[static_cast<std::size_t>(m)] > 0) sampled->insert(state->key());
      state->play(move);
    }
    if (kind == Games::kUnderWay) require(!state->outcome(), "a game under way is over");
  }
}

}  // namespace

GameColumns games_from(const Game& game, const py::dict& dict, Games kind,
                       std::unordered_set<std::uint64_t>* sampled) {
  require_rules(game, dict);
  GameColumns games = read_columns(dict);
  require_lengths(games);
  require_numbers(games, game.num_actions(), kind);
  replay(game, games, kind, sampled);
  return games;
}

namespace {

constexpr const char* kLevels[] = {"file", "game", "ply", "policy"};  // in the order of ColumnLevel

py::object before_of(const Column& column) {
  if (!column.before) return py::none();
  const std::string dtype = column.dtype;
  if (dtype == "bool") return py::bool_(*column.before != 0);
  if (dtype == "float32") return py::float_(*column.before);
  return py::int_(static_cast<long long>(*column.before));
}

}  // namespace

void register_columns(py::module_& module) {
  py::class_<Column>(module, "Column")
      .def_property_readonly("name", &name_of)
      .def_property_readonly("level",
                             [](const Column& column) { return kLevels[static_cast<int>(column.level)]; })
      .def_readonly("dtype", &Column::dtype)
      .def_readonly("since", &Column::since)
      .def_property_readonly("before", &before_of)
      .def_readonly("is_nullable", &Column::is_nullable)
      .def_readonly("is_from_rules", &Column::is_from_rules)
      .def_readonly("is_of_search", &Column::is_of_search)
      .def_readonly("does", &Column::does);
  module.def("record_columns", [] {
    std::vector<Column> result;
    GameColumns::for_each_column([&](const Column& column, auto) { result.push_back(column); });
    return result;
  });
}

}  // namespace selfplay
