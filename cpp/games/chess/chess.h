// Chess as a game: standard, Chess960 and Gardner's 5x5.
#pragma once

#include <vector>

#include "core/game.h"
#include "games/chess/board/board.h"
#include "games/chess/board/movegen.h"
#include "games/chess/encoding/policy_index.h"
#include "games/chess/notation/fen.h"

namespace selfplay::chess {

inline constexpr int kMaxHistory = 7;

// When repetition and moves without capture or pawn move end the game: as soon as a player could claim
// the draw (threefold, 50 moves), or when the arbiter steps in (fivefold, 75 moves).
enum class Draws { kThreefold, kFide };

// "threefold" or "fide"; throws InputError.
Draws parse_draws(const std::string& text);

struct Options {
  Variant variant = Variant::kStandard;
  Draws draws = Draws::kThreefold;
  int start = kUsualStart;  // number of the Chess960 start
  int history = 1;          // earlier positions in the planes
  int max_plies = 0;        // a draw after so many plies; 0 for as many as the rules allow
};

class Chess;

class ChessState final : public State {
 public:
  // `start` is the text that Chess::parse reads as `setup`.
  ChessState(const Chess& game, const Setup& setup, std::string start);

  const Game& game() const override;
  int player() const override { return board_.black; }
  int legal_actions(Action* out) const override;
  void play(Action action) override;
  std::optional<float> outcome() const override;
  // Past draws by repetition, moves and material, as is the custom.
  std::uint64_t perft(int depth) const override { return chess::perft(board_, depth); }
  std::unique_ptr<State> clone() const override { return std::make_unique<ChessState>(*this); }
  void assign(const State& other) override { *this = static_cast<const ChessState&>(other); }
  void encode(float* planes) const override;
  std::uint64_t key() const override;
  int ply() const override { return static_cast<int>(actions_.size()); }
  Position position() const override;
  // The board as White sees it, and the FEN below.
  std::string text() const override;
  // UCI; castling is the king taking its rook in Chess960.
  std::string action_text(Action action) const override;
  // UCI, castling in either form, or SAN.
  Action parse_action(const std::string& text) const override;

  const Board& board() const { return board_; }
  // How often this position has been on the board before, since the start.
  int repetitions() const { return repetitions_; }
  std::string fen(CastlingLetters letters = CastlingLetters::kXFen) const;
  std::string san(Action action) const;

 private:
  int count_repetitions() const;
  bool is_draw() const;
  int clock_step() const;

  const Chess* game_;
  Board board_;
  Board previous_[kMaxHistory];  // the latest first
  int previous_count_ = 0;
  int move_number_;
  int repetitions_ = 0;
  bool drawn_ = false;  // by anything but stalemate
  std::string start_;
  std::vector<std::uint16_t> actions_;
  // Of the positions since the last capture, pawn move or loss of a right to castle; the present one last.
  std::vector<std::uint64_t> keys_;
};

class Chess : public Game {
 public:
  explicit Chess(const Options& options = {});
  std::string name() const override;
  int num_actions() const override { return index_.num_actions(); }
  PlanesShape planes_shape() const override;
  // After these a game is drawn. No game lasts longer than every man captured and every pawn moved to
  // the end as late as the draw by moves allows.
  int max_plies() const override { return max_plies_; }
  std::unique_ptr<State> initial() const override;
  // "", a FEN, or in Chess960 the number of a start; then moves in UCI or SAN, after "moves" or at once. Or
  // an EPD.
  std::unique_ptr<State> parse(const std::string& position) const override;
  const std::vector<Symmetry>& symmetries() const override { return symmetries_; }

  const Options& options() const { return options_; }
  const PolicyIndex& index() const { return index_; }
  int size() const { return options_.variant == Variant::kGardner ? 5 : 8; }
  // A position is drawn when it stands on the board for the n-th time, or the clock reads so many half-moves.
  int occurrences_to_draw() const { return options_.draws == Draws::kFide ? 5 : 3; }
  int clock_to_draw() const { return options_.draws == Draws::kFide ? 150 : 100; }

 private:
  int longest_game() const;

  Options options_;
  PolicyIndex index_;
  int max_plies_;
  Setup start_;
  std::vector<Symmetry> symmetries_;
};

}  // namespace selfplay::chess
