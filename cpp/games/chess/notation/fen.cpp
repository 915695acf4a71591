#include "games/chess/notation/fen.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <utility>
#include <vector>

#include "core/game.h"
#include "core/quote.h"
#include "games/chess/board/generate.h"
#include "games/chess/board/movegen.h"
#include "games/chess/notation/move_text.h"

namespace selfplay::chess {

namespace {

constexpr char kLetters[] = "PNBRQK";
constexpr const char* kColours[2] = {"White", "Black"};
constexpr int kMaxClock = 9999;
constexpr int kMaxMoveNumber = 99999;
constexpr char kGardnerStart[] = "rnbqk/ppppp/5/PPPPP/RNBQK w - - 0 1";

// Reads the fields in turn into a board that White looks at, and turns it for Black at the end.
class FenReader {
 public:
  FenReader(const std::string& text, Variant variant) : text_(text), variant_(variant) {
    std::istringstream words(text);
    for (std::string word; fields_.size() < 8 && words >> word;) fields_.push_back(word);
  }

  Setup read() {
    if (fields_.size() < 4 || fields_.size() > 6) {
      throw InputError("FEN " + quoted(text_) +
                       " has not 4 to 6 fields: placement, side to move, castling, " +
                       "en passant, half-move clock, move number");
    }
    board_.size = variant_ == Variant::kGardner ? 5 : 8;
    read_placement();
    for (const bool black : {false, true}) check_men(black);
    if (fields_[1] != "w" && fields_[1] != "b") fail("side to move", fields_[1], "is not w or b");
    read_castling();
    if (fields_[1] == "b") board_ = passed(board_);
    check_checks();
    read_passant();
    board_.clock = static_cast<std::uint16_t>(number(4, "half-move clock", 0, kMaxClock));
    board_.key = position_key(board_);
    return {board_, std::max(1, number(5, "move number", 1, kMaxMoveNumber))};
  }

 private:
  [[noreturn]] void fail(const char* field, const std::string& value, const std::string& reason) const {
    throw InputError("FEN " + quoted(text_) + ": " + field + " " + quoted(value) + " " + reason);
  }
  [[noreturn]] void fail_placement(const std::string& reason) const { fail("placement", fields_[0], reason); }

  Bitboard men(bool black) const { return black ? board_.theirs : board_.own; }
  Bitboard men(bool black, Piece piece) const { return men(black) & board_.pieces[piece]; }

  void read_placement() {
    std::vector<std::string> ranks(1);
    for (const char character : fields_[0]) {
      if (character == '/') {
        ranks.emplace_back();
      } else {
        ranks.back() += character;
      }
    }
    if (static_cast<int>(ranks.size()) != board_.size) {
      fail_placement("has " + std::to_string(ranks.size()) + " ranks, not " + std::to_string(board_.size));
    }
    for (int i = 0; i < board_.size; ++i) read_rank(ranks[static_cast<std::size_t>(i)], board_.size - 1 - i);
  }

  void read_rank(const std::string& text, int rank) {
    const std::string where = "has rank " + std::to_string(rank + 1) + " " + quoted(text);
    int file = 0;
    bool after_digit = false;
    for (const char character : text) {
      const bool digit = character >= '1' && character <= '0' + board_.size;
      if (digit && after_digit) fail_placement(where + " with two digits side by side");
      after_digit = digit;
      if (digit) {
        file += character - '0';
      } else if (!place(character, file++, rank)) {
        fail_placement(where + " with a character that is neither a piece nor a number");
      }
    }
    if (file != board_.size) {
      fail_placement(where + " of " + std::to_string(file) + " squares, not " + std::to_string(board_.size));
    }
  }

  bool place(char character, int file, int rank) {
    const char upper = static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
    const char* letter = std::find(kLetters, kLetters + kPieces, upper);
    if (letter == kLetters + kPieces) return false;
    if (file >= board_.size) return true;  // the rank is too long, and refused for that
    const Bitboard square = bit(square_at(file, rank));
    (character == upper ? board_.own : board_.theirs) |= square;
    board_.pieces[letter - kLetters] |= square;
    return true;
  }

  void check_men(bool black) const {
    const std::string colour = kColours[black];
    const int size = board_.size, kings = std::popcount(men(black, kKing));
    if (kings != 1) {
      fail_placement(kings == 0 ? "has no king of " + colour
                                : "has " + std::to_string(kings) + " kings of " + colour);
    }
    const Bitboard ends = kRank1 | kRank1 << (8 * (size - 1));
    if ((men(black, kPawn) & ends) != 0) {
      fail_placement("has a pawn of " + colour + " on the first or last rank");
    }
    if (std::popcount(men(black)) > 2 * size) {
      fail_placement("has more than " + std::to_string(2 * size) + " men of " + colour);
    }
    int promoted = 0;
    for (const Piece piece : {kKnight, kBishop, kRook, kQueen}) {
      const int at_start = size == 8 && piece != kQueen ? 2 : 1;
      promoted += std::max(0, std::popcount(men(black, piece)) - at_start);
    }
    if (promoted + std::popcount(men(black, kPawn)) > size) {
      fail_placement("has more pawns and promoted men of " + colour + " than pawns at the start");
    }
  }

  void check_checks() const {
    if ((kAttacks.king[board_.king_square()] & board_.theirs & board_.pieces[kKing]) != 0) {
      fail_placement("has the kings side by side");
    }
    if (in_check(passed(board_))) fail_placement("has the side that is not to move in check");
    if (count_checkers(board_) > 2) fail_placement("has a king in check from more than two men");
  }

  void read_castling() {
    const std::string& field = fields_[2];
    if (field == "-") return;
    if (variant_ == Variant::kGardner) {
      fail("castling", field, "is not -: there is no castling in Gardner chess");
    }
    for (const char letter : field) {
      const bool black = letter >= 'a' && letter <= 'z';
      const char upper = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
      if (upper != 'K' && upper != 'Q' && (upper < 'A' || upper > 'H')) {
        fail("castling", field, "is neither - nor made of KQkq or files A-H, a-h");
      }
      add_right(black, upper);
    }
  }

  // The rook that a letter names: a file's, or the outermost on the king's or the queen's side.
  Bitboard named_rook(bool black, char letter) const {
    const int king = lowest(men(black, kKing));
    const Bitboard rooks = men(black, kRook) & (kRank1 << (black ? 56 : 0));
    if (letter == 'K') {
      const Bitboard right = rooks & ~((bit(king) << 1) - 1);
      return right == 0 ? 0 : bit(63 - std::countl_zero(right));
    }
    if (letter == 'Q') {
      const Bitboard left = rooks & (bit(king) - 1);
      return left & (~left + 1);
    }
    return rooks & (kFileA << (letter - 'A'));
  }

  void add_right(bool black, char letter) {
    const std::string& field = fields_[2];
    const std::string colour = kColours[black];
    const int king = lowest(men(black, kKing)), home = black ? 7 : 0;
    if (rank_of(king) != home) fail("castling", field, "needs the king of " + colour + " on its first rank");
    const Bitboard rook = named_rook(black, letter);
    if (rook == 0) fail("castling", field, "names a rook of " + colour + " that is not there");
    const Bitboard left = (bit(king) - 1) & (kRank1 << (8 * home)), right = (kRank1 << (8 * home)) & ~left;
    if ((board_.castling & ((rook & left) != 0 ? left : right)) != 0) {
      fail("castling", field, "names two rooks of " + colour + " on one side of the king, or one twice");
    }
    const bool usual = file_of(king) == 4 && (rook & (kFileA | kFileH)) != 0;
    if (variant_ == Variant::kStandard && !usual) {
      fail("castling", field,
           "needs the king of " + colour + " on e and the rook on a or h; else it is Chess960");
    }
    board_.castling |= rook;
  }

  void read_passant() {
    const std::string& field = fields_[3];
    if (field == "-") return;
    if (variant_ == Variant::kGardner) {
      fail("en passant", field, "is not -: no pawn steps twice in Gardner chess");
    }
    const char rank = board_.black ? '3' : '6';
    if (field.size() != 2 || field[0] < 'a' || field[0] > 'h' || field[1] != rank) {
      fail("en passant", field, std::string("is neither - nor a square on rank ") + rank);
    }
    const Bitboard target = bit(square_at(field[0] - 'a', 5));  // as the player to move sees it
    const bool stepped = (board_.theirs & board_.pieces[kPawn] & target >> 8) != 0;
    if (!stepped || ((board_.own | board_.theirs) & (target | target << 8)) != 0) {
      fail("en passant", field, "is not a square that a pawn has just passed");
    }
    if (passant_pawns(board_, target) != 0) board_.passant = target;
  }

  int number(std::size_t index, const char* field, int standard, int most) const {
    if (index >= fields_.size()) return standard;
    const std::string& text = fields_[index];
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || text.size() > 5 || std::stoi(text) > most) {
      fail(field, text, "is not a number from 0 to " + std::to_string(most));
    }
    return std::stoi(text);
  }

  const std::string& text_;
  const Variant variant_;
  std::vector<std::string> fields_;
  Board board_;
};

// `white` is a board that White looks at, whoever is to move.
std::string placement_text(const Board& white) {
  std::string text;
  for (int rank = white.size - 1; rank >= 0; --rank) {
    int empty = 0;
    for (int file = 0; file < white.size; ++file) {
      const int square = square_at(file, rank);
      if (((white.own | white.theirs) >> square & 1) == 0) {
        ++empty;
        continue;
      }
      if (empty > 0) text += std::to_string(std::exchange(empty, 0));
      const char letter = kLetters[white.piece_at(square)];
      text += (white.own >> square & 1) ? letter : static_cast<char>(letter - 'A' + 'a');
    }
    if (empty > 0) text += std::to_string(empty);
    if (rank > 0) text += '/';
  }
  return text;
}

// The letters of one colour, the king's side first.
std::string castling_text(const Board& white, bool black, CastlingLetters letters) {
  const Bitboard home = kRank1 << (black ? 56 : 0), men = black ? white.theirs : white.own;
  const int king = lowest(men & white.pieces[kKing]);
  const Bitboard rooks = men & white.pieces[kRook] & home, left = bit(king) - 1;
  std::string text;
  for (Bitboard rest = white.castling & home; rest != 0;) {
    const int rook = pop_lowest(rest);
    const bool right = rook > king;
    const Bitboard outer = right ? rooks & ~left & ~(bit(rook) | (bit(rook) - 1)) : rooks & (bit(rook) - 1);
    char letter = static_cast<char>('A' + file_of(rook));
    if (letters == CastlingLetters::kXFen && outer == 0) letter = right ? 'K' : 'Q';
    text.insert(text.begin(), black ? static_cast<char>(letter - 'A' + 'a') : letter);
  }
  return text;
}

// The n-th free square of a rank under construction.
char& free_square(std::string& rank, int n) {
  std::size_t at = rank.find(' ');
  while (n-- > 0) at = rank.find(' ', at + 1);
  return rank[at];
}

// Scharnagl's numbering: bishops by fours, the queen by sixes, then the knights' pair.
std::string chess960_rank(int number) {
  constexpr int kKnights[10][2] = {{0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 2},
                                   {1, 3}, {1, 4}, {2, 3}, {2, 4}, {3, 4}};
  std::string rank(8, ' ');
  rank[static_cast<std::size_t>(number % 4 * 2 + 1)] = 'B';
  number /= 4;
  rank[static_cast<std::size_t>(number % 4 * 2)] = 'B';
  number /= 4;
  free_square(rank, number % 6) = 'Q';
  number /= 6;
  free_square(rank, kKnights[number][1]) = 'N';
  free_square(rank, kKnights[number][0]) = 'N';
  for (const char piece : {'R', 'K', 'R'}) free_square(rank, 0) = piece;
  return rank;
}

}  // namespace

Setup start_setup(Variant variant, int start) {
  if (variant == Variant::kGardner) return parse_fen(kGardnerStart, variant);
  const std::string white = chess960_rank(start);
  std::string black = white;
  for (char& letter : black) letter = static_cast<char>(letter - 'A' + 'a');
  return parse_fen(black + "/pppppppp/8/8/8/8/PPPPPPPP/" + white + " w KQkq - 0 1", variant);
}

Setup parse_fen(const std::string& text, Variant variant) { return FenReader(text, variant).read(); }

std::string fen_text(const Setup& setup, CastlingLetters letters) {
  const Board& board = setup.board;
  const Board white = board.black ? passed(board) : board;
  const std::string castling = castling_text(white, false, letters) + castling_text(white, true, letters);
  const Bitboard passant = board.white_view(board.passant);
  return placement_text(white) + (board.black ? " b " : " w ") + (castling.empty() ? "-" : castling) + " " +
         (passant ? square_text(lowest(passant)) : "-") + " " + std::to_string(board.clock) + " " +
         std::to_string(setup.move_number);
}

}  // namespace selfplay::chess
