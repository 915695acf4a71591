// Positions made by hand: ko and superko, suicide, captures, the end of the game and its score.
#include <algorithm>

#include "tests/go/position.h"
#include "tests/test.h"

namespace selfplay::go {

namespace {

// A ko that Black can take at C4.
const std::string kKo = R"(
  . X O . .
  X O . O .
  . X O . .
  . . . . .
  . . . . .)";

// Three kos, at rows 8, 5 and 2; in the last it is White's turn to take.
const std::string kTripleKo = R"(
  . X O . . . . . .
  X O . O . . . . .
  . X O . . . . . .
  . X O . . . . . .
  X O . O . . . . .
  . X O . . . . . .
  . X O . . . . . .
  X . X O . . . . .
  . X O . . . . . .)";

// Black can send two stones and take one back: A1, C1 (White), B1.
const std::string kSendingTwo = R"(
  . . . . .
  . . . . .
  O O X X .
  O O X . .
  . X . X .)";

bool allows(const Go& game, const std::string& position, const std::string& move) {
  const auto state = at(game, position);
  const std::vector<Action> actions = legal(*state);
  const Action action = parse_point(game.geometry(), move);
  const bool legal = std::binary_search(actions.begin(), actions.end(), action);
  CHECK_EQ(state->is_legal(action), legal);
  return legal;
}

// Black's best area score less White's, within (alpha, beta), by alpha-beta.
double best_score(const GoState& state, double alpha, double beta) {
  if (state.is_over()) return state.area_score();
  const bool black = state.player() == 0;
  double best = black ? -100 : 100;
  std::vector<Action> actions = legal(state);
  std::reverse(actions.begin(), actions.end());  // a pass refutes most
  for (const Action action : actions) {
    GoState child = state;
    child.play(action);
    const double score = best_score(child, alpha, beta);
    best = black ? std::max(best, score) : std::min(best, score);
    (black ? alpha : beta) = black ? std::max(alpha, best) : std::min(beta, best);
    if (alpha >= beta) break;
  }
  return best;
}

}  // namespace

TEST(go_simple_ko_forbids_to_take_back_at_once) {
  for (const std::string rules : {"chinese", "japanese", "aga", "tromp-taylor", "new-zealand"}) {
    const Go game = square(5, rules);
    const std::string taken = drawn(game, kKo) + "C4";
    CHECK(!allows(game, taken, "B4"));
    CHECK(allows(game, taken + " E1 A1", "B4"));
    CHECK_EQ(at(game, taken)->captures(kBlack), 1);
    CHECK_EQ(stones(*at(game, taken)).substr(0, 10), std::string(".XO..X.XO."));
  }
  const Go simple = square(5, "chinese"), super = square(5, "aga");
  const std::string ko = drawn(simple, kKo);
  CHECK_THROWS(simple.parse(ko + "C4 B4"), InputError, "ply 2: move 'B4' is illegal: ko");
  CHECK_THROWS(super.parse(ko + "C4 B4"), InputError, "superko, it repeats the position of the start");
  // Two passes in between would end the game; one leaves White to move, and the ko is open to simple ko only.
  CHECK(allows(simple, ko + "C4 pass E1", "B4"));
}

TEST(go_taking_two_or_with_two_is_no_ko) {
  const Go game = square(5, "chinese");
  // White takes two with C1; Black takes back one of the places at once.
  CHECK(allows(game, drawn(game, kSendingTwo) + "A1 C1", "B1"));
  CHECK_EQ(at(game, drawn(game, kSendingTwo) + "A1 C1 B1")->ply(), 3);
}

TEST(go_snapback_is_legal_under_all_rules) {
  for (const std::string& rules : rules_names()) {
    const Go game = square(5, rules);
    const std::string throw_in = drawn(game, R"(
      . . . . .
      . . . . .
      . X X X .
      X O O O X
      X O . . X)") + "C1 D1";
    CHECK(allows(game, throw_in, "C1"));
    const auto state = at(game, throw_in + " C1");
    CHECK_EQ(state->captures(kBlack), 5);
    CHECK_EQ(state->captures(kWhite), 1);
    CHECK_EQ(stones(*state).substr(15), std::string("X...XX.X.X"));
  }
}

TEST(go_triple_ko_goes_on_under_simple_ko_only) {
  const std::string cycle = "C8 B2 C5 B8 C2";
  const Go simple = square(9, "chinese"), positional = square(9), situational = square(9, "new-zealand");
  const std::string start = drawn(simple, kTripleKo);
  CHECK(allows(simple, start + cycle, "B5"));
  const auto around = at(simple, start + cycle + " B5");
  CHECK_EQ(stones(*around), stones(*at(simple, start)));
  CHECK_THROWS(positional.parse(start + cycle + " B5"), InputError,
               "ply 6: move 'B5' is illegal: superko, it repeats the position of the start");
  CHECK(!allows(situational, start + cycle, "B5"));
  CHECK(allows(situational, start + cycle, "J9"));
  // With a ko threat and its answer in between the boards differ.
  CHECK(allows(positional, start + cycle + " J9 H9", "B5"));
}

TEST(go_sending_two_returning_one_differs_between_superkos) {
  const Go positional = square(5), situational = square(5, "aga");
  const std::string start = drawn(positional, kSendingTwo);
  // B1 brings the start back, but with White to move.
  CHECK_THROWS(positional.parse(start + "A1 C1 B1"), InputError, "repeats the position of the start");
  CHECK(allows(situational, start + "A1 C1", "B1"));
  CHECK_EQ(stones(*at(situational, start + "A1 C1 B1")), stones(*at(situational, start)));
  // A stone that takes nothing is forbidden as well when its position has been there.
  CHECK_THROWS(situational.parse(start + "A1 C1 B1 pass A1"), InputError,
               "superko, it repeats the position after ply 1");
}

TEST(go_cycle_of_five_plies_differs_between_superkos) {
  // Two kos and a pass: the board comes back when it is the other player's turn.
  const Go positional = square(9), situational = square(9, "aga");
  const std::string start = drawn(positional, R"(
    . X O . . . . . .
    X O . O . . . . .
    . X O . . . . . .
    . X O . . . . . .
    X . X O . . . . .
    . X O . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .)");
  const std::string moves = "C8 B5 pass B8";
  CHECK(!allows(positional, start + moves, "C5"));
  CHECK(allows(situational, start + moves, "C5"));
  CHECK_THROWS(positional.parse(start + moves + " C5"), InputError, "ply 5");
}

TEST(go_pass_is_legal_whatever_superko_says) {
  const Go game = square(5);
  CHECK(allows(game, drawn(game, kKo) + "C4", "pass"));
}

TEST(go_suicide_of_several_stones) {
  const std::string corner = R"(
    . . . . .
    . . . . .
    . . . . .
    O O . . .
    X . O . .)";
  const Go allowed = square(5, "new-zealand"), refused = square(5, "chinese");
  CHECK_THROWS(refused.parse(drawn(refused, corner) + "B1"), InputError,
               "ply 1: move 'B1' is illegal: suicide");
  CHECK(!allows(refused, drawn(refused, corner), "B1"));
  const auto state = at(allowed, drawn(allowed, corner) + "B1");
  CHECK_EQ(stones(*state).substr(15), std::string("OO.....O.."));
  CHECK_EQ(state->captures(kWhite), 2);
  CHECK_EQ(state->captures(kBlack), 0);
  CHECK(allows(square(5), drawn(allowed, corner), "B1"));
  // Taking is no suicide.
  CHECK(allows(refused, drawn(refused, ".OX.. OX... X.... ..... ....."), "A5"));
}

TEST(go_suicide_of_one_stone_is_a_matter_of_superko) {
  const std::string eye = "O.... .O... O.... ..... .....";
  const Go positional = square(5), situational = square(5, "new-zealand"), refused = square(5, "aga");
  const std::string start = drawn(positional, eye);
  CHECK_THROWS(positional.parse(start + "A4"), InputError, "superko, it repeats the position of the start");
  CHECK(allows(situational, start, "A4"));
  CHECK_EQ(at(situational, start + "A4")->captures(kWhite), 1);
  CHECK_EQ(stones(*at(situational, start + "A4")), stones(*at(situational, start)));
  // The second time the board has been there with White to move.
  CHECK_THROWS(situational.parse(start + "A4 pass A4"), InputError, "after ply 1");
  CHECK_THROWS(refused.parse(start + "A4"), InputError, "suicide");
}

TEST(go_eyes_in_a_seki_count_as_area) {
  GoOptions options{5, 3, parse_rules("chinese"), 0, {}};
  options.rules.komi = 0;
  const Go game(options);
  const auto state = at(game, drawn(game, R"(
    . X O O .
    X X . O O
    X X X O O)") + "pass pass");
  CHECK_EQ(state->area_score(), 0.0);
  CHECK(state->area_owners() ==
        (std::vector<std::int8_t>{1, 1, -1, -1, -1, 1, 1, 0, -1, -1, 1, 1, 1, -1, -1}));
  CHECK_EQ(state->outcome().value_or(9), 0.0f);
}

TEST(go_komi_decides_and_whole_komi_can_draw) {
  struct Case {
    double komi;
    float black;
  };
  // Black's area is 15, White's 10.
  const std::string split = "..XO. ..XO. ..XO. ..XO. ..XO.";
  for (const Case& one : {Case{4.5, 1}, Case{5, 0}, Case{5.5, -1}, Case{-0.5, 1}}) {
    const Go game = square(5, "tromp-taylor", one.komi);
    for (const Color to_move : {kBlack, kWhite}) {
      const auto state = at(game, drawn(game, split, to_move) + "pass pass");
      CHECK_EQ(state->area_score(), 5 - one.komi);
      CHECK_EQ(state->outcome().value_or(9), to_move == kBlack ? one.black : -one.black);
    }
  }
}

TEST(go_empty_board_is_nobodys) {
  const Go game = square(7);
  const auto state = at(game, "pass pass");
  CHECK_EQ(state->area_score(), -7.5);
  CHECK_EQ(state->outcome().value_or(9), -1.0f);  // Black is to move
  CHECK(state->area_owners() == std::vector<std::int8_t>(49, 0));
}

TEST(go_handicap_brings_white_the_bonus_of_the_rules) {
  const std::pair<std::string, double> cases[] = {
      {"tromp-taylor", 81 - 7.5}, {"new-zealand", 81 - 7.5}, {"chinese", 81 - 9.5}, {"aga", 81 - 8.5}};
  for (const auto& [rules, score] : cases) {
    GoOptions options{9, 9, parse_rules(rules), 0, {}};
    options.handicap = fixed_handicap(Geometry(9, 9), 2);
    const Go game(options);
    const auto state = at(game, "");
    CHECK_EQ(state->player(), 1);
    CHECK_EQ(state->ply(), 0);
    CHECK_EQ(at(game, "pass pass")->area_score(), score);
    CHECK_EQ(at(square(9, rules), "handicap:2; pass pass")->area_score(), score);
    // Stones set up are no handicap.
    CHECK_EQ(at(game, "B:C3,G7 turn:W; pass pass")->area_score(), 81 - 7.5);
  }
}

TEST(go_territory_counts_prisoners_and_dead_stones) {
  const Go game = square(5, "japanese", 0.5);
  CHECK(game.rules().needs_agreement());
  CHECK(!square(5).rules().needs_agreement());
  const auto state = at(game, drawn(game, R"(
    . X O . .
    . X O . .
    . X O . X
    O X O . .
    . X O . .)"));
  const std::vector<int> dead = {parse_point(game.geometry(), "A2"), parse_point(game.geometry(), "E3")};
  // Black: 5 points and a prisoner; White: 10 and one.
  CHECK_EQ(state->territory_score(dead), 6 - 11 - 0.5);
  CHECK_EQ(state->territory_score({}), -0.5);
  CHECK_EQ(state->territory_owners(dead)[15], 1);
  CHECK_EQ(state->territory_owners(dead)[14], -1);
  CHECK_EQ(state->territory_owners(dead)[1], 0);
  CHECK_EQ(state->territory_owners({})[15], 0);
  // Black takes A2, White E3: their points are territory, the stones prisoners as before.
  const auto played = at(game, position_text(*state) + " A1 E4 A3 E2 pass D3");
  CHECK_EQ(played->captures(kBlack), 1);
  CHECK_EQ(played->captures(kWhite), 1);
  CHECK_EQ(played->territory_score({}), (3 + 1) - (7 + 1) - 0.5);
  CHECK_THROWS(state->territory_score({0}), InputError, "'A5': the point is empty");
  CHECK_THROWS(state->territory_score({25}), InputError, "off the board");
  CHECK_EQ(at(game, position_text(*played) + " pass pass")->outcome().value_or(9), -1.0f);
}

TEST(go_one_dead_stone_stands_for_its_string) {
  const Go game = square(5, "japanese", 0);
  const auto state = at(game, drawn(game, "X.XO. XXXO. ..XO. OOXO. ..XO."));
  // Black's 7 points and two prisoners.
  CHECK_EQ(state->territory_score({15}), 7 + 2 - 5.0);
  CHECK_EQ(state->territory_score({15, 16}), state->territory_score({16}));
}

TEST(go_game_that_is_too_long_is_scored_as_it_stands) {
  GoOptions options{5, 5, parse_rules("chinese"), 4, {}};
  const Go game(options);
  CHECK(!at(game, "C3 pass E1")->outcome().has_value());
  const auto state = at(game, "C3 pass E1 pass");
  CHECK_EQ(state->ply(), game.max_plies());
  CHECK_EQ(state->outcome().value_or(9), 1.0f);
  CHECK(legal(*state).empty());
  CHECK_THROWS(game.parse("C3 pass E1 pass A1"), InputError, "ply 5: move 'A1' comes after the end");
}

TEST(go_pass_that_wins_is_known) {
  const Go game = square(5);
  const Action pass = game.num_actions() - 1;
  CHECK_EQ(at(game, "C3 pass")->winning_action(), pass);
  CHECK_EQ(at(game, "pass C3 pass")->winning_action(), pass);
  CHECK_EQ(at(game, "pass")->winning_action(), pass);  // White's, by komi
  CHECK_EQ(at(game, "C3")->winning_action(), -1);      // ends nothing
  CHECK_EQ(at(game, "C3 E1 pass")->winning_action(), pass);
  CHECK_EQ(at(square(5, "tromp-taylor", 0), "C3 E1 pass")->winning_action(), -1);  // draws
  CHECK_EQ(at(square(5, "japanese"), "C3 pass")->winning_action(), -1);
}

TEST(go_legal_positions_are_as_many_as_tromp_counted) {
  const std::pair<std::pair<int, int>, int> counts[] = {
      {{2, 2}, 57}, {{2, 3}, 489}, {{4, 2}, 4125}, {{3, 3}, 12675}};
  for (const auto& [size, expected] : counts) {
    const Go game(GoOptions{size.first, size.second, {}, 0, {}});
    const int points = size.first * size.second;
    int all = 1, count = 0;
    for (int i = 0; i < points; ++i) all *= 3;
    for (int number = 0; number < all; ++number) {
      Start start;
      for (int point = 0, rest = number; point < points; ++point, rest /= 3) {
        if (rest % 3 < 2) start.stones[rest % 3].set(point);
      }
      try {
        GoState(game, start);
        ++count;
      } catch (const InputError&) {
      }
    }
    CHECK_EQ(count, expected);
  }
}

TEST(go_smallest_board_is_won_by_a_point) {
  for (const std::string rules : {"tromp-taylor", "chinese-ogs", "aga"}) {
    GoOptions options{2, 2, parse_rules(rules), 100, {}};
    options.rules.komi = 0;
    const Go game(options);
    CHECK(best_score(*at(game, ""), 0.5, 1) >= 1);
    CHECK(best_score(*at(game, ""), 1, 1.5) <= 1);
  }
}

TEST(go_a_game_is_resumed_after_two_passes) {
  GoOptions options;
  options.columns = options.rows = 5;
  options.rules = parse_rules("chinese");
  options.resumptions = 1;
  const Go game(options);
  CHECK_EQ(game.name(), std::string("go:size=5,rules=chinese,resumptions=1"));
  const auto stopped = at(game, "C3 pass pass");
  CHECK(!stopped->is_over());
  CHECK_EQ(stopped->player(), 1);
  CHECK(at(game, "C3 pass pass D4 pass pass")->is_over());
  CHECK(!at(game, "C3 pass pass D4 pass")->is_over());
  // A third pass does not resume it.
  CHECK_EQ(stopped->winning_action(), -1);  // White's, who is behind
  CHECK_EQ(at(game, "pass C3 A1 pass pass")->winning_action(), game.num_actions() - 1);
  CHECK(at(game, "C3 pass pass pass")->is_over());
  CHECK_THROWS(game.parse("C3 pass pass pass pass"), InputError, "comes after the end");
  options.resumptions = 2;
  const Go longer(options);
  CHECK(!at(longer, "C3 pass pass pass")->is_over());
  CHECK(at(longer, "C3 pass pass pass pass")->is_over());
  CHECK(at(longer, "C3 pass pass pass D4 pass pass")->is_over());
  CHECK(at(longer, "C3 pass pass D4 pass pass pass")->is_over());
  // Only a pass that ends the game does so in the planes.
  const auto pass_ends = [](const GoState& state) {
    std::vector<float> planes(static_cast<std::size_t>(state.game().planes_shape().size()));
    state.encode(planes.data());
    return planes[10 * 25] == 1.0f;
  };
  CHECK(!pass_ends(*at(game, "C3 pass")));
  CHECK(pass_ends(*at(game, "C3 pass pass")));
  CHECK(!pass_ends(*at(game, "C3 pass pass D4")));
  CHECK(pass_ends(*at(game, "C3 pass pass D4 pass")));
  CHECK(!pass_ends(*at(longer, "C3 pass pass")));
  // What can still follow is in the keys.
  CHECK(at(longer, "C3 pass pass pass D4")->key() != at(longer, "C3 pass D4")->key());
  CHECK(at(longer, "pass pass pass")->key() != at(longer, "pass")->key());
  // After the passes a ko may be taken back.
  const std::string ko = drawn(game, kKo) + "C4 pass pass";
  CHECK(allows(game, ko, "B4"));
}

}  // namespace selfplay::go
