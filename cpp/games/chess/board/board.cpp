#include "games/chess/board/board.h"

#include "core/random.h"
#include "games/chess/board/generate.h"

namespace selfplay::chess {

namespace {

// Zobrist keys, by square as White sees it.
struct Keys {
  std::uint64_t man[2][kPieces][64];
  std::uint64_t castling[64];
  std::uint64_t passant[8];
  std::uint64_t black;

  Keys() {
    Random random(0x636865737376ULL);
    for (auto& colour : man) {
      for (auto& piece : colour) {
        for (std::uint64_t& key : piece) key = random.next();
      }
    }
    for (std::uint64_t& key : castling) key = random.next();
    for (std::uint64_t& key : passant) key = random.next();
    black = random.next();
  }
};

const Keys kKeys;

// What a move takes off the board and puts on it.
struct Step {
  Piece piece;
  Piece arrived;  // differs from `piece` in a promotion
  Bitboard gone;
  Bitboard placed;
  Bitboard rook;  // the castled rook
  Bitboard rights_lost;
};

template <int N>
Step step_of(const Board& board, Move move) {
  const Bitboard to = bit(move.to());
  Step step;
  step.piece = step.arrived = board.piece_at(move.from());
  step.gone = bit(move.from()) | to;
  step.placed = to;
  step.rook = 0;
  if (step.piece == kPawn) {
    if (to == board.passant) step.gone |= to >> 8;
    if ((to & Geometry<N>::kLastRank) != 0) step.arrived = move.promotion();
  } else if ((board.own & to) != 0) {
    const bool right = move.to() > move.from();
    step.placed = bit(kCastledKing[right]);
    step.rook = bit(kCastledRook[right]);
  }
  step.rights_lost = board.castling & (step.gone | (step.piece == kKing ? kRank1 : 0));
  return step;
}

std::uint64_t man_key(const Board& board, bool own, Piece piece, Bitboard square) {
  return kKeys.man[board.black == own][piece][board.white_view(lowest(square))];
}

std::uint64_t passant_key(Bitboard passant) { return passant ? kKeys.passant[file_of(lowest(passant))] : 0; }

std::uint64_t castling_key(const Board& board, Bitboard rooks) {
  std::uint64_t key = 0;
  while (rooks != 0) key ^= kKeys.castling[board.white_view(pop_lowest(rooks))];
  return key;
}

std::uint64_t key_after(const Board& board, Move move, const Step& step, Bitboard passant) {
  std::uint64_t key = board.key ^ kKeys.black ^ passant_key(board.passant) ^ passant_key(passant);
  key ^= man_key(board, true, step.piece, bit(move.from()));
  key ^= man_key(board, true, step.arrived, step.placed);
  if (step.rook != 0) {
    key ^= man_key(board, true, kRook, bit(move.to())) ^ man_key(board, true, kRook, step.rook);
  }
  const Bitboard captured = board.theirs & step.gone;
  if (captured != 0) key ^= man_key(board, false, board.piece_at(lowest(captured)), captured);
  return step.rights_lost ? key ^ castling_key(board, step.rights_lost) : key;
}

}  // namespace

template <int N, bool kKeyed>
Board after(const Board& board, Move move) {
  using G = Geometry<N>;
  const Step step = step_of<N>(board, move);
  Board next;
  next.own = G::flip(board.theirs & ~step.gone);
  next.theirs = G::flip((board.own & ~step.gone) | step.placed | step.rook);
  for (int piece = 0; piece < kPieces; ++piece) {
    next.pieces[piece] = G::flip(board.pieces[piece] & ~step.gone);
  }
  next.pieces[step.arrived] |= G::flip(step.placed);
  next.pieces[kRook] |= G::flip(step.rook);
  next.castling = G::flip(board.castling & ~step.rights_lost);
  next.size = N;
  next.black = !board.black;
  const bool resets = step.piece == kPawn || (board.theirs & step.gone) != 0;
  next.clock = resets ? 0 : static_cast<std::uint16_t>(board.clock + 1);
  if (step.piece == kPawn && move.to() - move.from() == 16) {
    const Bitboard target = G::flip(bit(move.from() + 8));
    if (passant_pawns(next, target) != 0) next.passant = target;
  }
  if (kKeyed) next.key = key_after(board, move, step, next.passant);
  return next;
}

template Board after<8, true>(const Board&, Move);
template Board after<8, false>(const Board&, Move);
template Board after<5, true>(const Board&, Move);
template Board after<5, false>(const Board&, Move);

Board after(const Board& board, Move move) {
  return board.size == 8 ? after<8>(board, move) : after<5>(board, move);
}

Board passed(const Board& board) {
  Board turned = board;
  turned.own = flipped(board.theirs, board.size);
  turned.theirs = flipped(board.own, board.size);
  for (Bitboard& men : turned.pieces) men = flipped(men, board.size);
  turned.castling = flipped(board.castling, board.size);
  turned.passant = 0;
  turned.black = !board.black;
  turned.key = board.key ^ kKeys.black ^ passant_key(board.passant);
  return turned;
}

std::uint64_t position_key(const Board& board) {
  std::uint64_t key = castling_key(board, board.castling) ^ passant_key(board.passant);
  if (board.black) key ^= kKeys.black;
  for (Bitboard rest = board.own | board.theirs; rest != 0;) {
    const int square = pop_lowest(rest);
    key ^= man_key(board, (board.own >> square & 1) != 0, board.piece_at(square), bit(square));
  }
  return key;
}

bool is_dead(const Board& board) {
  if ((board.pieces[kPawn] | board.pieces[kRook] | board.pieces[kQueen]) != 0) return false;
  const Bitboard knights = board.pieces[kKnight], bishops = board.pieces[kBishop];
  if (knights != 0) return bishops == 0 && (knights & (knights - 1)) == 0;
  return (bishops & kDarkSquares) == 0 || (bishops & ~kDarkSquares) == 0;
}

}  // namespace selfplay::chess
