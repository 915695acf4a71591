// Trees, pool and window walked for the sanitizers' sake, and laws that are easiest to see from inside.
#include <algorithm>
#include <string>
#include <vector>

#include "games/connect4/connect4.h"
#include "search/trees.h"
#include "selfplay/pool.h"
#include "selfplay/replay_window.h"
#include "tests/test.h"

namespace selfplay {
namespace {

const connect4::Connect4 kGame;

// Answers that depend on the position alone.
void answer(Trees& trees, Requests& batch) {
  const std::size_t rows = batch.size(), size = static_cast<std::size_t>(kGame.planes_shape().size());
  std::vector<float> planes(rows * size), wdl(rows * 3), logits(rows * connect4::kWidth);
  trees.encode(batch, planes.data());
  for (std::size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i)
      sum += planes[row * size + i] * std::sin(0.7 * static_cast<double>(i));
    for (int a = 0; a < connect4::kWidth; ++a) {
      logits[row * connect4::kWidth + static_cast<std::size_t>(a)] = static_cast<float>(std::sin(sum + a));
    }
    const auto win = static_cast<float>((1 + std::sin(3 * sum)) / 2.2);
    wdl[3 * row] = win;
    wdl[3 * row + 1] = 0.05f;
    wdl[3 * row + 2] = 0.95f - win;
  }
  trees.backup(batch, wdl.data(), logits.data());
}

void search(Trees& trees, std::uint32_t simulations) {
  while (true) {
    Requests& batch =
        trees.select([=](std::size_t) { return simulations; }, [](std::size_t) { return false; });
    if (batch.empty()) return;
    answer(trees, batch);
  }
}

std::vector<std::uint32_t> visits(const Tree& tree) {
  std::vector<std::uint32_t> counts;
  for (const RootEdge& edge : tree.root_edges()) counts.push_back(edge.visits);
  return counts;
}

TEST(a_list_of_requests_that_is_used_again_has_another_number) {
  Trees trees(&kGame, SearchParams{}, 0);
  for (const char* start : {"", "4", "4435"}) trees.add(kGame.parse(start), std::nullopt);
  const auto select = [&]() -> Requests& {
    return trees.select([](std::size_t) { return 30u; }, [](std::size_t) { return false; }, 2);
  };
  Requests& first = select();
  Requests& second = select();
  CHECK(first.number != second.number);
  const std::uint64_t number = first.number;
  answer(trees, first);
  CHECK(first.empty());
  CHECK_EQ(first.number, number);  // as long as nothing is selected
  Requests& third = select();
  CHECK(&third == &first);
  CHECK(third.number != number);
  trees.drop();
  CHECK(second.empty() && third.empty());
}

TEST(edge_blocks_grow_and_keep_their_edges) {
  NodeArena arena;
  const NodeRef ref = arena.add_node(3);
  for (int i = 0; i < 3; ++i) arena.edges(arena.node(ref)).prior[i] = 0.1f * static_cast<float>(i + 1);
  for (int i = 0; i < 1000; ++i) arena.add_node(7);
  arena.grow_edges(ref, 9);
  const Node& node = arena.node(ref);
  CHECK_EQ(node.num_edges, 3);
  CHECK_EQ(node.capacity, 16);
  for (int i = 0; i < 3; ++i) CHECK_NEAR(arena.edges(node).prior[i], 0.1 * (i + 1), 1e-6);
  CHECK_EQ(arena.edges(node).prior[3], kNever);
}

TEST(many_trees_equal_single_trees) {
  Trees together(&kGame, SearchParams{}, 1);
  for (const char* start : {"", "4", "4435", "112233", "7161"})
    together.add(kGame.parse(start), std::nullopt);
  search(together, 300);
  std::size_t index = 0;
  for (const char* start : {"", "4", "4435", "112233", "7161"}) {
    Trees alone(&kGame, SearchParams{}, 0);
    alone.add(kGame.parse(start), std::nullopt);
    search(alone, 300);
    CHECK(visits(alone.tree(0)) == visits(together.tree(index++)));
  }
}

TEST(whole_games_with_reuse_and_leaves_in_flight) {
  SearchParams params;
  params.max_in_flight = 4;
  Trees trees(&kGame, params, 1);
  trees.add(kGame.initial(), 11);
  int plies = 0;
  while (!trees.tree(0).root_state().outcome()) {
    search(trees, 60);
    const Action move = trees.tree(0).best_action();
    CHECK(move >= 0);
    const std::vector<Action> line = trees.tree(0).principal_variation(50);
    CHECK_EQ(line.front(), move);
    trees.tree(0).advance(move, static_cast<std::uint64_t>(++plies));
  }
  CHECK(plies >= 7);
}

TEST(whole_games_on_graphs) {
  SearchParams params;
  params.transpositions = true;
  params.max_in_flight = 4;
  params.max_tree_mb = 0.05;
  Trees trees(&kGame, params, 0);
  for (const char* start : {"", "44"}) trees.add(kGame.parse(start), std::nullopt);
  while (!trees.tree(0).root_state().outcome() && !trees.tree(1).root_state().outcome()) {
    search(trees, 300);
    for (std::size_t i = 0; i < 2; ++i) {
      const TreeDump dump = trees.tree(i).dump();
      CHECK_EQ(dump.edge_offsets.size(), dump.visits.size() + 1);
      CHECK(trees.tree(i).bytes() <= 52429);
      trees.tree(i).advance(trees.tree(i).best_action(), std::nullopt);
    }
  }
  CHECK(trees.context().stats.transpositions > 0);
  CHECK(trees.context().stats.capped > 0);
}

TEST(position_tables_find_what_was_put_in) {
  PositionTable table;
  CHECK_EQ(table.find(7), 0u);
  for (std::uint64_t key = 0; key < 1000; ++key) table.insert(key << 40, static_cast<NodeRef>(key + 1));
  for (std::uint64_t key = 0; key < 1000; ++key) CHECK_EQ(table.find(key << 40), key + 1);
  CHECK_EQ(table.find(1), 0u);
  table.insert(5ull << 40, 77);
  CHECK_EQ(table.find(5ull << 40), 77u);
  table.clear();
  CHECK_EQ(table.find(5ull << 40), 0u);
}

TEST(visits_add_up_in_every_node_budget) {
  for (const std::uint32_t simulations : {1u, 2u, 3u, 10u, 500u}) {
    SearchParams params;
    params.proofs = false;
    Trees trees(&kGame, params, 0);
    trees.add(kGame.initial(), std::nullopt);
    search(trees, simulations);
    std::uint32_t sum = 0;
    for (const std::uint32_t count : visits(trees.tree(0))) sum += count;
    CHECK_EQ(sum + 1, simulations);
    CHECK_EQ(trees.tree(0).root().visits, simulations);
    CHECK_EQ(trees.tree(0).root().in_flight, 0u);
  }
}

TEST(pool_plays_records_and_the_window_decodes_them) {
  SearchParams search_params;
  search_params.noise_fraction = 0.25f;
  PlayParams play;
  play.simulations = 12;
  play.full_search_fraction = 0.6;
  Pool pool(kGame, search_params, play, 3, 9, 0, 1, 0.5, 0);
  ReplayWindow window(kGame);
  for (int round = 0; round < 3; ++round) {
    pool.start(400);
    while (true) {
      Requests& batch = pool.select(9);
      if (batch.empty()) break;
      answer(pool.trees(), batch);
    }
    window.append(pool.take_games());
    const GameColumns under_way = pool.snapshot();
    pool.restore(under_way, pool.next_id());
    pool.new_weights(round + 1);
  }
  window.trim(window.positions() / 2);
  const int rows = 64;
  std::vector<float> planes(static_cast<std::size_t>(rows * kGame.planes_shape().size()));
  std::vector<float> policy(rows * 7), wdl(rows * 3), weight(rows);
  std::vector<std::uint8_t> legal(rows * 7);
  std::vector<std::int64_t> id(rows);
  std::vector<std::int32_t> ply(rows);
  window.sample(rows, 5, SampleTargets{.value_mix = 0.5f},
                {planes.data(), policy.data(), wdl.data(), reinterpret_cast<bool*>(legal.data()),
                 weight.data(), id.data(), ply.data(), nullptr, nullptr});
  for (int row = 0; row < rows; ++row) {
    float sum = 0;
    for (int a = 0; a < 7; ++a) sum += policy[static_cast<std::size_t>(row * 7 + a)];
    CHECK_NEAR(sum, 1, 1e-4);
  }
}

TEST(proposed_trees_widen_and_take_verdicts) {
  SearchParams params;
  params.initial_proposals = 2;
  params.max_proposals = 12;
  Trees trees(nullptr, params, 0);
  trees.add_proposed(0, std::nullopt);
  Action next = 0;
  while (true) {
    Requests& batch = trees.select([](std::size_t) { return 300u; }, [](std::size_t) { return false; });
    if (batch.empty()) break;
    std::vector<float> wdl, prior;
    std::vector<std::int64_t> offsets{0};
    std::vector<Action> action;
    std::vector<std::int8_t> player;
    std::vector<std::uint8_t> ends;
    for (const Request& request : batch) {
      const Leaf& leaf = trees.leaf(request);
      const std::size_t depth = leaf.path.size();
      for (int i = 0; i < leaf.count; ++i) {
        action.push_back(next++);
        prior.push_back(1);
        player.push_back(static_cast<std::int8_t>(depth % 2));
        ends.push_back(depth >= 3);
      }
      offsets.push_back(static_cast<std::int64_t>(action.size()));
      wdl.insert(wdl.end(), {0.3f, 0.2f, 0.5f});
    }
    const Proposals columns{
        0, action.data(), prior.data(), player.data(), reinterpret_cast<const bool*>(ends.data()), false, 0};
    trees.backup(batch, wdl.data(), offsets.data(), columns, nullptr, nullptr);
  }
  CHECK_EQ(trees.tree(0).root().visits, 300u);
  CHECK_EQ(trees.tree(0).root().num_edges, 12);
}

}  // namespace
}  // namespace selfplay
