#include <algorithm>

#include "bindings/bindings.h"
#include "core/quote.h"
#include "games/chess/chess.h"

namespace selfplay {

namespace {

using chess::Chess;
using chess::ChessState;

chess::Variant parse_variant(const std::string& text) {
  if (text == "standard") return chess::Variant::kStandard;
  if (text == "chess960") return chess::Variant::kChess960;
  if (text == "gardner") return chess::Variant::kGardner;
  throw InputError("variant " + quoted(text) + " is none of standard, chess960, gardner");
}

std::string san(const ChessState& state, Action action) {
  std::vector<Action> legal(static_cast<std::size_t>(state.game().num_actions()));
  const auto end = legal.begin() + state.legal_actions(legal.data());
  if (!std::binary_search(legal.begin(), end, action)) {
    throw InputError("action " + std::to_string(action) + " is not legal here");
  }
  return state.san(action);
}

}  // namespace

void register_chess(py::module_& module) {
  py::class_<ChessState, State>(module, "ChessState")
      .def(
          "fen",
          [](const ChessState& state, Switch shredder) {
            return state.fen(shredder ? chess::CastlingLetters::kShredder : chess::CastlingLetters::kXFen);
          },
          py::arg("shredder") = false)
      .def("san", &san, py::arg("action"))
      .def("repetitions", &ChessState::repetitions);

  py::class_<Chess, Game>(module, "Chess")
      .def(py::init([](const std::string& variant, const std::string& draws, int start, int history,
                       int max_plies) {
             chess::Options options;
             options.variant = parse_variant(variant);
             options.draws = chess::parse_draws(draws);
             options.start = start;
             options.history = history;
             options.max_plies = max_plies;
             return std::make_unique<Chess>(options);
           }),
           py::arg("variant") = "standard", py::arg("draws") = "threefold",
           py::arg("start") = chess::kUsualStart, py::arg("history") = 1, py::arg("max_plies") = 0);
}

}  // namespace selfplay
