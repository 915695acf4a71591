#include "games/chess/notation/move_text.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/quote.h"
#include "core/random.h"
#include "games/chess/board/movegen.h"
#include "games/chess/chess.h"
#include "tests/test.h"

namespace selfplay::chess {

namespace {

Board at(const std::string& fen, Variant variant = Variant::kStandard) {
  return parse_fen(fen, variant).board;
}

// The UCI, castling as the king's own step, and the SAN of what is read.
std::string both(const Board& board, const std::string& text) {
  const Move move = parse_move(board, text);
  return uci_text(board, move, false) + " " + san_text(board, move);
}

Chess game_of(Variant variant) {
  Options options;
  options.variant = variant;
  return Chess(options);
}

}  // namespace

TEST(chess_notation_round_trips_along_random_games) {
  for (const Variant variant : {Variant::kStandard, Variant::kChess960, Variant::kGardner}) {
    const Chess game = game_of(variant);
    std::vector<Action> actions(static_cast<std::size_t>(game.num_actions()));
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Random random(seed);
      const auto state = game.parse(variant == Variant::kChess960 ? std::to_string(160 * seed) : "");
      for (int ply = 0; ply < 100; ++ply) {
        const int count = state->legal_actions(actions.data());
        if (count == 0) break;
        std::set<std::string> uci, san;
        for (int i = 0; i < count; ++i) {
          const Action action = actions[static_cast<std::size_t>(i)];
          uci.insert(state->action_text(action));
          san.insert(static_cast<const ChessState&>(*state).san(action));
          CHECK_EQ(state->parse_action(state->action_text(action)), action);
          CHECK_EQ(state->parse_action(static_cast<const ChessState&>(*state).san(action)), action);
        }
        CHECK_EQ(uci.size(), static_cast<std::size_t>(count));
        CHECK_EQ(san.size(), static_cast<std::size_t>(count));
        state->play(actions[random.below(static_cast<std::uint32_t>(count))]);
      }
    }
  }
}

TEST(chess_notation_reads_a_game_in_san) {
  const Chess game;
  const auto state = game.parse("e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6 O-O Nxe4 d4 b5 Bb3 d5 dxe5 Be6");
  CHECK_EQ(static_cast<const ChessState&>(*state).fen(),
           std::string("r2qkb1r/2p2ppp/p1n1b3/1p1pP3/4n3/1B3N2/PPP2PPP/RNBQ1RK1 w kq - 1 9"));
  const auto mate = game.parse("e4 e5 Qh5 Nc6 Bc4 Nf6 Qxf7#");
  CHECK_EQ(mate->outcome().value_or(9), -1.0f);
}

TEST(chess_san_tells_like_pieces_apart) {
  const Board knights = at("4k3/8/8/8/8/2N3N1/8/2N1K1N1 w - - 0 1");
  CHECK_EQ(both(knights, "g3e2"), std::string("g3e2 Ng3e2"));
  CHECK_EQ(both(knights, "g3e4"), std::string("g3e4 Nge4"));
  CHECK_EQ(both(knights, "c1d3"), std::string("c1d3 Nd3"));
  CHECK_EQ(both(at("4k3/8/8/R7/8/8/8/R3K3 w - - 0 1"), "a1a3"), std::string("a1a3 R1a3"));
  const Board queens = at("8/7k/8/8/Q2Q4/8/8/Q3K3 w - - 0 1");
  CHECK_EQ(both(queens, "a4d1"), std::string("a4d1 Qa4d1"));
  // A pinned piece needs no telling apart.
  CHECK_EQ(both(at("4r2k/8/8/8/8/4N3/8/N3K3 w - - 0 1"), "a1c2"), std::string("a1c2 Nc2"));
  CHECK_THROWS(parse_move(knights, "Ne2"), InputError, "'Ne2' is ambiguous: c1e2 or g1e2 or c3e2 or g3e2");
}

TEST(chess_san_marks_captures_promotions_checks_and_mate) {
  const Board pawns = at("1n2k3/P7/8/3pP3/8/8/8/4K3 w - d6 0 2");
  CHECK_EQ(both(pawns, "exd6"), std::string("e5d6 exd6"));
  CHECK_EQ(both(pawns, "axb8=Q+"), std::string("a7b8q axb8=Q+"));
  CHECK_EQ(both(pawns, "a8=N"), std::string("a7a8n a8=N"));
  CHECK_EQ(both(at("7k/8/6K1/8/8/8/8/R7 w - - 0 1"), "a1a8"), std::string("a1a8 Ra8#"));
  CHECK_EQ(both(at("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1"), "e8c8"), std::string("e8c8 O-O-O"));
  CHECK_EQ(both(at("rnbqk/ppppp/5/PPPPP/RNBQK w - - 0 1", Variant::kGardner), "b1c3"),
           std::string("b1c3 Nc3"));
}

TEST(chess_notation_reads_lenient_forms) {
  const Board start = at("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1");
  for (const char* text : {"g1f3", "Nf3", "Ng1f3", "Ng1-f3", "Ngf3", "N1f3", "Nf3!?", "Nf3+"}) {
    CHECK_EQ(both(start, text), std::string("g1f3 Nf3"));
  }
  for (const char* text : {"e2e4", "e4", "e2-e4", "e2e4!"}) {
    CHECK_EQ(both(start, text), std::string("e2e4 e4"));
  }
  const Board castling = at("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1");
  for (const char* text : {"e1g1", "e1h1", "O-O", "0-0", "O-O!"}) {
    CHECK_EQ(both(castling, text), std::string("e1g1 O-O"));
  }
  const Board promotion = at("1n2k3/P7/8/8/8/8/8/4K3 w - - 0 2");
  for (const char* text : {"a7b8r", "axb8=R", "axb8R+", "a7xb8=R", "a7b8R"}) {
    CHECK_EQ(both(promotion, text), std::string("a7b8r axb8=R+"));
  }
}

TEST(chess_notation_of_castling_in_chess960) {
  const Board wide = at("k7/8/8/8/8/8/8/1K2R2R w E - 0 1", Variant::kChess960);
  CHECK_EQ(uci_text(wide, parse_move(wide, "b1e1"), true), std::string("b1e1"));
  CHECK_EQ(both(wide, "b1g1"), std::string("b1g1 O-O"));
  // The king's own step wins over castling that ends there.
  const Board near = at("4k3/8/8/8/8/8/8/5K1R w H - 0 1", Variant::kChess960);
  CHECK_EQ(both(near, "f1g1"), std::string("f1g1 Kg1"));
  CHECK_EQ(uci_text(near, parse_move(near, "f1h1"), true), std::string("f1h1"));
  CHECK_EQ(uci_text(near, parse_move(near, "O-O"), true), std::string("f1h1"));
  // The rook stands where the king goes.
  const Board there = at("4k3/8/8/8/8/8/8/5KR1 w G - 0 1", Variant::kChess960);
  CHECK_EQ(san_text(there, parse_move(there, "f1g1")), std::string("O-O"));
}

TEST(chess_notation_errors_quote_the_move) {
  const Board start = at("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1");
  for (const char* move :
       {"",   "x",       "N",      "e",    "e9",  "Nx",   "Nf",  "e4x", "e5-4", "e8=",    "no such move",
        "O-", "O-O-O-O", "e2e4e5", "Nf3=", "e8(", "e8(Q", "e8/", "ed",  "Sf3",  "\u00e94"}) {
    CHECK_THROWS(parse_move(start, move), InputError, quoted(move) + " is neither UCI (e2e4) nor SAN (Nf3)");
  }
  for (const char* move : {"e2e5", "e7e5", "O-O", "e1g1", "e1h1", "Nd2", "Ke2", "e5", "e4=Q", "g1f3q"}) {
    CHECK_THROWS(parse_move(start, move), InputError, quoted(move) + " is illegal here");
  }
  const Board pawn = at("4k3/P7/8/8/8/8/8/4K3 w - - 0 1");
  CHECK_THROWS(parse_move(pawn, "a7a8"), InputError, "'a7a8' lacks the promotion piece");
  CHECK_THROWS(parse_move(pawn, "a8"), InputError, "'a8' lacks the promotion piece");
  CHECK_THROWS(parse_move(start, std::string(1000, 'e')), InputError, "eee…' is neither");
  CHECK_THROWS(parse_move(start, "e4\ne5"), InputError, "'e4 e5'");
}

struct Row {
  const char* text;
  const char* read;  // in SAN, or the end of the refusal
};

constexpr char kNoMove[] = "is a null move, which no game has";
constexpr char kWrongPiece[] = "promotes to neither queen, rook, bishop nor knight";
constexpr char kNoFile[] = "is a pawn's capture, which names its file: exd5";

void check_rows(const std::string& fen, const std::vector<Row>& rows) {
  const Board board = at(fen);
  for (const Row& row : rows) {
    std::string read;
    try {
      read = san_text(board, parse_move(board, row.text));
    } catch (const InputError& error) {
      read = error.what();
      const std::string start = "move " + quoted(row.text) + " ";
      CHECK_EQ(read.substr(0, start.size()), start);
      read = read.substr(start.size());
    }
    CHECK_EQ(std::string(row.text) + " -> " + read, std::string(row.text) + " -> " + row.read);
  }
}

TEST(chess_notation_of_captures) {
  // 1. e4 d5: White to move.
  check_rows("rnbqkbnr/ppp1pppp/8/3p4/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2",
             {{"exd5", "exd5"},
              {"ed5", "exd5"},
              {"e4xd5", "exd5"},
              {"e4d5", "exd5"},
              {"e4-d5", "exd5"},
              {"Pexd5", "exd5"},
              {"exd5!?", "exd5"},
              {"e×d5", "exd5"},
              {"d5", kNoFile},
              {"xd5", kNoFile},
              {"Pd5", kNoFile},
              {"4xd5", kNoFile},
              {"e5", "e5"},
              {"Pe5", "e5"},
              {"exe5", "captures nothing"},
              {"Nxf3", "captures nothing"},
              {"e:d5", "exd5"},
              {"ed5:", "exd5"},
              {"e4:d5", "exd5"},
              {"Pe4:d5", "exd5"},
              {"e4d5:", "exd5"},
              {"d5:", kNoFile},
              {"N:f3", "captures nothing"},
              {"Nf3:", "captures nothing"},
              {"ed:", "is neither UCI (e2e4) nor SAN (Nf3)"},
              {"g1xf3", "captures nothing"},
              {"Qxg4", "captures nothing"},
              {"exd5ep", "is no capture en passant"},
              {"e5e.p.", "is no capture en passant"},
              {"exd6", "is illegal here"}});
  check_rows("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 2", {{"exd6", "exd6"},
                                                   {"exd6ep", "exd6"},
                                                   {"exd6e.p.", "exd6"},
                                                   {"exd6e.p.+", "exd6"},
                                                   {"exd6+ep", "exd6"},
                                                   {"e5d6", "exd6"},
                                                   {"e5xd6ep", "exd6"},
                                                   {"d6", "is a pawn's capture, which names its file: exd6"},
                                                   {"e6ep", "is no capture en passant"},
                                                   {"Kd2ep", "is no capture en passant"}});
  // Both pawns may capture, and the file tells which.
  check_rows(
      "4k3/8/8/3p4/2P1P3/8/8/4K3 w - - 0 1",
      {{"cxd5", "cxd5"}, {"ed5", "exd5"}, {"d5", "is a pawn's capture, which names its file: exd5 or cxd5"}});
}

TEST(chess_notation_of_promotions) {
  check_rows("1n2k3/P7/8/8/8/8/8/4K3 w - - 0 2",
             {{"a8=Q", "a8=Q"},
              {"a8Q", "a8=Q"},
              {"a8/Q", "a8=Q"},
              {"a8(Q)", "a8=Q"},
              {"a8=q", "a8=Q"},
              {"a8q", "a8=Q"},
              {"a8(n)", "a8=N"},
              {"a7-a8/R", "a8=R"},
              {"a7a8=B", "a8=B"},
              {"a7a8N", "a8=N"},
              {"Pa8=Q", "a8=Q"},
              {"ab8(Q)+", "axb8=Q+"},
              {"axb8/R!", "axb8=R+"},
              {"a8♘", "a8=N"},
              {"a8", "lacks the promotion piece"},
              {"axb8", "lacks the promotion piece"},
              {"b8=Q", "is a pawn's capture, which names its file: axb8=Q+ or axb8=R+ or axb8=B or axb8=N"},
              {"a8=K", kWrongPiece},
              {"a8P", kWrongPiece},
              {"a7a8k", kWrongPiece},
              {"a8(p)", kWrongPiece},
              {"a8=", "is neither UCI (e2e4) nor SAN (Nf3)"},
              {"e8=Q", "is illegal here"},
              {"Ke2=Q", "is illegal here"}});
}

TEST(chess_notation_of_pieces) {
  check_rows("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1",
             {{"♘f3", "Nf3"},
              {"♞f3", "Nf3"},
              {"♘\ufe0ef3", "Nf3"},
              {"♙e4", "e4"},
              {"Ng1–f3", "Nf3"},
              {"g1-f3", "Nf3"},
              {"e2—e4", "e4"},
              {"Nf3#", "Nf3"},
              {"Nf3†", "Nf3"},
              {"nf3", "names its piece by a small letter; write Nf3"},
              {"ng1f3+", "names its piece by a small letter; write Ng1f3"},
              {"P@e4", "is a drop, which this game does not have"},
              {"N@f3", "is a drop, which this game does not have"},
              {"--", kNoMove},
              {"Z0", kNoMove},
              {"0000", kNoMove},
              {"null", kNoMove},
              {"pass", kNoMove},
              {"@@@@", kNoMove},
              {"bc4", "is illegal here"},
              {"b5", "is illegal here"},
              {"Nbf3", "is illegal here"},
              {"N2f3", "is illegal here"}});
  check_rows("4k3/8/8/1p6/2p5/1P6/8/4KB2 w - - 0 1", {{"bc4", "bxc4"},
                                                      {"bxc4", "bxc4"},
                                                      {"Bxc4", "Bxc4"},
                                                      {"bd3", "is illegal here for a pawn; a bishop is B"},
                                                      {"bxh3", "is illegal here for a pawn; a bishop is B"},
                                                      {"bxa8", "is illegal here"}});
  // Of two knights one is pinned: the other needs no file, and may have one.
  check_rows(
      "4k3/8/8/8/1b6/2N5/8/4K1N1 w - - 0 1",
      {{"Ne2", "Ne2"}, {"Nge2", "Ne2"}, {"N1e2", "Ne2"}, {"Ng1e2", "Ne2"}, {"Nce2", "is illegal here"}});
  check_rows("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", {{"O-O", "O-O"},
                                                      {"0-0", "O-O"},
                                                      {"o-o", "O-O"},
                                                      {"O–O", "O-O"},
                                                      {"0-0-0", "O-O-O"},
                                                      {"O-O-O+", "O-O-O"},
                                                      {"e1-g1", "O-O"},
                                                      {"e1c1", "O-O-O"},
                                                      {"e1xg1", "captures nothing"},
                                                      {"Kg1", "is illegal here"},
                                                      {"O-Oep", "is no capture en passant"}});
}

}  // namespace selfplay::chess
