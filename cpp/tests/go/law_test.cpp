// The laws of core/game.h on random games, and what the planes show.
#include <algorithm>
#include <unordered_map>

#include "core/random.h"
#include "tests/go/position.h"
#include "tests/test.h"

namespace selfplay::go {

namespace {

struct Seen {
  std::vector<float> planes;
  std::vector<Action> actions;
  std::optional<float> outcome;
  bool operator==(const Seen&) const = default;
};

std::vector<float> planes(const State& state, int symmetry = 0) {
  const auto size = static_cast<std::size_t>(state.game().planes_shape().size());
  std::vector<float> result(size), scratch(size);
  encode_turned(state.game(), state, symmetry, result.data(), scratch.data());
  return result;
}

Seen seen(const State& state) { return {planes(state), legal(state), state.outcome()}; }

std::vector<Action> turned(const Symmetry& symmetry, std::vector<Action> actions) {
  for (Action& action : actions) action = symmetry.actions[static_cast<std::size_t>(action)];
  return actions;
}

// The same game played on a turned board is the turned game, move by move.
void check_symmetries(const State& state) {
  const Game& game = state.game();
  const Canonical canonical = state.canonical();
  bool found = false;
  for (std::size_t turn = 0; turn < game.symmetries().size(); ++turn) {
    const Symmetry& symmetry = game.symmetries()[turn];
    const std::unique_ptr<State> twin = game.initial();
    for (const Action action : turned(symmetry, state.position().moves)) twin->play(action);
    std::vector<Action> actions = turned(symmetry, legal(state));
    std::sort(actions.begin(), actions.end());
    CHECK(legal(*twin) == actions);
    CHECK(planes(*twin) == planes(state, static_cast<int>(turn)));
    CHECK_EQ(twin->canonical().key, canonical.key);
    CHECK(twin->canonical().key <= twin->key());
    CHECK(twin->outcome() == state.outcome());
    if (static_cast<int>(turn) == canonical.symmetry) {
      CHECK_EQ(twin->key(), canonical.key);
      found = true;
    }
  }
  CHECK(found);
}

void check_position(const GoState& state, std::unordered_map<std::uint64_t, Seen>& all) {
  const Seen here = seen(state);
  CHECK(here.outcome.has_value() == here.actions.empty());
  CHECK(all.emplace(state.key(), here).first->second == here);
  const auto parsed = state.game().parse(position_text(state));
  CHECK_EQ(parsed->key(), state.key());
  CHECK_EQ(parsed->ply(), state.ply());
  CHECK(seen(*parsed) == here);
  for (Action action = -1; action <= state.game().num_actions(); ++action) {
    const bool legal = std::binary_search(here.actions.begin(), here.actions.end(), action);
    CHECK_EQ(state.is_legal(action), legal);
  }
}

void walk(const Go& game, int games, std::uint64_t seed, int stride) {
  Random random(seed);
  std::unordered_map<std::uint64_t, Seen> all;
  for (int i = 0; i < games; ++i) {
    const auto state = at(game, "");
    while (true) {
      const bool looked_at = state->ply() % stride == 0 || state->is_over();
      if (looked_at) check_position(*state, all);
      if (looked_at && state->position().start.empty()) check_symmetries(*state);
      const std::vector<Action> actions = legal(*state);
      if (actions.empty()) break;
      const Action action = actions[random.below(static_cast<std::uint32_t>(actions.size()))];
      const Action winning = state->winning_action();
      if (winning >= 0) {
        const auto won = state->clone();
        won->play(winning);
        CHECK_EQ(won->outcome().value_or(9), -1.0f);
      }
      state->play(action);
      CHECK(state->ply() <= game.max_plies());
    }
  }
}

// A plane as lines of x and dots.
std::string plane(const std::vector<float>& planes, const Go& game, int number) {
  const int columns = game.geometry().columns, points = game.geometry().points;
  std::string drawing;
  for (int cell = 0; cell < points; ++cell) {
    if (cell > 0 && cell % columns == 0) drawing += ' ';
    const float value = planes[static_cast<std::size_t>(number * points + cell)];
    CHECK(value == 0.0f || value == 1.0f);
    drawing += value == 1.0f ? 'x' : '.';
  }
  return drawing;
}

bool is_all(const std::vector<float>& planes, const Go& game, int number, float value) {
  const auto first = planes.begin() + number * game.geometry().points;
  return std::all_of(first, first + game.geometry().points, [&](float cell) { return cell == value; });
}

}  // namespace

TEST(go_laws_hold_in_random_games) {
  for (const std::string& rules : rules_names()) {
    walk(square(2, rules), 30, 1, 1);
    walk(square(4, rules, 0), 3, 2, 2);
    walk(square(9, rules), 1, 3, 30);
    walk(Go(GoOptions{4, 3, parse_rules(rules), 0, {}}), 3, 4, 2);
    walk(Go(GoOptions{9, 9, parse_rules(rules), 60, fixed_handicap(Geometry(9, 9), 3)}), 1, 5, 10);
  }
  walk(square(19), 1, 6, 150);
}

TEST(go_symmetry_tables_undo_each_other) {
  for (const Go& game : {square(5), Go(GoOptions{5, 3, {}, 0, {}})}) {
    for (const Symmetry& symmetry : game.symmetries()) {
      CHECK_EQ(symmetry.actions.size(), static_cast<std::size_t>(game.num_actions()));
      CHECK_EQ(symmetry.actions.back(), game.num_actions() - 1);
      for (int point = 0; point < game.geometry().points; ++point) {
        const Action action = symmetry.actions[static_cast<std::size_t>(point)];
        CHECK_EQ(symmetry.cells[static_cast<std::size_t>(action)], point);
      }
    }
  }
}

TEST(go_key_names_the_position_and_what_is_forbidden) {
  const Go game = square(5);
  CHECK_EQ(at(game, "A1 C3 B1 D4")->key(), at(game, "B1 C3 A1 D4")->key());
  CHECK(at(game, "A1 C3 B1 D4")->key() != at(game, "A1 D4 B1 C3")->key());  // another last move
  CHECK(at(game, "A1 pass")->key() != at(game, "turn:W; A1")->key());
  CHECK(at(game, "B:A1;")->key() != at(game, "B:A1 turn:W;")->key());
  CHECK(at(game, "B:A1 turn:W; pass")->key() != at(game, "B:A1;")->key());
  // The same stones and last move, with a ko and without.
  const auto ko = at(game, drawn(game, ".XO.. XO.O. .XO.. ..... .....") + "C4");
  const auto none = at(game, drawn(game, ".XO.. X..O. .XO.. ..... .....") + "C4");
  const Action taken = parse_point(game.geometry(), "B4");
  CHECK_EQ(stones(*ko), stones(*none));
  CHECK(ko->forbidden().test(taken) && !none->forbidden().test(taken));
  CHECK(ko->key() != none->key());
  CHECK(ko->canonical().key != none->canonical().key);
  // The same position at the end of a game that is too long, and before.
  const Go brief(GoOptions{5, 5, {}, 4, {}});
  const auto ended = at(brief, "A1 C3 B1 D4"), running = at(brief, "B:A1,B1 W:C3 turn:W; D4");
  CHECK(ended->outcome().has_value() && !running->outcome().has_value());
  CHECK(ended->key() != running->key());
  // Territory: prisoners belong to the position.
  const Go japanese = square(5, "japanese");
  CHECK(at(japanese, "B:A4 W:A5; B5 pass")->key() != at(japanese, "B:A4,B5; pass pass")->key());
}

TEST(go_encodes_stones_liberties_ko_and_the_last_move) {
  const Go game = square(5, "chinese", 7);
  const auto state = at(game, drawn(game, ".XO.. XO.O. .XO.. ..... X....") + "C4");  // White is to move
  const std::vector<float> found = planes(*state);
  const std::pair<int, std::string> expected[] = {
      {0, "..x.. ...x. ..x.. ..... ....."},                                        // own
      {1, ".x... x.x.. .x... ..... x...."}, {2, "..x.. ..... ..... ..... ....."},  // own, 1 liberty
      {3, "..... ..... ..x.. ..... ....."}, {4, "..... ...x. ..... ..... ....."},
      {5, "..... ..x.. ..... ..... ....."},  // theirs
      {6, ".x... ..... ..... ..... x...."}, {7, "..... x.... .x... ..... ....."},
      {8, "..... .x... ..... ..... ....."}, {9, "..... ..x.. ..... ..... ....."}};
  for (const auto& [number, drawing] : expected) CHECK_EQ(plane(found, game, number), drawing);
  CHECK(is_all(found, game, 10, 0));
  CHECK(is_all(found, game, 11, 0.35f));
  for (const int number : {12, 13, 14, 15}) CHECK(is_all(found, game, number, 0));
  CHECK(is_all(found, game, 16, 1));
}

TEST(go_encodes_passes_komi_and_rules) {
  const Go game = square(5, "tromp-taylor", 7);
  const std::vector<float> passed = planes(*at(game, "C3 pass"));
  CHECK(is_all(passed, game, 9, 0));
  CHECK(is_all(passed, game, 10, 1));
  CHECK(is_all(passed, game, 11, -0.35f));
  CHECK(is_all(passed, game, 12, 1));
  CHECK(is_all(passed, game, 14, 1));
  const Go aga = square(9, "aga", 0), japanese = square(5, "japanese", 0);
  CHECK(is_all(planes(*at(aga, "")), aga, 13, 1));
  CHECK(is_all(planes(*at(aga, "handicap:3;")), aga, 11, 0.1f));
  CHECK(is_all(planes(*at(japanese, "")), japanese, 15, 1));
  // A prisoner of Black's.
  CHECK(is_all(planes(*at(japanese, "B:A4 W:A5; B5")), japanese, 11, -0.05f));
}

TEST(go_copies_share_nothing) {
  const Go game = square(9);
  const auto original = at(game, "C3 D4 E5");
  const auto copy = original->clone();
  const auto assigned = at(game, "pass");
  assigned->assign(*original);
  copy->play(0);
  assigned->play(1);
  CHECK_EQ(position_text(*original), std::string("C3 D4 E5"));
  CHECK_EQ(original->key(), at(game, "C3 D4 E5")->key());
  CHECK_EQ(copy->key(), at(game, "C3 D4 E5 A9")->key());
  CHECK_EQ(assigned->key(), at(game, "C3 D4 E5 B9")->key());
}

}  // namespace selfplay::go
