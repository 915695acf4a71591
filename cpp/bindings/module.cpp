#include "bindings/bindings.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Rules, search, self-play and record decoding.";
  selfplay::register_game(module);
  selfplay::register_chess(module);
  selfplay::register_go(module);
  selfplay::register_custom(module);
  selfplay::register_solver(module);
  selfplay::register_seam(module);
  selfplay::register_search(module);
  selfplay::register_selfplay(module);
}
