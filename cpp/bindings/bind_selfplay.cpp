#include "bindings/requests.h"
#include "selfplay/pool.h"
#include "selfplay/replay_window.h"

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

py::dict to_dict(const GameColumns& games) {
  py::dict result;
  result["game_id"] = to_array(games.game_id);
  result["seed"] = to_array(games.seed);
  result["start"] = games.start;
  result["outcome"] = to_array(games.outcome);
  result["truncated"] = bool_array(games.truncated);
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
  result["policy_offsets"] = to_array(games.policy_offsets);
  result["policy_action"] = to_array(games.policy_action);
  result["policy_prob"] = to_array(games.policy_prob);
  return result;
}

template <typename T>
std::vector<T> column(const py::dict& games, const char* name) {
  using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
  const auto values = games[name].cast<Array>();
  return std::vector<T>(values.data(), values.data() + values.size());
}

std::vector<Wdl> wdl_column(const py::dict& games, const char* name) {
  const std::vector<float> values = column<float>(games, name);
  std::vector<Wdl> rows(values.size() / 3);
  if (!rows.empty()) std::memcpy(rows.data(), values.data(), rows.size() * sizeof(Wdl));
  return rows;
}

void require(bool holds, const char* what) {
  if (!holds) throw py::value_error(std::string("columns of games do not fit together: ") + what);
}

template <typename T>
void require_offsets(const std::vector<T>& offsets, std::size_t count, std::size_t total, const char* what) {
  require(offsets.size() == count + 1 && offsets.front() == 0 && std::size_t(offsets.back()) == total, what);
  require(std::is_sorted(offsets.begin(), offsets.end()), what);
}

// Columns from Python, checked for lengths, and every move for legality.
GameColumns from_dict(const Game& game, const py::dict& dict) {
  GameColumns games;
  games.game_id = column<std::int64_t>(dict, "game_id");
  games.seed = column<std::uint64_t>(dict, "seed");
  games.start = dict["start"].cast<std::vector<std::string>>();
  games.outcome = column<float>(dict, "outcome");
  games.truncated = column<std::uint8_t>(dict, "truncated");
  games.opening_plies = column<std::int32_t>(dict, "opening_plies");
  games.move_offsets = column<std::int64_t>(dict, "move_offsets");
  games.moves = column<std::int32_t>(dict, "moves");
  games.visits = column<std::int32_t>(dict, "visits");
  games.full_search = column<std::uint8_t>(dict, "full_search");
  games.weight = column<float>(dict, "weight");
  games.checkpoint = column<std::int32_t>(dict, "checkpoint");
  games.kl = column<float>(dict, "kl");
  games.root_wdl = wdl_column(dict, "root_wdl");
  games.raw_wdl = wdl_column(dict, "raw_wdl");
  games.policy_offsets = column<std::int64_t>(dict, "policy_offsets");
  games.policy_action = column<std::int32_t>(dict, "policy_action");
  games.policy_prob = column<float>(dict, "policy_prob");

  const std::size_t count = games.games(), plies = games.moves.size();
  require(games.seed.size() == count && games.start.size() == count && games.outcome.size() == count &&
              games.truncated.size() == count && games.opening_plies.size() == count,
          "one value a game");
  require(games.visits.size() == plies && games.full_search.size() == plies && games.weight.size() == plies &&
              games.checkpoint.size() == plies && games.kl.size() == plies &&
              games.root_wdl.size() == plies && games.raw_wdl.size() == plies,
          "one value a ply");
  require_offsets(games.move_offsets, count, plies, "move_offsets");
  require_offsets(games.policy_offsets, plies, games.policy_action.size(), "policy_offsets");
  require(games.policy_prob.size() == games.policy_action.size(), "one probability a policy action");
  for (const Action action : games.policy_action)
    require(action >= 0 && action < game.num_actions(), "policy_action");
  std::vector<Action> legal(static_cast<std::size_t>(game.num_actions()));
  for (std::size_t g = 0; g < count; ++g) {
    const std::unique_ptr<State> state = game.parse(games.start[g]);
    for (auto m = games.move_offsets[g]; m < games.move_offsets[g + 1]; ++m) {
      const Action move = games.moves[static_cast<std::size_t>(m)];
      const int moves = state->legal_actions(legal.data());
      require(std::binary_search(legal.begin(), legal.begin() + moves, move), "a move is illegal");
      games.player.push_back(static_cast<std::int8_t>(state->player()));
      state->play(move);
    }
  }
  return games;
}

// A pool as Python holds it: the games and the view of their batch.
struct PyPool {
  PyPool(const Game& rules, const SearchParams& search, const PlayParams& play, std::uint64_t seed, int slots,
         std::int64_t first_id, std::int64_t stride, double cache_mb, std::int32_t checkpoint)
      : game(rules),
        pool(rules, search, play, seed, slots, first_id, stride, cache_mb, checkpoint),
        batches(pool.forest()) {}

  Batch& select(std::size_t most) {
    RequestList* list;
    {
      py::gil_scoped_release release;
      list = &pool.select(most);
    }
    return batches.of(*list);
  }

  py::dict stats() {
    py::dict result = stats_dict(pool.forest().context().stats);
    result["positions"] = pool.positions();
    result["games"] = pool.finished_games();
    const Phases& phases = pool.forest().context().phases;
    result["rules_s"] = phases.rules_s;
    result["record_s"] = phases.record_s;
    result["encode_s"] = phases.encode_s;
    return result;
  }

  const Game& game;
  Pool pool;
  Batches batches;
};

py::dict sample(const ReplayWindow& window, const Game& game, int count, std::uint64_t seed,
                float value_mix) {
  const PlanesShape shape = game.planes_shape();
  py::array_t<float> planes({count, shape.planes, shape.height, shape.width});
  py::array_t<float> policy({count, game.num_actions()});
  py::array_t<float> wdl({count, 3});
  py::array_t<bool> legal({count, game.num_actions()});
  py::array_t<float> weight(count);
  py::array_t<std::int64_t> game_id(count);
  py::array_t<std::int32_t> ply(count);
  const py::ssize_t scored = game.has_score() ? count : 0;
  py::array_t<float> owner({scored, py::ssize_t{shape.cells()}});
  py::array_t<float> score(scored);
  const SampleBuffers out{planes.mutable_data(),
                          policy.mutable_data(),
                          wdl.mutable_data(),
                          legal.mutable_data(),
                          weight.mutable_data(),
                          game_id.mutable_data(),
                          ply.mutable_data(),
                          scored ? owner.mutable_data() : nullptr,
                          scored ? score.mutable_data() : nullptr};
  {
    py::gil_scoped_release release;
    window.sample(count, seed, value_mix, out);
  }
  py::dict result;
  result["planes"] = planes;
  result["policy"] = policy;
  result["wdl"] = wdl;
  result["legal"] = legal;
  result["weight"] = weight;
  result["game_id"] = game_id;
  result["ply"] = ply;
  if (scored) {
    result["owner"] = owner;
    result["score"] = score;
  }
  return result;
}

struct PyReplayWindow {
  explicit PyReplayWindow(const Game& rules) : game(rules), window(rules) {}
  const Game& game;
  ReplayWindow window;
};

void register_pool(py::module_& module) {
  py::class_<PlayParams>(module, "PlayParams")
      .def(py::init(&from_keywords<PlayParams>))
      .def_readwrite("simulations", &PlayParams::simulations)
      .def_readwrite("fast_simulations", &PlayParams::fast_simulations)
      .def_readwrite("full_search_fraction", &PlayParams::full_search_fraction)
      .def_readwrite("max_opening_plies", &PlayParams::max_opening_plies)
      .def_readwrite("wide_opening_fraction", &PlayParams::wide_opening_fraction)
      .def_readwrite("wide_opening_plies", &PlayParams::wide_opening_plies)
      .def_readwrite("temperature", &PlayParams::temperature)
      .def_readwrite("final_temperature", &PlayParams::final_temperature)
      .def_readwrite("temperature_half_life", &PlayParams::temperature_half_life);

  py::class_<PyPool>(module, "Pool")
      .def(py::init<const Game&, const SearchParams&, const PlayParams&, std::uint64_t, int, std::int64_t,
                    std::int64_t, double, std::int32_t>(),
           py::arg("game"), py::arg("search"), py::arg("play"), py::kw_only(), py::arg("seed"),
           py::arg("slots"), py::arg("first_id") = 0, py::arg("stride") = 1, py::arg("cache_mb") = 64.0,
           py::arg("checkpoint") = 0, py::keep_alive<1, 2>())
      .def(
          "start", [](PyPool& self, std::int64_t positions) { self.pool.start(positions); },
          py::arg("positions"))
      .def("select", &PyPool::select, py::arg("most") = kNoLimit, py::return_value_policy::reference_internal)
      .def(
          "backup", [](PyPool&, Batch& batch, const DenseReply& reply) { backup_dense(batch, reply); },
          py::arg("requests"), py::arg("reply"))
      .def("take_games", [](PyPool& self) { return to_dict(self.pool.take_games()); })
      .def("snapshot", [](const PyPool& self) { return to_dict(self.pool.snapshot()); })
      .def(
          "restore",
          [](PyPool& self, const py::dict& games, std::int64_t next_id) {
            self.pool.restore(from_dict(self.game, games), next_id);
          },
          py::arg("games"), py::arg("next_id"))
      .def_property_readonly("next_id", [](const PyPool& self) { return self.pool.next_id(); })
      .def(
          "new_weights", [](PyPool& self, std::int32_t checkpoint) { self.pool.new_weights(checkpoint); },
          py::arg("checkpoint"))
      .def("stats", &PyPool::stats);
}

}  // namespace

void register_selfplay(py::module_& module) {
  register_pool(module);
  py::class_<PyReplayWindow>(module, "ReplayWindow")
      .def(py::init<const Game&>(), py::arg("game"), py::keep_alive<1, 2>())
      .def(
          "append",
          [](PyReplayWindow& self, const py::dict& games) {
            self.window.append(from_dict(self.game, games));
          },
          py::arg("games"))
      .def(
          "trim", [](PyReplayWindow& self, std::int64_t positions) { self.window.trim(positions); },
          py::arg("positions"))
      .def_property_readonly("positions", [](const PyReplayWindow& self) { return self.window.positions(); })
      .def_property_readonly("games", [](const PyReplayWindow& self) { return self.window.games(); })
      .def(
          "sample",
          [](const PyReplayWindow& self, int count, std::uint64_t seed, float value_mix) {
            return sample(self.window, self.game, count, seed, value_mix);
          },
          py::arg("count"), py::arg("seed"), py::arg("value_mix") = 0.0f);
}

}  // namespace selfplay
