// What others see of a position: planes, keys and text.
#include <algorithm>

#include "core/quote.h"
#include "core/random.h"
#include "games/go/go.h"

namespace selfplay::go {

namespace {

constexpr float kKomiScale = 20;

void mark(float* plane, const Bits& points) {
  points.for_each([plane](int point) { plane[point] = 1; });
}

// Three planes: strings with 1, 2, 3 liberties.
void mark_liberties(float* planes, const Board& board, const Bits& stones) {
  const int points = board.geometry().points;
  stones.for_each([&](int point) {
    if (!board.is_head(point)) return;
    const int liberties = board.is_in_atari(point) ? 1 : board.liberties(point, 4);
    if (liberties > 3) return;
    float* plane = planes + (liberties - 1) * points;
    board.for_each_stone(point, [plane](int stone) { plane[stone] = 1; });
  });
}

}  // namespace

void GoState::encode(float* planes) const {
  const int points = go_->geometry().points;
  const Rules& rules = go_->rules();
  const Color other = opposite(to_move_);
  const auto plane = [&](int number) { return planes + number * points; };
  std::fill_n(planes, kPlanes * points, 0.0f);
  mark(plane(0), board_.stones(to_move_));
  mark(plane(1), board_.stones(other));
  mark_liberties(plane(2), board_, board_.stones(to_move_));
  mark_liberties(plane(5), board_, board_.stones(other));
  mark(plane(8), forbidden());
  if (last_point() >= 0) plane(9)[last_point()] = 1;
  if (pass_ends()) std::fill_n(plane(10), points, 1.0f);
  const int extra = to_move_ == kWhite ? white_extra() : -white_extra();
  std::fill_n(plane(11), points, static_cast<float>(extra) / (2 * kKomiScale));
  if (rules.ko == Ko::kPositional) std::fill_n(plane(12), points, 1.0f);
  if (rules.ko == Ko::kSituational) std::fill_n(plane(13), points, 1.0f);
  if (rules.suicide) std::fill_n(plane(14), points, 1.0f);
  if (rules.scoring == Scoring::kTerritory) std::fill_n(plane(15), points, 1.0f);
  std::fill_n(plane(16), points, 1.0f);
}

std::uint64_t GoState::status_key() const {
  const auto extra = static_cast<std::uint32_t>(white_extra());
  const auto passes = static_cast<std::uint64_t>(passes_);
  const auto resumptions = static_cast<std::uint64_t>(resumptions_);
  return mix(resumptions << 40 | std::uint64_t{extra} << 8 | passes << 2 | std::uint64_t{is_over()} << 1 |
             to_move_);
}

std::uint64_t GoState::key() const {
  const auto& keys = go_->geometry().mark_keys;
  std::uint64_t key = board_.hash() ^ status_key();
  forbidden().for_each([&](int point) { key ^= keys[kForbidden][point].of[0]; });
  if (last_point() >= 0) key ^= keys[kLastMove][last_point()].of[0];
  return key;
}

Canonical GoState::canonical() const {
  const auto& keys = go_->geometry().mark_keys;
  TurnedHash hash;
  hash.of.fill(status_key());
  board_.stones(kBlack).for_each([&](int point) { hash ^= keys[kBlackStone][point]; });
  board_.stones(kWhite).for_each([&](int point) { hash ^= keys[kWhiteStone][point]; });
  forbidden().for_each([&](int point) { hash ^= keys[kForbidden][point]; });
  if (last_point() >= 0) hash ^= keys[kLastMove][last_point()];
  const auto count = static_cast<std::ptrdiff_t>(go_->symmetries().size());
  const auto lowest = std::min_element(hash.of.begin(), hash.of.begin() + count);
  return {*lowest, static_cast<int>(lowest - hash.of.begin())};
}

std::string GoState::text() const {
  const Geometry& geometry = go_->geometry();
  std::string drawing;
  for (int row = 0; row < geometry.rows; ++row) {
    const int number = geometry.rows - row;
    if (number < 10 && geometry.rows >= 10) drawing += ' ';
    drawing += std::to_string(number);
    for (int column = 0; column < geometry.columns; ++column) {
      const Color there = board_.at(row * geometry.columns + column);
      drawing += there == kBlack ? " X" : there == kWhite ? " O" : " .";
    }
    drawing += '\n';
  }
  drawing += geometry.rows >= 10 ? "  " : " ";
  for (int column = 0; column < geometry.columns; ++column) {
    drawing.append(1, ' ').append(1, point_text(geometry, column)[0]);
  }
  return drawing + "\n";
}

std::string GoState::action_text(Action action) const { return point_text(go_->geometry(), action); }

Action GoState::parse_action(const std::string& text) const {
  const Action action = parse_point(go_->geometry(), text);
  if (is_over()) throw InputError("move " + quoted(text) + " comes after the end of the game");
  if (action == go_->geometry().points) return action;
  const std::string reason = refusal(action);
  if (!reason.empty()) throw InputError("move " + quoted(text) + " is illegal: " + reason);
  return action;
}

}  // namespace selfplay::go
