#include <algorithm>
#include <sstream>

#include "bindings/bindings.h"
#include "core/quote.h"
#include "games/go/go.h"

namespace selfplay {

namespace {

using go::Go;
using go::GoState;

// A number of stones on the fixed points, or points with + between them; none for "".
std::vector<int> handicap_points(const go::Geometry& geometry, const std::string& text) {
  if (text.empty() || text == "0") return {};
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return go::fixed_handicap(geometry, text.size() > 3 ? 1000 : std::stoi(text));
  }
  std::vector<int> points;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, '+');) {
    const Action point = go::parse_point(geometry, part);
    if (point == geometry.points) throw InputError("handicap " + quoted(text) + " holds a pass");
    points.push_back(point);
  }
  return points;
}

std::unique_ptr<Go> make_go(int columns, int rows, const std::string& rules, std::optional<std::string> ko,
                            std::optional<Switch> suicide, std::optional<std::string> scoring,
                            std::optional<double> komi, std::optional<std::string> handicap_bonus,
                            const std::string& handicap, int max_plies, int resumptions) {
  go::GoOptions options;
  options.columns = columns;
  options.rows = rows;
  options.rules = go::parse_rules(rules);
  if (ko) options.rules.ko = go::parse_ko(*ko);
  if (suicide) options.rules.suicide = *suicide;
  if (scoring) options.rules.scoring = go::parse_scoring(*scoring);
  if (komi) options.rules.komi = go::komi_from_points(*komi);
  if (handicap_bonus) options.rules.handicap_bonus = go::parse_handicap_bonus(*handicap_bonus);
  options.max_plies = max_plies;
  options.resumptions = resumptions;
  options.handicap = handicap_points(go::Geometry(columns, rows), handicap);
  return std::make_unique<Go>(options);
}

std::vector<int> points_of(const GoState& state, const std::vector<std::string>& texts) {
  const go::Geometry& geometry = static_cast<const Go&>(state.game()).geometry();
  std::vector<int> points;
  for (const std::string& text : texts) {
    const Action point = go::parse_point(geometry, text);
    if (point == geometry.points) throw InputError("point 'pass' is no point of the board");
    points.push_back(point);
  }
  return points;
}

}  // namespace

void register_go(py::module_& module) {
  py::class_<GoState, State>(module, "GoState")
      .def("area_score", &GoState::area_score)
      .def("area_owners", &GoState::area_owners)
      .def(
          "territory_score",
          [](const GoState& state, const std::vector<std::string>& dead) {
            return state.territory_score(points_of(state, dead));
          },
          py::arg("dead"))
      .def(
          "territory_owners",
          [](const GoState& state, const std::vector<std::string>& dead) {
            return state.territory_owners(points_of(state, dead));
          },
          py::arg("dead"))
      .def("captures", [](const GoState& state) {
        return py::make_tuple(state.captures(go::kBlack), state.captures(go::kWhite));
      });

  py::class_<Go, Game>(module, "Go")
      .def(py::init(&make_go), py::arg("columns"), py::arg("rows"), py::arg("rules") = "tromp-taylor",
           py::arg("ko") = py::none(), py::arg("suicide") = py::none(), py::arg("scoring") = py::none(),
           py::arg("komi") = py::none(), py::arg("handicap_bonus") = py::none(), py::arg("handicap") = "",
           py::arg("max_plies") = 0, py::arg("resumptions") = 0)
      .def_property_readonly("komi", [](const Go& game) { return game.rules().komi / 2.0; })
      .def_property_readonly("needs_agreement",
                             [](const Go& game) { return game.rules().needs_agreement(); });
}

}  // namespace selfplay
