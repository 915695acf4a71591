#include "bindings/pickling.h"
#include "core/memory.h"
#include "games/connect4/solver.h"

namespace selfplay {

namespace {

using connect4::Connect4State;
using connect4::Solver;

// A solver as Python holds it.
struct PySolver : Exclusive {
  explicit PySolver(int table_mb) : Exclusive("this solver is"), solver(table_mb) {
    solver.on_poll(check_signals);
  }
  Solver solver;
};

std::unique_ptr<PySolver> make_solver(int table_mb) {
  check_memory("table_mb", table_mb);
  return std::make_unique<PySolver>(table_mb);
}

// Hands a parsed position to one of the solver's functions.
template <auto solve>
auto solve_text(PySolver& solver, const std::string& text) {
  const std::unique_ptr<State> state = connect4::Connect4().parse(text);
  if (state->outcome()) throw InputError("position '" + text + "' is over; give one that still runs");
  return (solver.solver.*solve)(static_cast<const Connect4State&>(*state));
}

}  // namespace

void register_solver(py::module_& module) {
  using Unlocked = py::call_guard<py::gil_scoped_release>;
  py::class_<PySolver> solver(module, "Connect4Solver");
  refuse_pickling(solver);
  solver.def(py::init(&make_solver), py::arg("table_mb") = 128)
      .def("score", &solve_text<&Solver::score>, py::arg("position"), Unlocked())
      .def("scores", &solve_text<&Solver::scores>, py::arg("position"), Unlocked())
      .def("outcomes", &solve_text<&Solver::outcomes>, py::arg("position"), Unlocked())
      .def_property_readonly("nodes", [](PySolver& self) { return self.solver.nodes(); })
      .def("clear", [](PySolver& self) { self.solver.clear(); });
}

}  // namespace selfplay
