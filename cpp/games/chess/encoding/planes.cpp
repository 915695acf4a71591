#include "games/chess/encoding/planes.h"

#include <algorithm>
#include <array>

#include "games/chess/board/generate.h"

namespace selfplay::chess {

namespace {

constexpr int kPlanesOfPosition = 2 * kPieces;
constexpr int kOtherPlanes = 4;     // attacks of both, repetition, clock
constexpr int kCastlingPlanes = 5;  // and en passant

using Row = std::array<float, 8>;

// A rank of eight squares as numbers.
constexpr std::array<Row, 256> make_rows() {
  std::array<Row, 256> rows{};
  for (std::size_t rank = 0; rank < 256; ++rank) {
    for (std::size_t file = 0; file < 8; ++file) rows[rank][file] = static_cast<float>(rank >> file & 1);
  }
  return rows;
}

constexpr std::array<Row, 256> kRows = make_rows();

class Writer {
 public:
  Writer(float* out, int size) : out_(out), size_(size) {}

  void squares(Bitboard set) {
    for (int rank = size_ - 1; rank >= 0; --rank) {
      out_ = std::copy_n(kRows[set >> (8 * rank) & 0xff].begin(), size_, out_);
    }
  }
  void fill(float value) { out_ = std::fill_n(out_, size_ * size_, value); }

 private:
  float* out_;
  const int size_;
};

// The men of an earlier position; `turned` where the other player was to move.
void write_men(const Board& board, bool turned, Writer& writer) {
  for (const Bitboard men : {turned ? board.theirs : board.own, turned ? board.own : board.theirs}) {
    for (const Bitboard piece : board.pieces) {
      writer.squares(turned ? flipped(men & piece, board.size) : men & piece);
    }
  }
}

// Rights of the player whose men are given, to the left and to the right of the king.
void write_castling(const Board& board, Bitboard men, bool marks_rooks, Writer& writer) {
  const Bitboard king = men & board.pieces[kKing], rooks = men & board.castling;
  for (const Bitboard rook : {rooks & (king - 1), rooks & ~(king - 1)}) {
    const Bitboard marks = marks_rooks ? kFileA << file_of(lowest(rook)) : ~0ULL;
    writer.squares(rook ? marks : 0);
  }
}

}  // namespace

int count_planes(int size, int history) {
  return kPlanesOfPosition * (1 + history) + kOtherPlanes + (size == 8 ? kCastlingPlanes : 0);
}

void write_planes(const PlanesInput& input, float* planes) {
  const Board& board = *input.board;
  Writer writer(planes, board.size);
  write_men(board, false, writer);
  for (int i = 0; i < input.previous_count; ++i) write_men(input.previous[i], i % 2 == 0, writer);
  for (int i = input.previous_count * kPlanesOfPosition; i < input.history * kPlanesOfPosition; ++i) {
    writer.squares(0);
  }
  const Bitboard wall = board.size == 8 ? Geometry<8>::kWall : Geometry<5>::kWall;
  const Bitboard occupied = board.own | board.theirs | wall;
  writer.squares(own_attacks(board, occupied));
  writer.squares(their_attacks(board, occupied));
  writer.fill(input.repetition);
  writer.fill(input.clock);
  if (board.size != 8) return;
  write_castling(board, board.own, input.marks_rooks, writer);
  write_castling(board, board.theirs, input.marks_rooks, writer);
  writer.squares(board.passant);
}

}  // namespace selfplay::chess
