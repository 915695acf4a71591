#include "games/connect4/connect4.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "core/quote.h"
#include "core/random.h"

namespace selfplay::connect4 {

namespace {

// Occupied cells plus one bit above each column tell the shape of the position, own stones fill it:
// the sum is unique to a position (the classic 49-bit Connect Four key).
std::uint64_t unique_key(Board own, Board occupied) { return own + occupied + kBottom; }

// The character of UTF-8 text that starts at a byte.
std::string character_at(const std::string& text, std::size_t start) {
  std::size_t end = start + 1;
  while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
  return text.substr(start, end - start);
}

}  // namespace

const Game& Connect4State::game() const {
  static const Connect4 rules;
  return rules;
}

int Connect4State::legal_actions(Action* out) const {
  if (lost_) return 0;
  int count = 0;
  for (int column = 0; column < kWidth; ++column) {
    out[count] = column;
    count += ((occupied_ >> (column * 7 + kHeight - 1)) & 1) == 0;
  }
  return count;
}

void Connect4State::play(Action action) {
  assert(action >= 0 && action < kWidth && !lost_);
  assert(((occupied_ >> (action * 7 + kHeight - 1)) & 1) == 0);
  const Board stone = (occupied_ + (1ULL << (action * 7))) & column_mask(action);
  const Board mine = own_ | stone;
  own_ ^= occupied_;
  occupied_ |= stone;
  moves_[ply_++] = static_cast<std::uint8_t>(action);
  lost_ = has_four(mine);
}

std::optional<float> Connect4State::outcome() const {
  if (lost_) return -1.0f;
  if (ply_ == kCells) return 0.0f;
  return std::nullopt;
}

Action Connect4State::winning_action() const {
  const Board wins = lost_ ? 0 : winning_cells(own_) & playable(occupied_);
  return wins ? std::countr_zero(wins) / 7 : -1;
}

void Connect4State::encode(float* planes) const {
  const Board theirs = own_ ^ occupied_;
  const Board boards[kPlanes] = {own_, theirs, playable(occupied_), winning_cells(own_) & kFull & ~occupied_,
                                 winning_cells(theirs) & kFull & ~occupied_};
  for (const Board board : boards) {
    for (int row = kHeight - 1; row >= 0; --row) {
      for (int column = 0; column < kWidth; ++column) {
        *planes++ = static_cast<float>((board >> (column * 7 + row)) & 1);
      }
    }
  }
}

std::uint64_t Connect4State::key() const { return mix(unique_key(own_, occupied_)); }

Canonical Connect4State::canonical() const {
  const std::uint64_t straight = unique_key(own_, occupied_);
  const std::uint64_t turned = unique_key(mirrored(own_), mirrored(occupied_));
  return turned < straight ? Canonical{mix(turned), 1} : Canonical{mix(straight), 0};
}

Position Connect4State::position() const { return {"", std::vector<Action>(moves_, moves_ + ply_)}; }

std::string Connect4State::text() const {
  // X moves first.
  const Board first = player() == 0 ? own_ : own_ ^ occupied_;
  std::string drawing;
  for (int row = kHeight - 1; row >= 0; --row) {
    for (int column = 0; column < kWidth; ++column) {
      const Board cell = 1ULL << (column * 7 + row);
      drawing += (first & cell) ? 'X' : (occupied_ & cell) ? 'O' : '.';
      drawing += column + 1 < kWidth ? ' ' : '\n';
    }
  }
  return drawing + "1 2 3 4 5 6 7\n";
}

std::string Connect4State::action_text(Action action) const { return std::to_string(action + 1); }

Action Connect4State::parse_action(const std::string& text) const {
  if (text.size() != 1 || text[0] < '1' || text[0] > '7') {
    throw InputError("move " + quoted(text) + " is not a column from 1 to 7");
  }
  const Action column = text[0] - '1';
  if (outcome()) throw InputError("move " + quoted(text) + " comes after the end of the game");
  if ((occupied_ >> (column * 7 + kHeight - 1)) & 1) {
    throw InputError("move " + quoted(text) + " is illegal: the column is full");
  }
  return column;
}

Connect4::Connect4() {
  Symmetry identity, mirror;
  for (int cell = 0; cell < kCells; ++cell) {
    identity.cells.push_back(cell);
    mirror.cells.push_back(cell / kWidth * kWidth + (kWidth - 1 - cell % kWidth));
  }
  for (int column = 0; column < kWidth; ++column) {
    identity.actions.push_back(column);
    mirror.actions.push_back(kWidth - 1 - column);
  }
  symmetries_ = {identity, mirror};
}

std::unique_ptr<State> Connect4::parse(const std::string& position) const {
  if (position.size() > kCells) {
    throw InputError("position " + quoted(position) + " has " + std::to_string(position.size()) +
                     " moves; Connect Four has at most 42");
  }
  auto state = std::make_unique<Connect4State>();
  for (std::size_t i = 0; i < position.size(); ++i) {
    try {
      state->play(state->parse_action(character_at(position, i)));
    } catch (const InputError& error) {
      throw InputError("position " + quoted(position) + ", ply " + std::to_string(i + 1) + ": " +
                       error.what());
    }
  }
  return state;
}

}  // namespace selfplay::connect4
