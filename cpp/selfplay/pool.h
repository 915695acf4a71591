// Self-play: many games side by side, each with its own tree, all played by one caller.
//
// A game's moves depend on (seed, id) and the weights alone: every random number of a ply is derived
// from the seed of the run, the id of the game, the ply and the purpose.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "search/trees.h"
#include "selfplay/record.h"

namespace selfplay {

// Settings of self-play, as selfplay/settings.def declares them.
struct PlayParams {
#define SETTING(TYPE, NAME, INITIAL, ...) TYPE NAME = static_cast<TYPE>(INITIAL);
#include "selfplay/settings.def"

  // Calls visit(setting, field) for every setting, with a pointer to the member.
  template <typename Visit>
  static void for_each_setting(Visit visit) {
#define SETTING(TYPE, NAME, INITIAL, ...)                                                      \
  visit(declared<TYPE>({.name = #NAME, .initial = static_cast<double>(INITIAL), __VA_ARGS__}), \
        &PlayParams::NAME);
#include "selfplay/settings.def"
  }
};

inline constexpr int kMostSlots = 65536;

// Throws InputError for a setting that no game can be played by.
void check(const PlayParams& play);

// A threshold below which no value is.
inline constexpr float kNeverResign = -1;

class Pool {
 public:
  Pool(const Game& game, const SearchParams& search, const PlayParams& play, std::uint64_t seed, int games,
       std::int64_t first_id, std::int64_t stride, double cache_mb, std::int32_t checkpoint);

  // Play until `positions` more searched moves have been made.
  void start(std::int64_t positions);
  // As if they had been made; from any thread, also while `select` runs, which may take long where every
  // position is known already.
  void finish() { is_finishing_.store(true, std::memory_order_relaxed); }
  // Collects the next batch of `most` requests at most; empty once the moves asked for have been made, and so
  // are batches not answered by then.
  Requests& select(std::size_t most);
  Trees& trees() { return trees_; }

  GameColumns take_games();
  // Of games as they are between two moves.
  GameColumns snapshot() const;
  void restore(const GameColumns& games, std::int64_t next_id);
  std::int64_t next_id() const { return next_id_; }
  // `resign_below`: the root value below which a player gives up, from now on.
  void new_weights(std::int32_t checkpoint, float resign_below = kNeverResign);
  std::uint64_t positions() const { return positions_; }
  std::uint64_t games() const { return games_; }  // finished ones

 private:
  struct Slot {
    GameRecord record;
    double shares[2] = {1, 1};  // of the settings' simulations, for the first player and the other
    std::uint32_t budget = 0;
    bool full = true;
  };

  Requests& next_batch(std::size_t most);
  double rules_seconds(const Requests& batch);
  void new_game(Slot& slot);
  void play_opening(GameRecord& record) const;
  void draw_shares(Slot& slot) const;
  void set_root(std::size_t index);
  NoiseSeed plan_move(Slot& slot, const State& state);
  bool play_move(std::size_t index);
  void make_move(std::size_t index);
  PlyRecord ply_record(const Slot& slot, const Tree& tree, const std::vector<RootEdge>& edges) const;
  bool resigns(const GameRecord& record) const;
  Action pick(const Slot& slot, const std::vector<RootEdge>& edges) const;
  void end_game(Slot& slot);
  bool is_over();

  // Runs a change of the games. Where it fails on the way, as rules in Python may, they are neither what they
  // were nor what they should be: from then on the pool refuses what would play or show them.
  template <typename Change>
  void change(Change make) {
    require_whole();
    is_whole_ = false;
    make();
    is_whole_ = true;
  }
  void require_whole() const;

  const Game& game_;
  PlayParams play_;
  Trees trees_;
  std::vector<Slot> slots_;
  std::uint64_t seed_;
  std::int64_t next_id_;
  std::int64_t stride_;
  std::int32_t checkpoint_;
  float resign_below_ = kNeverResign;
  std::int64_t wanted_ = 0;
  std::atomic<bool> is_finishing_{false};
  std::uint64_t positions_ = 0;
  std::uint64_t games_ = 0;
  int choiceless_games_ = 0;  // that ended in a row without a move to search
  bool is_whole_ = true;
  GameColumns finished_;
  std::unique_ptr<State> rules_sample_;  // where the rules are timed
};

}  // namespace selfplay
