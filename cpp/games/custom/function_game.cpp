#include "games/custom/function_game.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace selfplay::custom {

namespace {

constexpr int kMostStateBytes = 1 << 16;
constexpr std::size_t kSmallState = 32;  // words; a turned state of so many is not allocated

}  // namespace

FunctionGame::FunctionGame(Description description, int state_bytes, const Functions& functions,
                           Drawing drawing)
    : CustomGame(std::move(description)),
      state_bytes_(state_bytes),
      functions_(functions),
      drawing_(std::move(drawing)) {
  if (state_bytes < 1 || state_bytes > kMostStateBytes) {
    throw InputError("game '" + name() + "': state_bytes is " + std::to_string(state_bytes) + "; give 1 to " +
                     std::to_string(kMostStateBytes));
  }
}

std::unique_ptr<State> FunctionGame::initial() const { return std::make_unique<FunctionState>(*this); }

FunctionState::FunctionState(const FunctionGame& game)
    : CustomState(game), words_(static_cast<std::size_t>((game.state_bytes() + 7) / 8)) {
  rules().start(bytes());
}

void FunctionState::play(Action action) {
  rules().play(bytes(), action);
  record(action);
}

std::optional<float> FunctionState::outcome() const {
  const float result = rules().outcome(bytes());
  return outcome_from(std::isnan(result) ? std::nullopt : std::optional(result));
}

Action FunctionState::winning_action() const {
  return rules().winning_action ? rules().winning_action(bytes()) : -1;
}

float FunctionState::score(float* owner) const {
  std::fill_n(owner, game().planes_shape().cells(), 0.0f);
  return rules().score ? rules().score(bytes(), owner) : 0;
}

void FunctionState::encode(float* planes) const {
  std::fill_n(planes, game().planes_shape().size(), 0.0f);
  rules().encode(bytes(), planes);
}

std::uint64_t FunctionState::hash(const std::uint64_t* words, std::size_t size) {
  std::uint64_t result = size;
  for (std::size_t i = 0; i < size; ++i) result = mix(result ^ words[i]);
  return result;
}

Canonical FunctionState::canonical() const {
  if (!rules().turn) return lowest_visible_key();
  Canonical lowest{key(), 0};
  const std::size_t size = words_.size();
  std::uint64_t small[kSmallState];
  Words large(size > kSmallState ? size : 0);
  std::uint64_t* const turned = large.empty() ? small : large.data();
  const auto count = static_cast<std::int32_t>(game().symmetries().size());
  for (std::int32_t symmetry = 1; symmetry < count; ++symmetry) {
    std::fill_n(turned, size, 0);
    rules().turn(bytes(), symmetry, reinterpret_cast<std::uint8_t*>(turned));
    const std::uint64_t found = hash(turned, size);
    if (found < lowest.key) lowest = {found, symmetry};
  }
  return lowest;
}

std::string FunctionState::text() const { return function_game().drawing()(bytes()); }

}  // namespace selfplay::custom
