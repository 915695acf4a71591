#include "games/chess/notation/epd.h"

#include <string>

#include "core/game.h"
#include "games/chess/chess.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

const std::string kStart = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -";

// The clocks of a position, or the end of its refusal.
std::string clocks(const std::string& operations) {
  static const Chess game;
  const std::string text = kStart + " " + operations;
  try {
    const auto state = game.parse(text);
    CHECK_EQ(state->ply(), 0);
    return static_cast<const ChessState&>(*state).fen().substr(kStart.size() + 1);
  } catch (const InputError& error) {
    const std::string message = error.what();
    CHECK_EQ(message.substr(0, 5), std::string("EPD '"));
    return message.substr(message.find("': ") + 3);
  }
}

}  // namespace

TEST(chess_epd_sets_the_clocks) {
  CHECK_EQ(clocks(R"(bm e4; hmvc 3; fmvn 12; id "a; b # c";)"), std::string("3 12"));
  CHECK_EQ(clocks(R"(id "hmvc 5;";hmvc 6;)"), std::string("6 1"));
  CHECK_EQ(clocks(R"(id "a\"b; hmvc 5"; fmvn 5)"), std::string("0 5"));
  for (const char* text :
       {"bm e4", "bm e4 Nf3+ O-O!;", "noop;", ";D1 20 ;D2 400", ";", R"(c3 "x"; c4 "y";)", "foo bar 1.5;",
        "0 1 bm e4;", "0 1;bm e4", "rc 1;", "hmvc 0; fmvn 1;;", R"(c0 "moves";)"}) {
    CHECK_EQ(clocks(text), std::string("0 1"));
  }
  CHECK_EQ(clocks(R"(c9 "1/2-1/2")"), std::string("0 1"));
  CHECK_EQ(clocks(R"(0 1 v1 "a" "b")"), std::string("0 1"));
  CHECK_EQ(clocks("3 7 bm Nf3; hmvc 3; fmvn 7;"), std::string("3 7"));
  CHECK_EQ(clocks("5 am Nf3;"), std::string("5 1"));
}

TEST(chess_epd_errors_name_the_operation) {
  CHECK_EQ(clocks("hmvc x;"), std::string("'hmvc x' is not one number"));
  CHECK_EQ(clocks("fmvn;"), std::string("'fmvn' is not one number"));
  CHECK_EQ(clocks("hmvc 1 2;"), std::string("'hmvc 1 2' is not one number"));
  CHECK_EQ(clocks("hmvc -1;"), std::string("'hmvc -1' is not one number"));
  CHECK_EQ(clocks("hmvc 1; hmvc 2;"), std::string("'hmvc 2' is given twice"));
  CHECK_EQ(clocks("3 7 hmvc 4;"), std::string("hmvc 4 and the field 3 differ"));
  CHECK_EQ(clocks("rc 3;"), std::string("rc 3 asks for earlier occurrences; give the moves"));
  CHECK_EQ(clocks("id \"x"), std::string("string '\"x' has no end"));
  CHECK_EQ(clocks("bm e4; 12;"), std::string("operation '12' has no name"));
  CHECK_EQ(clocks("c4 e5;"), std::string("'c4' is a move and no operation; write moves after a FEN"));
  CHECK_EQ(clocks("0 1; Nf3 d5"), std::string("'Nf3' is a move and no operation; write moves after a FEN"));
  CHECK_EQ(clocks("0 1 e2e4;"), std::string("'e2e4' is a move and no operation; write moves after a FEN"));
}

TEST(chess_epd_is_told_from_moves) {
  CHECK(!fen_of_epd(""));
  CHECK(!fen_of_epd("e2e4 e7e5 Nf3 Nc6 bm"));
  CHECK(!fen_of_epd(kStart));
  CHECK(!fen_of_epd(kStart + " 0 1"));
  CHECK(!fen_of_epd(kStart + " 0 1 moves e2e4"));
  CHECK(!fen_of_epd(kStart + " 0 1 c3 c6"));
  CHECK(!fen_of_epd(kStart + " moves e2e4"));
  CHECK_EQ(fen_of_epd(kStart + " bm c3").value_or(""), kStart + " 0 1");
  CHECK_THROWS(Chess().parse(kStart + " e2e4"), InputError, "half-move clock 'e2e4' is not a number");
}

}  // namespace selfplay::chess
