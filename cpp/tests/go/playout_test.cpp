// What random games of Go leave alone.
#include <algorithm>

#include "tests/go/position.h"
#include "tests/test.h"

namespace selfplay::go {

// Black's eyes are at A5, in the corner, and at D3 as long as White has but one corner of it.
TEST(go_random_games_fill_no_eyes_of_their_own) {
  const std::string whole = R"(
    . X . . .
    X X O X .
    . . X . X
    . . . X .
    . . . . .)";
  const std::string broken = R"(
    . X . . .
    X X O X .
    . . X . X
    . . . X O
    . . . . .)";
  const Go game = square(5);
  const auto draws = [&](const std::string& drawing, const char* move, Color to_move) {
    const auto state = at(game, drawn(game, drawing, to_move));
    std::vector<Action> found(26);
    found.resize(static_cast<std::size_t>(state->playout_actions(found.data())));
    return std::find(found.begin(), found.end(), parse_point(game.geometry(), move)) != found.end();
  };
  CHECK(!draws(whole, "A5", kBlack));
  CHECK(!draws(whole, "D3", kBlack));
  CHECK(draws(broken, "D3", kBlack));
  CHECK(draws(whole, "A3", kBlack));
  CHECK(draws(whole, "C1", kWhite));
  CHECK(!draws(whole, "pass", kBlack));
}

}  // namespace selfplay::go
