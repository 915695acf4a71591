#include "bindings/requests.h"
#include "core/random.h"

namespace selfplay {

namespace {

using DenseArray = py::array_t<float, py::array::c_style>;

// Search trees as Python holds them: the forest and the view of its batch.
class Trees {
 public:
  Trees(const Game* game, const SearchParams& params, std::uint64_t seed, double cache_mb)
      : forest_(game, params, cache_mb), batches_(forest_), seed_(seed) {}

  std::size_t add(const State& state) {
    if (!forest_.context().game) throw py::value_error("proposed trees are added by add_proposed");
    if (state.game().name() != forest_.context().game->name()) {
      throw py::value_error("a position of " + state.game().name() + " in trees of " +
                            forest_.context().game->name());
    }
    forest_.add(state.clone(), noise_seed(forest_.size(), state.ply()));
    return forest_.size() - 1;
  }

  std::size_t add_proposed(int player) {
    if (forest_.context().game) throw py::value_error("trees of a game are added by add");
    forest_.add_proposed(player, std::nullopt);
    return forest_.size() - 1;
  }

  Batch& select(std::uint32_t simulations, std::size_t most) {
    RequestList* list;
    {
      py::gil_scoped_release release;
      list =
          &forest_.gather([=](std::size_t) { return simulations; }, [](std::size_t) { return false; }, most);
    }
    return batches_.of(*list);
  }

  void advance(std::size_t index, Action action) {
    Tree& chosen = tree(index);
    if (forest_.context().game) {
      std::vector<Action> legal(static_cast<std::size_t>(forest_.context().game->num_actions()));
      legal.resize(static_cast<std::size_t>(chosen.root_state().legal_actions(legal.data())));
      if (std::find(legal.begin(), legal.end(), action) == legal.end()) {
        throw InputError("action " + std::to_string(action) + " is not legal at the root");
      }
      chosen.advance(action, noise_seed(index, chosen.root_state().ply() + 1));
    } else {
      chosen.advance(action, std::nullopt);
    }
  }

  Tree& tree(std::size_t index) {
    if (index >= forest_.size())
      throw py::index_error("tree " + std::to_string(index) + " of " + std::to_string(forest_.size()));
    return forest_.tree(index);
  }
  Forest& forest() { return forest_; }

 private:
  NoiseSeed noise_seed(std::size_t tree, int ply) const {
    const SearchParams& params = forest_.context().params;
    const bool is_gumbel = params.rule >= Rule::kGumbel && params.gumbel_scale > 0;
    if (params.noise_fraction <= 0 && params.root_temperature == 1 && params.forced_playouts <= 0 &&
        !is_gumbel) {
      return std::nullopt;
    }
    return derive_seed(seed_, {tree, static_cast<std::uint64_t>(ply)});
  }

  Forest forest_;
  Batches batches_;
  std::uint64_t seed_;
};

template <typename T, typename Field>
py::array_t<T> edge_column(const std::vector<RootEdge>& edges, Field field) {
  py::array_t<T> result(static_cast<py::ssize_t>(edges.size()));
  T* out = result.mutable_data();
  for (const RootEdge& edge : edges) *out++ = static_cast<T>(edge.*field);
  return result;
}

py::dict root_dict(Trees& trees, std::size_t index) {
  Tree& tree = trees.tree(index);
  if (!tree.has_root()) throw py::value_error("tree " + std::to_string(index) + " has not been searched");
  const Node& root = tree.root();
  const std::vector<RootEdge> edges = tree.root_edges();
  py::dict result;
  result["actions"] = edge_column<std::int32_t>(edges, &RootEdge::action);
  result["visits"] = edge_column<std::int64_t>(edges, &RootEdge::visits);
  result["prior"] = edge_column<float>(edges, &RootEdge::prior);
  result["raw_prior"] = edge_column<float>(edges, &RootEdge::raw_prior);
  result["q"] = edge_column<float>(edges, &RootEdge::q);
  result["proof"] = edge_column<std::int8_t>(edges, &RootEdge::proof);
  result["target"] = edge_column<float>(edges, &RootEdge::target);
  result["value"] = root.q;
  result["wdl"] = py::make_tuple((1 + root.q - root.draw) / 2, root.draw, (1 - root.q - root.draw) / 2);
  result["raw_wdl"] = py::make_tuple(root.raw_win, root.raw_draw, 1 - root.raw_win - root.raw_draw);
  result["root_proof"] = root.proven ? (root.q > 0) - (root.q < 0) : kNotProven;
  result["simulations"] = tree.new_visits();
  result["bytes"] = tree.bytes();
  return result;
}

DenseReply uniform(const Batch& batch) {
  const auto rows = static_cast<py::ssize_t>(batch.size());
  DenseArray wdl({rows, py::ssize_t{3}});
  DenseArray logits({rows, static_cast<py::ssize_t>(batch.forest().context().game->num_actions())});
  float* out = wdl.mutable_data();
  for (py::ssize_t i = 0; i < rows; ++i) {
    *out++ = 0;
    *out++ = 1;
    *out++ = 0;
  }
  std::fill_n(logits.mutable_data(), logits.size(), 0.0f);
  return {wdl, logits};
}

// Plays at random to the end; how many plies that took.
std::int64_t play_out(State& state, std::vector<Action>& legal, Random& random) {
  std::int64_t plies = 0;
  while (const int count = state.legal_actions(legal.data())) {
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

DenseReply rollout(Batch& batch, std::uint64_t seed) {
  const DenseReply reply = uniform(batch);
  Forest& forest = batch.forest();
  if (batch.size() == 0) return reply;
  float* wdl = const_cast<float*>(reply.wdl.data());
  py::gil_scoped_release release;
  std::vector<Action> legal(static_cast<std::size_t>(forest.context().game->num_actions()));
  std::unique_ptr<State> scratch = forest.leaf(batch.list().front()).state->clone();
  for (std::size_t i = 0; i < batch.size(); ++i, wdl += 3) {
    Random random(derive_seed(seed, {i}));
    const float result = random_result(*forest.leaf(batch.list()[i]).state, *scratch, legal, random);
    wdl[0] = result > 0 ? (1 + result) / 2 : 0;
    wdl[2] = result < 0 ? (1 - result) / 2 : 0;
    wdl[1] = 1 - wdl[0] - wdl[2];
  }
  return reply;
}

std::vector<Action> rollout_moves(const Game& game, std::uint64_t seed, int plies) {
  Random random(seed);
  std::unique_ptr<State> state = game.initial();
  std::vector<Action> legal(static_cast<std::size_t>(game.num_actions())), moves;
  while (static_cast<int>(moves.size()) < plies) {
    const int count = state->legal_actions(legal.data());
    if (count == 0) break;
    moves.push_back(legal[random.below(static_cast<std::uint32_t>(count))]);
    state->play(moves.back());
  }
  return moves;
}

std::int64_t playouts(const Game& game, std::uint64_t seed, int games) {
  const std::unique_ptr<State> start = game.initial(), state = start->clone();
  std::vector<Action> legal(static_cast<std::size_t>(game.num_actions()));
  Random random(seed);
  std::int64_t plies = 0;
  for (int i = 0; i < games; ++i) {
    state->assign(*start);
    plies += play_out(*state, legal, random);
  }
  return plies;
}

constexpr const char* kRules[] = {"puct", "uct", "gumbel", "gumbel-full"};  // in the order of Rule

void set_rule(SearchParams& params, const std::string& rule) {
  const auto found = std::find(std::begin(kRules), std::end(kRules), rule);
  if (found == std::end(kRules)) {
    throw py::value_error("rule '" + rule + "' is none of puct, uct, gumbel, gumbel-full");
  }
  params.rule = static_cast<Rule>(found - std::begin(kRules));
}

void register_params(py::module_& module) {
  py::class_<SearchParams>(module, "SearchParams")
      .def(py::init(&from_keywords<SearchParams>))
      .def_property(
          "rule", [](const SearchParams& params) { return kRules[static_cast<int>(params.rule)]; }, &set_rule)
      .def_readwrite("policy_temperature", &SearchParams::policy_temperature)
      .def_readwrite("c_puct", &SearchParams::c_puct)
      .def_readwrite("c_puct_growth", &SearchParams::c_puct_growth)
      .def_readwrite("c_puct_base", &SearchParams::c_puct_base)
      .def_readwrite("c_puct_spread", &SearchParams::c_puct_spread)
      .def_readwrite("forced_playouts", &SearchParams::forced_playouts)
      .def_readwrite("noise_shaped", &SearchParams::noise_shaped)
      .def_readwrite("considered_actions", &SearchParams::considered_actions)
      .def_readwrite("gumbel_scale", &SearchParams::gumbel_scale)
      .def_readwrite("c_visit", &SearchParams::c_visit)
      .def_readwrite("c_scale", &SearchParams::c_scale)
      .def_readwrite("lcb_deviations", &SearchParams::lcb_deviations)
      .def_readwrite("early_stop", &SearchParams::early_stop)
      .def_readwrite("fpu_reduction", &SearchParams::fpu_reduction)
      .def_readwrite("noise_fraction", &SearchParams::noise_fraction)
      .def_readwrite("noise_alpha_total", &SearchParams::noise_alpha_total)
      .def_readwrite("root_temperature", &SearchParams::root_temperature)
      .def_readwrite("proofs", &SearchParams::proofs)
      .def_readwrite("reuse", &SearchParams::reuse)
      .def_readwrite("max_in_flight", &SearchParams::max_in_flight)
      .def_readwrite("max_tree_mb", &SearchParams::max_tree_mb)
      .def_readwrite("initial_proposals", &SearchParams::initial_proposals)
      .def_readwrite("widening_factor", &SearchParams::widening_factor)
      .def_readwrite("widening_exponent", &SearchParams::widening_exponent)
      .def_readwrite("max_proposals", &SearchParams::max_proposals);
}

void register_seam(py::module_& module) {
  module.attr("EVALUATE") = static_cast<int>(RequestKind::kEvaluate);
  module.attr("PROPOSE") = static_cast<int>(RequestKind::kPropose);
  module.attr("VALUE") = static_cast<int>(RequestKind::kValue);

  py::class_<Batch>(module, "Requests")
      .def("__len__", &Batch::size)
      .def_property_readonly("kinds", &Batch::kinds)
      .def_property_readonly("trees", &Batch::trees)
      .def_property_readonly("counts", &Batch::counts)
      .def_property_readonly("planes", &Batch::planes)
      .def_property_readonly("legal", &Batch::legal)
      .def("path", &Batch::path, py::arg("index"));

  py::class_<DenseReply>(module, "DenseReply")
      .def(py::init<DenseArray, DenseArray>(), py::arg("wdl").noconvert(), py::arg("logits").noconvert())
      .def_readonly("wdl", &DenseReply::wdl)
      .def_readonly("logits", &DenseReply::logits);

  using Tokens = std::optional<py::array_t<std::int32_t, py::array::c_style>>;
  using Exact = std::optional<py::array_t<bool, py::array::c_style>>;
  py::class_<ProposalReply>(module, "ProposalReply")
      .def(py::init<DenseArray, py::array_t<std::int64_t, py::array::c_style>,
                    py::array_t<std::int32_t, py::array::c_style>, DenseArray,
                    py::array_t<std::int8_t, py::array::c_style>, py::array_t<bool, py::array::c_style>,
                    Tokens, Exact>(),
           py::arg("wdl"), py::arg("offsets"), py::arg("action"), py::arg("prior"), py::arg("player"),
           py::arg("ends"), py::arg("tokens") = py::none(), py::arg("exact") = py::none());

  module.def("uniform", &uniform, py::arg("requests"));
  module.def("rollout", &rollout, py::arg("requests"), py::arg("seed"));
  module.def("playouts", &playouts, py::arg("game"), py::arg("seed"), py::arg("games"),
             py::call_guard<py::gil_scoped_release>());
  module.def("rollout_moves", &rollout_moves, py::arg("game"), py::arg("seed"), py::arg("plies"));
}

}  // namespace

void register_search(py::module_& module) {
  register_params(module);
  register_seam(module);
  py::class_<Trees>(module, "Trees")
      .def(py::init<const Game*, const SearchParams&, std::uint64_t, double>(), py::arg("game").none(true),
           py::arg("params"), py::arg("seed") = 0, py::arg("cache_mb") = 0.0, py::keep_alive<1, 2>())
      .def("add", &Trees::add, py::arg("state"), py::keep_alive<1, 2>())
      .def("add_proposed", &Trees::add_proposed, py::arg("player") = 0)
      .def_property(
          "max_in_flight", [](Trees& trees) { return trees.forest().context().params.max_in_flight; },
          [](Trees& trees, int leaves) {
            if (leaves < 1) throw py::value_error("max_in_flight is below 1");
            trees.forest().context().params.max_in_flight = leaves;
          })
      .def("clear", [](Trees& trees) { trees.forest().clear(); })
      .def("__len__", [](Trees& trees) { return trees.forest().size(); })
      .def("select", &Trees::select, py::arg("simulations"), py::arg("most") = kNoLimit,
           py::return_value_policy::reference_internal)
      .def(
          "backup", [](Trees&, Batch& batch, const DenseReply& reply) { backup_dense(batch, reply); },
          py::arg("requests"), py::arg("reply"))
      .def(
          "backup", [](Trees&, Batch& batch, const ProposalReply& reply) { backup_proposals(batch, reply); },
          py::arg("requests"), py::arg("reply"))
      .def("root", &root_dict, py::arg("tree"))
      .def(
          "best_action", [](Trees& trees, std::size_t index) { return trees.tree(index).best_action(); },
          py::arg("tree"))
      .def(
          "principal_variation",
          [](Trees& trees, std::size_t index, int max_plies) {
            return trees.tree(index).principal_variation(max_plies);
          },
          py::arg("tree"), py::arg("max_plies") = 20)
      .def("advance", &Trees::advance, py::arg("tree"), py::arg("action"))
      .def("drop", [](Trees& trees) { trees.forest().drop(); })
      .def("stats", [](Trees& trees) { return stats_dict(trees.forest().context().stats); });
}

}  // namespace selfplay
