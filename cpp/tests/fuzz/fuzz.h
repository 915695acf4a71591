// What the fuzzing harnesses share. A harness reads its input as bytes that choose, and text up to a zero
// byte or the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/game.h"

namespace selfplay::fuzzing {

// Unlike assert it holds in every build; the fuzzer keeps the input.
#define REQUIRE(condition)                                                       \
  if (!(condition)) {                                                            \
    std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    std::abort();                                                                \
  }

class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size) : at_(bytes), end_(bytes + size) {}

  bool done() const { return at_ == end_; }
  // 0 past the end.
  int byte() { return done() ? 0 : *at_++; }
  int below(int bound) { return byte() % bound; }
  std::string text() {
    std::string result;
    while (!done()) {
      const char letter = static_cast<char>(*at_++);
      if (letter == '\0') break;
      result += letter;
    }
    return result;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

// The position, or nothing where the game refuses it in words of a few lines.
inline std::unique_ptr<State> parse(const Game& game, const std::string& text) {
  try {
    return game.parse(text);
  } catch (const InputError& error) {
    const std::size_t length = std::string(error.what()).size();
    REQUIRE(length > 0 && length < 1000);
    return nullptr;
  }
}

inline std::vector<Action> legal(const State& state) {
  std::vector<Action> actions(static_cast<std::size_t>(state.game().num_actions()));
  actions.resize(static_cast<std::size_t>(state.legal_actions(actions.data())));
  return actions;
}

// The laws of core/game.h that can be seen from one position.
inline void check_laws(const State& state) {
  const std::vector<Action> actions = legal(state);
  REQUIRE(state.outcome().has_value() == actions.empty());
  for (std::size_t i = 0; i < actions.size(); ++i) {
    REQUIRE(actions[i] >= (i == 0 ? 0 : actions[i - 1] + 1) && actions[i] < state.game().num_actions());
    REQUIRE(state.parse_action(state.action_text(actions[i])) == actions[i]);
  }
  std::vector<float> planes(static_cast<std::size_t>(state.game().planes_shape().size()));
  state.encode(planes.data());
  const Canonical canonical = state.canonical();
  REQUIRE(canonical.symmetry >= 0 && canonical.symmetry < static_cast<int>(state.game().symmetries().size()));
  const Action winning = state.winning_action();
  if (winning >= 0) {
    const std::unique_ptr<State> after = state.clone();
    after->play(winning);
    REQUIRE(after->outcome().has_value());
    REQUIRE(*after->outcome() * (after->player() == state.player() ? 1 : -1) == 1);
  }
}

// A text that is no legal move is refused; the action of any other is legal.
inline void check_move_text(const State& state, const std::string& text) {
  const std::vector<Action> actions = legal(state);
  try {
    const Action action = state.parse_action(text);
    bool found = false;
    for (const Action other : actions) found |= other == action;
    REQUIRE(found);
  } catch (const InputError&) {
  }
}

// The position written out, its start and the moves since, read back as the same one.
inline void check_written(const State& state) {
  std::string text = state.position().start;
  const std::unique_ptr<State> replayed = state.game().parse(text);
  for (const Action action : state.position().moves) {
    text.append(" ").append(replayed->action_text(action));
    replayed->play(action);
  }
  REQUIRE(replayed->key() == state.key());
  REQUIRE(replayed->ply() == state.ply());
  REQUIRE(replayed->outcome() == state.outcome());
}

}  // namespace selfplay::fuzzing
