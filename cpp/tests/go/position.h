// Go positions drawn in the tests: X Black, O White, a row a line from the top.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "games/go/go.h"

namespace selfplay::go {

inline Go square(int size, const std::string& rules = "tromp-taylor", double komi = 7.5) {
  GoOptions options;
  options.columns = options.rows = size;
  options.rules = parse_rules(rules);
  options.rules.komi = komi_from_points(komi);
  return Go(options);
}

inline std::unique_ptr<GoState> at(const Go& game, const std::string& position) {
  std::unique_ptr<State> state = game.parse(position);
  return std::unique_ptr<GoState>(static_cast<GoState*>(state.release()));
}

// The start that a drawing shows, ready for moves to be added.
inline std::string drawn(const Go& game, const std::string& drawing, Color to_move = kBlack) {
  Start start;
  start.to_move = to_move;
  int point = 0;
  for (const char stone : drawing) {
    if (stone == ' ' || stone == '\n') continue;
    if (stone == 'X') start.stones[kBlack].set(point);
    if (stone == 'O') start.stones[kWhite].set(point);
    ++point;
  }
  return start_text(game.geometry(), start) + " ";
}

// The board in one line of X, O and dots.
inline std::string stones(const GoState& state) {
  std::string line;
  for (int point = 0; point < state.board().geometry().points; ++point) {
    const Color there = state.board().at(point);
    line += there == kBlack ? 'X' : there == kWhite ? 'O' : '.';
  }
  return line;
}

inline std::vector<Action> legal(const State& state) {
  std::vector<Action> actions(static_cast<std::size_t>(state.game().num_actions()));
  actions.resize(static_cast<std::size_t>(state.legal_actions(actions.data())));
  return actions;
}

// The position in its game's notation.
inline std::string position_text(const State& state) {
  const Position position = state.position();
  std::string text = position.start;
  for (const Action action : position.moves) {
    if (!text.empty()) text += ' ';
    text += state.action_text(action);
  }
  return text;
}

}  // namespace selfplay::go
