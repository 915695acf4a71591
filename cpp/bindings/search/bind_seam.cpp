#include "bindings/pickling.h"
#include "bindings/search/requests.h"
#include "core/random.h"
#include "core/range.h"

namespace selfplay {

namespace {

using DenseArray = py::array_t<float, py::array::c_style>;

constexpr int kPollGames = 64;  // random games between two looks at signals
constexpr int kMostPlayouts = 1'000'000;

// The game whose positions ask; ValueError where moves are proposed.
const Game& game_of(const PyRequests& requests) {
  const Game* game = requests.asking().context().game;
  if (!game) throw py::value_error("a proposed tree has no positions; answer it with a ProposalReply");
  return *game;
}

DenseReply even_answer(const PyRequests& requests) {
  const auto rows = static_cast<py::ssize_t>(requests.size());
  DenseArray wdl({rows, py::ssize_t{3}});
  DenseArray logits({rows, static_cast<py::ssize_t>(game_of(requests).num_actions())});
  float* out = wdl.mutable_data();
  for (py::ssize_t i = 0; i < rows; ++i) {
    *out++ = 0;
    *out++ = 1;
    *out++ = 0;
  }
  std::fill_n(logits.mutable_data(), logits.size(), 0.0f);
  return {wdl, logits};
}

DenseReply uniform(const PyRequests& requests) {
  const Exclusive::Use use(requests.owner());
  return even_answer(requests);
}

// Plays at random to the end, by legal actions or those of play-outs; how many plies that took. InputError
// where the end does not come.
template <auto actions = &State::legal_actions>
std::int64_t play_out(State& state, std::vector<Action>& legal, Random& random) {
  std::int64_t plies = 0;
  const int most = state.game().max_plies();
  while (const int count = (state.*actions)(legal.data())) {
    if (plies >= most) {
      throw InputError("game '" + state.game().name() + "' goes on after max_plies, which is " +
                       std::to_string(most));
    }
    state.play(legal[random.below(static_cast<std::uint32_t>(count))]);
    ++plies;
  }
  return plies;
}

// The result of one random game from `state`, for its player to move.
float random_result(const State& from, State& state, std::vector<Action>& legal, Random& random) {
  state.assign(from);
  play_out(state, legal, random);
  const float outcome = state.outcome().value_or(0.0f);
  return state.player() == from.player() ? outcome : -outcome;
}

// With `tree_seeds`, a tree's games are a function of its own seed, whatever is searched beside it.
DenseReply rollout(PyRequests& requests, std::uint64_t seed,
                   const std::optional<std::vector<std::uint64_t>>& tree_seeds) {
  const Exclusive::Use use(requests.owner());
  const DenseReply reply = even_answer(requests);
  Trees& trees = requests.asking();
  if (requests.size() == 0) return reply;
  for (const Request& request : requests.list()) {
    if (tree_seeds && static_cast<std::size_t>(request.tree) >= tree_seeds->size()) {
      throw py::value_error("tree " + std::to_string(request.tree) + " has no seed among " +
                            std::to_string(tree_seeds->size()));
    }
  }
  float* wdl = const_cast<float*>(reply.wdl.data());
  const Unlocked unlocked;
  std::vector<Action> legal(static_cast<std::size_t>(trees.context().game->num_actions()));
  std::unique_ptr<State> scratch = trees.leaf(requests.list().front()).state->clone();
  for (std::size_t i = 0; i < requests.size(); ++i, wdl += 3) {
    const Request& request = requests.list()[i];
    const Leaf& leaf = trees.leaf(request);
    Random random(tree_seeds ? derive_seed((*tree_seeds)[static_cast<std::size_t>(request.tree)],
                                           {static_cast<std::uint64_t>(leaf.node)})
                             : derive_seed(seed, {i}));
    const float result = random_result(*leaf.state, *scratch, legal, random);
    wdl[0] = result > 0 ? (1 + result) / 2 : 0;
    wdl[2] = result < 0 ? (1 - result) / 2 : 0;
    wdl[1] = 1 - wdl[0] - wdl[2];
  }
  return reply;
}

// How `games` random games from a position end, for its player to move: mean owner of each cell [H, W], mean
// score in points, and the share of wins, draws and losses.
py::tuple playout_owners(const State& from, std::uint64_t seed, int games) {
  const Game& game = from.game();
  if (!game.has_score()) throw InputError("game '" + game.name() + "' has no score; nobody owns its cells");
  require_range("games", games, 1, kMostPlayouts);
  const PlanesShape shape = game.planes_shape();
  DenseArray owners({shape.height, shape.width});
  std::fill_n(owners.mutable_data(), owners.size(), 0.0f);
  float* sums = owners.mutable_data();
  double score = 0, wdl[3] = {0, 0, 0};
  {
    const Unlocked unlocked;
    std::vector<Action> actions(static_cast<std::size_t>(game.num_actions()));
    std::vector<float> owner(static_cast<std::size_t>(shape.cells()));
    const std::unique_ptr<State> state = from.clone();
    Random random(seed);
    for (int i = 0; i < games; ++i) {
      if (i % kPollGames == 0) check_signals();
      state->assign(from);
      play_out<&State::playout_actions>(*state, actions, random);
      const float turn = state->player() == from.player() ? 1.0f : -1.0f;
      score += turn * state->score(owner.data());
      for (std::size_t cell = 0; cell < owner.size(); ++cell) sums[cell] += turn * owner[cell];
      const float outcome = turn * state->outcome().value_or(0.0f);
      ++wdl[outcome > 0 ? 0 : outcome < 0 ? 2 : 1];
    }
  }
  for (py::ssize_t cell = 0; cell < owners.size(); ++cell) sums[cell] /= static_cast<float>(games);
  return py::make_tuple(owners, score / games,
                        py::make_tuple(wdl[0] / games, wdl[1] / games, wdl[2] / games));
}

std::vector<Action> rollout_moves(const Game& game, std::uint64_t seed, int plies) {
  Random random(seed);
  std::unique_ptr<State> state = game.initial();
  std::vector<Action> legal(static_cast<std::size_t>(game.num_actions())), moves;
  plies = std::min(plies, game.max_plies());
  while (static_cast<int>(moves.size()) < plies) {
    const int count = state->legal_actions(legal.data());
    if (count == 0) break;
    moves.push_back(legal[random.below(static_cast<std::uint32_t>(count))]);
    state->play(moves.back());
  }
  return moves;
}

std::int64_t play_random_games(const Game& game, std::uint64_t seed, int games) {
  const std::unique_ptr<State> start = game.initial(), state = start->clone();
  std::vector<Action> legal(static_cast<std::size_t>(game.num_actions()));
  Random random(seed);
  std::int64_t plies = 0;
  for (int i = 0; i < games; ++i) {
    if (i % kPollGames == 0) check_signals();
    state->assign(*start);
    plies += play_out(*state, legal, random);
  }
  return plies;
}

void register_requests(py::module_& module) {
  module.attr("EVALUATE") = static_cast<int>(RequestKind::kEvaluate);
  module.attr("PROPOSE") = static_cast<int>(RequestKind::kPropose);
  module.attr("VALUE") = static_cast<int>(RequestKind::kValue);

  py::class_<PyRequests> requests(module, "Requests");
  refuse_pickling(requests);
  requests.def("__len__", PyRequests::guarded<&PyRequests::size>())
      .def_property_readonly("kinds", PyRequests::guarded<&PyRequests::kinds>())
      .def_property_readonly("trees", PyRequests::guarded<&PyRequests::trees>())
      .def_property_readonly("counts", PyRequests::guarded<&PyRequests::counts>())
      .def_property_readonly("nodes", PyRequests::guarded<&PyRequests::nodes>())
      .def_property_readonly("known", PyRequests::guarded<&PyRequests::known>())
      .def_property_readonly("fruitless", PyRequests::guarded<&PyRequests::fruitless>())
      .def_property_readonly("needs_value", PyRequests::guarded<&PyRequests::needs_value>())
      .def("paths", PyRequests::guarded<&PyRequests::paths>())
      .def_property_readonly("planes", PyRequests::guarded<&PyRequests::planes>())
      .def_property_readonly("legal", PyRequests::guarded<&PyRequests::legal>())
      .def(
          "path",
          [](const PyRequests& requests, std::size_t index) {
            const Exclusive::Use use(requests.owner());
            return requests.path(index);
          },
          py::arg("index"));
}

void register_replies(py::module_& module) {
  py::class_<DenseReply> dense(module, "DenseReply");
  refuse_pickling(dense);
  dense.def(py::init<DenseArray, DenseArray>(), py::arg("wdl").noconvert(), py::arg("logits").noconvert())
      .def_readonly("wdl", &DenseReply::wdl)
      .def_readonly("logits", &DenseReply::logits);

  using Tokens = std::optional<py::array_t<std::int32_t, py::array::c_style>>;
  using Exact = std::optional<py::array_t<bool, py::array::c_style>>;
  py::class_<ProposalReply> proposals(module, "ProposalReply");
  refuse_pickling(proposals);
  proposals.def(py::init<DenseArray, py::array_t<std::int64_t, py::array::c_style>,
                         py::array_t<std::int32_t, py::array::c_style>, DenseArray,
                         py::array_t<std::int8_t, py::array::c_style>, py::array_t<bool, py::array::c_style>,
                         Tokens, Exact>(),
                py::arg("wdl"), py::arg("offsets"), py::arg("action"), py::arg("prior"), py::arg("player"),
                py::arg("ends"), py::arg("tokens") = py::none(), py::arg("exact") = py::none());
}

}  // namespace

void register_seam(py::module_& module) {
  register_requests(module);
  register_replies(module);
  module.def("uniform", &uniform, py::arg("requests"));
  module.def("rollout", &rollout, py::arg("requests"), py::arg("seed"), py::arg("tree_seeds") = py::none());
  module.def("play_random_games", &play_random_games, py::arg("game"), py::arg("seed"), py::arg("games"),
             py::call_guard<Unlocked>());
  module.def("playout_owners", &playout_owners, py::arg("state"), py::arg("seed"), py::arg("games"));
  module.def("rollout_moves", &rollout_moves, py::arg("game"), py::arg("seed"), py::arg("plies"));
}

}  // namespace selfplay
