#include "games/chess/encoding/policy_index.h"

#include <algorithm>

#include "games/chess/board/generate.h"

namespace selfplay::chess {

namespace {

// A pawn captures to the left, steps, or captures to the right.
constexpr int kFirstStep = 7;
constexpr int kPawnSteps = 3;

// Collects targets by the square that they are reached from, to be read in order.
struct TargetSink {
  Bitboard targets[64] = {};
  Bitboard movable = 0;
  Bitboard promoting = 0;
  Bitboard promoting_by[kPawnSteps] = {};

  void piece(int from, Bitboard to) {
    targets[from] = to;
    movable |= bit(from);
  }
  void pawns(Bitboard to, int step) {
    movable |= to >> step;
    while (to != 0) {
      const int target = pop_lowest(to);
      targets[target - step] |= bit(target);
    }
  }
  void promotions(Bitboard to, int step) {
    pawns(to, step);
    promoting |= to >> step;
    promoting_by[step - kFirstStep] = to >> step;
  }
};

}  // namespace

PolicyIndex::PolicyIndex(int size) {
  const Bitboard squares = size == 8 ? Geometry<8>::kSquares : Geometry<5>::kSquares;
  std::fill(&plain_[0][0], &plain_[0][0] + 64 * 64, std::int16_t{-1});
  std::fill(&underpromotions_[0][0], &underpromotions_[0][0] + 64 * kPawnSteps, std::int16_t{-1});
  for (Bitboard froms = squares; froms != 0;) {
    const int from = pop_lowest(froms);
    const Bitboard reached = bishop_attacks(from, 0) | rook_attacks(from, 0) | kAttacks.knight[from];
    for (Bitboard rest = reached & squares; rest != 0;) {
      const int to = pop_lowest(rest);
      plain_[from][to] = static_cast<std::int16_t>(moves_.size());
      moves_.emplace_back(from, to);
    }
  }
  for (int from = square_at(0, size - 2); from < square_at(size, size - 2); ++from) {
    for (int step = 0; step < kPawnSteps; ++step) {
      const int to = from + kFirstStep + step;
      if (rank_of(to) != size - 1 || (squares >> to & 1) == 0) continue;
      underpromotions_[from][step] = static_cast<std::int16_t>(moves_.size());
      for (const Piece piece : {kKnight, kBishop, kRook}) moves_.emplace_back(from, to, piece);
    }
  }
}

Action PolicyIndex::action(Move move) const {
  if (move.promotion() == kQueen) return plain_[move.from()][move.to()];
  const int step = move.to() - move.from() - kFirstStep;
  if (step < 0 || step >= kPawnSteps || move.promotion() < kKnight || move.promotion() > kRook) return -1;
  const Action first = underpromotions_[move.from()][step];
  return first < 0 ? -1 : first + move.promotion() - kKnight;
}

int PolicyIndex::legal_actions(const Board& board, Action* out) const {
  TargetSink sink;
  generate(board, sink);
  const Action* const start = out;
  while (sink.movable != 0) {
    const int from = pop_lowest(sink.movable);
    const std::int16_t* row = plain_[from];
    for (Bitboard targets = sink.targets[from]; targets != 0;) *out++ = row[pop_lowest(targets)];
  }
  while (sink.promoting != 0) {
    const int from = pop_lowest(sink.promoting);
    for (int step = 0; step < kPawnSteps; ++step) {
      if ((sink.promoting_by[step] >> from & 1) == 0) continue;
      for (int piece = 0; piece < 3; ++piece) *out++ = underpromotions_[from][step] + piece;
    }
  }
  return static_cast<int>(out - start);
}

}  // namespace selfplay::chess
