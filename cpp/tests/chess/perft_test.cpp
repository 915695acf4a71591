#include "games/chess/board/attacks.h"
#include "games/chess/board/movegen.h"
#include "games/chess/notation/fen.h"

#include <string>
#include <vector>

#include "core/random.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

struct Counts {
  const char* fen;
  std::vector<std::uint64_t> paths;  // from depth 1
};

void check_counts(const std::vector<Counts>& positions, Variant variant) {
  for (const Counts& position : positions) {
    const Setup setup = parse_fen(position.fen, variant);
    CHECK_EQ(perft(setup.board, 0), 1u);
    for (std::size_t i = 0; i < position.paths.size(); ++i) {
      CHECK_EQ(perft(setup.board, static_cast<int>(i + 1)), position.paths[i]);
    }
  }
}

// Cells seen in four directions, a step at a time.
Bitboard slow_attacks(int square, bool straight, Bitboard occupied) {
  constexpr int kSteps[2][4][2] = {{{1, 1}, {1, -1}, {-1, 1}, {-1, -1}}, {{1, 0}, {-1, 0}, {0, 1}, {0, -1}}};
  Bitboard seen = 0;
  for (const auto& step : kSteps[straight]) {
    int file = file_of(square) + step[0], rank = rank_of(square) + step[1];
    while (file >= 0 && file < 8 && rank >= 0 && rank < 8) {
      seen |= bit(square_at(file, rank));
      if ((occupied >> square_at(file, rank) & 1) != 0) break;
      file += step[0];
      rank += step[1];
    }
  }
  return seen;
}

}  // namespace

// The well-known positions of the Chess Programming Wiki.
TEST(chess_perft_of_well_known_positions) {
  check_counts(
      {{"rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", {20, 400, 8902, 197281, 4865609}},
       {"r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", {48, 2039, 97862, 4085603}},
       {"8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", {14, 191, 2812, 43238, 674624}},
       {"r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", {6, 264, 9467, 422333}},
       {"r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1", {6, 264, 9467, 422333}},
       {"rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", {44, 1486, 62379, 2103487}},
       {"r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", {46, 2079, 89890}},
       {"n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1", {24, 496, 9483, 182838}}},
      Variant::kStandard);
}

TEST(chess_perft_of_castling_and_en_passant) {
  check_counts({{"r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", {26, 568, 13744, 314346}},
                {"r3k2r/1b4bq/8/8/8/8/7B/R3K2R w KQkq - 0 1", {26, 1141, 27826, 1274206}},
                {"r3k2r/8/3Q4/8/8/5q2/8/R3K2R b KQkq - 0 1", {44, 1494, 50509, 1720476}},
                {"3k4/3p4/8/K1P4r/8/8/8/8 b - - 0 1", {18, 92, 1670, 10138, 185429}},
                {"8/8/1k6/2b5/2pP4/8/5K2/8 b - d3 0 1", {15, 126, 1928, 13931, 206379}},
                {"2K2r2/4P3/8/8/8/8/8/3k4 w - - 0 1", {11, 133, 1442, 19174, 266199}}},
               Variant::kStandard);
}

TEST(chess_perft_of_chess960) {
  check_counts(
      {{"bqnb1rkr/pp3ppp/3ppn2/2p5/5P2/P2P4/NPP1P1PP/BQ1BNRKR w HFhf - 2 9", {21, 528, 12189, 326672}},
       {"2nnrbkr/p1qppppp/8/1ppb4/6PP/3PP3/PPP2P2/BQNNRBKR w HEhe - 1 9", {21, 807, 18002, 667366}},
       {"b1q1rrkb/pppppppp/3nn3/8/P7/1PPP4/4PPPP/BQNNRKRB w GE - 1 9", {20, 479, 10471, 273318}},
       {"qbbnnrkr/2pp2pp/p7/1p2pp2/8/P3PP2/1PPP1KPP/QBBNNR1R w hf - 0 9", {22, 593, 13440, 382958}}},
      Variant::kChess960);
}

TEST(chess_sliders_attack_up_to_the_first_man) {
  Random random(7);
  for (int i = 0; i < 4000; ++i) {
    const Bitboard occupied = random.next() & random.next();
    for (int square = i % 8; square < 64; square += 8) {
      CHECK_EQ(bishop_attacks(square, occupied), slow_attacks(square, false, occupied));
      CHECK_EQ(rook_attacks(square, occupied), slow_attacks(square, true, occupied));
    }
  }
}

}  // namespace selfplay::chess
