// Game and State: all that search, self-play and replay know of a game.
//
// One value convention for the whole project: a value is in [-1, 1] and is for the player to move at
// the position it belongs to. Backup changes its sign exactly when the player to move changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace selfplay {

using Action = std::int32_t;

// Input by a user that breaks a game's rules or notation; reaches Python as engine.errors.InputError.
struct InputError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A way to turn the board onto itself. Cell c of the turned planes holds cell cells[c] of the original;
// action a of the original is action actions[a] of the turned board.
struct Symmetry {
  std::vector<std::int32_t> cells;
  std::vector<Action> actions;
};

// The key of the orientation that stands for a whole class of turned positions, and the symmetry
// that leads there.
struct Canonical {
  std::uint64_t key;
  int symmetry;
};

// A game's start (its own notation, empty for the usual start) and the moves since.
struct Position {
  std::string start;
  std::vector<Action> moves;
};

struct PlanesShape {
  int planes;
  int height;
  int width;
  int cells() const { return height * width; }
  int size() const { return planes * height * width; }
};

class Game;

// A position under play; must not outlive its game. Laws, checked on every game: there is an outcome or a
// legal action, never both; a clone shares nothing; parsing position() gives the same key; equal keys mean
// equal planes, legal actions and outcome; the game ends within Game::max_plies().
class State {
 public:
  virtual ~State() = default;
  virtual const Game& game() const = 0;
  // 0 for the player who moves first, 1 for the other.
  virtual int player() const = 0;
  // Writes the legal actions in ascending order to `out`, which has room for Game::num_actions(), and
  // returns their number; 0 once the game is over.
  virtual int legal_actions(Action* out) const = 0;
  // Of those, in the same way, the ones that a random game should draw from, so that who owns what at its end
  // tells something: in Go no point that only an eye is lost by. None only where there is no legal action.
  virtual int playout_actions(Action* out) const { return legal_actions(out); }
  virtual void play(Action action) = 0;
  // The result for the player to move; nothing while the game runs.
  virtual std::optional<float> outcome() const = 0;
  // The lowest action that wins the game for the player to move at once; -1 where there is none, or
  // where a game does not look, as the rules leave it free to. Search takes it as proof.
  virtual Action winning_action() const { return -1; }
  // Where Game::has_score(): the points by which the player to move leads as the board stands, and who
  // owns each cell of the planes, 1 the player to move, -1 the other, 0 nobody.
  virtual float score(float* /*owner*/) const { return 0; }
  // The number of move paths of `depth` plies. A game may count past draws that only its history makes,
  // as chess does by custom.
  virtual std::uint64_t perft(int depth) const;
  virtual std::unique_ptr<State> clone() const = 0;
  // Becomes a copy of `other`, a state of the same game, without allocating where the game allows it.
  virtual void assign(const State& other) = 0;
  // Writes Game::planes_shape().size() floats.
  virtual void encode(float* planes) const = 0;
  virtual std::uint64_t key() const = 0;
  virtual Canonical canonical() const { return {key(), 0}; }
  virtual int ply() const = 0;
  virtual Position position() const = 0;
  // The drawing shown in the terminal, logs and tests.
  virtual std::string text() const = 0;
  virtual std::string action_text(Action action) const = 0;
  // Throws InputError that quotes the text, for notation errors and illegal moves alike.
  virtual Action parse_action(const std::string& text) const = 0;

 protected:
  State() = default;
  State(const State&) = default;
  State& operator=(const State&) = default;
};

class Game {
 public:
  virtual ~Game() = default;
  // With its options, as typed on the command line: "connect4", "go:size=9".
  virtual std::string name() const = 0;
  virtual int num_actions() const = 0;
  virtual PlanesShape planes_shape() const = 0;
  virtual int max_plies() const = 0;
  // Whether points on the board decide the game: its state gives a score, and the learner trains on it.
  virtual bool has_score() const { return false; }
  virtual std::unique_ptr<State> initial() const = 0;
  // A position in the game's own notation; "" is the usual start. Throws InputError.
  virtual std::unique_ptr<State> parse(const std::string& position) const = 0;
  // The first is the identity.
  virtual const std::vector<Symmetry>& symmetries() const = 0;

 protected:
  Game() = default;
};

// The outcome of a position without a legal action; InputError where the rules know none.
float outcome_at_end(const State& state);

// The legal actions of a game that is not over, as State::legal_actions; InputError where there is none.
int legal_in_play(const State& state, Action* out);

// Whether the positions of one game fit where those of the other are expected: same rules by name, same sizes
// of everything.
bool is_same_game(const Game& one, const Game& other);

// Encodes `state` turned by `symmetry`; `scratch` has room for planes_shape().size() floats.
void encode_turned(const Game& game, const State& state, int symmetry, float* planes, float* scratch);

}  // namespace selfplay
