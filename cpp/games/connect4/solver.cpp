#include "games/connect4/solver.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace selfplay::connect4 {

namespace {

constexpr Board kOddRows = kBottom * 0b010101;  // the first, third and fifth row
constexpr int kLastSymmetricPly = 11;           // later on mirrored positions hardly ever meet
constexpr int kLastTablePly = 31;               // later positions are searched faster than looked up
constexpr int kLastKnownChildPly = 30;
constexpr int kLastEarlyPly = 8;
constexpr std::uint64_t kPollInterval = 1 << 20;  // a power of two
constexpr int kUnknown = 100;
constexpr std::array<int, kWidth> kFromCentre = {3, 2, 4, 1, 5, 0, 6};

// One lane a column, from the centre outwards; the eighth stays empty.
using Lanes = Board __attribute__((vector_size(64)));
constexpr Lanes kColumnLanes = {column_mask(3), column_mask(2), column_mask(4), column_mask(1),
                                column_mask(5), column_mask(0), column_mask(6), 0};

// Scores of a win and a loss on the stone that is `plies` after the next one.
constexpr int win_in(int plies, int ply) { return (kCells + 1 - ply - plies) / 2; }
constexpr int loss_in(int plies, int ply) { return -win_in(plies, ply); }

// Unique to a position, 49 bits; mirrored positions share a key in the first plies.
std::uint64_t table_key(Board own, Board occupied, int ply) {
  const std::uint64_t key = own + occupied + kBottom;
  if (ply > kLastSymmetricPly) return key;
  return std::min(key, mirrored(own) + mirrored(occupied) + kBottom);
}

int effort_of(std::uint64_t nodes) { return std::min<int>(std::bit_width(nodes) / 2, 7); }

}  // namespace

// A position whose player to move cannot win at once.
struct Solver::Node {
  Board own;
  Board occupied;
  Board threats;  // empty cells that complete four for the other player
  int ply;

  Board other() const { return own ^ occupied; }

  Node after(Board move) const {
    const Board taken = occupied | move;
    return {other(), taken, winning_cells(own | move) & kFull & ~taken, ply + 1};
  }

  // Under claimeven (Allis 1988) the second player answers in the same column, and the lowest cells
  // of two columns with an odd number of empty cells answer each other. So the first player, to
  // move, gets no more than the odd rows and those lowest cells, and cannot win without four there.
  bool first_player_cannot_win() const {
    assert(ply % 2 == 0);
    return !has_four(own | (kFull & ~occupied & kOddRows) | playable(occupied));
  }

  // What settles the question for `alpha` without search, or kUnknown; then `moves` are those that do
  // not lose at once.
  int known_value(int alpha, Board* moves) const {
    *moves = playable(occupied);
    if (const Board forced = *moves & threats) {
      if (forced & (forced - 1)) return loss_in(1, ply);
      *moves = forced;
    }
    *moves &= ~(threats >> 1);
    if (*moves == 0) return loss_in(1, ply);
    if (ply >= kCells - 2) return 0;
    if (win_in(2, ply) <= alpha) return win_in(2, ply);
    if (loss_in(3, ply) > alpha) return loss_in(3, ply);
    if (alpha >= 0 && ply % 2 == 0 && first_player_cannot_win()) return 0;
    return kUnknown;
  }
};

// The moves of a node, best first.
struct Solver::Moves {
  int count = 0;
  bool wins = false;   // one of them wins on the player's next stone, whatever the answer
  bool draws = false;  // one of them leaves the other player without a win (first_player_cannot_win)
  Board move[kWidth];
  Board threats[kWidth];  // cells that complete four for the mover once the move is made

  Moves(const Node& node, Board candidates) {
    const Lanes moved = kColumnLanes & candidates;
    const Lanes own = moved | node.own;
    const Lanes occupied = moved | node.occupied;
    const Lanes open = (occupied + kBottom) & kFull;
    Lanes threatened;
    winning_cells(own, threatened);
    threatened &= kFull & ~occupied;
    // Two threats at once, or a second one on top of the first.
    const Lanes now = threatened & open;
    const Lanes decisive = moved & (Lanes)(((now & (now - 1)) | ((now << 1) & threatened)) != 0);
    Board moved_to[8], threatened_by[8], opened[8], decides[8];
    std::memcpy(moved_to, &moved, sizeof moved_to);
    std::memcpy(threatened_by, &threatened, sizeof threatened_by);
    std::memcpy(opened, &open, sizeof opened);
    std::memcpy(decides, &decisive, sizeof decides);
    int order[kWidth];
    for (int lane = 0; lane < kWidth; ++lane) {
      if (moved_to[lane] == 0) continue;
      wins |= decides[lane] != 0;
      // Many threats, then few answers, then the centre.
      const int rank =
          8 * std::popcount(threatened_by[lane]) - std::popcount(opened[lane] & ~(threatened_by[lane] >> 1));
      int slot = count++;
      for (; slot > 0 && order[slot - 1] < rank; --slot) {
        order[slot] = order[slot - 1];
        move[slot] = move[slot - 1];
        threats[slot] = threats[slot - 1];
      }
      order[slot] = rank;
      move[slot] = moved_to[lane];
      threats[slot] = threatened_by[lane];
    }
    if (node.ply % 2 == 1) draws = leaves_no_win(node.other(), moved, occupied, open);
  }

  static bool leaves_no_win(Board first, const Lanes& moved, const Lanes& occupied, const Lanes& open) {
    const Lanes within = first | (kFull & ~occupied & kOddRows) | open;
    Lanes four = {};
    for (const int step : {1, kHeight, kHeight + 1, kHeight + 2}) {
      const Lanes pairs = within & (within >> step);
      four |= pairs & (pairs >> (2 * step));
    }
    const Lanes safe = moved & (Lanes)(four == 0);
    Board cells[8], any = 0;
    std::memcpy(cells, &safe, sizeof cells);
    for (const Board cell : cells) any |= cell;
    return any != 0;
  }
};

int Solver::search(Node node, int alpha) {
  if ((++nodes_ & (kPollInterval - 1)) == 0 && poll_) poll_();
  int sign = 1;
  Board moves;
  while (true) {
    const int value = node.known_value(alpha, &moves);
    if (value != kUnknown) return sign * value;
    if (moves & (moves - 1)) return sign * branch(node, moves, alpha);
    node = node.after(moves);
    alpha = -alpha - 1;
    sign = -sign;
  }
}

int Solver::branch(const Node& node, Board candidates, int alpha) {
  const bool in_table = node.ply <= kLastTablePly;
  const std::uint64_t key = in_table ? table_key(node.own, node.occupied, node.ply) : 0;
  if (in_table) table_.prefetch(key);
  const Moves moves(node, candidates);
  if (moves.wins) return win_in(2, node.ply);
  if (moves.draws && alpha < 0) return 0;
  Bounds bounds{loss_in(3, node.ply), win_in(2, node.ply), 0};
  if (in_table && table_.find(key, &bounds)) {
    if (bounds.lower > alpha) return bounds.lower;
    if (bounds.upper <= alpha) return bounds.upper;
  }
  if (node.ply <= kLastKnownChildPly) {
    if (const std::optional<int> known = known_child(node, moves, alpha)) {
      table_.store(key, {*known, bounds.upper, bounds.effort});
      return *known;
    }
  }
  const std::uint64_t nodes_before = nodes_;
  int best = -kUnknown;
  for (int i = 0; i < moves.count && best <= alpha; ++i) {
    const Node child{node.other(), node.occupied | moves.move[i], moves.threats[i], node.ply + 1};
    best = std::max(best, -search(child, -alpha - 1));
  }
  if (in_table) {
    (best > alpha ? bounds.lower : bounds.upper) = best;
    bounds.effort = std::max(bounds.effort, effort_of(nodes_ - nodes_before));
    table_.store(key, bounds);
  }
  return best;
}

std::optional<int> Solver::known_child(const Node& node, const Moves& moves, int alpha) const {
  std::uint64_t keys[kWidth];
  for (int i = 0; i < moves.count; ++i) {
    keys[i] = table_key(node.other(), node.occupied | moves.move[i], node.ply + 1);
    table_.prefetch(keys[i]);
  }
  for (int i = 0; i < moves.count; ++i) {
    Bounds child;
    if (table_.find(keys[i], &child) && -child.upper > alpha) return -child.upper;
  }
  return std::nullopt;
}

int Solver::value(Board own, Board occupied, int ply, int floor, int ceiling) {
  if (winning_cells(own) & playable(occupied)) return std::clamp(win_in(0, ply), floor, ceiling);
  Bounds bounds{loss_in(1, ply), ply >= kCells - 1 ? 0 : win_in(2, ply), 0};
  const std::uint64_t key = table_key(own, occupied, ply);
  if (const auto kept = early_.find(key); kept != early_.end()) bounds = kept->second;
  const Node node{own, occupied, winning_cells(own ^ occupied) & kFull & ~occupied, ply};
  while (true) {
    const int low = std::max(bounds.lower, floor), high = std::min(bounds.upper, ceiling);
    if (low >= high) break;
    // Quick wins are cheap to refute, so the ends come before the middle.
    int alpha = low + (high - low) / 2;
    if (alpha <= 0 && low / 2 < alpha) alpha = low / 2;
    if (alpha >= 0 && high / 2 > alpha) alpha = high / 2;
    const int result = search(node, alpha);
    if (result > alpha) bounds.lower = std::max(bounds.lower, result);
    if (result <= alpha) bounds.upper = std::min(bounds.upper, result);
    if (ply <= kLastEarlyPly) early_[key] = bounds;
  }
  return std::clamp(bounds.lower, floor, ceiling);
}

Solver::Columns Solver::columns(const Connect4State& position, int floor, int ceiling) {
  Columns result;
  for (const int column : kFromCentre) {
    const Board move = playable(position.occupied()) & column_mask(column);
    if (move == 0) continue;
    const Board own = position.own() | move, occupied = position.occupied() | move;
    if (has_four(own)) {
      result[static_cast<std::size_t>(column)] = std::clamp(win_in(0, position.ply()), floor, ceiling);
    } else {
      const int other = value(own ^ occupied, occupied, position.ply() + 1, -ceiling, -floor);
      result[static_cast<std::size_t>(column)] = -other;
    }
  }
  return result;
}

int Solver::score(const Connect4State& position) {
  const std::lock_guard lock(mutex_);
  return value(position.own(), position.occupied(), position.ply(), -kCells, kCells);
}

Solver::Columns Solver::scores(const Connect4State& position) {
  const std::lock_guard lock(mutex_);
  return columns(position, -kCells, kCells);
}

Solver::Columns Solver::outcomes(const Connect4State& position) {
  const std::lock_guard lock(mutex_);
  return columns(position, -1, 1);
}

std::uint64_t Solver::nodes() {
  const std::lock_guard lock(mutex_);
  return nodes_;
}

void Solver::clear() {
  const std::lock_guard lock(mutex_);
  table_.clear();
  early_.clear();
  nodes_ = 0;
}

}  // namespace selfplay::connect4
