// What the registrars share: their list, and how values of our classes come out of Python's objects.
#pragma once

#include "bindings/number.h"  // first: what follows uses its casters

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <type_traits>

#include "bindings/exclusive.h"
#include "bindings/interpreter.h"
#include "core/game.h"

namespace selfplay {

namespace py = pybind11;

// Whether T is a class of ours that Python holds, and so comes by the caster below.
template <typename T>
inline constexpr bool is_bound =
    std::is_base_of_v<State, T> || std::is_base_of_v<Game, T> || std::is_base_of_v<Exclusive, T>;

// TypeError where `source` is an object of ours that has no value: __new__ has made it and no __init__, or
// its own __init__ uses it before that of the class it derives from has run.
inline void require_value(py::handle source, const py::detail::type_info* type) {
  if (!source || !type || !PyObject_TypeCheck(source.ptr(), type->type)) return;
  py::detail::values_and_holders parts(reinterpret_cast<py::detail::instance*>(source.ptr()));
  for (const auto& part : parts) {
    if (part.value_ptr() || parts.is_redundant_value_and_holder(part)) continue;
    throw py::type_error(std::string("this ") + Py_TYPE(source.ptr())->tp_name +
                         " has no value: call its __init__ first, and super().__init__ first in there");
  }
}

// Runs the handlers of signals that have come, Ctrl-C's among them, and throws what they raise.
inline void check_signals() {
  const Locked lock;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

void register_setting(py::module_& module);
void register_game(py::module_& module);
void register_chess(py::module_& module);
void register_go(py::module_& module);
void register_custom(py::module_& module);
void register_solver(py::module_& module);
void register_seam(py::module_& module);
void register_search(py::module_& module);
void register_columns(py::module_& module);
void register_selfplay(py::module_& module);

}  // namespace selfplay

// An argument of a bound class has a value, and while a call has it nothing else may use what is exclusive.
template <typename T>
class pybind11::detail::type_caster<T, std::enable_if_t<selfplay::is_bound<T>>> : public type_caster_base<T> {
 public:
  bool load(handle source, bool convert) {
    selfplay::require_value(source, this->typeinfo);
    if (!type_caster_base<T>::load(source, convert)) return false;
    if constexpr (std::is_base_of_v<selfplay::Exclusive, T>) {
      if (this->value) use_.emplace(*static_cast<T*>(this->value));
    }
    return true;
  }

 private:
  struct Nothing {};
  std::conditional_t<std::is_base_of_v<selfplay::Exclusive, T>, std::optional<selfplay::Exclusive::Use>,
                     Nothing>
      use_;
};
