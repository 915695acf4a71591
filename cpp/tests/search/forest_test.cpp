// Trees that come and go beside others: plans of their own, restrictions, answers that never come.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "games/connect4/connect4.h"
#include "search/trees.h"
#include "tests/test.h"

namespace selfplay {
namespace {

const connect4::Connect4 kGame;

void answer_evenly(Trees& trees, Requests& batch) {
  std::vector<float> wdl, logits(batch.size() * connect4::kWidth, 0.0f);
  for (std::size_t i = 0; i < batch.size(); ++i) wdl.insert(wdl.end(), {0.3f, 0.4f, 0.3f});
  trees.backup(batch, wdl.data(), logits.data());
}

Requests& select(Trees& trees, const std::vector<std::size_t>& order, const std::vector<Effort>& efforts,
                 std::size_t most = 1000) {
  return trees.select([&](std::size_t index) { return efforts[index]; }, [](std::size_t) { return false; },
                      most, &order);
}

void search(Trees& trees, std::uint32_t simulations) {
  while (true) {
    Requests& batch =
        trees.select([=](std::size_t) { return simulations; }, [](std::size_t) { return false; });
    if (batch.empty()) return;
    answer_evenly(trees, batch);
  }
}

bool visits_alike(const Tree& one, const Tree& other) {
  const std::vector<RootEdge> a = one.root_edges(), b = other.root_edges();
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const RootEdge& x, const RootEdge& y) {
    return x.action == y.action && x.visits == y.visits && x.q == y.q;
  });
}

TEST(trees_have_goals_of_their_own_and_go_in_the_order_given) {
  Trees trees(&kGame, SearchParams{}, 0);
  for (const char* start : {"", "4", "4435"}) trees.add(kGame.parse(start), std::nullopt);
  const std::vector<Effort> efforts{{50}, {20}, {7, 3, 2, 1e9}};
  Requests& first = select(trees, {2, 0}, efforts, 1);
  CHECK_EQ(first.size(), 1u);
  CHECK_EQ(first[0].tree, 2);
  answer_evenly(trees, first);
  while (true) {
    Requests& batch = select(trees, {2, 0}, efforts);
    if (batch.empty()) break;
    answer_evenly(trees, batch);
  }
  CHECK_EQ(trees.tree(0).new_visits(), 50u);
  CHECK_EQ(trees.tree(1).new_visits(), 0u);
  CHECK_EQ(trees.tree(2).new_visits(), 3u);  // it pauses
  CHECK(!trees.tree(2).finished(7));
}

TEST(a_tree_is_taken_out_while_others_wait_and_its_index_used_again) {
  Trees trees(&kGame, SearchParams{}, 1);
  for (const char* start : {"", "4", "4435"}) trees.add(kGame.parse(start), std::nullopt);
  search(trees, 30);
  const std::vector<Effort> efforts(3, Effort{60});
  Requests& waiting = select(trees, {0, 2}, efforts);
  CHECK_EQ(waiting.size(), 2u);
  trees.remove(1);
  CHECK(trees.tree(1).vacant());
  CHECK_EQ(trees.add(kGame.parse("12"), std::nullopt), 1u);
  CHECK_EQ(trees.add(kGame.parse("13"), std::nullopt), 3u);
  answer_evenly(trees, waiting);
  search(trees, 60);
  Trees alone(&kGame, SearchParams{}, 0);
  for (const char* start : {"", "12", "4435", "13"}) alone.add(kGame.parse(start), std::nullopt);
  search(alone, 60);
  for (std::size_t i = 0; i < 4; ++i) CHECK(visits_alike(trees.tree(i), alone.tree(i)));
  for (const std::size_t index : {2u, 0u}) trees.remove(index);
  CHECK_EQ(trees.add(kGame.initial(), std::nullopt), 0u);
  trees.clear();
  CHECK_EQ(trees.add(kGame.initial(), std::nullopt), 0u);
}

TEST(visits_whose_answer_never_comes_are_taken_back) {
  for (const bool transpositions : {false, true}) {
    SearchParams params;
    params.transpositions = transpositions;
    Trees trees(&kGame, params, 0);
    for (const char* start : {"", "4"}) trees.add(kGame.parse(start), std::nullopt);
    const std::vector<Effort> efforts(2, Effort{200, 200, 5, 1e9});
    CHECK_EQ(select(trees, {0, 1}, efforts).size(), 2u);  // roots
    trees.abandon();
    CHECK(!trees.tree(0).waiting() && !trees.tree(0).has_root());
    for (int i = 0; i < 20; ++i) answer_evenly(trees, select(trees, {0, 1}, efforts));
    const std::uint32_t before = trees.tree(0).new_visits();
    Requests& lost = select(trees, {0, 1}, efforts);
    CHECK(lost.size() > 2);
    trees.abandon();
    CHECK(lost.empty());
    CHECK_EQ(trees.tree(0).root().in_flight, 0u);
    std::uint32_t handed = 0;
    for (const RootEdge& edge : trees.tree(0).root_edges()) {
      CHECK_EQ(edge.visits, edge.answered);
      handed += edge.visits;
    }
    CHECK_EQ(handed + 1, trees.tree(0).root().visits);
    CHECK_EQ(before, trees.tree(0).new_visits());
    search(trees, 200);
    CHECK_EQ(trees.tree(1).new_visits(), 200u);
  }
}

TEST(leaves_grow_as_a_plan_asks) {
  Trees trees(&kGame, SearchParams{}, 0);
  trees.add(kGame.initial(), std::nullopt);
  search(trees, 100);
  const std::vector<Effort> efforts{{1000, 1000, 9, 1e9}};
  Requests& many = select(trees, {0}, efforts);
  CHECK(many.size() > 1 && many.size() <= 9);
  answer_evenly(trees, many);
}

TEST(bytes_of_a_plan_cap_a_tree) {
  Trees trees(&kGame, SearchParams{}, 0);
  trees.add(kGame.initial(), std::nullopt);
  const std::vector<Effort> efforts{{1u << 20, 1u << 20, 1, 20'000}};
  while (true) {
    Requests& batch = select(trees, {0}, efforts);
    if (batch.empty()) break;
    answer_evenly(trees, batch);
  }
  CHECK(trees.tree(0).finished(1u << 20));
  CHECK(trees.tree(0).bytes() <= 20'000);
  CHECK(trees.tree(0).num_nodes() > 20);
}

TEST(a_restricted_tree_considers_what_it_may) {
  Trees trees(&kGame, SearchParams{}, 1);
  // The first player avoids the middle for three plies, the second plays it alone at the second ply.
  trees.add(kGame.initial(), std::nullopt,
            {{.player = 0, .plies = 3, .allowed = false, .actions = {3}},
             {.player = 1, .plies = 2, .allowed = true, .actions = {3}}});
  search(trees, 500);
  const TreeDump dump = trees.tree(0).dump();
  for (std::size_t i = 1; i < dump.action.size(); ++i) {
    if (dump.depth[i] == 1 || dump.depth[i] == 3) CHECK(dump.action[i] != 3);
    if (dump.depth[i] == 2) CHECK_EQ(dump.action[i], 3);
  }
  CHECK_EQ(trees.tree(0).root().num_edges, 6);
}

// The first player has three in a row, open on both sides, and the second can stop neither end.
TEST(what_is_left_out_proves_no_loss) {
  SearchParams params;
  const auto root = [&](const char* start, std::vector<Restriction> restrictions) {
    Trees trees(&kGame, params, 0);
    trees.add(kGame.parse(start), std::nullopt, std::move(restrictions));
    search(trees, 3000);
    return trees.tree(0).root();
  };
  const char* lost = "334455";  // 2 or 6 wins
  const Node won = root(lost, {});
  CHECK(won.proven && won.q == 1);
  // Only moves that lose: the position itself is not.
  const char* to_stop = "33445";  // the second player must play 2 or 6, and loses all the same
  const Node all = root(to_stop, {});
  CHECK(all.proven && all.q == -1);
  const Node some = root(to_stop, {{.player = 1, .plies = 1, .allowed = true, .actions = {0, 6}}});
  CHECK(!some.proven);
  CHECK_EQ(static_cast<int>(some.num_edges), 2);
  // A win by what is permitted is a win.
  const Node still = root(lost, {{.player = 0, .plies = 1, .allowed = true, .actions = {1}}});
  CHECK(still.proven && still.q == 1);
  // The reply that stops nothing is all that the opponent considers: that proves no win.
  const Node forced = root("3344", {{.player = 1, .plies = 2, .allowed = true, .actions = {0}}});
  CHECK(!forced.proven || forced.plies > 2);
}

TEST(a_node_whose_moves_are_all_left_out_keeps_its_own_value) {
  Trees trees(&kGame, SearchParams{}, 1);
  std::vector<Action> all{0, 1, 2, 3, 4, 5, 6};
  trees.add(kGame.initial(), std::nullopt,
            {{.player = 1, .plies = 2, .allowed = false, .actions = std::move(all)}});
  search(trees, 200);
  CHECK_EQ(trees.tree(0).new_visits(), 200u);
  CHECK_EQ(trees.tree(0).num_nodes(), 8u);
  CHECK_EQ(trees.context().stats.bad_replies, 0u);
}

TEST(a_proof_tells_how_long_it_takes) {
  Trees trees(&kGame, SearchParams{}, 0);
  trees.add(kGame.parse("33445"), std::nullopt);  // lost in two plies, whatever is played
  trees.add(kGame.parse("334455"), std::nullopt);
  search(trees, 3000);
  CHECK_EQ(trees.tree(0).root().plies, 2u);
  CHECK_EQ(trees.tree(1).root().plies, 1u);
  for (const RootEdge& edge : trees.tree(0).root_edges()) {
    CHECK_EQ(edge.proof, -1);
    CHECK_EQ(edge.plies, 2);
    const std::vector<Action> line = trees.tree(0).principal_variation(50, edge.action);
    CHECK_EQ(line.size(), 2u);
  }
}

TEST(nodes_with_most_visits_share_out_those_of_the_root) {
  for (const bool transpositions : {false, true}) {
    SearchParams params;
    params.transpositions = transpositions;
    Trees trees(&kGame, params, 0);
    trees.add(kGame.initial(), std::nullopt);
    search(trees, 400);
    const VisitedNodes found = trees.tree(0).most_visited(20);
    CHECK_EQ(found.visits.size(), 20u);
    CHECK_EQ(found.offsets.size(), 21u);
    CHECK_EQ(found.offsets[1], 0);
    double sum = 0;
    for (const double visits : found.visits) {
      CHECK(visits > -1e-6);
      sum += visits;
    }
    CHECK(std::abs(sum - trees.tree(0).root().visits) < 1e-6);
    for (std::size_t i = 0; i < 20; ++i) {
      const std::unique_ptr<State> state = kGame.initial();
      for (std::int64_t at = found.offsets[i]; at < found.offsets[i + 1]; ++at) {
        state->play(found.actions[static_cast<std::size_t>(at)]);
      }
      CHECK(!state->outcome());
    }
  }
}

TEST(a_search_that_is_renewed_keeps_what_was_found) {
  for (const Rule rule : {Rule::kPuct, Rule::kGumbel}) {
    SearchParams params;
    params.rule = rule;
    Trees trees(&kGame, params, 0);
    trees.add(kGame.initial(), std::nullopt);
    search(trees, 100);
    trees.tree(0).renew();
    CHECK_EQ(trees.tree(0).new_visits(), 0u);
    search(trees, 50);
    CHECK_EQ(trees.tree(0).new_visits(), 50u);
    CHECK_EQ(trees.tree(0).root().visits, 150u);
  }
}

}  // namespace
}  // namespace selfplay
