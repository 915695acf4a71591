// Squares, sets of squares, and the two board sizes.
//
// Square numbers; a set of squares is a 64-bit board. The 5x5 board is the lower left corner:
//
//    a8 = 56 .. h8 = 63
//        ...                       a5 = 32 .. e5 = 36
//    a2 =  8 .. h2 = 15                ...
//    a1 =  0 .. h1 =  7            a1 =  0 .. e1 =  4
#pragma once

#include <bit>
#include <cstdint>

namespace selfplay::chess {

using Bitboard = std::uint64_t;

inline constexpr Bitboard kFileA = 0x0101010101010101ULL;
inline constexpr Bitboard kFileH = kFileA << 7;
inline constexpr Bitboard kRank1 = 0xff;
inline constexpr Bitboard kDarkSquares = 0xaa55aa55aa55aa55ULL;  // a1 is dark

constexpr Bitboard bit(int square) { return 1ULL << square; }
constexpr int file_of(int square) { return square & 7; }
constexpr int rank_of(int square) { return square >> 3; }
constexpr int square_at(int file, int rank) { return rank * 8 + file; }

inline int lowest(Bitboard squares) { return std::countr_zero(squares); }

// Takes the lowest square out of a set that is not empty.
inline int pop_lowest(Bitboard& squares) {
  const int square = std::countr_zero(squares);
  squares &= squares - 1;
  return square;
}

// The ranks of a board of `size` in reverse order: the board as the other player sees it.
constexpr Bitboard flipped(Bitboard squares, int size) {
  return __builtin_bswap64(squares) >> (8 * (8 - size));
}
constexpr int flipped_square(int square, int size) { return (square ^ 56) - 8 * (8 - size); }

// Facts of a board of N x N squares for code that is compiled once for each size.
template <int N>
struct Geometry {
  static constexpr int kSize = N;
  static constexpr Bitboard kSquares =
      N == 8 ? ~0ULL : ((1ULL << N) - 1) * (kFileA & ((1ULL << (8 * N % 64)) - 1));
  static constexpr Bitboard kWall = ~kSquares;  // stops sliding pieces like a man of one's own
  static constexpr Bitboard kLastRank = (kRank1 << (8 * (N - 1))) & kSquares;
  // Where a pawn that has stepped once may step again.
  static constexpr Bitboard kSecondStep = N == 8 ? kRank1 << 16 : 0;
  static constexpr bool kCastles = N == 8;

  static constexpr Bitboard flip(Bitboard squares) { return flipped(squares, N); }
};

static_assert(Geometry<5>::kSquares == 0x1f1f1f1f1fULL);
static_assert(Geometry<5>::flip(Geometry<5>::kLastRank) == 0x1f);

}  // namespace selfplay::chess
