#include "bindings/pickling.h"

namespace selfplay {

namespace {

py::object new_game(const py::type& type, const py::args& arguments, const py::kwargs& keywords) {
  py::object game = py::type::of<Game>().attr("__base__").attr("__new__")(type);
  game.attr("_arguments") = py::make_tuple(arguments, keywords);
  return game;
}

// What makes a game of this class in any process: the class, as pickle finds it under its name, or what a
// module without a name for others says with `__build__`. InputError where there is neither.
py::object builder_of(const py::type& type) {
  const auto module_name = type.attr("__module__").cast<std::string>();
  const auto name = type.attr("__qualname__").cast<std::string>();
  const py::object missing = py::none();
  const py::object module = py::module_::import("sys").attr("modules").attr("get")(module_name, missing);
  const bool is_interactive = module_name == "__main__" && !py::hasattr(module, "__file__");
  const py::object found = is_interactive ? missing : py::getattr(module, name.c_str(), missing);
  const py::object partial = py::module_::import("functools").attr("partial");
  if (found.is(type)) {
    if (py::hasattr(module, "__build__")) return partial(module.attr("__build__"), name);
    return type;
  }
  throw InputError("game class " + name + " of " + module_name +
                   " cannot be pickled: no other process could import it; define it at the top of a module");
}

// As pickle wants it: what to call, and its arguments.
py::tuple reduce_game(const py::object& game) {
  const py::type type = py::type::of(game);
  const py::object builder = builder_of(type);
  // Connect4 is one for all positions, which nobody in Python has made.
  if (!py::hasattr(game, "_arguments")) return py::make_tuple(builder, py::tuple());
  const auto [arguments, keywords] = game.attr("_arguments").cast<std::pair<py::tuple, py::dict>>();
  if (keywords.empty()) return py::make_tuple(builder, arguments);
  return py::make_tuple(py::module_::import("functools").attr("partial")(builder, **keywords), arguments);
}

py::tuple reduce_state(const State& state) {
  const Position position = state.position();
  return py::make_tuple(python_game(state.game()).attr("replay"),
                        py::make_tuple(position.start, position.moves));
}

}  // namespace

py::object python_game(const Game& game) { return py::cast(&game, py::return_value_policy::reference); }

void define_pickling(py::class_<State>& state) {
  const auto clone = [](const py::object& self) { return self.attr("clone")(); };
  state.def("__reduce__", &reduce_state)
      .def("__copy__", clone)
      .def("__deepcopy__", [clone](const py::object& self, const py::dict&) { return clone(self); });
}

void define_pickling(py::class_<Game>& game) {
  const py::cpp_function make(&new_game, py::name("__new__"));
  game.attr("__new__") = py::reinterpret_steal<py::object>(PyStaticMethod_New(make.ptr()));
  game.def("__reduce__", &reduce_game)
      .def("__copy__", [](const py::object& self) { return self; })
      .def("__deepcopy__", [](const py::object& self, const py::dict&) { return self; });
}

}  // namespace selfplay
