// Moves, ko and the end of the game.
#include <algorithm>
#include <cassert>

#include "core/quote.h"
#include "games/go/go.h"

namespace selfplay::go {

namespace {

constexpr std::uint64_t kWhiteToMove = 0x8f1bbcdc62c1d6a5;
constexpr int kPassesToStop = 2;

}  // namespace

bool GoState::is_stopped() const { return passes_ == kPassesToStop; }

bool GoState::pass_ends() const {
  return passes_ >= kPassesToStop - 1 && resumptions_ == (is_stopped() ? 1 : 0);
}

GoState::GoState(const Go& game, const Start& start)
    : go_(&game),
      board_(game.geometry()),
      to_move_(start.to_move),
      resumptions_(game.resumptions()),
      start_(game.start_name(start)) {
  for (const Color color : {kBlack, kWhite}) {
    start.stones[color].for_each([&](int point) {
      // A part of a position in which all strings have liberties is another one.
      if (board_.play(color, point) > 0) {
        throw InputError("start " + quoted(start_) + ": a string has no liberty");
      }
    });
  }
  const int stones = start.is_handicap ? start.stones[kBlack].count() : 0;
  const HandicapBonus kind = game.rules().handicap_bonus;
  if (stones > 0 && kind == HandicapBonus::kStones) bonus_ = 2 * stones;
  if (stones > 0 && kind == HandicapBonus::kStonesLessOne) bonus_ = 2 * (stones - 1);
  reserve();
  if (game.rules().ko != Ko::kSimple) history_.push(history_key(board_.hash(), to_move_));
}

const Game& GoState::game() const { return *go_; }

std::unique_ptr<State> GoState::clone() const {
  auto copy = std::make_unique<GoState>(*this);
  copy->reserve();
  return copy;
}

// Room for the whole game, so that no move allocates; copies of vectors start without.
void GoState::reserve() {
  moves_.reserve(static_cast<std::size_t>(go_->max_plies()));
  if (go_->rules().ko != Ko::kSimple) history_.reserve(go_->max_plies() + 1);
}

bool GoState::is_over() const { return (is_stopped() && resumptions_ == 0) || ply() >= go_->max_plies(); }

int GoState::legal_actions(Action* out) const {
  if (is_over()) return 0;
  const Bits points = board_.legal_points(to_move_, go_->rules().suicide).without(forbidden());
  int count = 0;
  points.for_each([&](int point) { out[count++] = point; });
  out[count++] = go_->geometry().points;
  return count;
}

int GoState::playout_actions(Action* out) const {
  if (is_over()) return 0;
  const Bits legal = board_.legal_points(to_move_, go_->rules().suicide).without(forbidden());
  int count = 0;
  legal.without(own_eyes()).for_each([&](int point) { out[count++] = point; });
  if (count == 0) out[count++] = go_->geometry().points;
  return count;
}

Bits GoState::own_eyes() const {
  const Geometry& geometry = go_->geometry();
  const Bits& own = board_.stones(to_move_);
  Bits eyes;
  board_.empty().without(geometry.adjacent(geometry.all.without(own))).for_each([&](int point) {
    const int row = point / geometry.columns, column = point % geometry.columns;
    int opponents = 0, corners = 0;
    for (const int up : {-1, 1}) {
      for (const int right : {-1, 1}) {
        const int y = row + up, x = column + right;
        if (y < 0 || y >= geometry.rows || x < 0 || x >= geometry.columns) continue;
        ++corners;
        opponents += board_.at(y * geometry.columns + x) == opposite(to_move_);
      }
    }
    if (opponents <= (corners == 4 ? 1 : 0)) eyes.set(point);
  });
  return eyes;
}

bool GoState::is_legal(Action action) const {
  const int points = go_->geometry().points;
  if (action < 0 || action > points || is_over()) return false;
  return action == points || refusal(action).empty();
}

void GoState::play(Action action) {
  assert(is_legal(action));
  ko_point_ = -1;
  moves_.push_back(static_cast<std::uint16_t>(action));
  if (is_stopped()) --resumptions_;
  if (action == go_->geometry().points) {
    passes_ = std::min(passes_ + 1, kPassesToStop);
  } else {
    passes_ = 0;
    place(action);
  }
  to_move_ = opposite(to_move_);
  if (go_->rules().ko != Ko::kSimple) history_.push(history_key(board_.hash(), to_move_));
}

int GoState::last_point() const {
  return moves_.empty() || moves_.back() == go_->geometry().points ? -1 : moves_.back();
}

void GoState::place(int point) {
  const Color other = opposite(to_move_);
  const Bits before[2] = {board_.stones(kBlack), board_.stones(kWhite)};
  refilled_ = lost_[to_move_].test(point);
  const int removed = board_.play(to_move_, point);
  if (removed == 0) return;
  for (const Color color : {kBlack, kWhite}) lost_[color] |= before[color] & board_.empty();
  if (board_.at(point) == kEmpty) {
    captures_[other] += removed;
    refilled_ = true;
    return;
  }
  captures_[to_move_] += removed;
  if (removed == 1 && board_.string_size(point) == 1 && board_.is_in_atari(point)) {
    ko_point_ = board_.last_liberty(point);
  }
}

Bits GoState::forbidden() const {
  Bits result;
  if (is_over()) return result;
  if (go_->rules().ko == Ko::kSimple) {
    if (ko_point_ >= 0) result.set(ko_point_);
    return result;
  }
  const Bits candidates = board_.empty() & lost_[to_move_];
  if (candidates.any()) {
    const Bits captures = board_.capture_points(to_move_);
    result = recurring(candidates & captures);
    if (refilled_) result |= recurring_stones(candidates.without(captures));
  }
  if (go_->rules().suicide) result |= forbidden_suicides();
  return result;
}

Bits GoState::recurring(const Bits& moves) const {
  Bits result;
  moves.for_each([&](int point) {
    if (is_known(board_.hash_after(to_move_, point))) result.set(point);
  });
  return result;
}

Bits GoState::recurring_stones(const Bits& moves) const {
  const auto& keys = board_.geometry().stone_keys;
  Bits result;
  // No earlier position has a string without liberties: a suicide is never among those found.
  moves.for_each([&](int point) {
    if (is_known(board_.hash() ^ keys[point][to_move_])) result.set(point);
  });
  return result;
}

Bits GoState::forbidden_suicides() const {
  const Bits suicides = board_.empty().without(board_.legal_points(to_move_, false));
  if (!suicides.any()) return {};
  // The suicide of a single stone leaves the board as it is: one answer for all of them.
  const Bits joined = board_.geometry().adjacent(board_.stones(to_move_));
  Bits result = recurring(suicides & joined);
  if (is_known(board_.hash())) result |= suicides.without(joined);
  return result;
}

std::uint64_t GoState::history_key(std::uint64_t hash, Color next) const {
  return go_->rules().ko == Ko::kSituational && next == kWhite ? hash ^ kWhiteToMove : hash;
}

bool GoState::is_known(std::uint64_t hash) const {
  return history_.contains(history_key(hash, opposite(to_move_)));
}

std::string GoState::refusal(int point) const {
  if (board_.at(point) != kEmpty) return "the point is occupied";
  if (!board_.legal_points(to_move_, go_->rules().suicide).test(point)) return "suicide";
  if (!forbidden().test(point)) return "";
  if (go_->rules().ko == Ko::kSimple) return "ko";
  const int ply = history_.find(history_key(board_.hash_after(to_move_, point), opposite(to_move_)));
  return "superko, it repeats the position " +
         (ply == 0 ? "of the start" : "after ply " + std::to_string(ply));
}

std::optional<float> GoState::outcome() const {
  if (!is_over()) return std::nullopt;
  const int black = go_->rules().scoring == Scoring::kArea ? area_half_points() : territory_half_points({});
  const int sign = (black > 0) - (black < 0);
  return static_cast<float>(to_move_ == kBlack ? sign : -sign);
}

Action GoState::winning_action() const {
  // One ply before max_plies() any move may win, not the pass alone.
  if (!pass_ends() || ply() + 1 >= go_->max_plies() || go_->rules().needs_agreement()) return -1;
  const int black = area_half_points();
  return (to_move_ == kBlack ? black > 0 : black < 0) ? go_->geometry().points : -1;
}

int GoState::white_extra() const {
  const int prisoners = captures_[kWhite] - captures_[kBlack];
  return go_->rules().komi + bonus_ + (go_->rules().scoring == Scoring::kTerritory ? 2 * prisoners : 0);
}

int GoState::area_half_points() const {
  const Owners owners = area(board_);
  return 2 * (owners.of[kBlack].count() - owners.of[kWhite].count()) - go_->rules().komi - bonus_;
}

int GoState::territory_half_points(const Bits& dead) const {
  const Owners owners = territory(board_, dead);
  int points[2];
  for (const Color color : {kBlack, kWhite}) {
    const int dead_stones = (dead & board_.stones(opposite(color))).count();
    points[color] = owners.of[color].count() + captures_[color] + dead_stones;
  }
  return 2 * (points[kBlack] - points[kWhite]) - go_->rules().komi - bonus_;
}

float GoState::score(float* owner) const {
  const Owners owners = area(board_);
  std::fill_n(owner, go_->geometry().points, 0.0f);
  owners.of[to_move_].for_each([owner](int point) { owner[point] = 1; });
  owners.of[opposite(to_move_)].for_each([owner](int point) { owner[point] = -1; });
  const double black = area_score();
  return static_cast<float>(to_move_ == kBlack ? black : -black);
}

double GoState::area_score() const { return area_half_points() / 2.0; }

double GoState::territory_score(const std::vector<int>& dead) const {
  return territory_half_points(dead_strings(board_, dead)) / 2.0;
}

std::vector<std::int8_t> GoState::area_owners() const { return owner_list(area(board_)); }

std::vector<std::int8_t> GoState::territory_owners(const std::vector<int>& dead) const {
  return owner_list(territory(board_, dead_strings(board_, dead)));
}

std::vector<std::int8_t> GoState::owner_list(const Owners& owners) const {
  std::vector<std::int8_t> list(static_cast<std::size_t>(go_->geometry().points));
  owners.of[kBlack].for_each([&](int point) { list[static_cast<std::size_t>(point)] = 1; });
  owners.of[kWhite].for_each([&](int point) { list[static_cast<std::size_t>(point)] = -1; });
  return list;
}

}  // namespace selfplay::go
