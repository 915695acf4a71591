#include "tests/othello/othello.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <sstream>

#include "core/quote.h"
#include "core/random.h"

namespace selfplay::othello {

namespace {

constexpr Board kAll = ~0ULL;
constexpr Board kInner = 0x7e7e7e7e7e7e7e7e;  // without the outer columns: what a sideways run may cross

struct Direction {
  int step;
  Board crossed;
};
constexpr Direction kDirections[] = {{1, kInner}, {7, kInner}, {8, kAll}, {9, kInner}};

// Stones in unbroken lines from beside the seeds, towards higher and lower bits.
struct Runs {
  Board up;
  Board down;
};

Runs runs(Board crossed, Board seeds, int step) {
  Runs found{crossed & (seeds << step), crossed & (seeds >> step)};
  for (int i = 0; i < 5; ++i) {
    found.up |= crossed & (found.up << step);
    found.down |= crossed & (found.down >> step);
  }
  return found;
}

// Empty cells at the end of a line of the other's stones that starts beside one of ours.
Board moves(Board own, Board theirs) {
  Board found = 0;
  for (const Direction& direction : kDirections) {
    const Runs lines = runs(theirs & direction.crossed, own, direction.step);
    found |= lines.up << direction.step | lines.down >> direction.step;
  }
  return found & ~(own | theirs);
}

// The other's stones between the move and ours.
Board flipped(Board own, Board theirs, Board move) {
  Board found = 0;
  for (const Direction& direction : kDirections) {
    const Runs lines = runs(theirs & direction.crossed, move, direction.step);
    if (lines.up << direction.step & own) found |= lines.up;
    if (lines.down >> direction.step & own) found |= lines.down;
  }
  return found;
}

int list_moves(Board own, Board theirs, Action* out) {
  Board rest = moves(own, theirs);
  if (rest == 0) {
    if (moves(theirs, own) == 0) return 0;
    out[0] = kPass;
    return 1;
  }
  int count = 0;
  for (; rest != 0; rest &= rest - 1) out[count++] = std::countr_zero(rest);
  return count;
}

void make_move(Board& own, Board& theirs, Action action) {
  if (action != kPass) {
    const Board move = 1ULL << action, turned = flipped(own, theirs, move);
    own |= move | turned;
    theirs &= ~turned;
  }
  std::swap(own, theirs);
}

std::optional<float> result(Board own, Board theirs) {
  if (moves(own, theirs) != 0 || moves(theirs, own) != 0) return std::nullopt;
  const int difference = std::popcount(own) - std::popcount(theirs);
  return static_cast<float>((difference > 0) - (difference < 0));
}

float lead(Board own, Board theirs, float* owner) {
  for (int cell = 0; cell < kCells; ++cell) {
    owner[cell] = static_cast<float>(own >> cell & 1) - static_cast<float>(theirs >> cell & 1);
  }
  return static_cast<float>(std::popcount(own) - std::popcount(theirs));
}

void write_planes(Board own, Board theirs, float* planes) {
  for (const Board board : {own, theirs, moves(own, theirs)}) {
    for (int cell = 0; cell < kCells; ++cell) *planes++ = static_cast<float>(board >> cell & 1);
  }
}

Board swapped(Board board, Board mask, int step) {
  const Board change = (board ^ (board >> step)) & mask;
  return board ^ change ^ (change << step);
}

// Symmetry s transposes the board where s & 1, then reverses rows where s & 2, then columns where s & 4.
Board turned(Board board, int symmetry) {
  if (symmetry & 1) {
    board = swapped(board, 0x00aa00aa00aa00aa, 7);
    board = swapped(board, 0x0000cccc0000cccc, 14);
    board = swapped(board, 0x00000000f0f0f0f0, 28);
  }
  if (symmetry & 2) board = __builtin_bswap64(board);
  if (symmetry & 4) {
    board = swapped(board, 0x5555555555555555, 1);
    board = swapped(board, 0x3333333333333333, 2);
    board = swapped(board, 0x0f0f0f0f0f0f0f0f, 4);
  }
  return board;
}

std::uint64_t key_of(Board own, Board theirs, int player) {
  return mix(mix(own ^ static_cast<std::uint64_t>(player)) ^ theirs);
}

std::vector<Symmetry> all_symmetries() {
  std::vector<Symmetry> all;
  for (int symmetry = 0; symmetry < 8; ++symmetry) {
    Symmetry tables;
    tables.cells.resize(kCells);
    tables.actions.resize(kActions, kPass);
    for (Action action = 0; action < kCells; ++action) {
      const int cell = std::countr_zero(turned(1ULL << action, symmetry));
      tables.cells[static_cast<std::size_t>(cell)] = action;
      tables.actions[static_cast<std::size_t>(action)] = cell;
    }
    all.push_back(tables);
  }
  return all;
}

std::string cell_name(Action action) {
  if (action == kPass) return "pass";
  return {static_cast<char>('a' + action % kSide), static_cast<char>('1' + action / kSide)};
}

struct Words {
  Board own;
  Board theirs;
  std::uint64_t player;
};
const Words& words(const std::uint8_t* state) { return *reinterpret_cast<const Words*>(state); }
Words& words(std::uint8_t* state) { return *reinterpret_cast<Words*>(state); }

custom::Functions functions() {
  custom::Functions table{};
  table.start = [](std::uint8_t* state) {
    words(state) = {1ULL << 28 | 1ULL << 35, 1ULL << 27 | 1ULL << 36, 0};
  };
  table.legal_actions = [](const std::uint8_t* state, Action* out) -> std::int32_t {
    return list_moves(words(state).own, words(state).theirs, out);
  };
  table.play = [](std::uint8_t* state, Action action) {
    make_move(words(state).own, words(state).theirs, action);
    words(state).player ^= 1;
  };
  table.player = [](const std::uint8_t* state) { return static_cast<std::int32_t>(words(state).player); };
  table.outcome = [](const std::uint8_t* state) {
    return result(words(state).own, words(state).theirs).value_or(NAN);
  };
  table.encode = [](const std::uint8_t* state, float* planes) {
    write_planes(words(state).own, words(state).theirs, planes);
  };
  table.turn = [](const std::uint8_t* state, std::int32_t symmetry, std::uint8_t* out) {
    const Words& from = words(state);
    words(out) = {turned(from.own, symmetry), turned(from.theirs, symmetry), from.player};
  };
  table.score = [](const std::uint8_t* state, float* owner) {
    return lead(words(state).own, words(state).theirs, owner);
  };
  return table;
}

}  // namespace

const Game& OthelloState::game() const {
  static const Othello rules;
  return rules;
}

int OthelloState::legal_actions(Action* out) const { return list_moves(own_, theirs_, out); }

void OthelloState::play(Action action) {
  assert(ply_ < kMaxPlies);
  make_move(own_, theirs_, action);
  player_ ^= 1;
  moves_[ply_++] = static_cast<std::uint8_t>(action);
}

std::optional<float> OthelloState::outcome() const { return result(own_, theirs_); }

float OthelloState::score(float* owner) const { return lead(own_, theirs_, owner); }

void OthelloState::encode(float* planes) const { write_planes(own_, theirs_, planes); }

std::uint64_t OthelloState::key() const { return key_of(own_, theirs_, player_); }

Canonical OthelloState::canonical() const {
  Canonical lowest{key(), 0};
  for (int symmetry = 1; symmetry < 8; ++symmetry) {
    const std::uint64_t found = key_of(turned(own_, symmetry), turned(theirs_, symmetry), player_);
    if (found < lowest.key) lowest = {found, symmetry};
  }
  return lowest;
}

std::string OthelloState::text() const {
  const Board black = player_ == 0 ? own_ : theirs_;
  std::string drawing;
  for (int cell = 0; cell < kCells; ++cell) {
    const bool taken = (own_ | theirs_) >> cell & 1;
    drawing += !taken ? '.' : black >> cell & 1 ? 'X' : 'O';
    drawing += cell % kSide == kSide - 1 ? '\n' : ' ';
  }
  return drawing;
}

std::string OthelloState::action_text(Action action) const { return cell_name(action); }

Action OthelloState::parse_action(const std::string& text) const {
  Action legal[kActions];
  const int count = legal_actions(legal);
  const Action* found =
      std::find_if(legal, legal + count, [&](Action action) { return cell_name(action) == text; });
  if (found == legal + count) throw InputError("move " + quoted(text) + " is not legal here");
  return *found;
}

Othello::Othello() : symmetries_(all_symmetries()) {}

std::unique_ptr<State> Othello::parse(const std::string& position) const {
  std::unique_ptr<State> state = initial();
  std::istringstream words(position);
  for (std::string word; words >> word;) state->play(state->parse_action(word));
  return state;
}

std::unique_ptr<custom::FunctionGame> function_othello() {
  custom::Description description;
  description.name = "othello-functions";
  description.num_actions = kActions;
  description.planes_shape = {kPlanes, kSide, kSide};
  description.max_plies = kMaxPlies;
  description.has_score = true;
  for (Action action = 0; action < kActions; ++action) description.action_names.push_back(cell_name(action));
  description.symmetries = all_symmetries();
  const auto draw = [](const std::uint8_t* state) {
    return std::to_string(words(state).player) + " moves\n";
  };
  return std::make_unique<custom::FunctionGame>(description, static_cast<int>(sizeof(Words)), functions(),
                                                draw);
}

}  // namespace selfplay::othello
