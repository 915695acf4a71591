// Moves from text, as people and programs write them.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/game.h"
#include "core/quote.h"
#include "games/chess/board/generate.h"
#include "games/chess/board/movegen.h"
#include "games/chess/notation/move_text.h"

namespace selfplay::chess {

namespace {

// What a text says of a move; squares as White sees them, -1 where it says nothing.
struct Pattern {
  std::optional<Piece> piece;  // none where a move is told by its two squares
  int from_file = -1;
  int from_rank = -1;
  int to = -1;
  std::optional<Piece> promotion;
  bool captures = false;  // is written as a capture
};

// Reads a text from its start; what does not fit stays.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  // The next character, where it is one of these; else 0.
  char skip(const char* characters) {
    if (done() || std::string(characters).find(text_[at_]) == std::string::npos) return 0;
    return text_[at_++];
  }
  int file() { return number('a'); }
  int rank() { return number('1'); }
  // A letter of "PNBRQK" or, as far as they are given, of these.
  std::optional<Piece> piece(const char* letters = "PNBRQK") {
    const std::size_t found = done() ? std::string::npos : std::string(letters).find(text_[at_]);
    if (found == std::string::npos) return std::nullopt;
    ++at_;
    return static_cast<Piece>(found);
  }

 private:
  int number(char first) {
    if (done() || text_[at_] < first || text_[at_] > first + 7) return -1;
    return text_[at_++] - first;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

[[noreturn]] void refuse(const std::string& text, const std::string& reason) {
  throw InputError("move " + quoted(text) + " " + reason);
}

// Figurines as letters, dashes and the like as ASCII.
std::string in_ascii(std::string text) {
  static constexpr std::pair<const char*, const char*> kSigns[] = {
      {"♔", "K"}, {"♕", "Q"}, {"♖", "R"}, {"♗", "B"}, {"♘", "N"}, {"♙", "P"},     {"♚", "K"},     {"♛", "Q"},
      {"♜", "R"}, {"♝", "B"}, {"♞", "N"}, {"♟", "P"}, {"×", "x"}, {"†", "+"},     {"‡", "#"},     {"‐", "-"},
      {"‑", "-"}, {"‒", "-"}, {"–", "-"}, {"—", "-"}, {"−", "-"}, {"\ufe0e", ""}, {"\ufe0f", ""},
  };
  const auto is_ascii = [](char letter) { return static_cast<unsigned char>(letter) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return text;
  for (const auto& [sign, plain] : kSigns) {
    for (std::size_t at = 0; (at = text.find(sign, at)) != std::string::npos;) {
      text.replace(at, std::string(sign).size(), plain);
    }
  }
  return text;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Takes the marks of check, mate and judgement off the end, and that of en passant; whether that was there.
bool take_marks(std::string& text) {
  const auto strip = [&] { text.resize(text.find_last_not_of("+#!?") + 1); };
  strip();
  for (const char* mark : {"e.p.", "e.p", "ep.", "ep"}) {
    if (!ends_with(text, mark)) continue;
    text.resize(text.size() - std::string(mark).size());
    strip();
    return true;
  }
  return false;
}

bool is_capture_sign(char sign) { return sign == 'x' || sign == ':'; }

// Reads what stands behind the target to the end of the text: a capture's colon (ed5:), and what a pawn
// becomes: Q, =Q, /Q or (Q), also in small letters. False where it is anything else.
bool read_end(Reader& reader, Pattern& pattern) {
  pattern.captures |= reader.skip(":") != 0;
  const char sign = reader.skip("=/(");
  pattern.promotion = reader.piece();
  if (!pattern.promotion) pattern.promotion = reader.piece("pnbrqk");
  const bool is_whole = !sign || (pattern.promotion && (sign != '(' || reader.skip(")")));
  return is_whole && reader.done();
}

// UCI, and two squares joined by - or x.
std::optional<Pattern> read_squares(const std::string& text) {
  Reader reader(text);
  Pattern pattern;
  pattern.from_file = reader.file();
  pattern.from_rank = reader.rank();
  pattern.captures = is_capture_sign(reader.skip("x:-"));
  const int file = reader.file(), rank = reader.rank();
  if (pattern.from_file < 0 || pattern.from_rank < 0 || file < 0 || rank < 0) return std::nullopt;
  pattern.to = square_at(file, rank);
  return read_end(reader, pattern) ? std::optional<Pattern>(pattern) : std::nullopt;
}

// Short or long algebraic notation without castling and without the marks at the end.
std::optional<Pattern> read_san(const std::string& text) {
  Reader reader(text);
  Pattern pattern;
  pattern.piece = reader.piece().value_or(kPawn);
  pattern.from_file = reader.file();
  pattern.from_rank = reader.rank();
  const char joint = reader.skip("x:-");
  pattern.captures = is_capture_sign(joint);
  int file = reader.file();
  int rank = file < 0 ? -1 : reader.rank();
  if (file < 0 && (!joint || joint == ':')) {  // only the target was there
    file = std::exchange(pattern.from_file, -1);
    rank = std::exchange(pattern.from_rank, -1);
  }
  if (file < 0 || rank < 0) return std::nullopt;
  pattern.to = square_at(file, rank);
  return read_end(reader, pattern) ? std::optional<Pattern>(pattern) : std::nullopt;
}

// 0 for the queen's side, 1 for the king's side, nothing where the text is not castling.
std::optional<int> read_castling(std::string text) {
  for (char& letter : text) letter = letter == '0' || letter == 'o' ? 'O' : letter;
  if (text == "O-O") return 1;
  if (text == "O-O-O") return 0;
  return std::nullopt;
}

// Refuses by name what looks like a move of this game and is none.
[[noreturn]] void refuse_form(const std::string& text, std::string bare) {
  for (const char* null : {"--", "Z0", "0000", "@@@@", "null", "pass"}) {
    if (text == null) refuse(text, "is a null move, which no game has");
  }
  if (text.find('@') != std::string::npos) refuse(text, "is a drop, which this game does not have");
  if (!bare.empty() && std::string("nrqk").find(bare[0]) != std::string::npos) {
    bare[0] = static_cast<char>(bare[0] - 'a' + 'A');
    if (read_san(bare)) refuse(text, "names its piece by a small letter; write " + bare);
  }
  refuse(text, "is neither UCI (e2e4) nor SAN (Nf3)");
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

std::string listed(const Board& board, const std::vector<Move>& moves,
                   std::string (*write)(const Board&, Move)) {
  std::string text;
  for (const Move move : moves) {
    if (!text.empty()) text += " or ";
    text += write(board, move);
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
  if (fitting.size() > 1) {
    const auto write = [](const Board& at, Move move) { return uci_text(at, move, true); };
    refuse(text, "is ambiguous: " + listed(board, fitting, write));
  }
  if (fitting.empty() && !moves.empty() && !pattern.promotion) refuse(text, "lacks the promotion piece");
  if (fitting.empty()) refuse(text, "is illegal here");
  if (pattern.captures && !is_capture(board, fitting.front())) refuse(text, "captures nothing");
  return fitting.front();
}

Move match_squares(const Board& board, const MoveList& legal, const Pattern& pattern,
                   const std::string& text) {
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
  std::vector<Move> moves, unnamed;
  bool fits_bishop = false;
  for (const Move move : legal) {
    fits_bishop |= board.piece_at(move.from()) == kBishop && board.white_view(move.to()) == pattern.to;
    if (board.piece_at(move.from()) != pattern.piece || is_castling(board, move)) continue;
    if (!fits_squares(board, move, pattern)) continue;
    const bool needs_file = *pattern.piece == kPawn && pattern.from_file < 0 && is_capture(board, move);
    (needs_file ? unnamed : moves).push_back(move);
  }
  if (moves.empty() && !unnamed.empty()) {
    refuse(text, "is a pawn's capture, which names its file: " + listed(board, unnamed, san_text));
  }
  if (moves.empty() && *pattern.piece == kPawn && text[0] == 'b' && fits_bishop) {
    refuse(text, "is illegal here for a pawn; a bishop is B");
  }
  return only_move(board, moves, pattern, text);
}

Move match_castling(const Board& board, const MoveList& legal, bool right, const std::string& text) {
  for (const Move move : legal) {
    if (is_castling(board, move) && (move.to() > move.from()) == right) return move;
  }
  refuse(text, "is illegal here");
}

bool is_passant(const Board& board, Move move) {
  return is_capture(board, move) && (board.theirs >> move.to() & 1) == 0;
}

}  // namespace

Move parse_move(const Board& board, const std::string& text) {
  MoveList legal;
  legal_moves(board, legal);
  std::string bare = in_ascii(text);
  const bool passant = take_marks(bare);
  std::optional<Move> move;
  if (const auto right = read_castling(bare)) {
    move = match_castling(board, legal, *right == 1, text);
  } else {
    const auto squares = read_squares(bare);
    const auto pattern = squares ? squares : read_san(bare);
    if (!pattern) refuse_form(text, bare);
    if (pattern->promotion == kPawn || pattern->promotion == kKing) {
      refuse(text, "promotes to neither queen, rook, bishop nor knight");
    }
    move = squares ? match_squares(board, legal, *pattern, text) : match_san(board, legal, *pattern, text);
  }
  if (passant && !is_passant(board, *move)) refuse(text, "is no capture en passant");
  return *move;
}

}  // namespace selfplay::chess
