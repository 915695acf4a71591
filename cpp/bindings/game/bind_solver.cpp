#include "bindings/pickling.h"
#include "games/connect4/solver.h"

namespace selfplay {

// Threads take turns: it has a lock.
template <>
inline constexpr bool is_bound<connect4::Solver> = true;

namespace {

using connect4::Connect4State;
using connect4::Solver;

std::unique_ptr<Solver> make_solver(int table_mb) {
  auto solver = std::make_unique<Solver>(table_mb);
  solver->on_poll(check_signals);
  return solver;
}

// Hands a parsed position to one of the solver's functions.
template <auto solve>
auto solve_text(Solver& solver, const std::string& text) {
  const std::unique_ptr<State> state = connect4::Connect4().parse(text);
  if (state->outcome()) throw InputError("position '" + text + "' is over; give one that still runs");
  return (solver.*solve)(static_cast<const Connect4State&>(*state));
}

}  // namespace

void register_solver(py::module_& module) {
  using Guard = py::call_guard<Unlocked>;
  py::class_<Solver> solver(module, "Connect4Solver");
  refuse_pickling(solver);
  solver.def(py::init(&make_solver), py::arg("table_mb") = 128)
      .def("score", &solve_text<&Solver::score>, py::arg("position"), Guard())
      .def("scores", &solve_text<&Solver::scores>, py::arg("position"), Guard())
      .def("outcomes", &solve_text<&Solver::outcomes>, py::arg("position"), Guard())
      .def_property_readonly("nodes", py::cpp_function(&Solver::nodes, Guard()))
      .def("clear", &Solver::clear, Guard());
}

}  // namespace selfplay
