// Games whose rules are written in Python.
#pragma once

#include "bindings/bindings.h"
#include "games/custom/custom_game.h"

namespace selfplay {

// `start` is a weak reference to what makes the first position: the game in Python owns this one.
class PythonGame : public custom::CustomGame {
 public:
  PythonGame(custom::Description description, py::object start)
      : CustomGame(std::move(description)), start_(std::move(start)) {}

  std::unique_ptr<State> initial() const override;

 private:
  py::object start_;
};

// Takes the interpreter lock for every call, so that search may run without it.
class PythonState final : public custom::CustomState {
 public:
  PythonState(const PythonGame& game, py::object position)
      : CustomState(game), position_(std::move(position)) {}
  PythonState(const PythonState& other);
  PythonState& operator=(const PythonState&) = delete;
  ~PythonState() override;

  int player() const override;
  int legal_actions(Action* out) const override;
  void play(Action action) override;
  std::optional<float> outcome() const override {
    return outcome_from(call<std::optional<float>>("outcome"));
  }
  Action winning_action() const override { return call<Action>("winning_action"); }
  float score(float* owner) const override;
  std::unique_ptr<State> clone() const override { return std::make_unique<PythonState>(*this); }
  void assign(const State& other) override;
  void encode(float* planes) const override;
  // These two by what can be seen, where the position in Python leaves it to us.
  std::uint64_t key() const override;
  Canonical canonical() const override;
  std::string text() const override { return call<std::string>("text"); }

 private:
  template <typename T>
  T call(const char* method) const;

  py::object position_;
};

}  // namespace selfplay
