// How games and positions are copied and pickled: a game as its class and what it was made with, a position
// as its game, start and moves.
#pragma once

#include "bindings/bindings.h"

namespace selfplay {

// The Python object of a game; there is one as long as anything of the game is alive in Python.
py::object python_game(const Game& game);

void define_pickling(py::class_<State>& state);
// Keeps the arguments of every game, those of subclasses in Python too, as `_arguments`.
void define_pickling(py::class_<Game>& game);

// Settings pickle as all the fields that are defined so far.
template <typename Params>
void define_pickling(py::class_<Params>& params) {
  std::vector<std::string> fields;
  const py::object property = py::module_::import("builtins").attr("property");
  for (const auto& [name, value] : params.attr("__dict__").attr("copy")().template cast<py::dict>()) {
    if (py::isinstance(value, property)) fields.push_back(name.template cast<std::string>());
  }
  params.def("__reduce__", [fields](const py::object& self) {
    py::dict values;
    for (const std::string& field : fields) values[field.c_str()] = self.attr(field.c_str());
    const py::object partial = py::module_::import("functools").attr("partial");
    return py::make_tuple(partial(py::type::of(self), **values), py::tuple());
  });
}

// TypeError for what is tied to its process. Python's own way of pickling would end it for classes of ours.
template <typename Bound>
void refuse_pickling(py::class_<Bound>& bound) {
  bound.def("__reduce_ex__", [](const py::object& self, int) -> py::object {
    throw py::type_error(std::string("cannot pickle or copy '") + Py_TYPE(self.ptr())->tp_name + "'");
  });
  bound.def("__reduce__", [](const py::object& self) { return self.attr("__reduce_ex__")(0); });
}

}  // namespace selfplay
