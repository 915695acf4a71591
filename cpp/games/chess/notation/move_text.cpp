#include "games/chess/notation/move_text.h"

#include "games/chess/board/generate.h"
#include "games/chess/board/movegen.h"

namespace selfplay::chess {

namespace {

constexpr char kLetters[] = "PNBRQK";

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
    return kLetters[piece] + disambiguation(board, move) + (is_capture(board, move) ? "x" : "") + to;
  }
  std::string text;
  if (is_capture(board, move)) text = square_text(move.from()).substr(0, 1) + "x";
  text += to;
  if (is_promotion(board, move)) text += std::string("=") + kLetters[move.promotion()];
  return text;
}

}  // namespace

std::string square_text(int square) {
  return {static_cast<char>('a' + file_of(square)), static_cast<char>('1' + rank_of(square))};
}

bool is_promotion(const Board& board, Move move) {
  return board.piece_at(move.from()) == kPawn && rank_of(move.to()) == board.size - 1;
}

bool is_castling(const Board& board, Move move) { return (board.own >> move.to() & 1) != 0; }

bool is_capture(const Board& board, Move move) {
  const bool crosses = file_of(move.from()) != file_of(move.to());
  return (board.theirs >> move.to() & 1) != 0 || (board.piece_at(move.from()) == kPawn && crosses);
}

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

}  // namespace selfplay::chess
