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

// What Python asks of a sample beside what it always has.
struct Asked {
  SampleTargets targets;
  bool reply = false;
  bool moves_left = false;
};

constexpr float kHottest = 100;       // policy_temperature at most
constexpr float kColdest = 0.01f;     // and at least
constexpr float kFarthest = 100'000;  // horizon at most, in plies

void check(const Asked& asked) {
  require_range("value_mix", asked.targets.value_mix, 0, 1);
  require_range("policy_temperature", asked.targets.policy_temperature, kColdest, kHottest);
  for (const float horizon : asked.targets.horizons) require_range("horizons", horizon, 1, kFarthest);
}

py::dict sample(const ReplayWindow& window, const Game& game, int count, std::uint64_t seed,
                const Asked& asked) {
  const PlanesShape shape = game.planes_shape();
  const SampleTargets& targets = asked.targets;
  const auto horizons = static_cast<py::ssize_t>(targets.horizons.size());
  require_range("count", count, 0, kMostSamples);
  check(asked);
  const double action_bytes = asked.reply ? 9.0 : 5.0;
  check_memory("the size of this sample",
               static_cast<double>(count) *
                   (4.0 * shape.size() + action_bytes * game.num_actions() + 12.0 * double(horizons)) /
                   1048576);
  py::dict result;
  const auto array = [&]<typename T>(const char* name, std::vector<py::ssize_t> sizes, T*) {
    py::array_t<T> values(std::move(sizes));
    result[name] = values;
    return values.mutable_data();
  };
  const py::ssize_t rows = count, actions = game.num_actions();
  float* const real = nullptr;
  SampleBuffers out{};
  out.planes = array("planes", {rows, shape.planes, shape.height, shape.width}, real);
  out.policy = array("policy", {rows, actions}, real);
  out.wdl = array("wdl", {rows, 3}, real);
  out.legal = array("legal", {rows, actions}, static_cast<bool*>(nullptr));
  out.weight = array("weight", {rows}, real);
  out.game_id = array("game_id", {rows}, static_cast<std::int64_t*>(nullptr));
  out.ply = array("ply", {rows}, static_cast<std::int32_t*>(nullptr));
  if (game.has_score()) {
    out.owner = array("owner", {rows, shape.cells()}, real);
    out.score = array("score", {rows}, real);
  }
  if (asked.reply) out.reply = array("reply", {rows, actions}, real);
  if (horizons) out.short_term = array("short_term", {rows, horizons, 3}, real);
  if (asked.moves_left) out.moves_left = array("moves_left", {rows}, real);
  {
    const Unlocked unlocked;
    window.sample(count, seed, targets, out);
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
  PyReplayWindow(const Game& rules, SurpriseWeights surprise)
      : Exclusive("this window is"), game(rules), window(rules, surprise) {}
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
  window
      .def(py::init([](const Game& game, double policy_surprise, double value_surprise) {
             require_range("policy_surprise", policy_surprise, 0, 1);
             require_range("value_surprise", value_surprise, 0, 1);
             require_range("policy_surprise and value_surprise together", policy_surprise + value_surprise, 0,
                           1);
             return std::make_unique<PyReplayWindow>(game, SurpriseWeights{policy_surprise, value_surprise});
           }),
           py::arg("game"), py::kw_only(), py::arg("policy_surprise") = 0.0, py::arg("value_surprise") = 0.0,
           py::keep_alive<1, 2>())
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
          [](const PyReplayWindow& self, int count, std::uint64_t seed, float value_mix, bool proven_values,
             float policy_temperature, std::vector<float> horizons, bool reply, bool moves_left) {
            const Asked asked{
                {value_mix, proven_values, policy_temperature, std::move(horizons)}, reply, moves_left};
            return sample(self.window, self.game, count, seed, asked);
          },
          py::arg("count"), py::arg("seed"), py::arg("value_mix") = 0.0f, py::kw_only(),
          py::arg("proven_values") = false, py::arg("policy_temperature") = 1.0f,
          py::arg_v("horizons", std::vector<float>{}, "()"), py::arg("reply") = false,
          py::arg("moves_left") = false);
}

}  // namespace selfplay
