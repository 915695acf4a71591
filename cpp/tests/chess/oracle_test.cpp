// The fast move generator against a slow one that shares nothing with it.
#include "tests/chess/oracle.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "games/chess/board/movegen.h"
#include "games/chess/chess.h"
#include "games/chess/notation/move_text.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

std::string first_fields(const std::string& fen) {
  std::size_t end = 0;
  for (int field = 0; field < 4; ++field) end = fen.find(' ', end + 1);
  return fen.substr(0, end);
}

std::vector<std::string> legal_texts(const Board& board) {
  MoveList list;
  legal_moves(board, list);
  std::vector<std::string> texts;
  for (const Move move : list) texts.push_back(uci_text(board, move, true));
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

// Plays random moves in both; how many positions were compared.
int walk(const Chess& game, const std::string& start, std::uint64_t seed, int plies) {
  Random random(seed);
  const std::unique_ptr<State> state = game.parse(start);
  const auto& chess = static_cast<const ChessState&>(*state);
  Oracle oracle(chess.fen(CastlingLetters::kShredder));
  std::vector<Action> actions(static_cast<std::size_t>(game.num_actions()));
  for (int ply = 0; ply < plies; ++ply) {
    const std::vector<std::string> expected = oracle.moves();
    CHECK_EQ(joined(legal_texts(chess.board())), joined(expected));
    CHECK_EQ(count_legal_moves(chess.board()), static_cast<int>(expected.size()));
    CHECK_EQ(in_check(chess.board()), oracle.in_check(oracle.black));
    CHECK_EQ(first_fields(chess.fen(CastlingLetters::kShredder)), oracle.fen());
    CHECK_EQ(chess.board().key, position_key(chess.board()));
    if (expected.empty() || state->outcome()) return ply + 1;
    const std::string move = expected[random.below(static_cast<std::uint32_t>(expected.size()))];
    state->play(game.index().action(parse_move(chess.board(), move)));
    oracle = oracle.played(move);
  }
  return plies;
}

// Both kings and a few men anywhere, pawns and sliders preferred; in every second position a pawn that
// has just stepped past another.
std::string random_fen(Random& random) {
  constexpr char kMen[] = "PPppQqRrBbNnPpQqRrBb";
  Oracle board("8/8/8/8/8/8/8/8 w - - 0 1");
  board.black = random.below(2) == 1;
  const int up = board.black ? -1 : 1, rank = board.black ? 3 : 4;
  const int file = static_cast<int>(random.below(7));
  const bool passes = random.below(2) == 1;
  if (passes) {
    const int passed_file = file + static_cast<int>(random.below(2));
    board.at(passed_file, rank) = coloured('P', !board.black);
    board.at(2 * file + 1 - passed_file, rank) = coloured('P', board.black);
    board.passant = (rank + up) * 8 + passed_file;
  }
  const auto is_free = [&](int square) {
    const bool on_the_way = passes && (square == board.passant || square == board.passant + 8 * up);
    return board.cells[static_cast<std::size_t>(square)] == kEmpty && !on_the_way;
  };
  const int men = 4 + static_cast<int>(random.below(10));
  for (int i = 0; i < men; ++i) {
    const char man = i < 2 ? "Kk"[i] : kMen[random.below(20)];
    int square;
    do {
      square = static_cast<int>(upper(man) == 'P' ? 8 + random.below(48) : random.below(64));
    } while (!is_free(square));
    board.cells[static_cast<std::size_t>(square)] = man;
  }
  // The oracle writes the square only where a capture is legal; here it is always to be read.
  const std::string fen = board.fen();
  if (!passes || fen.back() != '-') return fen;
  return fen.substr(0, fen.size() - 1) + Oracle::name(board.passant % 8, board.passant / 8);
}

}  // namespace

TEST(chess_oracle_walks_of_standard_chess) {
  const Chess game;
  const std::vector<std::string> starts = {
      "",
      "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
      "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
      "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
      "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
      "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",
      "4k3/pppppppp/8/8/8/8/PPPPPPPP/4K3 w - - 0 1",
  };
  for (std::size_t i = 0; i < starts.size(); ++i) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) CHECK(walk(game, starts[i], 100 * i + seed, 80) > 0);
  }
}

TEST(chess_oracle_walks_of_chess960) {
  Options options;
  options.variant = Variant::kChess960;
  const Chess game(options);
  const std::vector<std::string> starts = {
      "rr6/2kpp3/1ppn2p1/p2b1q1p/P4P1P/1PNN2P1/2PP4/1K2R2R b E - 1 20",
      "1rk1r3/8/8/8/8/8/8/1RK1R3 w EBeb - 0 1",
      "qrk4r/8/8/8/8/8/8/QRK4R w HBhb - 0 1",
      "5rkr/8/8/8/8/8/8/5RKR w HFhf - 0 1",
      "rkr5/p6p/8/8/8/8/P6P/RKR5 b CAca - 0 1",
      "r1k1r2q/p1ppp1pp/8/8/8/8/P1PPP1PP/R1K1R2Q w KQkq - 0 1",
  };
  for (std::size_t i = 0; i < starts.size(); ++i) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) CHECK(walk(game, starts[i], 100 * i + seed, 30) > 0);
  }
  for (int number = 0; number < kChess960Starts; number += 41) {
    CHECK(walk(game, std::to_string(number), static_cast<std::uint64_t>(number), 30) > 0);
  }
}

TEST(chess_oracle_walks_of_gardner_chess) {
  Options options;
  options.variant = Variant::kGardner;
  const Chess game(options);
  for (std::uint64_t seed = 0; seed < 40; ++seed) CHECK(walk(game, "", seed, 100) > 0);
}

TEST(chess_oracle_random_positions) {
  Random random(1);
  int read = 0, refused = 0, passants = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string fen = random_fen(random);
    const Oracle oracle(fen);
    if (oracle.in_check(!oracle.black)) {
      const int files = oracle.king_file(true) - oracle.king_file(false);
      const int ranks = oracle.king_rank(true) - oracle.king_rank(false);
      const bool adjacent = std::abs(files) <= 1 && std::abs(ranks) <= 1;
      CHECK_THROWS(parse_fen(fen, Variant::kStandard), InputError,
                   adjacent ? "side by side" : "not to move in check");
      ++refused;
      continue;
    }
    Setup setup;
    try {
      setup = parse_fen(fen, Variant::kStandard);
    } catch (const InputError&) {
      continue;  // too many queens, or three checks
    }
    ++read;
    passants += setup.board.passant != 0;
    CHECK_EQ(joined(legal_texts(setup.board)), joined(oracle.moves()));
    CHECK_EQ(first_fields(fen_text(setup)), oracle.fen());
  }
  CHECK(read > 1000);
  CHECK(refused > 1000);
  CHECK(passants > 200);
}

TEST(chess_oracle_perft_of_gardner_chess) {
  const Setup start = start_setup(Variant::kGardner);
  const Oracle oracle(fen_text(start));
  for (int depth = 0; depth <= 4; ++depth) CHECK_EQ(perft(start.board, depth), oracle.perft(depth));
}

}  // namespace selfplay::chess
