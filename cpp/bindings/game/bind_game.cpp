#include <algorithm>

#include "bindings/pickling.h"
#include "games/connect4/connect4.h"
#include "search/phases.h"

namespace selfplay {

namespace {

std::vector<Action> legal_actions(const State& state) {
  std::vector<Action> actions(static_cast<std::size_t>(state.game().num_actions()));
  actions.resize(static_cast<std::size_t>(state.legal_actions(actions.data())));
  return actions;
}

void play(State& state, Action action) {
  const std::vector<Action> legal = legal_actions(state);
  if (!std::binary_search(legal.begin(), legal.end(), action)) {
    throw InputError("action " + std::to_string(action) + " is not legal here");
  }
  state.play(action);
}

void require_action(const Game& game, Action action) {
  if (action >= 0 && action < game.num_actions()) return;
  throw InputError("action " + std::to_string(action) + " is none of " + game.name() + ", which has 0 to " +
                   std::to_string(game.num_actions() - 1));
}

std::string action_text(const State& state, Action action) {
  require_action(state.game(), action);
  return state.action_text(action);
}

// Looks at signals now and then while positions are counted.
class PatientCount {
 public:
  std::uint64_t count(const State& state, int depth) {
    if (depth <= kQuick) {
      poll();
      return state.perft(depth);
    }
    const std::vector<Action> legal = legal_actions(state);
    const std::unique_ptr<State> child = state.clone();
    std::uint64_t paths = 0;
    for (const Action action : legal) {
      child->assign(state);
      child->play(action);
      paths += count(*child, depth - 1);
    }
    return paths;
  }

 private:
  static constexpr int kQuick = 2;  // plies that take no time to speak of
  static constexpr double kPollSeconds = 0.05;

  void poll() {
    if (seconds_since(last_) < kPollSeconds) return;
    last_ = now();
    check_signals();
  }

  Instant last_ = now();
};

// Of a copy: others may play on while this counts.
std::uint64_t perft(const State& state, int depth) {
  const int most = state.game().max_plies();
  if (depth < 0 || depth > most) {
    throw InputError("depth is " + std::to_string(depth) + "; give 0 to " + std::to_string(most) +
                     ", the longest game of " + state.game().name());
  }
  const std::unique_ptr<State> copy = state.clone();
  const Unlocked unlocked;
  return PatientCount().count(*copy, depth);
}

py::array_t<float> encode(const State& state) {
  const PlanesShape shape = state.game().planes_shape();
  py::array_t<float> planes({shape.planes, shape.height, shape.width});
  state.encode(planes.mutable_data());
  return planes;
}

py::object score(const State& state) {
  if (!state.game().has_score()) return py::none();
  const PlanesShape shape = state.game().planes_shape();
  py::array_t<float> owner({shape.height, shape.width});
  const float points = state.score(owner.mutable_data());
  return py::make_tuple(points, owner);
}

// A position that keeps its game alive. py::keep_alive<0, 1> would look into a result that is not there where
// the arguments are of a wrong type.
py::object with_game(const Game& game, std::unique_ptr<State> state) {
  py::object position = py::cast(std::move(state));
  py::detail::keep_alive_impl(position, python_game(game));
  return position;
}

py::object replay(const Game& game, const std::string& start, const std::vector<Action>& moves) {
  std::unique_ptr<State> state = game.parse(start);
  for (const Action action : moves) play(*state, action);
  return with_game(game, std::move(state));
}

template <typename T>
py::array_t<T> table(const std::vector<Symmetry>& symmetries, std::vector<T> Symmetry::* field) {
  const std::size_t width = (symmetries.front().*field).size();
  py::array_t<T> result({symmetries.size(), width});
  T* out = result.mutable_data();
  for (const Symmetry& symmetry : symmetries) out = std::copy_n((symmetry.*field).begin(), width, out);
  return result;
}

void register_states(py::module_& module) {
  py::class_<State> states(module, "State");
  define_pickling(states);
  states.def("player", &State::player)
      .def("legal_actions", &legal_actions)
      .def("play", &play, py::arg("action"))
      .def("outcome", &State::outcome)
      .def("winning_action", &State::winning_action)
      .def("score", &score)
      .def("perft", &perft, py::arg("depth"))
      .def("clone", [](const State& state) { return with_game(state.game(), state.clone()); })
      .def("encode", &encode)
      .def("key", &State::key)
      .def("canonical",
           [](const State& state) {
             const Canonical canonical = state.canonical();
             return py::make_tuple(canonical.key, canonical.symmetry);
           })
      .def("ply", &State::ply)
      .def("position",
           [](const State& state) {
             Position position = state.position();
             return py::make_tuple(position.start, position.moves);
           })
      .def("text", &State::text)
      .def("action_text", &action_text, py::arg("action"))
      .def("parse_action", &State::parse_action, py::arg("text"));
}

void register_games(py::module_& module) {
  py::class_<Game> games(module, "Game", py::dynamic_attr());
  define_pickling(games);
  games.def_property_readonly("name", &Game::name)
      .def_property_readonly("num_actions", &Game::num_actions)
      .def_property_readonly("planes_shape",
                             [](const Game& game) {
                               const PlanesShape shape = game.planes_shape();
                               return py::make_tuple(shape.planes, shape.height, shape.width);
                             })
      .def_property_readonly("max_plies", &Game::max_plies)
      .def_property_readonly("has_score", &Game::has_score)
      .def_property_readonly("action_symmetries",
                             [](const Game& game) { return table(game.symmetries(), &Symmetry::actions); })
      .def_property_readonly("cell_symmetries",
                             [](const Game& game) { return table(game.symmetries(), &Symmetry::cells); })
      .def("initial", [](const Game& game) { return with_game(game, game.initial()); })
      .def(
          "parse",
          [](const Game& game, const std::string& position) { return with_game(game, game.parse(position)); },
          py::arg("position"))
      .def("replay", &replay, py::arg("start"), py::arg("moves"));
}

}  // namespace

void register_game(py::module_& module) {
  py::register_exception<InputError>(module, "InputError", PyExc_ValueError);
  register_states(module);
  register_games(module);
  py::class_<connect4::Connect4, Game>(module, "Connect4").def(py::init<>());
}

}  // namespace selfplay
