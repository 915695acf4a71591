#include "games/chess/notation.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/game.h"
#include "core/quote.h"
#include "games/chess/generate.h"
#include "games/chess/movegen.h"

namespace selfplay::chess {

namespace {

constexpr char kLetters[] = "PNBRQK";

// What a text says of a move; squares as White sees them, -1 where it says nothing.
struct Pattern {
  Piece piece = kPawn;
  int from_file = -1;
  int from_rank = -1;
  int to = -1;
  std::optional<Piece> promotion;
};

// Reads a text from its start; what does not fit stays.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  bool skip(const char* characters) {
    if (done() || std::string(characters).find(text_[at_]) == std::string::npos) return false;
    ++at_;
    return true;
  }
  int file() { return number('a'); }
  int rank() { return number('1'); }
  // `letters` begin with the knight's.
  std::optional<Piece> piece(const char* letters) {
    const std::size_t found = done() ? std::string::npos : std::string(letters).find(text_[at_]);
    if (found == std::string::npos) return std::nullopt;
    ++at_;
    return static_cast<Piece>(kKnight + found);
  }

 private:
  int number(char first) {
    if (done() || text_[at_] < first || text_[at_] > first + 7) return -1;
    return text_[at_++] - first;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

bool is_promotion(const Board& board, Move move) {
  return board.piece_at(move.from()) == kPawn && rank_of(move.to()) == board.size - 1;
}

std::optional<Pattern> read_uci(const std::string& text) {
  Reader reader(text);
  Pattern pattern;
  pattern.from_file = reader.file();
  pattern.from_rank = reader.rank();
  const int file = reader.file(), rank = reader.rank();
  if (pattern.from_file < 0 || pattern.from_rank < 0 || file < 0 || rank < 0) return std::nullopt;
  pattern.to = square_at(file, rank);
  pattern.promotion = reader.piece("nbrq");
  return reader.done() ? std::optional<Pattern>(pattern) : std::nullopt;
}

// Short or long algebraic notation without castling and without the marks at the end.
std::optional<Pattern> read_san(const std::string& text) {
  Reader reader(text);
  Pattern pattern;
  pattern.piece = reader.piece("NBRQK").value_or(kPawn);
  pattern.from_file = reader.file();
  pattern.from_rank = reader.rank();
  const bool joined = reader.skip("x-");
  int file = reader.file();
  int rank = file < 0 ? -1 : reader.rank();
  if (file < 0 && !joined) {  // only the target was there
    file = std::exchange(pattern.from_file, -1);
    rank = std::exchange(pattern.from_rank, -1);
  }
  if (file < 0 || rank < 0) return std::nullopt;
  pattern.to = square_at(file, rank);
  const bool equals = reader.skip("=");
  pattern.promotion = reader.piece("NBRQ");
  if (!reader.done() || (equals && !pattern.promotion)) return std::nullopt;
  return pattern;
}

// 0 for the queen's side, 1 for the king's side, nothing where the text is not castling.
std::optional<int> read_castling(std::string text) {
  std::replace(text.begin(), text.end(), '0', 'O');
  if (text == "O-O") return 1;
  if (text == "O-O-O") return 0;
  return std::nullopt;
}

std::string without_marks(const std::string& text) {
  const std::size_t end = text.find_last_not_of("+#!?");
  return end == std::string::npos ? "" : text.substr(0, end + 1);
}

bool fits_squares(const Board& board, Move move, const Pattern& pattern) {
  const int from = board.white_view(move.from());
  return (pattern.from_file < 0 || file_of(from) == pattern.from_file) &&
         (pattern.from_rank < 0 || rank_of(from) == pattern.from_rank) &&
         board.white_view(move.to()) == pattern.to;
}

bool fits_promotion(const Board& board, Move move, const Pattern& pattern) {
  return is_promotion(board, move) ? pattern.promotion == move.promotion() : !pattern.promotion;
}

[[noreturn]] void refuse(const std::string& text, const std::string& reason) {
  throw InputError("move " + quoted(text) + " " + reason);
}

std::string listed(const Board& board, const std::vector<Move>& moves) {
  std::string text;
  for (const Move move : moves) {
    if (!text.empty()) text += " or ";
    text += uci_text(board, move, true);
  }
  return text;
}

// The one among `moves`, which fit in all but the promotion.
Move only_move(const Board& board, const std::vector<Move>& moves, const Pattern& pattern,
               const std::string& text) {
  std::vector<Move> fitting;
  for (const Move move : moves) {
    if (fits_promotion(board, move, pattern)) fitting.push_back(move);
  }
  if (fitting.size() > 1) refuse(text, "is ambiguous: " + listed(board, fitting));
  if (fitting.empty() && !moves.empty() && !pattern.promotion) refuse(text, "lacks the promotion piece");
  if (fitting.empty()) refuse(text, "is illegal here");
  return fitting.front();
}

Move match_uci(const Board& board, const MoveList& legal, const Pattern& pattern, const std::string& text) {
  std::vector<Move> moves;
  for (const Move move : legal) {
    if (fits_squares(board, move, pattern)) moves.push_back(move);
  }
  if (moves.empty()) {  // castling as the king's own step
    Pattern step = pattern;
    for (const Move move : legal) {
      if (!is_castling(board, move)) continue;
      const int king_to = kCastledKing[move.to() > move.from()];
      step.to = board.white_view(move.to());
      if (board.white_view(king_to) == pattern.to && fits_squares(board, move, step)) moves.push_back(move);
    }
  }
  return only_move(board, moves, pattern, text);
}

Move match_san(const Board& board, const MoveList& legal, const Pattern& pattern, const std::string& text) {
  std::vector<Move> moves;
  for (const Move move : legal) {
    if (board.piece_at(move.from()) == pattern.piece && !is_castling(board, move) &&
        fits_squares(board, move, pattern)) {
      moves.push_back(move);
    }
  }
  return only_move(board, moves, pattern, text);
}

Move match_castling(const Board& board, const MoveList& legal, bool right, const std::string& text) {
  for (const Move move : legal) {
    if (is_castling(board, move) && (move.to() > move.from()) == right) return move;
  }
  refuse(text, "is illegal here");
}

// The file or rank, or both, that tell the move from others of a like piece to the same square.
std::string disambiguation(const Board& board, Move move) {
  MoveList legal;
  legal_moves(board, legal);
  bool others = false, same_file = false, same_rank = false;
  for (const Move other : legal) {
    if (other.to() != move.to() || other.from() == move.from()) continue;
    if (board.piece_at(other.from()) != board.piece_at(move.from())) continue;
    others = true;
    same_file |= file_of(other.from()) == file_of(move.from());
    same_rank |= rank_of(other.from()) == rank_of(move.from());
  }
  if (!others) return "";
  const std::string from = square_text(board.white_view(move.from()));
  if (!same_file) return from.substr(0, 1);
  return same_rank ? from : from.substr(1);
}

std::string san_without_marks(const Board& board, Move move) {
  if (is_castling(board, move)) return move.to() > move.from() ? "O-O" : "O-O-O";
  const Piece piece = board.piece_at(move.from());
  const std::string to = square_text(board.white_view(move.to()));
  if (piece != kPawn) {
    const bool captures = (board.theirs >> move.to() & 1) != 0;
    return kLetters[piece] + disambiguation(board, move) + (captures ? "x" : "") + to;
  }
  std::string text;
  if (file_of(move.from()) != file_of(move.to())) text = square_text(move.from()).substr(0, 1) + "x";
  text += to;
  if (is_promotion(board, move)) text += std::string("=") + kLetters[move.promotion()];
  return text;
}

}  // namespace

std::string square_text(int square) {
  return {static_cast<char>('a' + file_of(square)), static_cast<char>('1' + rank_of(square))};
}

bool is_castling(const Board& board, Move move) { return (board.own >> move.to() & 1) != 0; }

std::string uci_text(const Board& board, Move move, bool takes_rook) {
  const bool steps = !takes_rook && is_castling(board, move);
  const int to = steps ? kCastledKing[move.to() > move.from()] : move.to();
  std::string text = square_text(board.white_view(move.from())) + square_text(board.white_view(to));
  if (is_promotion(board, move)) text += static_cast<char>(kLetters[move.promotion()] - 'A' + 'a');
  return text;
}

std::string san_text(const Board& board, Move move) {
  const std::string text = san_without_marks(board, move);
  const Board next = after(board, move);
  if (!in_check(next)) return text;
  return text + (count_legal_moves(next) == 0 ? "#" : "+");
}

Move parse_move(const Board& board, const std::string& text) {
  MoveList legal;
  legal_moves(board, legal);
  if (const auto pattern = read_uci(text)) return match_uci(board, legal, *pattern, text);
  const std::string bare = without_marks(text);
  if (const auto right = read_castling(bare)) return match_castling(board, legal, *right == 1, text);
  if (const auto pattern = read_san(bare)) return match_san(board, legal, *pattern, text);
  refuse(text, "is neither UCI (e2e4) nor SAN (Nf3)");
}

}  // namespace selfplay::chess
