// Perft, search and self-play of every game written in C++, and of one made of functions: short enough to
// be run under sanitizers, whose findings are what these tests are for.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "games/chess/chess.h"
#include "games/connect4/connect4.h"
#include "games/go/go.h"
#include "search/trees.h"
#include "selfplay/pool.h"
#include "selfplay/replay_window.h"
#include "tests/othello/othello.h"
#include "tests/test.h"

namespace selfplay {
namespace {

// A game with the number of its paths of a few plies.
struct Entry {
  std::unique_ptr<Game> game;
  int depth;
  std::uint64_t paths;
};

std::unique_ptr<Game> chess_game(chess::Variant variant, int start = chess::kUsualStart) {
  chess::Options options;
  options.variant = variant;
  options.start = start;
  options.max_plies = 60;
  return std::make_unique<chess::Chess>(options);
}

std::unique_ptr<Game> go_game(int columns, int rows, const std::string& rules, int max_plies) {
  return std::make_unique<go::Go>(go::GoOptions{columns, rows, go::parse_rules(rules), max_plies, {}});
}

// Long games end early by max_plies, so that self-play finishes some.
std::vector<Entry> all_games() {
  std::vector<Entry> games;
  games.push_back({std::make_unique<connect4::Connect4>(), 6, 117649});
  games.push_back({chess_game(chess::Variant::kStandard), 3, 8902});
  games.push_back({chess_game(chess::Variant::kChess960, 0), 3, 9006});
  games.push_back({chess_game(chess::Variant::kGardner), 3, 506});
  games.push_back({go_game(5, 5, "tromp-taylor", 0), 3, 15650});
  games.push_back({go_game(9, 9, "chinese", 60), 2, 6643});
  games.push_back({go_game(19, 19, "aga", 40), 2, 130683});
  games.push_back({go_game(7, 3, "new-zealand", 0), 3, 9282});
  games.push_back({std::make_unique<othello::Othello>(), 6, 8200});
  games.push_back({othello::function_othello(), 6, 8200});
  return games;
}

// Reads all that a request shows, and answers with equal priors and a draw.
void answer(Trees& trees, Requests& batch, const Game& game) {
  const std::size_t rows = batch.size(), actions = static_cast<std::size_t>(game.num_actions());
  std::vector<float> planes(rows * static_cast<std::size_t>(game.planes_shape().size()));
  std::vector<std::uint8_t> legal(rows * actions);
  trees.encode(batch, planes.data());
  trees.legal(batch, reinterpret_cast<bool*>(legal.data()));
  CHECK(std::all_of(planes.begin(), planes.end(), [](float value) { return std::isfinite(value); }));
  for (std::size_t row = 0; row < rows; ++row) {
    CHECK(std::count(legal.begin() + static_cast<std::ptrdiff_t>(row * actions),
                     legal.begin() + static_cast<std::ptrdiff_t>((row + 1) * actions), 1) > 0);
  }
  std::vector<float> wdl;
  for (std::size_t row = 0; row < rows; ++row) wdl.insert(wdl.end(), {0, 1, 0});
  const std::vector<float> logits(rows * actions);
  trees.backup(batch, wdl.data(), logits.data());
}

void search(Trees& trees, const Game& game, std::uint32_t simulations) {
  while (true) {
    Requests& batch =
        trees.select([=](std::size_t) { return simulations; }, [](std::size_t) { return false; });
    if (batch.empty()) return;
    answer(trees, batch, game);
  }
}

void decode(const ReplayWindow& window, const Game& game) {
  const int rows = 16;
  const auto actions = static_cast<std::size_t>(game.num_actions());
  std::vector<float> planes(static_cast<std::size_t>(rows * game.planes_shape().size()));
  std::vector<float> policy(rows * actions), wdl(rows * 3), weight(rows);
  std::vector<std::uint8_t> legal(rows * actions);
  std::vector<std::int64_t> id(rows);
  std::vector<std::int32_t> ply(rows);
  std::vector<float> owner(static_cast<std::size_t>(rows * game.planes_shape().cells())), score(rows);
  window.sample(rows, 3, SampleTargets{.value_mix = 0.5f},
                {planes.data(), policy.data(), wdl.data(), reinterpret_cast<bool*>(legal.data()),
                 weight.data(), id.data(), ply.data(), game.has_score() ? owner.data() : nullptr,
                 game.has_score() ? score.data() : nullptr});
  CHECK(std::all_of(score.begin(), score.end(), [](float points) { return std::isfinite(points); }));
  for (std::size_t entry = 0; entry < policy.size(); ++entry) CHECK(policy[entry] == 0 || legal[entry] == 1);
}

}  // namespace

TEST(every_game_counts_its_paths) {
  for (const auto& [game, depth, paths] : all_games()) {
    const std::uint64_t found = game->initial()->perft(depth);
    if (found != paths) testing::report(__FILE__, __LINE__, game->name() + " has " + std::to_string(found));
  }
}

// Random games by the moves of play-outs end, and these are legal.
TEST(every_game_is_played_out) {
  for (const auto& [game, depth, paths] : all_games()) {
    Random random(7);
    std::vector<Action> drawn(static_cast<std::size_t>(game->num_actions())), legal(drawn.size());
    const std::unique_ptr<State> state = game->initial();
    for (int ply = 0; !state->outcome(); ++ply) {
      const int count = state->playout_actions(drawn.data());
      const int all = state->legal_actions(legal.data());
      CHECK(count > 0 && ply < game->max_plies());
      CHECK(std::includes(legal.begin(), legal.begin() + all, drawn.begin(), drawn.begin() + count));
      state->play(drawn[random.below(static_cast<std::uint32_t>(count))]);
    }
    CHECK_EQ(state->playout_actions(drawn.data()), 0);
  }
}

TEST(every_game_is_searched) {
  for (const auto& [game, depth, paths] : all_games()) {
    for (const double cache_mb : {0.0, 0.5}) {
      SearchParams params;
      params.max_in_flight = cache_mb > 0 ? 1 : 3;
      params.noise_fraction = 0.25f;
      Trees trees(game.get(), params, cache_mb);
      for (std::uint64_t seed = 0; seed < 3; ++seed) trees.add(game->initial(), seed);
      for (std::uint64_t ply = 1; ply < 4; ++ply) {
        search(trees, *game, 40);
        for (std::size_t tree = 0; tree < trees.size(); ++tree) {
          const Action action = trees.tree(tree).best_action();
          CHECK(action >= 0 && action < game->num_actions());
          CHECK(!trees.tree(tree).principal_variation(5).empty());
          trees.tree(tree).advance(action, ply);
        }
      }
    }
  }
}

TEST(every_game_is_played_recorded_and_read_back) {
  for (const auto& [game, depth, paths] : all_games()) {
    SearchParams params;
    params.noise_fraction = 0.25f;
    PlayParams play;
    play.simulations = 6;
    play.fast_simulations = 3;
    play.full_search_fraction = 0.5;
    Pool pool(*game, params, play, 5, 3, 0, 1, 0.5, 0);
    ReplayWindow window(*game);
    for (int round = 0; round < 2; ++round) {
      pool.start(200);
      while (true) {
        Requests& batch = pool.select(2);
        if (batch.empty()) break;
        answer(pool.trees(), batch, *game);
      }
      window.append(pool.take_games());
      const GameColumns under_way = pool.snapshot();
      pool.restore(under_way, pool.next_id());
      pool.new_weights(round + 1);
    }
    if (window.positions() == 0) testing::report(__FILE__, __LINE__, game->name() + " finished no game");
    if (window.positions() > 0) decode(window, *game);
  }
}

TEST(functions_make_the_searches_of_the_same_game_as_a_class) {
  const othello::Othello plain;
  const std::unique_ptr<Game> functions = othello::function_othello();
  std::vector<std::vector<std::uint32_t>> found;
  for (const Game* game : {static_cast<const Game*>(&plain), static_cast<const Game*>(functions.get())}) {
    Trees trees(game, SearchParams{}, 0.5);
    trees.add(game->parse("d3 c5 d6 e3"), std::nullopt);
    search(trees, *game, 500);
    found.emplace_back();
    for (const RootEdge& edge : trees.tree(0).root_edges()) found.back().push_back(edge.visits);
  }
  CHECK(found[0] == found[1]);
}

}  // namespace selfplay
