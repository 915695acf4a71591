// Go: the game and its positions, on boards of 2x2 to 25x25, under any of the usual rules.
//
// Player 0 is Black, who moves first but for handicaps and set-up positions. An action is a point, row by
// row from the top left, or, after the last point, a pass. The game stops with two passes in a row; that ends
// it once as many moves have followed a stop as the options' `resumptions` say. A stone there resumes the
// game, a further pass, such as White's last one under the AGA's rules, leaves it stopped. It ends after
// max_plies() as well; either way it is scored as the board stands.
//
// A move that ko or superko forbids is not legal. It is recognized without being played: a stone can bring
// an earlier position back only where its color has lost one since, and unless it captures only if the
// last stone played also stands where its color had lost one; these and suicides are looked up by hash.
//
// Planes, for the player to move; all but the komi are 0 or 1:
//
//    0      own stones
//    1      the opponent's stones
//    2-4    own stones in strings with 1, 2, 3 liberties
//    5-7    the opponent's
//    8      points forbidden by ko or superko
//    9      where the last move was played; empty after a pass
//   10      all ones after a pass where another one ends the game
//   11      points that the player to move has beyond the board, divided by 20: komi, handicap bonus and,
//           in territory scoring, prisoners; White's advantage is Black's with the sign changed
//   12, 13  all ones under positional, situational superko
//   14      all ones where suicide is allowed
//   15      all ones under territory scoring
//   16      all ones on the board
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/game.h"
#include "games/go/board/board.h"
#include "games/go/board/geometry.h"
#include "games/go/history.h"
#include "games/go/notation.h"
#include "games/go/rules.h"
#include "games/go/score.h"

namespace selfplay::go {

inline constexpr int kPlanes = 17;

struct GoOptions {
  int columns = 19;
  int rows = 19;
  Rules rules = {};
  int max_plies = 0;               // 0 for three a point and 20
  std::vector<int> handicap = {};  // points of Black's stones, none or at least two; White then moves first
  int resumptions = 0;             // moves, stones or passes, that may follow two passes
};

class Go;

class GoState final : public State {
 public:
  // Throws InputError where a string of the start has no liberty.
  GoState(const Go& game, const Start& start);

  const Game& game() const override;
  int player() const override { return to_move_; }
  int legal_actions(Action* out) const override;
  // Points but own eyes; a pass where there is none.
  int playout_actions(Action* out) const override;
  void play(Action action) override;
  std::optional<float> outcome() const override;
  // Looks at a pass that answers a pass, under area scoring.
  Action winning_action() const override;
  float score(float* owner) const override;
  std::unique_ptr<State> clone() const override;
  void assign(const State& other) override { *this = static_cast<const GoState&>(other); }
  void encode(float* planes) const override;
  std::uint64_t key() const override;
  Canonical canonical() const override;
  int ply() const override { return static_cast<int>(moves_.size()); }
  Position position() const override { return {start_, std::vector<Action>(moves_.begin(), moves_.end())}; }
  std::string text() const override;
  std::string action_text(Action action) const override;
  Action parse_action(const std::string& text) const override;

  const Board& board() const { return board_; }
  bool is_legal(Action action) const;
  bool is_over() const;
  // Empty points beside none but own stones, whose diagonal points are not the opponent's but for one of
  // four: so the player to move cannot be made to fill them.
  Bits own_eyes() const;
  // Empty points that only ko or superko keeps the player to move from.
  Bits forbidden() const;
  // Stones that a color has taken, the opponent's suicides included.
  int captures(Color color) const { return captures_[color]; }

  // In points, Black's less White's, komi and handicap bonus included.
  double area_score() const;
  // The same for territory and prisoners, the strings at the points `dead` taken off. Throws InputError for
  // a dead point without a stone.
  double territory_score(const std::vector<int>& dead) const;
  // The owner of each point, row by row: 1 Black, -1 White, 0 nobody.
  std::vector<std::int8_t> area_owners() const;
  std::vector<std::int8_t> territory_owners(const std::vector<int>& dead) const;

 private:
  void reserve();
  void place(int point);
  // Where the last move was played; -1 after a pass and at the start.
  int last_point() const;
  // Whether the last two moves are passes.
  bool is_stopped() const;
  // Whether a pass would end the game.
  bool pass_ends() const;
  // The key of a position in the history: of the board, and under situational superko of who moves next.
  std::uint64_t history_key(std::uint64_t hash, Color next) const;
  // Whether the game has been through a board with this hash and the opponent to move.
  bool is_known(std::uint64_t hash) const;
  // Those of `moves` that bring an earlier position back.
  Bits recurring(const Bits& moves) const;
  // The same for moves that take nothing, suicides left out.
  Bits recurring_stones(const Bits& moves) const;
  Bits forbidden_suicides() const;
  // What the key depends on beside the marks on points.
  std::uint64_t status_key() const;
  // What White has beyond the board, in half points.
  int white_extra() const;
  // Black's points less White's, all included, in half points.
  int area_half_points() const;
  int territory_half_points(const Bits& dead) const;
  // Why a point is not legal; empty where it is.
  std::string refusal(int point) const;
  std::vector<std::int8_t> owner_list(const Owners& owners) const;

  const Go* go_;
  Board board_;
  Color to_move_;
  bool refilled_ = false;  // the last stone stands where its color had lost one, or was a suicide
  int passes_ = 0;         // the last moves in a row, counted up to two
  int resumptions_;        // those left
  int ko_point_ = -1;      // where simple ko forbids to play
  int bonus_ = 0;          // White's for the handicap, in half points
  int captures_[2] = {0, 0};
  Bits lost_[2];     // points where a color has had a stone taken, by suicide too
  History history_;  // by ply; kept under superko only
  std::vector<std::uint16_t> moves_;
  std::string start_;
};

class Go : public Game {
 public:
  // Throws InputError for options that make no game.
  explicit Go(const GoOptions& options);

  std::string name() const override;
  int num_actions() const override { return geometry_.points + 1; }
  PlanesShape planes_shape() const override { return {kPlanes, geometry_.rows, geometry_.columns}; }
  int max_plies() const override { return max_plies_; }
  // Where the result rests on an agreement, what stands on the board does not tell it.
  bool has_score() const override { return !rules_.needs_agreement(); }
  int resumptions() const { return resumptions_; }
  std::unique_ptr<State> initial() const override { return std::make_unique<GoState>(*this, start_); }
  // The notation is in notation.h; "" is the start that the options give.
  std::unique_ptr<State> parse(const std::string& position) const override;
  const std::vector<Symmetry>& symmetries() const override { return geometry_.symmetries; }

  const Geometry& geometry() const { return geometry_; }
  const Rules& rules() const { return rules_; }
  // As State::position() gives it: empty for the empty board with Black to move, in a game without handicap.
  std::string start_name(const Start& start) const;

 private:
  Geometry geometry_;
  Rules rules_;
  int max_plies_;
  int resumptions_;
  Start start_;
};

}  // namespace selfplay::go
