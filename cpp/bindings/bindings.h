// What the registrars share.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "core/game.h"

namespace selfplay {

namespace py = pybind11;

void register_game(py::module_& module);
void register_chess(py::module_& module);
void register_go(py::module_& module);
void register_custom(py::module_& module);
void register_solver(py::module_& module);
void register_seam(py::module_& module);
void register_search(py::module_& module);
void register_selfplay(py::module_& module);

}  // namespace selfplay
