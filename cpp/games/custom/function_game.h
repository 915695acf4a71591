// A game whose rules are C functions over a state of fixed size: how a game compiled by Numba reaches
// search, self-play and the decoding of records, none of which then needs Python.
#pragma once

#include "games/custom/custom_game.h"

namespace selfplay::custom {

// `state` is `state_bytes` long, starts on 8 bytes and is all that the rules may look at: no history, no
// randomness. Two positions are the same exactly where their bytes are.
struct Functions {
  void (*start)(std::uint8_t* state);                                     // `state` comes as zeros
  std::int32_t (*legal_actions)(const std::uint8_t* state, Action* out);  // ascending; 0 once over
  void (*play)(std::uint8_t* state, Action action);
  std::int32_t (*player)(const std::uint8_t* state);  // 0 or 1
  float (*outcome)(const std::uint8_t* state);        // for the player to move; NaN while the game runs
  void (*encode)(const std::uint8_t* state, float* planes);       // `planes` come as zeros
  Action (*winning_action)(const std::uint8_t* state) = nullptr;  // or none
  void (*turn)(const std::uint8_t* state, std::int32_t symmetry, std::uint8_t* out) = nullptr;  // or none
  float (*score)(const std::uint8_t* state, float* owner) = nullptr;  // or none; `owner` comes as zeros
};

using Drawing = std::function<std::string(const std::uint8_t* state)>;

class FunctionGame : public CustomGame {
 public:
  FunctionGame(Description description, int state_bytes, const Functions& functions, Drawing drawing);

  std::unique_ptr<State> initial() const override;

  int state_bytes() const { return state_bytes_; }
  const Functions& functions() const { return functions_; }
  const Drawing& drawing() const { return drawing_; }

 private:
  int state_bytes_;
  Functions functions_;
  Drawing drawing_;
};

class FunctionState final : public CustomState {
 public:
  explicit FunctionState(const FunctionGame& game);

  int player() const override { return player_from(rules().player(bytes())); }
  int legal_actions(Action* out) const override {
    return actions_from(out, rules().legal_actions(bytes(), out));
  }
  void play(Action action) override;
  std::optional<float> outcome() const override;
  Action winning_action() const override;
  float score(float* owner) const override;
  std::unique_ptr<State> clone() const override { return std::make_unique<FunctionState>(*this); }
  void assign(const State& other) override { *this = static_cast<const FunctionState&>(other); }
  void encode(float* planes) const override;
  std::uint64_t key() const override { return hash(words_.data(), words_.size()); }
  // By the function that turns a state, where there is one; else by what can be seen, which is slower.
  Canonical canonical() const override;
  std::string text() const override;

 private:
  using Words = std::vector<std::uint64_t>;

  static std::uint64_t hash(const std::uint64_t* words, std::size_t size);

  const FunctionGame& function_game() const { return static_cast<const FunctionGame&>(game()); }
  const Functions& rules() const { return function_game().functions(); }
  const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(words_.data()); }
  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(words_.data()); }

  Words words_;
};

}  // namespace selfplay::custom
