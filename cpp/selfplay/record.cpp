#include "selfplay/record.h"

namespace selfplay {

void GameColumns::append(const GameRecord& game) {
  game_id.push_back(game.id);
  seed.push_back(game.seed);
  start.push_back(game.start);
  outcome.push_back(game.outcome);
  truncated.push_back(game.truncated);
  resigned.push_back(game.resigned);
  holdout.push_back(game.holdout);
  opening_plies.push_back(game.opening_plies);
  for (const PlyRecord& ply : game.plies) {
    moves.push_back(ply.move);
    player.push_back(ply.player);
    visits.push_back(ply.visits);
    full_search.push_back(ply.full_search);
    weight.push_back(ply.weight);
    checkpoint.push_back(ply.checkpoint);
    kl.push_back(ply.kl);
    root_wdl.push_back(ply.root);
    raw_wdl.push_back(ply.raw);
    search.push_back(ply.search);
    policy_action.insert(policy_action.end(), ply.policy_actions.begin(), ply.policy_actions.end());
    policy_prob.insert(policy_prob.end(), ply.policy_probs.begin(), ply.policy_probs.end());
    policy_offsets.push_back(static_cast<std::int64_t>(policy_action.size()));
  }
  move_offsets.push_back(static_cast<std::int64_t>(moves.size()));
}

GameRecord GameColumns::game(std::size_t index) const {
  GameRecord game;
  game.id = game_id[index];
  game.seed = seed[index];
  game.start = start[index];
  game.outcome = outcome[index];
  game.truncated = truncated[index] != 0;
  game.resigned = resigned[index] != 0;
  game.holdout = holdout[index] != 0;
  game.opening_plies = opening_plies[index];
  for (auto m = static_cast<std::size_t>(move_offsets[index]);
       m < static_cast<std::size_t>(move_offsets[index + 1]); ++m) {
    const auto first = policy_action.begin() + policy_offsets[m],
               last = policy_action.begin() + policy_offsets[m + 1];
    const auto prob = policy_prob.begin() + policy_offsets[m];
    PlyRecord ply;
    ply.move = moves[m];
    ply.player = player[m];
    ply.visits = visits[m];
    ply.full_search = full_search[m] != 0;
    ply.weight = weight[m];
    ply.checkpoint = checkpoint[m];
    ply.kl = kl[m];
    ply.root = root_wdl[m];
    ply.raw = raw_wdl[m];
    ply.search = search[m];
    ply.policy_actions.assign(first, last);
    ply.policy_probs.assign(prob, prob + (last - first));
    game.plies.push_back(std::move(ply));
  }
  return game;
}

}  // namespace selfplay
