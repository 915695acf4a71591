#include "bindings/bindings.h"

namespace {

// Classes that nobody in Python changes, and whose objects stay of theirs: `__class__` is not assigned.
void seal_classes(const pybind11::module_& module) {
  for (const auto& [name, value] : module.attr("__dict__").cast<pybind11::dict>()) {
    if (!PyType_Check(value.ptr())) continue;
    auto* type = reinterpret_cast<PyTypeObject*>(value.ptr());
    type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
    PyType_Modified(type);
  }
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "Rules, search, self-play and record decoding.";
  selfplay::register_setting(module);
  selfplay::register_game(module);
  selfplay::register_chess(module);
  selfplay::register_go(module);
  selfplay::register_custom(module);
  selfplay::register_solver(module);
  selfplay::register_seam(module);
  selfplay::register_search(module);
  selfplay::register_columns(module);
  selfplay::register_selfplay(module);
  selfplay::hold_threads_at_exit();
  seal_classes(module);
}
