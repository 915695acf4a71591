// Generation of fully legal moves, written once for every use: a sink is told the moves as sets.
//
//    sink.piece(from, targets)        a king, knight or slider; castling is the king on its own rook
//    sink.pawns(targets, step)        pawns that come from `step` squares below their targets
//    sink.promotions(targets, step)   the same on the last rank, four moves each
//
// No square is told twice as `from` of a piece. A sink that counts needs no list at all.
#pragma once

#include "games/chess/board/attacks.h"
#include "games/chess/board/board.h"

namespace selfplay::chess {

// Where the king and the rook stand after castling to the left and to the right.
inline constexpr int kCastledKing[2] = {2, 6};
inline constexpr int kCastledRook[2] = {3, 5};

// What bears on the king of the player to move.
struct Bonds {
  Bitboard checkers = 0;
  // Rays from the king up to a pinning man and with it; one of one's own men stands on each.
  Bitboard straight = 0;
  Bitboard diagonal = 0;
};

// A sniper is the first of their men on a ray from the king and attacks along it: it gives check where
// none of one's own men stands between, and pins where one does.
inline void add_snipers(const Board& board, int king, Bitboard snipers, Bitboard& pins, Bitboard& checkers) {
  while (snipers != 0) {
    const int sniper = pop_lowest(snipers);
    const Bitboard path = kAttacks.between[king][sniper];
    const Bitboard blockers = path & board.own;
    if (blockers == 0) {
      checkers |= bit(sniper);
    } else if ((blockers & (blockers - 1)) == 0) {
      pins |= path | bit(sniper);
    }
  }
}

inline Bonds bonds_of(const Board& board, int king) {
  const Bitboard queens = board.pieces[kQueen];
  const Bitboard straight = board.theirs & (board.pieces[kRook] | queens);
  const Bitboard diagonal = board.theirs & (board.pieces[kBishop] | queens);
  Bonds bonds;
  bonds.checkers = board.theirs & ((kAttacks.knight[king] & board.pieces[kKnight]) |
                                   (kAttacks.pawn_up[king] & board.pieces[kPawn]));
  add_snipers(board, king, rook_attacks(king, board.theirs) & straight, bonds.straight, bonds.checkers);
  add_snipers(board, king, bishop_attacks(king, board.theirs) & diagonal, bonds.diagonal, bonds.checkers);
  return bonds;
}

constexpr Bitboard pawn_captures_up(Bitboard pawns) {
  return (pawns << 7 & ~kFileH) | (pawns << 9 & ~kFileA);
}
constexpr Bitboard pawn_captures_down(Bitboard pawns) {
  return (pawns >> 9 & ~kFileH) | (pawns >> 7 & ~kFileA);
}

// Squares that the kings, knights and sliders of a set of men attack.
inline Bitboard piece_attacks(const Board& board, Bitboard men, Bitboard occupied) {
  const Bitboard queens = board.pieces[kQueen];
  Bitboard attacked = 0;
  for (Bitboard rest = men & board.pieces[kKing]; rest != 0;) attacked |= kAttacks.king[pop_lowest(rest)];
  for (Bitboard rest = men & board.pieces[kKnight]; rest != 0;) attacked |= kAttacks.knight[pop_lowest(rest)];
  for (Bitboard rest = men & (board.pieces[kBishop] | queens); rest != 0;) {
    attacked |= bishop_attacks(pop_lowest(rest), occupied);
  }
  for (Bitboard rest = men & (board.pieces[kRook] | queens); rest != 0;) {
    attacked |= rook_attacks(pop_lowest(rest), occupied);
  }
  return attacked;
}

inline Bitboard own_attacks(const Board& board, Bitboard occupied) {
  return piece_attacks(board, board.own, occupied) | pawn_captures_up(board.own & board.pieces[kPawn]);
}
inline Bitboard their_attacks(const Board& board, Bitboard occupied) {
  return piece_attacks(board, board.theirs, occupied) |
         pawn_captures_down(board.theirs & board.pieces[kPawn]);
}

// Whether the pawn on `from` may capture en passant on `target`: the king must not stand in check when
// two pawns have left their squares.
inline bool is_passant_legal(const Board& board, int from, Bitboard target) {
  const int king = board.king_square();
  const Bitboard captured = target >> 8;
  const Bitboard occupied = ((board.own | board.theirs) ^ bit(from) ^ captured) | target;
  const Bitboard queens = board.pieces[kQueen];
  const Bitboard checkers = (rook_attacks(king, occupied) & (board.pieces[kRook] | queens)) |
                            (bishop_attacks(king, occupied) & (board.pieces[kBishop] | queens)) |
                            (kAttacks.knight[king] & board.pieces[kKnight]) |
                            (kAttacks.pawn_up[king] & board.pieces[kPawn]);
  return (checkers & board.theirs & ~captured) == 0;
}

// The pawns that may legally capture en passant on `target`.
inline Bitboard passant_pawns(const Board& board, Bitboard target) {
  Bitboard pawns = kAttacks.pawn_down[lowest(target)] & board.own & board.pieces[kPawn], legal = 0;
  while (pawns != 0) {
    const int from = pop_lowest(pawns);
    if (is_passant_legal(board, from, target)) legal |= bit(from);
  }
  return legal;
}

template <int N, class Sink>
class Generator {
 public:
  Generator(const Board& board, Sink& sink)
      : board_(board),
        sink_(sink),
        king_(board.king_square()),
        occupied_(board.own | board.theirs | G::kWall),
        bonds_(bonds_of(board, king_)) {}

  void run() {
    king();
    Bitboard allowed = G::kSquares & ~board_.own;
    if (bonds_.checkers != 0) {
      if ((bonds_.checkers & (bonds_.checkers - 1)) != 0) return;
      allowed &= kAttacks.between[king_][lowest(bonds_.checkers)] | bonds_.checkers;
    }
    knights(allowed);
    free_sliders(allowed);
    pinned_sliders(allowed);
    pawn_steps(allowed);
    pawn_captures(allowed);
  }

 private:
  using G = Geometry<N>;

  void king() {
    Bitboard targets = kAttacks.king[king_] & G::kSquares & ~board_.own;
    Bitboard rooks = castling_rooks();
    if ((targets | rooks) == 0) return;
    const Bitboard attacked = their_attacks(board_, occupied_ ^ bit(king_));
    targets &= ~attacked;
    while (rooks != 0) {
      const int rook = pop_lowest(rooks);
      if ((span(king_, kCastledKing[rook > king_]) & attacked) == 0) targets |= bit(rook);
    }
    sink_.piece(king_, targets);
  }

  // Rooks to castle with if no square on the king's way is attacked. A pinned rook would uncover the king.
  Bitboard castling_rooks() const {
    if (!G::kCastles || bonds_.checkers != 0) return 0;
    Bitboard open = 0;
    for (Bitboard rooks = board_.castling & kRank1 & ~bonds_.straight; rooks != 0;) {
      const int rook = pop_lowest(rooks);
      const Bitboard path = span(king_, kCastledKing[rook > king_]) | span(rook, kCastledRook[rook > king_]);
      if ((path & occupied_ & ~(bit(king_) | bit(rook))) == 0) open |= bit(rook);
    }
    return open;
  }

  void knights(Bitboard allowed) {
    const Bitboard pinned = bonds_.straight | bonds_.diagonal;
    for (Bitboard rest = board_.own & board_.pieces[kKnight] & ~pinned; rest != 0;) {
      const int from = pop_lowest(rest);
      sink_.piece(from, kAttacks.knight[from] & allowed);
    }
  }

  void free_sliders(Bitboard allowed) {
    const Bitboard free = board_.own & ~(bonds_.straight | bonds_.diagonal);
    for (Bitboard rest = free & board_.pieces[kBishop]; rest != 0;) {
      const int from = pop_lowest(rest);
      sink_.piece(from, bishop_attacks(from, occupied_) & allowed);
    }
    for (Bitboard rest = free & board_.pieces[kRook]; rest != 0;) {
      const int from = pop_lowest(rest);
      sink_.piece(from, rook_attacks(from, occupied_) & allowed);
    }
    for (Bitboard rest = free & board_.pieces[kQueen]; rest != 0;) {
      const int from = pop_lowest(rest);
      sink_.piece(from, (bishop_attacks(from, occupied_) | rook_attacks(from, occupied_)) & allowed);
    }
  }

  // A pinned slider keeps to its ray, and moves at all only if it moves along that kind of line.
  void pinned_sliders(Bitboard allowed) {
    const Bitboard queens = board_.pieces[kQueen];
    for (Bitboard rest = board_.own & bonds_.diagonal & (board_.pieces[kBishop] | queens); rest != 0;) {
      const int from = pop_lowest(rest);
      sink_.piece(from, bishop_attacks(from, occupied_) & bonds_.diagonal & allowed);
    }
    for (Bitboard rest = board_.own & bonds_.straight & (board_.pieces[kRook] | queens); rest != 0;) {
      const int from = pop_lowest(rest);
      sink_.piece(from, rook_attacks(from, occupied_) & bonds_.straight & allowed);
    }
  }

  void pawns(Bitboard targets, int step) {
    sink_.pawns(targets & ~G::kLastRank, step);
    if ((targets & G::kLastRank) != 0) sink_.promotions(targets & G::kLastRank, step);
  }

  void pawn_steps(Bitboard allowed) {
    const Bitboard pawns_to_move = board_.own & board_.pieces[kPawn] & ~bonds_.diagonal;
    const Bitboard free = pawns_to_move & ~bonds_.straight, pinned = pawns_to_move & bonds_.straight;
    const Bitboard once = ((free << 8) | (pinned << 8 & bonds_.straight)) & ~occupied_;
    pawns(once & allowed, 8);
    if (G::kSecondStep != 0) sink_.pawns((once & G::kSecondStep) << 8 & ~occupied_ & allowed, 16);
  }

  void pawn_captures(Bitboard allowed) {
    const Bitboard pawns_to_move = board_.own & board_.pieces[kPawn] & ~bonds_.straight;
    const Bitboard free = pawns_to_move & ~bonds_.diagonal, pinned = pawns_to_move & bonds_.diagonal;
    const Bitboard targets = board_.theirs & allowed;
    pawns(((free << 7) | (pinned << 7 & bonds_.diagonal)) & ~kFileH & targets, 7);
    pawns(((free << 9) | (pinned << 9 & bonds_.diagonal)) & ~kFileA & targets, 9);
    if (board_.passant == 0) return;
    for (Bitboard rest = passant_pawns(board_, board_.passant); rest != 0;) {
      sink_.pawns(board_.passant, lowest(board_.passant) - pop_lowest(rest));
    }
  }

  const Board& board_;
  Sink& sink_;
  const int king_;
  const Bitboard occupied_;
  const Bonds bonds_;
};

template <class Sink>
void generate(const Board& board, Sink& sink) {
  if (board.size == 8) {
    Generator<8, Sink>(board, sink).run();
  } else {
    Generator<5, Sink>(board, sink).run();
  }
}

}  // namespace selfplay::chess
