#include "games/chess/notation/fen.h"

#include <set>
#include <string>
#include <vector>

#include "core/game.h"
#include "games/chess/board/board.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

std::string reprinted(const std::string& fen, Variant variant = Variant::kStandard,
                      CastlingLetters letters = CastlingLetters::kXFen) {
  return fen_text(parse_fen(fen, variant), letters);
}

struct Mistake {
  const char* fen;
  const char* message;
};

void check_mistakes(const std::vector<Mistake>& mistakes, Variant variant) {
  for (const Mistake& mistake : mistakes) {
    CHECK_THROWS(parse_fen(mistake.fen, variant), InputError, mistake.message);
  }
}

}  // namespace

TEST(chess_fen_prints_what_it_reads) {
  for (const std::string fen : {
           "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1",
           "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 5 20",
           "r3k2r/8/8/8/8/8/8/R3K2R b Kq - 99 120",
           "4k3/8/8/2pP4/8/8/8/4K3 w - c6 0 2",
           "4k3/8/8/8/3pP3/8/8/4K3 b - e3 0 2",
       }) {
    CHECK_EQ(reprinted(fen), fen);
    CHECK_EQ(parse_fen(fen, Variant::kStandard).board.key, parse_fen(fen, Variant::kChess960).board.key);
  }
  CHECK_EQ(reprinted("rnbqk/ppppp/5/PPPPP/RNBQK b - - 3 7", Variant::kGardner),
           std::string("rnbqk/ppppp/5/PPPPP/RNBQK b - - 3 7"));
}

TEST(chess_fen_counters_may_be_left_out) {
  CHECK_EQ(reprinted("4k3/8/8/8/8/8/8/4K2R w K -"), std::string("4k3/8/8/8/8/8/8/4K2R w K - 0 1"));
  CHECK_EQ(reprinted("4k3/8/8/8/8/8/8/4K2R w K - 7"), std::string("4k3/8/8/8/8/8/8/4K2R w K - 7 1"));
  CHECK_EQ(reprinted(" 4k3/8/8/8/8/8/8/4K2R  b - - 0 0 "), std::string("4k3/8/8/8/8/8/8/4K2R b - - 0 1"));
}

TEST(chess_fen_keeps_en_passant_only_where_it_is_legal) {
  const std::vector<std::vector<std::string>> cases = {
      {"rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1", "-"},  // no pawn beside
      {"8/8/8/8/k2Pp2Q/8/8/3K4 b - d3 0 1", "-"},                            // both pawns leave the rank
      {"8/8/8/8/1k1Pp2Q/8/8/3K4 b - d3 0 1", "-"},
      {"8/8/8/8/3Pp3/k7/8/3K3B b - d3 0 1", "d3"},
      {"3k4/8/8/8/3Pp3/8/6B1/3K4 b - d3 0 1", "d3"},
      {"k7/8/8/8/3Pp3/8/6B1/3K4 b - d3 0 1", "-"},  // pinned on the diagonal
      {"4k3/8/8/8/3Pp3/8/8/3KR3 b - d3 0 1", "-"},  // pinned on the file
      {"8/8/8/2k5/3Pp3/8/8/3K4 b - d3 0 1", "d3"},  // takes the man that gives check
      {"8/8/8/2k5/3Pp3/8/8/B2K4 b - d3 0 1", "d3"},
      {"8/6k1/8/8/3Pp3/8/8/B2K4 b - d3 0 1", "-"},  // uncovers the bishop behind the pawn
  };
  for (const auto& fen : cases) {
    const std::string text = reprinted(fen[0]);
    CHECK_EQ(text, fen[0].substr(0, fen[0].find("3 0 1") - 1) + fen[1] + text.substr(text.size() - 4));
  }
}

TEST(chess_fen_writes_castling_as_x_fen_or_shredder_fen) {
  const auto shredder = CastlingLetters::kShredder;
  const std::string inner = "rr6/2kpp3/1ppn2p1/p2b1q1p/P4P1P/1PNN2P1/2PP4/1K2R2R b E - 1 20";
  CHECK_EQ(reprinted(inner, Variant::kChess960), inner);
  CHECK_EQ(reprinted(inner, Variant::kChess960, shredder), inner);
  const std::string outer = "1r2k1r1/8/8/8/8/8/8/RR2K1RR w HBgb - 0 1";
  CHECK_EQ(reprinted(outer, Variant::kChess960), std::string("1r2k1r1/8/8/8/8/8/8/RR2K1RR w KBkq - 0 1"));
  CHECK_EQ(reprinted(outer, Variant::kChess960, shredder), outer);
  CHECK_EQ(reprinted("1r2k1r1/8/8/8/8/8/8/RR2K1RR w KQkq - 0 1", Variant::kChess960, shredder),
           std::string("1r2k1r1/8/8/8/8/8/8/RR2K1RR w HAgb - 0 1"));
  CHECK_EQ(reprinted("r3k2r/8/8/8/8/8/8/R3K2R w HAha - 0 1"),
           std::string("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"));
}

TEST(chess_fen_numbers_the_starts_of_chess960) {
  const auto rank = [](int number) {
    return fen_text(start_setup(Variant::kChess960, number)).substr(35, 8);
  };
  CHECK_EQ(rank(0), std::string("BBQNNRKR"));
  CHECK_EQ(rank(518), std::string("RNBQKBNR"));
  CHECK_EQ(rank(959), std::string("RKRNNQBB"));
  std::set<std::string> ranks;
  for (int number = 0; number < kChess960Starts; ++number) {
    const std::string men = rank(number);
    ranks.insert(men);
    CHECK((men.find('B') + men.rfind('B')) % 2 == 1);
    CHECK(men.find('R') < men.find('K') && men.find('K') < men.rfind('R'));
  }
  CHECK_EQ(ranks.size(), std::size_t{960});
  CHECK_EQ(fen_text(start_setup(Variant::kStandard)),
           std::string("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"));
}

TEST(chess_fen_errors_name_the_field_and_quote_it) {
  check_mistakes(
      {
          {"", "has not 4 to 6 fields"},
          {"4k3/8/8/8/8/8/8/4K3 w -", "has not 4 to 6 fields"},
          {"4k3/8/8/8/8/8/8/4K3 w - - 0 1 x", "has not 4 to 6 fields"},
          {"4k3/8/8/8/8/8/4K3 w - - 0 1", "placement '4k3/8/8/8/8/8/4K3' has 7 ranks, not 8"},
          {"4k3/8/8/8/8/8/8/4K4 w - - 0 1", "has rank 1 '4K4' of 9 squares, not 8"},
          {"4k2/8/8/8/8/8/8/4K3 w - - 0 1", "has rank 8 '4k2' of 7 squares, not 8"},
          {"4k3/8/8/35/8/8/8/4K3 w - - 0 1", "has rank 5 '35' with two digits side by side"},
          {"4k3/8/8/3x4/8/8/8/4K3 w - - 0 1", "has rank 5 '3x4' with a character that is neither"},
          {"4k3/8/8/3\u00e94/8/8/8/4K3 w - - 0 1", "has rank 5 '3\u00e94' with a character that is neither"},
          {"4k3/8/8/9/8/8/8/4K3 w - - 0 1", "has rank 5 '9' with a character that is neither"},
          {"4k3/8/8/8/8/8/8/4K3 x - - 0 1", "side to move 'x' is not w or b"},
          {"4k3/8/8/8/8/8/8/4K3 w X - 0 1", "castling 'X' is neither"},
          {"4k3/8/8/8/8/8/8/4K3 w K - 0 1", "castling 'K' names a rook of White that is not there"},
          {"4k3/8/8/8/8/8/4K3/7R w K - 0 1", "castling 'K' needs the king of White on its first rank"},
          {"r2k4/8/8/8/8/8/8/4K3 w q - 0 1", "castling 'q' needs the king of Black on e"},
          {"1r2k3/8/8/8/8/8/8/4K3 w q - 0 1", "castling 'q' needs the king of Black on e"},
          {"4k3/8/8/8/8/8/8/4K2R w KK - 0 1", "castling 'KK' names two rooks of White on one side"},
          {"4k3/8/8/8/8/8/8/4K2R w KH - 0 1", "castling 'KH' names two rooks"},
          {"4k3/8/8/8/8/8/8/4K3 w - e9 0 1", "en passant 'e9' is neither - nor a square on rank 6"},
          {"4k3/8/8/8/8/8/8/4K3 b - e6 0 1", "en passant 'e6' is neither - nor a square on rank 3"},
          {"4k3/8/8/8/8/8/8/4K3 w - e6 0 1", "en passant 'e6' is not a square that a pawn has just passed"},
          {"4k3/4n3/8/4p3/8/8/8/4K3 w - e6 0 1", "en passant 'e6' is not a square"},
          {"4k3/8/8/8/8/8/8/4K3 w - - x 1", "half-move clock 'x' is not a number from 0 to 9999"},
          {"4k3/8/8/8/8/8/8/4K3 w - - -1 1", "half-move clock '-1' is not a number"},
          {"4k3/8/8/8/8/8/8/4K3 w - - 99999999999 1", "half-move clock '99999999999' is not"},
          {"4k3/8/8/8/8/8/8/4K3 w - - 0 x", "move number 'x' is not a number from 0 to 99999"},
      },
      Variant::kStandard);
  const std::string endless(100000, 'x');
  CHECK_THROWS(parse_fen(endless, Variant::kStandard), InputError, "xxx…'");
}

TEST(chess_fen_refuses_positions_that_no_game_reaches) {
  check_mistakes(
      {
          {"8/8/8/8/8/8/8/4K3 w - - 0 1", "has no king of Black"},
          {"4k3/8/8/8/8/8/8/3KK3 w - - 0 1", "has 2 kings of White"},
          {"4k3/8/8/8/8/8/8/P3K3 w - - 0 1", "has a pawn of White on the first or last rank"},
          {"p3k3/8/8/8/8/8/8/4K3 w - - 0 1", "has a pawn of Black on the first or last rank"},
          {"4k3/8/8/8/8/8/8/4R2K w - - 0 1", "has the side that is not to move in check"},
          {"8/8/8/8/8/8/8/3kK3 w - - 0 1", "has the kings side by side"},
          {"4k3/8/8/8/8/N7/PPPPPPPP/RNBQKBNR w - - 0 1", "has more than 16 men of White"},
          {"4k3/8/8/8/8/P7/PPPPPPPP/4K3 w - - 0 1", "has more pawns and promoted men of White"},
          {"4k3/8/8/8/8/8/PPPPPPPP/QQ2K3 w - - 0 1", "has more pawns and promoted men of White"},
          {"4k3/8/8/8/1b2r2b/3n4/8/4K3 w - - 0 1", "has a king in check from more than two men"},
      },
      Variant::kStandard);
}

TEST(chess_fen_of_variants) {
  check_mistakes(
      {{"r1r1k3/8/8/8/8/8/8/4K3 w ac - 0 1", "castling 'ac' names two rooks of Black on one side"}},
      Variant::kChess960);
  check_mistakes(
      {
          {"rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", "has 8 ranks, not 5"},
          {"rnbqk/ppppp/5/PPPPP/RNBQKR w - - 0 1", "of 6 squares, not 5"},
          {"rnbqk/ppppp/6/PPPPP/RNBQK w - - 0 1", "neither a piece nor a number"},
          {"rnbqk/ppppp/5/PPPPP/RNBQK w K - 0 1", "there is no castling in Gardner chess"},
          {"rnbqk/ppppp/5/PPPPP/RNBQK w - a3 0 1", "no pawn steps twice in Gardner chess"},
          {"rnbqk/ppppp/N4/PPPPP/RNBQK w - - 0 1", "has more than 10 men of White"},
      },
      Variant::kGardner);
}

}  // namespace selfplay::chess
