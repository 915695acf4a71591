// Games of users: rules in Python, or as C functions that Numba has compiled.
#include <cstdio>
#include <fstream>

#include "bindings/game/python_game.h"
#include "games/custom/function_game.h"

namespace selfplay {

namespace {

using custom::Description;
using custom::FunctionGame;
using Cells = std::vector<std::int32_t>;
using Symmetries = std::vector<std::pair<Cells, std::vector<Action>>>;

Description description(std::string name, int num_actions, const std::array<int, 3>& planes_shape,
                        int max_plies, std::vector<std::string> action_names, const Symmetries& symmetries,
                        bool has_score) {
  Description result;
  result.name = std::move(name);
  result.num_actions = num_actions;
  result.planes_shape = {planes_shape[0], planes_shape[1], planes_shape[2]};
  result.max_plies = max_plies;
  result.action_names = std::move(action_names);
  for (const auto& [cells, actions] : symmetries) result.symmetries.push_back({cells, actions});
  result.has_score = has_score;
  return result;
}

// Whether the system may execute what is there; true where it does not tell.
bool is_code(std::uintptr_t address) {
  std::ifstream maps("/proc/self/maps");
  if (!maps) return true;
  for (std::string line; std::getline(maps, line);) {
    unsigned long long start = 0, end = 0;
    char rights[5] = {};
    if (std::sscanf(line.c_str(), "%llx-%llx %4s", &start, &end, rights) != 3) continue;
    if (start <= address && address < end) return rights[2] == 'x';
  }
  return false;
}

template <typename Pointer>
void take(const py::dict& addresses, const char* name, Pointer& pointer) {
  if (!addresses.contains(name)) return;
  const py::object given = addresses[name];
  if (!py::isinstance<py::int_>(given)) {
    throw py::type_error("address of " + std::string(name) + " is a " + Py_TYPE(given.ptr())->tp_name);
  }
  const std::uintptr_t address = PyLong_AsSize_t(given.ptr());
  if (PyErr_Occurred()) throw py::error_already_set();
  if (!is_code(address)) {
    throw InputError("address " + py::str(given).cast<std::string>() + " of " + name +
                     " is that of no function");
  }
  pointer = reinterpret_cast<Pointer>(address);
}

custom::Functions functions(const py::dict& addresses) {
  custom::Functions result{};
  take(addresses, "start", result.start);
  take(addresses, "legal_actions", result.legal_actions);
  take(addresses, "play", result.play);
  take(addresses, "player", result.player);
  take(addresses, "outcome", result.outcome);
  take(addresses, "encode", result.encode);
  take(addresses, "winning_action", result.winning_action);
  take(addresses, "turn", result.turn);
  take(addresses, "score", result.score);
  if (!result.start || !result.legal_actions || !result.play || !result.player || !result.outcome ||
      !result.encode) {
    throw InputError("a game of functions needs start, legal_actions, play, player, outcome and encode");
  }
  return result;
}

// `text` is a weak reference to a method that draws a state's bytes.
custom::Drawing drawing(const py::object& text, int state_bytes) {
  return [text, state_bytes](const std::uint8_t* state) {
    const Locked lock;
    return text()(py::array_t<std::uint8_t>(state_bytes, state)).cast<std::string>();
  };
}

}  // namespace

void register_custom(py::module_& module) {
  py::class_<custom::CustomGame, Game>(module, "CustomGame")
      .def("position_text", &custom::CustomGame::position_text, py::arg("state"));

  py::class_<PythonGame, custom::CustomGame>(module, "PythonGame")
      .def(py::init([](std::string name, int num_actions, const std::array<int, 3>& planes_shape,
                       int max_plies, std::vector<std::string> action_names, const Symmetries& symmetries,
                       Switch has_score, py::object start) {
             return std::make_unique<PythonGame>(
                 description(std::move(name), num_actions, planes_shape, max_plies, std::move(action_names),
                             symmetries, has_score),
                 std::move(start));
           }),
           py::arg("name"), py::arg("num_actions"), py::arg("planes_shape"), py::arg("max_plies"),
           py::arg("action_names"), py::arg("symmetries"), py::arg("has_score"), py::arg("start"));

  py::class_<FunctionGame, custom::CustomGame>(module, "FunctionGame")
      .def(py::init([](std::string name, int num_actions, const std::array<int, 3>& planes_shape,
                       int max_plies, std::vector<std::string> action_names, const Symmetries& symmetries,
                       Switch has_score, int state_bytes, const py::dict& addresses, const py::object& text) {
             return std::make_unique<FunctionGame>(
                 description(std::move(name), num_actions, planes_shape, max_plies, std::move(action_names),
                             symmetries, has_score),
                 state_bytes, functions(addresses), drawing(text, state_bytes));
           }),
           py::arg("name"), py::arg("num_actions"), py::arg("planes_shape"), py::arg("max_plies"),
           py::arg("action_names"), py::arg("symmetries"), py::arg("has_score"), py::arg("state_bytes"),
           py::arg("addresses"), py::arg("text"));
}

}  // namespace selfplay
