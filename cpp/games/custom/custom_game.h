// What games written by users have in common: a description in place of a class of their own, actions
// with names, and positions written as the moves that lead there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/game.h"
#include "core/quote.h"

namespace selfplay::custom {

struct Description {
  std::string name;
  int num_actions = 0;
  PlanesShape planes_shape{0, 0, 0};
  int max_plies = 0;
  std::vector<std::string> action_names;  // num_actions of them, no two alike, none with a space
  std::vector<Symmetry> symmetries;       // the identity first
  bool has_score = false;
};

class CustomGame : public Game {
 public:
  // Throws InputError that names what is wrong with the description.
  explicit CustomGame(Description description);

  std::string name() const override { return description_.name; }
  int num_actions() const override { return description_.num_actions; }
  PlanesShape planes_shape() const override { return description_.planes_shape; }
  int max_plies() const override { return description_.max_plies; }
  bool has_score() const override { return description_.has_score; }
  const std::vector<Symmetry>& symmetries() const override { return description_.symmetries; }
  // Action names in the order played, side by side where each is one letter, else with spaces between.
  std::unique_ptr<State> parse(const std::string& position) const override;
  std::string position_text(const State& state) const;

  const std::vector<std::string>& action_names() const { return description_.action_names; }

 private:
  Description description_;
  bool one_letter_;
};

// Keeps the moves that led to the position; a kind of game adds the position itself.
class CustomState : public State {
 public:
  const CustomGame& game() const override { return *game_; }
  int ply() const override { return static_cast<int>(moves_.size()); }
  Position position() const override { return {"", moves_}; }
  std::string action_text(Action action) const override;
  Action parse_action(const std::string& text) const override;

 protected:
  explicit CustomState(const CustomGame& game) : game_(&game) {}
  void record(Action action) { moves_.push_back(action); }
  // What the rules of a user gave, as it is; InputError, which names `method`, where it can be no answer.
  int player_from(int player) const {
    if (player != 0 && player != 1) refuse("player", std::to_string(player), "0 or 1");
    return player;
  }
  std::optional<float> outcome_from(std::optional<float> outcome) const {
    if (outcome && !(*outcome >= -1 && *outcome <= 1)) refuse("outcome", shown(*outcome), "-1 to 1");
    return outcome;
  }
  int actions_from(const Action* actions, int count) const;
  [[noreturn]] void refuse(const char* method, const std::string& result, const std::string& expected) const;
  // Keys made of all that can be seen from outside: planes, legal actions, player and result.
  std::uint64_t visible_key() const;
  Canonical lowest_visible_key() const;

 private:
  const CustomGame* game_;
  std::vector<Action> moves_;
};

}  // namespace selfplay::custom
