// The Othello in C++ as a Python module, for tests and measurements beside games/othello.py.
#include <pybind11/pybind11.h>

#include "tests/othello/othello.h"

PYBIND11_MODULE(othello_twin, module) {
  pybind11::module_::import("engine._core");
  pybind11::class_<selfplay::othello::Othello, selfplay::Game>(module, "Othello").def(pybind11::init<>());
}
