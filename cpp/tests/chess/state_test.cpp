#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "games/chess/board/movegen.h"
#include "games/chess/chess.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

Chess fide() {
  Options options;
  options.draws = Draws::kFide;
  return Chess(options);
}

std::vector<Action> legal(const State& state) {
  std::vector<Action> actions(static_cast<std::size_t>(state.game().num_actions()));
  actions.resize(static_cast<std::size_t>(state.legal_actions(actions.data())));
  return actions;
}

// Plays the cycle of moves until the game ends, at most `most` plies; how many it took.
int plies_to_draw(State& state, const std::vector<std::string>& cycle, int most) {
  for (int ply = 0; ply < most; ++ply) {
    if (state.outcome()) {
      CHECK_EQ(*state.outcome(), 0.0f);
      CHECK(legal(state).empty());
      return ply;
    }
    state.play(state.parse_action(cycle[static_cast<std::size_t>(ply) % cycle.size()]));
  }
  return most;
}

const std::vector<std::string> kKnights = {"g1f3", "g8f6", "f3g1", "f6g8"};

}  // namespace

TEST(chess_repetition_ends_the_game) {
  const Chess game;
  const auto state = game.initial();
  CHECK_EQ(plies_to_draw(*state, kKnights, 40), 8);
  CHECK_EQ(static_cast<const ChessState&>(*state).repetitions(), 2);
  const Chess fivefold = fide();
  CHECK_EQ(plies_to_draw(*fivefold.initial(), kKnights, 40), 16);
}

TEST(chess_repetition_counts_from_the_start_of_the_game) {
  const Chess game;
  const auto state = game.parse("g1f3 g8f6 f3g1 f6g8");
  CHECK_EQ(static_cast<const ChessState&>(*state).repetitions(), 1);
  CHECK_EQ(plies_to_draw(*state, kKnights, 40), 4);
  // An irreversible move between makes earlier positions unreachable.
  const auto fresh = game.parse("g1f3 g8f6 f3g1 f6g8 e2e4 e7e5");
  CHECK_EQ(plies_to_draw(*fresh, kKnights, 40), 8);
}

TEST(chess_repetition_tells_rights_to_castle) {
  const Chess game;
  const auto state = game.parse("4k3/p7/8/8/8/8/P7/4K2R w K - 0 1");
  // The first position has a right that the others lack: the second comes three times first.
  CHECK_EQ(plies_to_draw(*state, {"h1g1", "e8e7", "g1h1", "e7e8"}, 40), 9);
  const auto without = game.parse("4k3/p7/8/8/8/8/P7/4K2R w - - 0 1");
  CHECK_EQ(plies_to_draw(*without, {"h1g1", "e8e7", "g1h1", "e7e8"}, 40), 8);
}

TEST(chess_repetition_tells_legal_en_passant) {
  const Chess game;
  // After a2a4 the pawn on b4 may capture, so this position does not come back.
  const auto legal_capture = game.parse("4k3/8/8/8/1p6/8/P7/4K3 w - - 0 1 moves a2a4");
  CHECK_EQ(plies_to_draw(*legal_capture, {"e8e7", "e1e2", "e7e8", "e2e1"}, 40), 9);
  // Here it is pinned, and the position does come back.
  const auto pinned = game.parse("1k6/8/8/8/1p6/8/P7/1R2K3 w - - 0 1 moves a2a4");
  CHECK_EQ(plies_to_draw(*pinned, {"b8b7", "e1e2", "b7b8", "e2e1"}, 40), 8);
}

TEST(chess_clock_ends_the_game) {
  const std::string fen = "7k/8/8/8/8/8/P7/R6K w - - 98 80";
  const Chess game, seventy_five = fide();
  const auto state = game.parse(fen + " moves h1g1");
  CHECK(!state->outcome());
  state->play(state->parse_action("h8g8"));
  CHECK_EQ(state->outcome().value_or(9), 0.0f);
  CHECK(legal(*state).empty());
  CHECK_THROWS(state->parse_action("g1h1"), InputError, "'g1h1' comes after the end of the game");
  CHECK(!seventy_five.parse(fen + " moves h1g1 h8g8")->outcome());
  CHECK(seventy_five.parse("7k/8/8/8/8/8/P7/R6K w - - 149 80 moves h1g1")->outcome().has_value());
  CHECK_EQ(game.parse("7k/8/8/8/8/8/P7/R6K w - - 100 80")->outcome().value_or(9), 0.0f);
}

TEST(chess_mate_goes_before_every_draw) {
  const Chess game;
  const auto mate = game.parse("7k/8/6K1/8/8/8/8/R7 w - - 99 80 moves a1a8");
  CHECK_EQ(mate->outcome().value_or(9), -1.0f);
  CHECK(legal(*mate).empty());
  CHECK_EQ(game.parse("R6k/8/6K1/8/8/8/8/8 b - - 100 80")->outcome().value_or(9), -1.0f);
  Options options;
  options.max_plies = 4;
  const Chess quick(options);
  CHECK_EQ(quick.parse("f2f3 e7e5 g2g4 d8h4")->outcome().value_or(9), -1.0f);
}

TEST(chess_stalemate_is_a_draw) {
  const Chess game;
  const auto state = game.parse("7k/5Q2/8/8/8/8/8/K7 b - - 0 1");
  CHECK_EQ(state->outcome().value_or(9), 0.0f);
  CHECK(legal(*state).empty());
}

TEST(chess_dead_positions_are_drawn) {
  const Chess game;
  for (const char* men : {"4k3/8/8/8/8/8/8/4K3", "4k3/8/8/8/8/8/8/2N1K3", "2n1k3/8/8/8/8/8/8/4K3",
                          "4k3/8/8/8/8/8/8/2B1K3", "4kb2/8/8/8/8/8/8/2B1K3", "4k3/8/8/B7/8/B7/8/2B1K3"}) {
    CHECK_EQ(game.parse(std::string(men) + " w - -")->outcome().value_or(9), 0.0f);
  }
  for (const char* men : {"4k3/8/8/8/8/8/P7/4K3", "4k3/8/8/8/8/8/8/R3K3", "4k3/8/8/8/8/8/8/1NN1K3",
                          "2n1k3/8/8/8/8/8/8/2N1K3", "2b1k3/8/8/8/8/8/8/2B1K3", "4k3/8/8/8/8/8/8/1NB1K3",
                          "2n1k3/8/8/8/8/8/8/2B1K3", "4k3/8/8/8/8/8/8/1BB1K3"}) {
    CHECK(!game.parse(std::string(men) + " w - -")->outcome());
  }
  const auto captured = game.parse("4k3/8/8/8/8/8/3r4/4K3 w - - 0 1 moves e1d2");
  CHECK_EQ(captured->outcome().value_or(9), 0.0f);
}

TEST(chess_max_plies_is_a_draw_counted_from_the_start_of_the_state) {
  Options options;
  options.max_plies = 3;
  const Chess game(options);
  CHECK_EQ(game.max_plies(), 3);
  const auto state = game.parse("4k3/8/8/8/8/8/P7/4K3 w - - 0 150");
  CHECK(!game.parse("e2e4 e7e5")->outcome());
  CHECK_EQ(game.parse("e2e4 e7e5 g1f3")->outcome().value_or(9), 0.0f);
  CHECK_EQ(plies_to_draw(*state, {"e1e2", "e8e7", "e2e1"}, 40), 3);
  // The same position with and without plies left has two keys.
  CHECK(state->key() != game.parse("4k3/8/8/8/8/8/P7/4K3 w - - 0 150 moves e1e2 e8e7")->key());
}

TEST(chess_options_are_checked_and_named) {
  Options options;
  CHECK_EQ(Chess(options).name(), std::string("chess"));
  CHECK_EQ(Chess(options).max_plies(), 12700);
  CHECK_EQ(fide().name(), std::string("chess:draws=fide"));
  options.variant = Variant::kChess960;
  options.start = 0;
  options.history = 2;
  options.max_plies = 512;
  CHECK_EQ(Chess(options).name(), std::string("chess960:start=0,history=2,max_plies=512"));
  options.start = 960;
  CHECK_THROWS(Chess(options), InputError, "start=960 is not from 0 to 959");
  options = {};
  options.start = 3;
  CHECK_THROWS(Chess(options), InputError, "start=3");
  options = {};
  options.history = 8;
  CHECK_THROWS(Chess(options), InputError, "history=8 is not from 0 to 7");
  options = {};
  options.max_plies = -1;
  CHECK_THROWS(Chess(options), InputError, "max_plies=-1");
  CHECK(parse_draws("fide") == Draws::kFide && parse_draws("threefold") == Draws::kThreefold);
  CHECK_THROWS(parse_draws("all"), InputError, "draws='all' is neither threefold nor fide");
}

TEST(chess_positions_read_starts_and_moves) {
  const Chess game;
  const std::string fen = "4k3/8/8/8/8/8/P7/4K2R w K - 3 40";
  for (const char* moves : {"", " moves", " moves e1g1", " e1g1 e8d7", " moves e1g1 e8d7 a2a4"}) {
    const auto state = game.parse(fen + moves);
    CHECK_EQ(state->position().start, fen);
    const auto again = game.parse(fen);
    for (const Action action : state->position().moves) again->play(action);
    CHECK_EQ(again->key(), state->key());
    CHECK_EQ(again->ply(), state->ply());
  }
  CHECK_EQ(game.parse("moves e2e4")->key(), game.parse("e2e4")->key());
  const auto usual = game.parse("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1 moves e2e4 e7e5");
  CHECK_EQ(usual->position().start, std::string(""));
  CHECK_EQ(usual->key(), game.parse("e2e4 e7e5")->key());
  CHECK_EQ(static_cast<const ChessState&>(*usual).fen(),
           std::string("rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2"));
  CHECK_EQ(usual->player(), 0);
  CHECK_EQ(game.parse("4k3/8/8/8/8/8/P7/4K3 b - - 0 1")->player(), 1);
  CHECK_EQ(game.parse("4k3/8/8/8/8/8/P7/4K3 b - -")->position().start,
           std::string("4k3/8/8/8/8/8/P7/4K3 b - - 0 1"));

  Options options;
  options.variant = Variant::kChess960;
  const Chess chess960(options);
  CHECK_EQ(static_cast<const ChessState&>(*chess960.parse("0 moves d1c3")).fen(),
           std::string("bbqnnrkr/pppppppp/8/8/8/2N5/PPPPPPPP/BBQ1NRKR b KQkq - 1 1"));
}

TEST(chess_positions_round_trip_along_random_games) {
  for (const Variant variant : {Variant::kStandard, Variant::kChess960, Variant::kGardner}) {
    Options options;
    options.variant = variant;
    options.history = 2;
    options.max_plies = 150;
    const Chess game(options);
    const auto assigned = game.initial();
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      Random random(seed);
      const auto state = game.parse(variant == Variant::kChess960 ? std::to_string(300 * seed) : "");
      std::string text = state->position().start;
      while (true) {
        const std::vector<Action> actions = legal(*state);
        CHECK_EQ(actions.empty(), state->outcome().has_value());
        CHECK(actions.empty() || state->ply() < game.max_plies());
        assigned->assign(*state);
        CHECK_EQ(assigned->key(), state->key());
        if (actions.empty() || state->ply() % 16 == 0) {
          const auto parsed = game.parse(text), copy = state->clone();
          for (const State* other : {parsed.get(), copy.get(), assigned.get()}) {
            CHECK_EQ(other->key(), state->key());
            CHECK_EQ(other->ply(), state->ply());
            CHECK_EQ(other->text(), state->text());
            CHECK_EQ(other->position().start, state->position().start);
            CHECK(other->position().moves == state->position().moves);
            CHECK(legal(*other) == actions);
          }
        }
        if (actions.empty()) break;
        const Action action = actions[random.below(static_cast<std::uint32_t>(actions.size()))];
        if (!text.empty()) text += ' ';
        text += state->action_text(action);
        state->play(action);
      }
    }
  }
}

TEST(chess_position_errors_name_the_ply) {
  const Chess game;
  CHECK_THROWS(game.parse("moves e2e4 e2e4"), InputError, "ply 2: move 'e2e4' is illegal here");
  CHECK_THROWS(game.parse("e2e4 x"), InputError, "position 'e2e4 x', ply 2: move 'x' is neither");
  CHECK_THROWS(game.parse("f2f3 e7e5 g2g4 d8h4 e2e4"), InputError, "ply 5: move 'e2e4' comes after the end");
  CHECK_THROWS(game.parse("8/8 w - - 0 1"), InputError, "placement '8/8' has 2 ranks");
  CHECK_THROWS(game.parse("518"), InputError, "move '518' is neither");
  Options options;
  options.variant = Variant::kChess960;
  const Chess chess960(options);
  CHECK_THROWS(chess960.parse("960"), InputError, "'960' is not a start number from 0 to 959");
  CHECK_THROWS(chess960.parse("99999999999"), InputError, "is not a start number");
}

TEST(chess_draws_the_board_as_white_sees_it) {
  const Chess game;
  CHECK_EQ(game.parse("e2e4")->text(),
           std::string("8 r n b q k b n r\n"
                       "7 p p p p p p p p\n"
                       "6 . . . . . . . .\n"
                       "5 . . . . . . . .\n"
                       "4 . . . . P . . .\n"
                       "3 . . . . . . . .\n"
                       "2 P P P P . P P P\n"
                       "1 R N B Q K B N R\n"
                       "  a b c d e f g h\n"
                       "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1\n"));
}

TEST(chess_copies_share_nothing) {
  const Chess game;
  const auto original = game.parse("e2e4 e7e5");
  const std::uint64_t key = original->key();
  const auto copy = original->clone();
  const auto assigned = game.parse("4k3/8/8/8/8/8/P7/4K3 w - - 0 1");
  assigned->assign(*original);
  copy->play(copy->parse_action("Nf3"));
  CHECK_EQ(original->key(), key);
  CHECK_EQ(original->ply(), 2);
  CHECK_EQ(assigned->key(), key);
  CHECK_EQ(assigned->position().start, std::string(""));
  CHECK(assigned->position().moves == original->position().moves);
  CHECK_EQ(copy->key(), game.parse("e2e4 e7e5 g1f3")->key());
}

}  // namespace selfplay::chess
