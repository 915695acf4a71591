// A slow move generator to compare with: every move is tried, and thrown away if the king can then be
// captured. It shares nothing with the fast one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace selfplay::chess {

inline constexpr char kEmpty = '.';

inline bool is_white(char man) { return man >= 'A' && man <= 'Z'; }
inline bool is_black(char man) { return man >= 'a' && man <= 'z'; }
inline char upper(char man) { return is_black(man) ? static_cast<char>(man - 32) : man; }
inline char coloured(char letter, bool black) { return black ? static_cast<char>(letter + 32) : letter; }

// A position as letters in 64 cells. Squares are as White sees them; moves are UCI with castling as the king
// taking its rook.
struct Oracle {
  std::array<char, 64> cells;
  int size = 8;
  bool black = false;
  std::string castling;  // squares of the rooks that may castle, "a1h1a8"
  int passant = -1;      // passed by the last move, capturable or not

  explicit Oracle(const std::string& fen) {
    cells.fill(kEmpty);
    std::istringstream fields(fen);
    std::string placement, side, rights, square;
    fields >> placement >> side >> rights >> square;
    size = 1 + static_cast<int>(std::count(placement.begin(), placement.end(), '/'));
    black = side == "b";
    int rank = size - 1, file = 0;
    for (const char c : placement) {
      if (c == '/') {
        --rank;
        file = 0;
      } else if (c >= '1' && c <= '8') {
        file += c - '0';
      } else {
        at(file++, rank) = c;
      }
    }
    for (const char c : rights) {
      if (c != '-') castling += named_rook(c);
    }
    if (square != "-") passant = (square[1] - '1') * 8 + square[0] - 'a';
  }

  char& at(int file, int rank) { return cells[static_cast<std::size_t>(rank * 8 + file)]; }
  char at(int file, int rank) const { return cells[static_cast<std::size_t>(rank * 8 + file)]; }
  bool inside(int file, int rank) const { return file >= 0 && rank >= 0 && file < size && rank < size; }
  bool mine(char man) const { return black ? is_black(man) : is_white(man); }
  bool other(char man) const { return black ? is_white(man) : is_black(man); }

  static std::string name(int file, int rank) {
    return {static_cast<char>('a' + file), static_cast<char>('1' + rank)};
  }

  int king_file(bool of_black) const {
    return static_cast<int>(std::find(cells.begin(), cells.end(), coloured('K', of_black)) - cells.begin()) %
           8;
  }
  int king_rank(bool of_black) const {
    return static_cast<int>(std::find(cells.begin(), cells.end(), coloured('K', of_black)) - cells.begin()) /
           8;
  }

  std::string named_rook(char letter) const {
    const bool of_black = is_black(letter);
    const int rank = of_black ? 7 : 0;
    const char rook = coloured('R', of_black);
    letter = upper(letter);
    if (letter != 'K' && letter != 'Q') return name(letter - 'A', rank);
    const int step = letter == 'K' ? -1 : 1;
    int file = letter == 'K' ? 7 : 0;
    while (at(file, rank) != rook) file += step;
    return name(file, rank);
  }

  bool is_attacked(int file, int rank, bool by_black) const {
    for (int from = 0; from < 64; ++from) {
      const char man = cells[static_cast<std::size_t>(from)];
      if (man == kEmpty || is_black(man) != by_black) continue;
      if (reaches(man, from % 8, from / 8, file, rank)) return true;
    }
    return false;
  }

  // Whether a man attacks a square, by the shape of its move and the cells between.
  bool reaches(char man, int file, int rank, int to_file, int to_rank) const {
    const int right = to_file - file, up = to_rank - rank;
    const int wide = std::abs(right), high = std::abs(up);
    if (wide == 0 && high == 0) return false;
    switch (upper(man)) {
      case 'P':
        return wide == 1 && up == (is_black(man) ? -1 : 1);
      case 'N':
        return wide * high == 2;
      case 'K':
        return wide <= 1 && high <= 1;
      case 'B':
        if (wide != high) return false;
        break;
      case 'R':
        if (wide != 0 && high != 0) return false;
        break;
      default:
        if (wide != high && wide != 0 && high != 0) return false;
    }
    const int step_file = (right > 0) - (right < 0), step_rank = (up > 0) - (up < 0);
    for (int f = file + step_file, r = rank + step_rank; f != to_file || r != to_rank;
         f += step_file, r += step_rank) {
      if (at(f, r) != kEmpty) return false;
    }
    return true;
  }

  bool in_check(bool of_black) const {
    return is_attacked(king_file(of_black), king_rank(of_black), !of_black);
  }

  bool is_pawn_move(int file, int rank, int to_file, int to_rank) const {
    const int up = black ? -1 : 1, high = to_rank - rank;
    const char target = at(to_file, to_rank);
    if (to_file == file) {
      if (target != kEmpty) return false;
      if (high == up) return true;
      return size == 8 && high == 2 * up && rank == (black ? 6 : 1) && at(file, rank + up) == kEmpty;
    }
    if (std::abs(to_file - file) != 1 || high != up) return false;
    return other(target) || to_rank * 8 + to_file == passant;
  }

  bool can_castle(int file, int rank, int to_file, int to_rank) const {
    if (rank != to_rank || at(to_file, to_rank) != coloured('R', black)) return false;
    const std::string rook = name(to_file, to_rank);
    bool right = false;
    for (std::size_t i = 0; i < castling.size(); i += 2) right |= castling.substr(i, 2) == rook;
    if (!right || in_check(black)) return false;
    const int king_to = to_file > file ? 6 : 2, rook_to = to_file > file ? 5 : 3;
    for (int f = 0; f < 8; ++f) {
      const bool on_king_way = f >= std::min(file, king_to) && f <= std::max(file, king_to);
      const bool on_rook_way = f >= std::min(to_file, rook_to) && f <= std::max(to_file, rook_to);
      if ((on_king_way || on_rook_way) && f != file && f != to_file && at(f, rank) != kEmpty) return false;
      if (on_king_way && is_attacked(f, rank, !black)) return false;
    }
    return true;
  }

  std::vector<std::string> pseudo_moves() const {
    std::vector<std::string> moves;
    for (int from = 0; from < 64; ++from) {
      const int file = from % 8, rank = from / 8;
      const char man = at(file, rank);
      if (!mine(man)) continue;
      for (int to = 0; to < 64; ++to) {
        const int to_file = to % 8, to_rank = to / 8;
        if (!inside(to_file, to_rank)) continue;
        const std::string text = name(file, rank) + name(to_file, to_rank);
        if (upper(man) == 'P') {
          if (!is_pawn_move(file, rank, to_file, to_rank)) continue;
          if (to_rank == (black ? 0 : size - 1)) {
            for (const char* promotion : {"q", "r", "b", "n"}) moves.push_back(text + promotion);
          } else {
            moves.push_back(text);
          }
        } else if (mine(at(to_file, to_rank)) ? upper(man) == 'K' && can_castle(file, rank, to_file, to_rank)
                                              : reaches(man, file, rank, to_file, to_rank)) {
          moves.push_back(text);
        }
      }
    }
    return moves;
  }

  void lose_right(const std::string& square) {
    for (std::size_t i = 0; i < castling.size(); i += 2) {
      if (castling.substr(i, 2) == square) {
        castling.erase(i, 2);
        return;
      }
    }
  }

  Oracle played(const std::string& move) const {
    Oracle next = *this;
    const int file = move[0] - 'a', rank = move[1] - '1', to_file = move[2] - 'a', to_rank = move[3] - '1';
    const char man = at(file, rank), target = at(to_file, to_rank);
    next.at(file, rank) = kEmpty;
    next.passant = -1;
    if (mine(target)) {
      next.at(to_file, to_rank) = kEmpty;
      next.at(to_file > file ? 6 : 2, rank) = man;
      next.at(to_file > file ? 5 : 3, rank) = target;
    } else {
      next.at(to_file, to_rank) = move.size() == 5 ? coloured(upper(move[4]), black) : man;
      if (upper(man) == 'P' && to_rank * 8 + to_file == passant) next.at(to_file, rank) = kEmpty;
      if (upper(man) == 'P' && std::abs(to_rank - rank) == 2) next.passant = (to_rank + rank) / 2 * 8 + file;
    }
    next.lose_right(name(file, rank));
    next.lose_right(name(to_file, to_rank));
    if (upper(man) == 'K') {
      for (int f = 0; f < 8; ++f) next.lose_right(name(f, black ? 7 : 0));
    }
    next.black = !black;
    return next;
  }

  // In alphabetical order.
  std::vector<std::string> moves() const {
    std::vector<std::string> legal;
    for (const std::string& move : pseudo_moves()) {
      if (!played(move).in_check(black)) legal.push_back(move);
    }
    std::sort(legal.begin(), legal.end());
    return legal;
  }

  std::uint64_t perft(int depth) const {
    if (depth == 0) return 1;
    std::uint64_t paths = 0;
    for (const std::string& move : moves()) paths += played(move).perft(depth - 1);
    return paths;
  }

  // The first four fields of a Shredder-FEN; an en passant square only where a capture is legal.
  std::string fen() const {
    std::string text;
    for (int rank = size - 1; rank >= 0; --rank) {
      int empty = 0;
      for (int file = 0; file <= size; ++file) {
        const char man = file < size ? at(file, rank) : '/';
        if (man == kEmpty) {
          ++empty;
          continue;
        }
        if (empty > 0) text += std::to_string(empty);
        empty = 0;
        if (file < size || rank > 0) text += man;
      }
    }
    text += black ? " b " : " w ";
    std::string rights;
    for (const char rank : {'1', '8'}) {
      for (char file = 'h'; file >= 'a'; --file) {
        if (castling.find(std::string{file, rank}) != std::string::npos) {
          rights += coloured(upper(file), rank == '8');
        }
      }
    }
    text += (rights.empty() ? "-" : rights) + " ";
    for (const std::string& move : moves()) {
      const int file = move[0] - 'a', rank = move[1] - '1', target = (move[3] - '1') * 8 + move[2] - 'a';
      if (target == passant && upper(at(file, rank)) == 'P') return text + move.substr(2, 2);
    }
    return text + "-";
  }
};

}  // namespace selfplay::chess
