#include "games/chess/board/movegen.h"

#include "games/chess/board/generate.h"

namespace selfplay::chess {

namespace {

struct CountSink {
  int count = 0;

  void piece(int, Bitboard targets) { count += std::popcount(targets); }
  void pawns(Bitboard targets, int) { count += std::popcount(targets); }
  void promotions(Bitboard targets, int) { count += 4 * std::popcount(targets); }
};

struct ListSink {
  MoveList& list;

  void piece(int from, Bitboard targets) {
    while (targets != 0) list.moves[list.count++] = Move(from, pop_lowest(targets));
  }
  void pawns(Bitboard targets, int step) {
    while (targets != 0) {
      const int to = pop_lowest(targets);
      list.moves[list.count++] = Move(to - step, to);
    }
  }
  void promotions(Bitboard targets, int step) {
    while (targets != 0) {
      const int to = pop_lowest(targets);
      for (const Piece piece : {kQueen, kRook, kBishop, kKnight}) {
        list.moves[list.count++] = Move(to - step, to, piece);
      }
    }
  }
};

template <int N>
std::uint64_t perft(const Board& board, int depth) {
  if (depth == 1) {
    CountSink sink;
    Generator<N, CountSink>(board, sink).run();
    return static_cast<std::uint64_t>(sink.count);
  }
  MoveList list;
  ListSink sink{list};
  Generator<N, ListSink>(board, sink).run();
  std::uint64_t paths = 0;
  for (const Move move : list) paths += perft<N>(after<N, false>(board, move), depth - 1);
  return paths;
}

}  // namespace

void legal_moves(const Board& board, MoveList& list) {
  list.count = 0;
  ListSink sink{list};
  generate(board, sink);
}

int count_legal_moves(const Board& board) {
  CountSink sink;
  generate(board, sink);
  return sink.count;
}

int count_checkers(const Board& board) {
  return std::popcount(bonds_of(board, board.king_square()).checkers);
}

bool in_check(const Board& board) { return bonds_of(board, board.king_square()).checkers != 0; }

std::uint64_t perft(const Board& board, int depth) {
  if (depth <= 0) return 1;
  return board.size == 8 ? perft<8>(board, depth) : perft<5>(board, depth);
}

}  // namespace selfplay::chess
