#include "bindings/game/python_game.h"

#include <algorithm>

namespace selfplay {

namespace {

[[noreturn]] void refuse_result(const Game& game, const char* method, const py::handle& result,
                                const std::string& expected) {
  throw InputError("game '" + game.name() + "': " + method + "() gives " +
                   py::repr(result).cast<std::string>().substr(0, 100) + "; expected " + expected);
}

template <typename T>
T converted(const Game& game, const char* method, const py::object& result) {
  try {
    return result.cast<T>();
  } catch (const py::cast_error&) {
    refuse_result(game, method, result, "another type (see games/README.md)");
  }
}

}  // namespace

std::unique_ptr<State> PythonGame::initial() const {
  const Locked lock;
  py::object position = start_()();
  if (!py::hasattr(position, "legal_actions"))
    refuse_result(*this, "start", position, "an engine.game.PythonState");
  return std::make_unique<PythonState>(*this, std::move(position));
}

PythonState::PythonState(const PythonState& other) : CustomState(other) {
  const Locked lock;
  position_ = other.position_.attr("clone")();
}

PythonState::~PythonState() {
  const Locked lock;
  position_ = py::object();
}

template <typename T>
T PythonState::call(const char* method) const {
  const Locked lock;
  return converted<T>(game(), method, position_.attr(method)());
}

// Rules may tell the player by a comparison: False the first, True the other.
int PythonState::player() const {
  const Locked lock;
  const py::object result = position_.attr("player")();
  if (is_switch(result)) return converted<Switch>(game(), "player", result);
  return player_from(converted<int>(game(), "player", result));
}

int PythonState::legal_actions(Action* out) const {
  const Locked lock;
  const py::object result = position_.attr("legal_actions")();
  const auto actions = converted<std::vector<Action>>(game(), "legal_actions", result);
  const bool ascend =
      std::adjacent_find(actions.begin(), actions.end(), std::greater_equal<>()) == actions.end();
  if (!ascend || (!actions.empty() && (actions.front() < 0 || actions.back() >= game().num_actions()))) {
    refuse_result(game(), "legal_actions", result,
                  "ascending actions from 0 to " + std::to_string(game().num_actions() - 1));
  }
  std::copy(actions.begin(), actions.end(), out);
  return static_cast<int>(actions.size());
}

void PythonState::play(Action action) {
  const Locked lock;
  position_.attr("play")(action);
  record(action);
}

void PythonState::assign(const State& other) {
  const auto& from = static_cast<const PythonState&>(other);
  CustomState::operator=(from);
  const Locked lock;
  position_ = from.position_.attr("clone")();
}

float PythonState::score(float* owner) const {
  const Locked lock;
  const py::object result = position_.attr("score")();
  using Cells = py::array_t<float, py::array::c_style | py::array::forcecast>;
  const auto [points, cells] = converted<std::pair<float, Cells>>(game(), "score", result);
  const PlanesShape shape = game().planes_shape();
  if (cells.ndim() != 2 || cells.shape(0) != shape.height || cells.shape(1) != shape.width) {
    refuse_result(game(), "score", result,
                  "points and an array of shape " +
                      py::repr(py::make_tuple(shape.height, shape.width)).cast<std::string>());
  }
  std::copy_n(cells.data(), shape.cells(), owner);
  return points;
}

void PythonState::encode(float* planes) const {
  const Locked lock;
  const py::object result = position_.attr("encode")();
  using Planes = py::array_t<float, py::array::c_style | py::array::forcecast>;
  const auto array = converted<Planes>(game(), "encode", result);
  const PlanesShape shape = game().planes_shape();
  const std::string expected =
      "an array of shape " +
      py::repr(py::make_tuple(shape.planes, shape.height, shape.width)).cast<std::string>();
  if (array.ndim() != 3 || array.shape(0) != shape.planes || array.shape(1) != shape.height ||
      array.shape(2) != shape.width) {
    refuse_result(game(), "encode", result.attr("shape"), expected);
  }
  std::copy_n(array.data(), shape.size(), planes);
}

std::uint64_t PythonState::key() const {
  const auto key = call<std::optional<std::uint64_t>>("key");
  return key ? *key : visible_key();
}

Canonical PythonState::canonical() const {
  const auto canonical = call<std::optional<std::pair<std::uint64_t, int>>>("canonical");
  if (!canonical) return lowest_visible_key();
  const auto symmetries = static_cast<int>(game().symmetries().size());
  if (canonical->second < 0 || canonical->second >= symmetries) {
    refuse("canonical", "symmetry " + std::to_string(canonical->second),
           "a key and 0 to " + std::to_string(symmetries - 1));
  }
  return {canonical->first, canonical->second};
}

}  // namespace selfplay
