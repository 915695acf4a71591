#include "selfplay/record.h"

namespace selfplay {

void GameColumns::append(const GameRecord& game) {
#define GAME_COLUMN(TYPE, NAME, ...) NAME.push_back(game.NAME);
#include "selfplay/columns.def"
  for (const PlyRecord& ply : game.plies) {
#define PLY_COLUMN(TYPE, NAME, ...) NAME.push_back(ply.NAME);
#define POLICY_COLUMN(TYPE, NAME, ...) NAME.insert(NAME.end(), ply.NAME.begin(), ply.NAME.end());
#include "selfplay/columns.def"
    policy_offsets.push_back(static_cast<std::int64_t>(policy_actions.size()));
  }
  move_offsets.push_back(static_cast<std::int64_t>(plies()));
}

GameRecord GameColumns::game(std::size_t index) const {
  GameRecord game;
#define GAME_COLUMN(TYPE, NAME, ...) game.NAME = static_cast<TYPE>(NAME[index]);
#include "selfplay/columns.def"
  for (auto m = static_cast<std::size_t>(move_offsets[index]);
       m < static_cast<std::size_t>(move_offsets[index + 1]); ++m) {
    const auto first = policy_offsets[m], last = policy_offsets[m + 1];
    PlyRecord ply;
#define PLY_COLUMN(TYPE, NAME, ...) ply.NAME = static_cast<TYPE>(NAME[m]);
#define POLICY_COLUMN(TYPE, NAME, ...) ply.NAME.assign(NAME.begin() + first, NAME.begin() + last);
#include "selfplay/columns.def"
    game.plies.push_back(std::move(ply));
  }
  return game;
}

}  // namespace selfplay
