#include "bindings/pickling.h"
#include "bindings/search/requests.h"
#include "bindings/setting.h"
#include "core/random.h"
#include "core/range.h"

namespace selfplay {

namespace {

// Player, plies, whether the actions are the only ones, and they.
using PyRestriction = std::tuple<int, int, bool, std::vector<Action>>;
using Plan = py::array_t<std::int64_t, py::array::c_style>;

// Throws InputError where trees of `game` cannot take a position.
void require_position(const Game& game, const State& state) {
  if (is_same_game(state.game(), game)) return;
  const bool is_like = state.game().name() == game.name();
  throw InputError("a position of " + state.game().name() + " in trees of " + game.name() +
                   (is_like ? ", which is another game of that name" : ""));
}

// Search trees as Python holds them, and what it is given of their requests.
class PyTrees : public Exclusive {
 public:
  PyTrees(const Game* game, const SearchParams& params, std::uint64_t seed, double cache_mb)
      : Exclusive("these trees are"), trees_(game, params, cache_mb), requests_(*this, trees_), seed_(seed) {
    if (!game) check_proposed(params);
    trees_.on_poll(check_signals);
  }

  std::size_t add(const State& state, const std::vector<PyRestriction>& restrictions) {
    if (!trees_.context().game) throw py::value_error("proposed trees are added by add_proposed");
    require_position(*trees_.context().game, state);
    std::vector<Restriction> checked;
    for (const PyRestriction& each : restrictions) checked.push_back(check_restriction(each));
    const NoiseSeed seed = noise_seed(trees_.next_index(), state.ply());
    const std::size_t index = trees_.add(state.clone(), seed, std::move(checked));
    kept_.resize(trees_.size());
    kept_[index] = py::cast(&state, py::return_value_policy::reference);  // the object that has it
    return index;
  }

  void remove(std::size_t index) {
    require_answered(index);
    if (!trees_.context().game) throw py::value_error("proposed trees stay until all are cleared");
    trees_.remove(index);
    kept_[index] = py::none();
  }

  void renew(std::size_t index) {
    require_answered(index);
    if (!trees_.context().game) throw py::value_error("a proposed tree is searched once");
    if (tree(index).has_root()) tree(index).renew();
  }

  void clear() {
    trees_.clear();
    kept_.clear();
  }

  std::size_t add_proposed(int player, TokenBudget tokens) {
    if (trees_.context().game) throw py::value_error("trees of a game are added by add");
    if (player != 0 && player != 1) {
      throw py::value_error("player " + std::to_string(player) + " is neither 0 nor 1");
    }
    check_tokens(tokens);
    trees_.add_proposed(player, tokens);
    return trees_.size() - 1;
  }

  void grant(std::size_t index, TokenBudget tokens) {
    if (trees_.context().game) throw py::value_error("trees of a game spend no tokens");
    check_tokens(tokens);
    tree(index).grant(tokens);
  }

  // `field` of every tree's account; -1 where there is no limit.
  template <typename Field>
  py::array_t<std::int64_t> token_column(Field field) const {
    std::vector<std::int64_t> result;
    for (std::size_t i = 0; i < trees_.size(); ++i) result.push_back(field(trees_.tree(i).tokens()));
    return to_array(result);
  }

  py::object select(std::uint32_t simulations, std::size_t most, Switch endings_first) {
    if (simulations > kMostSimulations) {
      throw InputError("simulations is " + std::to_string(simulations) + "; give at most " +
                       std::to_string(kMostSimulations));
    }
    const auto limit = [=](std::size_t) { return simulations; };
    const auto idle = [](std::size_t) { return false; };
    Requests* list;
    {
      const Unlocked unlocked;
      list =
          endings_first ? &trees_.select_endings_first(limit, idle, most) : &trees_.select(limit, idle, most);
    }
    return requests_.give(*list, py::cast(this));
  }

  // As `select`, over the trees of a plan: rows of tree, simulations, until, leaves and bytes.
  py::object select_each(const Plan& plan, std::size_t most) {
    const std::vector<Row> rows = read(plan);
    std::vector<std::size_t> order;
    std::vector<const Row*> of_tree(trees_.size());
    for (const Row& row : rows) {
      if (of_tree[row.tree]) throw py::value_error("tree " + std::to_string(row.tree) + " is planned twice");
      of_tree[row.tree] = &row;
      order.push_back(row.tree);
    }
    const auto limit = [&](std::size_t index) { return of_tree[index]->effort; };
    const auto idle = [](std::size_t) { return false; };
    Requests* list;
    {
      const Unlocked unlocked;
      list = &trees_.select(limit, idle, most, &order);
    }
    return requests_.give(*list, py::cast(this));
  }

  // Of the trees of a plan: new visits, whether an answer is waited for, whether the search is over, bytes.
  py::array_t<std::int64_t> progress(const Plan& plan) {
    const std::vector<Row> rows = read(plan);
    py::array_t<std::int64_t> result({static_cast<py::ssize_t>(rows.size()), py::ssize_t{4}});
    std::int64_t* out = result.mutable_data();
    for (const Row& row : rows) {
      const Tree& planned = trees_.tree(row.tree);
      *out++ = planned.new_visits();
      *out++ = planned.waiting();
      *out++ = !planned.waiting() && planned.finished(row.effort.simulations);
      *out++ = static_cast<std::int64_t>(planned.bytes());
    }
    return result;
  }

  void advance(std::size_t index, Action action) {
    require_answered(index);
    Tree& chosen = tree(index);
    if (chosen.has_restrictions()) {
      throw py::value_error("tree " + std::to_string(index) + " has restrictions of moves; add another one");
    }
    if (trees_.context().game) {
      std::vector<Action> legal(static_cast<std::size_t>(trees_.context().game->num_actions()));
      legal.resize(static_cast<std::size_t>(chosen.root_state().legal_actions(legal.data())));
      if (std::find(legal.begin(), legal.end(), action) == legal.end()) {
        throw InputError("action " + std::to_string(action) + " is not legal at the root");
      }
      chosen.advance(action, noise_seed(index, chosen.root_state().ply() + 1));
    } else {
      if (!chosen.has_root_edge(action)) {
        throw InputError("action " + std::to_string(action) + " was not proposed at the root");
      }
      chosen.advance(action, std::nullopt);
    }
  }

  Tree& tree(std::size_t index) {
    if (index >= trees_.size())
      throw py::index_error("tree " + std::to_string(index) + " of " + std::to_string(trees_.size()));
    if (trees_.tree(index).vacant()) {
      throw py::index_error("tree " + std::to_string(index) + " has been removed");
    }
    return trees_.tree(index);
  }
  Trees& trees() { return trees_; }
  const Trees& trees() const { return trees_; }

 private:
  struct Row {
    std::size_t tree;
    Effort effort;
  };

  std::vector<Row> read(const Plan& plan) {
    if (plan.ndim() != 2 || plan.shape(1) != 5) throw py::value_error("a plan is not [K, 5]");
    std::vector<Row> rows;
    const std::int64_t* at = plan.data();
    for (py::ssize_t k = 0; k < plan.shape(0); ++k, at += 5) {
      if (at[0] < 0) throw py::index_error("tree " + std::to_string(at[0]) + " is none");
      const auto index = static_cast<std::size_t>(at[0]);
      tree(index);
      for (const int column : {1, 2}) require_range("simulations", at[column], 0, kMostSimulations);
      require_range("leaves", at[3], 1, kMostInFlight);
      rows.push_back({index,
                      {static_cast<std::uint32_t>(at[1]), static_cast<std::uint32_t>(at[2]),
                       static_cast<int>(at[3]), static_cast<double>(at[4])}});
    }
    return rows;
  }

  void require_answered(std::size_t index) {
    if (!tree(index).waiting()) return;
    throw py::value_error("tree " + std::to_string(index) + " waits for an answer; back it up first");
  }

  Restriction check_restriction(const PyRestriction& given) const {
    auto [player, plies, allowed, actions] = given;
    require_range("player", player, 0, 1);
    require_range("plies", plies, 0, kMostInt);
    for (const Action action : actions) {
      require_range("action", action, 0, trees_.context().game->num_actions() - 1);
    }
    std::sort(actions.begin(), actions.end());
    return {player, plies, allowed, std::move(actions)};
  }

  void check_tokens(TokenBudget tokens) const {
    if (!tokens) return;
    if (*tokens < 0) throw py::value_error("a budget of " + std::to_string(*tokens) + " tokens is negative");
    if (trees_.context().params.max_step_tokens < 1) {
      throw py::value_error("a budget of tokens needs max_step_tokens, which is 0");
    }
  }

  NoiseSeed noise_seed(std::size_t tree, int ply) const {
    const SearchParams& params = trees_.context().params;
    const bool is_gumbel = params.rule >= Rule::kGumbel && params.gumbel_scale > 0;
    if (params.noise_fraction <= 0 && params.root_temperature == 1 && params.forced_playouts <= 0 &&
        !is_gumbel) {
      return std::nullopt;
    }
    return derive_seed(seed_, {tree, static_cast<std::uint64_t>(ply)});
  }

  std::vector<py::object> kept_;  // what each tree's state came from: it keeps its game alive
  Trees trees_;
  RequestsFactory requests_;
  std::uint64_t seed_;
};

template <typename T, typename Field>
py::array_t<T> edge_column(const std::vector<RootEdge>& edges, Field field) {
  py::array_t<T> result(static_cast<py::ssize_t>(edges.size()));
  T* out = result.mutable_data();
  for (const RootEdge& edge : edges) *out++ = static_cast<T>(edge.*field);
  return result;
}

py::dict root_dict(PyTrees& self, std::size_t index) {
  Tree& tree = self.tree(index);
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
  result["draw"] = edge_column<float>(edges, &RootEdge::draw);
  result["error"] = edge_column<float>(edges, &RootEdge::error);
  result["answered"] = edge_column<std::int64_t>(edges, &RootEdge::answered);
  result["plies"] = edge_column<std::int32_t>(edges, &RootEdge::plies);
  result["target"] = edge_column<float>(edges, &RootEdge::target);
  result["rating"] = edge_column<float>(edges, &RootEdge::rating);
  result["value"] = root.q;
  result["wdl"] = py::make_tuple((1 + root.q - root.draw) / 2, root.draw, (1 - root.q - root.draw) / 2);
  result["raw_wdl"] = py::make_tuple(root.raw_win, root.raw_draw, 1 - root.raw_win - root.raw_draw);
  result["root_proof"] = root.proven ? (root.q > 0) - (root.q < 0) : kNotProven;
  result["simulations"] = tree.new_visits();
  result["root_visits"] = root.visits;
  result["total_depth"] = tree.tally().total_depth;
  result["max_depth"] = tree.tally().max_depth;
  result["nodes"] = tree.num_nodes();
  result["bytes"] = tree.bytes();
  return result;
}

py::dict dump_dict(const TreeDump& dump) {
  py::dict result;
  result["parent"] = to_array(dump.parent);
  result["action"] = to_array(dump.action);
  result["depth"] = to_array(dump.depth);
  result["player"] = to_array(dump.player);
  result["visits"] = to_array(dump.visits);
  result["value"] = to_array(dump.value);
  result["raw_value"] = to_array(dump.raw_value);
  result["ends"] = to_array(dump.ends).attr("astype")("bool");
  result["proof"] = to_array(dump.proof);
  result["edge_offsets"] = to_array(dump.edge_offsets);
  result["edge_action"] = to_array(dump.edge_action);
  result["edge_node"] = to_array(dump.edge_node);
  result["edge_prior"] = to_array(dump.edge_prior);
  result["edge_visits"] = to_array(dump.edge_visits);
  result["edge_q"] = to_array(dump.edge_q);
  return result;
}

// What makes trees and changes what they are.
void define_trees(py::class_<PyTrees>& trees) {
  trees
      .def(py::init<const Game*, const SearchParams&, std::uint64_t, double>(), py::arg("game").none(true),
           py::arg("params"), py::arg("seed") = 0, py::arg("cache_mb") = 0.0, py::keep_alive<1, 2>())
      .def("add", &PyTrees::add, py::arg("state"), py::arg("restrictions") = py::tuple())
      .def("remove", &PyTrees::remove, py::arg("tree"))
      .def("renew", &PyTrees::renew, py::arg("tree"))
      .def("abandon", [](PyTrees& self) { self.trees().abandon(); })
      .def("add_proposed", &PyTrees::add_proposed, py::arg("player") = 0, py::arg("tokens") = py::none())
      .def("grant", &PyTrees::grant, py::arg("tree"), py::arg("tokens"))
      .def_property_readonly(
          "tokens_spent",
          [](const PyTrees& self) {
            return self.token_column([](const TokenAccount& account) { return account.spent; });
          })
      .def_property_readonly("tokens_left",
                             [](const PyTrees& self) {
                               return self.token_column([](const TokenAccount& account) {
                                 return account.budget ? *account.budget - account.spent - account.reserved
                                                       : -1;
                               });
                             })
      .def_property(
          "max_in_flight", [](PyTrees& self) { return self.trees().context().params.max_in_flight; },
          [](PyTrees& self, int leaves) {
            require_range("max_in_flight", leaves, 1, kMostInFlight);
            self.trees().context().params.max_in_flight = leaves;
          })
      .def("clear", &PyTrees::clear)
      .def("drop", [](PyTrees& self) { self.trees().drop(); })
      .def("__len__", [](PyTrees& self) { return self.trees().size(); });
}

// What searches them and tells what was found.
void define_search(py::class_<PyTrees>& trees) {
  trees
      .def("select", &PyTrees::select, py::arg("simulations"), py::arg("most") = kNoLimit,
           py::arg("endings_first") = false)
      .def("select_each", &PyTrees::select_each, py::arg("plan").noconvert(), py::arg("most") = kNoLimit)
      .def("progress", &PyTrees::progress, py::arg("plan").noconvert())
      .def(
          "backup",
          [](PyTrees& self, PyRequests& requests, const DenseReply& reply) {
            backup_dense(self, requests, reply);
          },
          py::arg("requests"), py::arg("reply"))
      .def(
          "backup",
          [](PyTrees& self, PyRequests& requests, const ProposalReply& reply) {
            backup_proposals(self, requests, reply);
          },
          py::arg("requests"), py::arg("reply"))
      .def("root", &root_dict, py::arg("tree"))
      .def(
          "best_action", [](PyTrees& self, std::size_t index) { return self.tree(index).best_action(); },
          py::arg("tree"))
      .def(
          "principal_variation",
          [](PyTrees& self, std::size_t index, int max_plies, Action first) {
            return self.tree(index).principal_variation(max_plies, first);
          },
          py::arg("tree"), py::arg("max_plies") = 20, py::arg("first") = -1)
      .def(
          "line_visits",
          [](PyTrees& self, std::size_t index, const std::vector<Action>& line) {
            return self.tree(index).line_visits(line);
          },
          py::arg("tree"), py::arg("line"))
      .def(
          "most_visited",
          [](PyTrees& self, std::size_t index, std::size_t most) {
            const VisitedNodes found = self.tree(index).most_visited(most);
            return py::make_tuple(to_array(found.offsets), to_array(found.actions), to_array(found.visits));
          },
          py::arg("tree"), py::arg("most"))
      .def(
          "dump", [](PyTrees& self, std::size_t index) { return dump_dict(self.tree(index).dump()); },
          py::arg("tree"))
      .def("advance", &PyTrees::advance, py::arg("tree"), py::arg("action"))
      .def("stats", [](const PyTrees& self) { return stats_dict(self.trees().context().stats); });
}

}  // namespace

void register_search(py::module_& module) {
  py::class_<SearchParams> params(module, "SearchParams");
  bind_settings(params);
  module.def("search_settings", &settings_of<SearchParams>);
  module.def("require_position", &require_position, py::arg("game"), py::arg("state"));

  py::class_<PyTrees> trees(module, "Trees");
  refuse_pickling(trees);
  define_trees(trees);
  define_search(trees);
}

}  // namespace selfplay
