#include <unordered_set>
#include <utility>

#include "bindings/game_columns.h"
#include "bindings/pickling.h"
#include "bindings/search/requests.h"
#include "bindings/setting.h"
#include "core/memory.h"
#include "core/range.h"
#include "selfplay/pool.h"
#include "selfplay/replay_window.h"

namespace selfplay {

template <>
inline constexpr bool is_bound<PlayParams> = true;

namespace {

constexpr int kMostSamples = 1 << 24;  // of one draw

// A pool as Python holds it: the games and the view of their batch.
struct PyPool : Exclusive {
  PyPool(const Game& rules, const SearchParams& search, const PlayParams& play, std::uint64_t seed, int games,
         std::int64_t first_id, std::int64_t stride, double cache_mb, std::int32_t checkpoint)
      : Exclusive("this pool is"),
        game(rules),
        pool(rules, search, play, seed, games, first_id, stride, cache_mb, checkpoint),
        requests(*this, pool.trees()) {
    pool.trees().on_poll(check_signals);
  }

  py::object select(std::size_t most) {
    Requests* list;
    {
      const Unlocked unlocked;
      list = &pool.select(most);
    }
    return requests.give(*list, py::cast(this));
  }

  py::dict stats() {
    py::dict result = stats_dict(pool.trees().context().stats);
    result["positions"] = pool.positions();
    result["games"] = pool.games();
    const Phases& phases = pool.trees().context().phases;
    result["rules_s"] = phases.rules_s;
    result["record_s"] = phases.record_s;
    result["encode_s"] = phases.encode_s;
    return result;
  }

  const Game& game;
  Pool pool;
  RequestsFactory requests;
};

py::dict sample(const ReplayWindow& window, const Game& game, int count, std::uint64_t seed,
                float value_mix) {
  const PlanesShape shape = game.planes_shape();
  require_range("count", count, 0, kMostSamples);
  require_range("value_mix", value_mix, 0, 1);
  check_memory("the size of this sample",
               static_cast<double>(count) * (4.0 * shape.size() + 5.0 * game.num_actions()) / 1048576);
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
    const Unlocked unlocked;
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

// From another thread than the one that plays: the one call that a pool takes while another is under way.
void finish(const py::object& pool) {
  py::detail::type_caster_base<PyPool> held;
  require_value(pool, held.typeinfo);
  if (!held.load(pool, false)) throw py::type_error("finish() is a method of a Pool");
  static_cast<PyPool&>(held).pool.finish();
}

struct PyReplayWindow : Exclusive {
  explicit PyReplayWindow(const Game& rules) : Exclusive("this window is"), game(rules), window(rules) {}
  const Game& game;
  ReplayWindow window;
};

void register_pool(py::module_& module) {
  py::class_<PlayParams> params(module, "PlayParams");
  bind_settings(params);
  module.def("play_settings", &settings_of<PlayParams>);

  py::class_<PyPool> pool(module, "Pool");
  refuse_pickling(pool);
  pool.def(py::init<const Game&, const SearchParams&, const PlayParams&, std::uint64_t, int, std::int64_t,
                    std::int64_t, double, std::int32_t>(),
           py::arg("game"), py::arg("search"), py::arg("play"), py::kw_only(), py::arg("seed"),
           py::arg("games"), py::arg("first_id") = 0, py::arg("stride") = 1, py::arg("cache_mb") = 64.0,
           py::arg("checkpoint") = 0, py::keep_alive<1, 2>())
      .def(
          "start", [](PyPool& self, std::int64_t positions) { self.pool.start(positions); },
          py::arg("positions"))
      .def("select", &PyPool::select, py::arg("most") = kNoLimit)
      .def("finish", &finish)
      .def(
          "backup",
          [](PyPool& self, PyRequests& requests, const DenseReply& reply) {
            backup_dense(self, requests, reply);
          },
          py::arg("requests"), py::arg("reply"))
      .def("take_games", [](PyPool& self) { return to_dict(self.game, self.pool.take_games()); })
      .def("snapshot", [](const PyPool& self) { return to_dict(self.game, self.pool.snapshot()); })
      .def(
          "restore",
          [](PyPool& self, const py::dict& games, std::int64_t next_id) {
            self.pool.restore(games_from(self.game, games, Games::kUnderWay), next_id);
          },
          py::arg("games"), py::arg("next_id"))
      .def_property_readonly("next_id", [](const PyPool& self) { return self.pool.next_id(); })
      .def(
          "new_weights",
          [](PyPool& self, std::int32_t checkpoint, float resign_below) {
            self.pool.new_weights(checkpoint, resign_below);
          },
          py::arg("checkpoint"), py::arg("resign_below") = kNeverResign)
      .def("stats", &PyPool::stats);
}

}  // namespace

void register_selfplay(py::module_& module) {
  register_pool(module);
  py::class_<PyReplayWindow> window(module, "ReplayWindow");
  refuse_pickling(window);
  window.def(py::init<const Game&>(), py::arg("game"), py::keep_alive<1, 2>())
      .def(
          "append",
          [](PyReplayWindow& self, const py::dict& games) {
            std::unordered_set<std::uint64_t> sampled;
            self.window.append(games_from(self.game, games, Games::kWhole, &sampled));
            return sampled.size();
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
