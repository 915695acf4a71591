// A chess position without history, and the change that a move makes.
//
// Everything is seen by the player to move, whose pawns move up: for Black the ranks are in reverse
// order. A move therefore ends with turning the board round.
#pragma once

#include "games/chess/board/bitboard.h"

namespace selfplay::chess {

enum Piece : std::uint8_t { kPawn, kKnight, kBishop, kRook, kQueen, kKing };
inline constexpr int kPieces = 6;

// From and to are seen by the player who moves. Castling takes one's own rook. The promotion is what a
// pawn becomes on the last rank, and a queen in every other move.
class Move {
 public:
  Move() = default;
  constexpr Move(int from, int to, Piece promotion = kQueen)
      : bits_(static_cast<std::uint16_t>(from | to << 6 | promotion << 12)) {}
  constexpr int from() const { return bits_ & 63; }
  constexpr int to() const { return bits_ >> 6 & 63; }
  constexpr Piece promotion() const { return static_cast<Piece>(bits_ >> 12); }
  constexpr bool operator==(const Move&) const = default;

 private:
  std::uint16_t bits_ = 0;
};

struct Board {
  Bitboard own = 0;  // men of the player to move
  Bitboard theirs = 0;
  Bitboard pieces[kPieces] = {};  // of both players
  Bitboard castling = 0;          // rooks that have the right to castle, of both players
  Bitboard passant = 0;           // where a pawn can be captured en passant, if that is legal
  std::uint64_t key = 0;          // of all the above and the player to move, whoever looks
  std::uint16_t clock = 0;        // half-moves since the last capture or pawn move
  std::uint8_t size = 8;          // 8, or 5
  bool black = false;             // whether Black is to move

  // What stands on a square; a king where nothing does.
  Piece piece_at(int square) const {
    int piece = kKing;
    for (int i = kPawn; i < kKing; ++i) piece = (pieces[i] >> square & 1) ? i : piece;
    return static_cast<Piece>(piece);
  }
  int king_square() const { return lowest(own & pieces[kKing]); }
  // From the mover's view to White's and back.
  int white_view(int square) const { return black ? flipped_square(square, size) : square; }
  Bitboard white_view(Bitboard squares) const { return black ? flipped(squares, size) : squares; }
};

// The position after a legal move. Without a key the result's key is not to be used.
template <int N, bool kKeyed = true>
Board after(const Board& board, Move move);
Board after(const Board& board, Move move);

// The same position seen by the other player, who is then to move; en passant is left out.
Board passed(const Board& board);

// Board::key from scratch.
std::uint64_t position_key(const Board& board);

// Whether neither side can ever mate: bare kings, one knight or bishop, or bishops on one colour only.
bool is_dead(const Board& board);

}  // namespace selfplay::chess
