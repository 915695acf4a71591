// A second Go to compare with, as plain as can be: boards are text, strings and regions are found by
// flooding, moves are tried out, and every earlier board is kept whole.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "games/go/rules.h"

namespace selfplay::go {

class NaiveGo {
 public:
  NaiveGo(int columns, int rows, const Rules& rules, int max_plies, int resumptions = 0)
      : columns_(columns), rows_(rows), rules_(rules), max_plies_(max_plies), resumptions_(resumptions) {
    boards_.push_back(std::string(static_cast<std::size_t>(columns * rows), '.'));
    for (int point = 0; point < columns * rows; ++point) {
      std::vector<int> beside;
      if (point >= columns) beside.push_back(point - columns);
      if (point % columns > 0) beside.push_back(point - 1);
      if (point % columns < columns - 1) beside.push_back(point + 1);
      if (point < columns * (rows - 1)) beside.push_back(point + columns);
      around_.push_back(beside);
    }
    remember();
  }

  const std::string& board() const { return boards_.back(); }
  int prisoners(char taker) const { return prisoners_[taker == 'O']; }
  bool is_over() const {
    const std::size_t plies = passed_.size();
    if (static_cast<int>(plies) == max_plies_) return true;
    int after_two = 0;  // moves that follow two passes
    for (std::size_t i = 2; i < plies; ++i) after_two += passed_[i - 1] && passed_[i - 2];
    return plies >= 2 && passed_[plies - 1] && passed_[plies - 2] && after_two == resumptions_;
  }

  std::vector<int> legal_actions() const {
    std::vector<int> actions;
    if (is_over()) return actions;
    for (int point = 0; point < columns_ * rows_; ++point) {
      if (is_legal(point)) actions.push_back(point);
    }
    actions.push_back(columns_ * rows_);
    return actions;
  }

  void play(int action) {
    std::string next = board();
    passed_.push_back(action == columns_ * rows_);
    if (!passed_.back()) {
      const Trial trial = attempt(action);
      prisoners_[mover_ == 'O'] += trial.taken;
      prisoners_[mover_ == 'X'] += trial.own;
      next = trial.board;
    }
    boards_.push_back(next);
    mover_ = other(mover_);
    remember();
  }

  // Area of Black less that of White, without komi.
  int area() const {
    int score = 0;
    std::string left = board();  // regions are crossed out once counted
    for (int point = 0; point < columns_ * rows_; ++point) {
      const char there = left[static_cast<std::size_t>(point)];
      score += (there == 'X') - (there == 'O');
      if (there != '.') continue;
      const std::vector<int> empty = region(left, point);
      const int size = static_cast<int>(empty.size());
      score += size * touches(empty, 'X') - size * touches(empty, 'O');
      for (const int counted : empty) left[static_cast<std::size_t>(counted)] = ' ';
    }
    return score;
  }

  int liberties(int point) const {
    std::unordered_set<int> found;
    for (const int stone : region(board(), point)) {
      for (const int beside : around(stone)) {
        if (board()[static_cast<std::size_t>(beside)] == '.') found.insert(beside);
      }
    }
    return static_cast<int>(found.size());
  }

 private:
  struct Trial {
    std::string board;
    int taken;
    int own;
  };

  static char other(char color) { return color == 'X' ? 'O' : 'X'; }

  const std::vector<int>& around(int point) const { return around_[static_cast<std::size_t>(point)]; }

  // The points of one kind that hang together with `point`.
  std::vector<int> region(const std::string& board, int point) const {
    std::vector<int> found{point};
    std::string seen(board.size(), 0);
    seen[static_cast<std::size_t>(point)] = 1;
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (const int beside : around(found[i])) {
        const auto at = static_cast<std::size_t>(beside);
        if (board[at] != board[static_cast<std::size_t>(point)] || seen[at]) continue;
        seen[at] = 1;
        found.push_back(beside);
      }
    }
    return found;
  }

  bool touches(const std::vector<int>& points, char color) const {
    for (const int point : points) {
      for (const int beside : around(point)) {
        if (board()[static_cast<std::size_t>(beside)] == color) return true;
      }
    }
    return false;
  }

  // Takes the string at `point` off the board if it has no liberty; the number of stones taken.
  int take(std::string& board, int point) const {
    const std::vector<int> string = region(board, point);
    for (const int stone : string) {
      for (const int beside : around(stone)) {
        if (board[static_cast<std::size_t>(beside)] == '.') return 0;
      }
    }
    for (const int stone : string) board[static_cast<std::size_t>(stone)] = '.';
    return static_cast<int>(string.size());
  }

  Trial attempt(int point) const {
    Trial trial{board(), 0, 0};
    trial.board[static_cast<std::size_t>(point)] = mover_;
    for (const int beside : around(point)) {
      if (trial.board[static_cast<std::size_t>(beside)] == other(mover_)) {
        trial.taken += take(trial.board, beside);
      }
    }
    trial.own = take(trial.board, point);
    return trial;
  }

  bool is_legal(int point) const {
    if (board()[static_cast<std::size_t>(point)] != '.') return false;
    const Trial trial = attempt(point);
    if (trial.own > 0 && !rules_.suicide) return false;
    if (rules_.ko != Ko::kSimple) return !seen_.contains(situation(trial.board, other(mover_)));
    return trial.taken == 0 || boards_.size() < 2 || trial.board != boards_[boards_.size() - 2];
  }

  std::string situation(const std::string& board, char mover) const {
    return rules_.ko == Ko::kSituational ? board + mover : board;
  }

  void remember() { seen_.insert(situation(board(), mover_)); }

  int columns_, rows_;
  Rules rules_;
  int max_plies_, resumptions_;
  std::vector<bool> passed_;  // by ply
  char mover_ = 'X';
  int prisoners_[2] = {0, 0};  // taken by X, by O
  std::vector<std::vector<int>> around_;
  std::vector<std::string> boards_;
  std::unordered_set<std::string> seen_;
};

}  // namespace selfplay::go
