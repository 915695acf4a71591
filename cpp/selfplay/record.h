// Games as columns: what the pool hands out, the replay files hold and the learner's window decodes. Which
// columns there are: selfplay/columns.def.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search/request.h"

namespace selfplay {

enum class ColumnLevel { kFile, kGame, kPly, kPolicy };

// What the table says of a column, beside its type and name.
struct Column {
  const char* member = "";  // its name in GameColumns, and everywhere unless there is another
  ColumnLevel level = ColumnLevel::kGame;
  const char* dtype = "";          // of NumPy, or text, texts or wdl
  const char* given_name = "";     // in Python and in files
  int since = 1;                   // version of the files that has it first
  std::optional<double> before{};  // in older files
  bool is_nullable = false;        // null in files where it is NaN
  bool is_from_rules = false;      // found by playing the moves, whatever Python gives
  bool is_of_search = false;       // tells what the search of a ply did
  const char* does = "";           // what it holds, as users read it
};

template <typename T>
constexpr const char* dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, std::int8_t>) return "int8";
  if constexpr (std::is_same_v<T, std::int32_t>) return "int32";
  if constexpr (std::is_same_v<T, std::int64_t>) return "int64";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "uint64";
  if constexpr (std::is_same_v<T, float>) return "float32";
  if constexpr (std::is_same_v<T, Wdl>) return "wdl";
  if constexpr (std::is_same_v<T, std::string>) return "text";
  if constexpr (std::is_same_v<T, std::vector<std::string>>) return "texts";
}

// How a column holds its values: a vector<bool> would have no memory to copy.
template <typename T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

// One ply of a game.
struct PlyRecord {
#define PLY_COLUMN(TYPE, NAME, INITIAL, ...) TYPE NAME = INITIAL;
#define POLICY_COLUMN(TYPE, NAME, ...) std::vector<TYPE> NAME;
#include "selfplay/columns.def"
};

struct GameRecord {
#define GAME_COLUMN(TYPE, NAME, INITIAL, ...) TYPE NAME = INITIAL;
#include "selfplay/columns.def"
  std::vector<PlyRecord> plies;
};

// G games with M plies and P policy entries in all; offsets have one entry more than what they index.
struct GameColumns {
  std::vector<std::int64_t> move_offsets{0};    // [G + 1]
  std::vector<std::int64_t> policy_offsets{0};  // [M + 1]
#define GAME_COLUMN(TYPE, NAME, ...) std::vector<Stored<TYPE>> NAME;
#define PLY_COLUMN(TYPE, NAME, ...) std::vector<Stored<TYPE>> NAME;
#define POLICY_COLUMN(TYPE, NAME, ...) std::vector<TYPE> NAME;
#include "selfplay/columns.def"

  std::size_t games() const { return game_id.size(); }
  std::size_t plies() const { return move.size(); }
  void append(const GameRecord& game);
  GameRecord game(std::size_t index) const;

  // Calls visit(column, values) for every column; values is a pointer to a member, or null for one that only
  // files have.
  template <typename Visit>
  static void for_each_column(Visit visit) {
#define COLUMN(LEVEL, TYPE, NAME, ...) \
  Column{.member = #NAME, .level = ColumnLevel::LEVEL, .dtype = dtype_of<TYPE>(), __VA_ARGS__}
#define GAME_COLUMN(TYPE, NAME, INITIAL, ...) \
  visit(COLUMN(kGame, TYPE, NAME, __VA_ARGS__), &GameColumns::NAME);
#define PLY_COLUMN(TYPE, NAME, INITIAL, ...) visit(COLUMN(kPly, TYPE, NAME, __VA_ARGS__), &GameColumns::NAME);
#define POLICY_COLUMN(TYPE, NAME, ...) visit(COLUMN(kPolicy, TYPE, NAME, __VA_ARGS__), &GameColumns::NAME);
#define FILE_COLUMN(TYPE, NAME, ...) visit(COLUMN(kFile, TYPE, NAME, __VA_ARGS__), nullptr);
#include "selfplay/columns.def"
#undef COLUMN
  }
};

}  // namespace selfplay
