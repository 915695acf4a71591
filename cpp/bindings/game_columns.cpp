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

// Columns of what the search of a ply did, by name.
constexpr std::pair<const char*, std::int32_t PlySearch::*> kSearchColumns[] = {
    {"budget", &PlySearch::budget},
    {"evaluations", &PlySearch::evaluations},
    {"cache_hits", &PlySearch::cache_hits},
    {"terminal_hits", &PlySearch::terminal_hits},
    {"proven_hits", &PlySearch::proven_hits},
    {"transpositions", &PlySearch::transpositions},
    {"reused_visits", &PlySearch::reused_visits},
    {"max_depth", &PlySearch::max_depth},
    {"proof", &PlySearch::proof},
};

template <typename T>
py::array_t<T> search_array(const std::vector<PlySearch>& rows, T PlySearch::* field) {
  py::array_t<T> result(static_cast<py::ssize_t>(rows.size()));
  T* out = result.mutable_data();
  for (const PlySearch& row : rows) *out++ = row.*field;
  return result;
}

}  // namespace

py::dict to_dict(const GameColumns& games) {
  py::dict result;
  result["game_id"] = to_array(games.game_id);
  result["seed"] = to_array(games.seed);
  result["start"] = games.start;
  result["outcome"] = to_array(games.outcome);
  result["truncated"] = bool_array(games.truncated);
  result["resigned"] = bool_array(games.resigned);
  result["holdout"] = bool_array(games.holdout);
  result["opening_plies"] = to_array(games.opening_plies);
  result["move_offsets"] = to_array(games.move_offsets);
  result["moves"] = to_array(games.moves);
  result["player"] = to_array(games.player);
  result["visits"] = to_array(games.visits);
  result["full_search"] = bool_array(games.full_search);
  result["weight"] = to_array(games.weight);
  result["checkpoint"] = to_array(games.checkpoint);
  result["kl"] = to_array(games.kl);
  result["root_wdl"] = wdl_array(games.root_wdl);
  result["raw_wdl"] = wdl_array(games.raw_wdl);
  for (const auto& [name, field] : kSearchColumns) result[name] = search_array(games.search, field);
  result["mean_depth"] = search_array(games.search, &PlySearch::mean_depth);
  result["policy_offsets"] = to_array(games.policy_offsets);
  result["policy_action"] = to_array(games.policy_action);
  result["policy_prob"] = to_array(games.policy_prob);
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
// come as such, and as large as fits.
template <typename T>
std::vector<T> column(const py::dict& games, const char* name, int axes = 1) {
  const py::object given = entry(games, name);
  if (!py::isinstance<py::array>(given)) {
    throw py::type_error(std::string("column '") + name + "' is a " + Py_TYPE(given.ptr())->tp_name +
                         "; give an array");
  }
  const auto array = py::reinterpret_borrow<py::array>(given);
  const char kind = array.dtype().kind();
  const bool is_whole = kind == 'i' || kind == 'u' || kind == 'b';
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

template <typename T>
void read_search(const py::dict& games, const char* name, std::vector<PlySearch>& rows,
                 T PlySearch::* field) {
  const std::vector<T> values = column<T>(games, name);
  require(values.size() == rows.size(), "one value a ply");
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*field = values[i];
}

template <typename T>
void require_offsets(const std::vector<T>& offsets, std::size_t count, std::size_t total, const char* what) {
  require(offsets.size() == count + 1 && offsets.front() == 0 && std::size_t(offsets.back()) == total, what);
  require(std::is_sorted(offsets.begin(), offsets.end()), what);
}

GameColumns read_columns(const py::dict& dict) {
  GameColumns games;
  games.game_id = column<std::int64_t>(dict, "game_id");
  games.seed = column<std::uint64_t>(dict, "seed");
  games.start = texts(dict, "start");
  games.outcome = column<float>(dict, "outcome");
  games.truncated = flags(dict, "truncated");
  games.resigned = flags(dict, "resigned");
  games.holdout = flags(dict, "holdout");
  games.opening_plies = column<std::int32_t>(dict, "opening_plies");
  games.move_offsets = column<std::int64_t>(dict, "move_offsets");
  games.moves = column<std::int32_t>(dict, "moves");
  games.visits = column<std::int32_t>(dict, "visits");
  games.full_search = flags(dict, "full_search");
  games.weight = column<float>(dict, "weight");
  games.checkpoint = column<std::int32_t>(dict, "checkpoint");
  games.kl = column<float>(dict, "kl");
  games.root_wdl = wdl_column(dict, "root_wdl");
  games.raw_wdl = wdl_column(dict, "raw_wdl");
  games.policy_offsets = column<std::int64_t>(dict, "policy_offsets");
  games.policy_action = column<std::int32_t>(dict, "policy_action");
  games.policy_prob = column<float>(dict, "policy_prob");
  return games;
}

void require_lengths(const GameColumns& games) {
  const std::size_t count = games.games(), plies = games.moves.size();
  require(games.seed.size() == count && games.start.size() == count && games.outcome.size() == count &&
              games.truncated.size() == count && games.resigned.size() == count &&
              games.holdout.size() == count && games.opening_plies.size() == count,
          "one value a game");
  require(games.visits.size() == plies && games.full_search.size() == plies && games.weight.size() == plies &&
              games.checkpoint.size() == plies && games.kl.size() == plies &&
              games.root_wdl.size() == plies && games.raw_wdl.size() == plies,
          "one value a ply");
  require_offsets(games.move_offsets, count, plies, "move_offsets");
  require_offsets(games.policy_offsets, plies, games.policy_action.size(), "policy_offsets");
  require(games.policy_prob.size() == games.policy_action.size(), "one probability a policy action");
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
  for (const Action action : games.policy_action)
    require(action >= 0 && action < num_actions, "policy_action");
  for (const float probability : games.policy_prob) {
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
      const Action move = games.moves[static_cast<std::size_t>(m)];
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
  GameColumns games = read_columns(dict);
  require_lengths(games);
  require_numbers(games, game.num_actions(), kind);
  games.search.resize(games.moves.size());
  for (const auto& [name, field] : kSearchColumns) read_search(dict, name, games.search, field);
  read_search(dict, "mean_depth", games.search, &PlySearch::mean_depth);
  replay(game, games, kind, sampled);
  return games;
}

}  // namespace selfplay
