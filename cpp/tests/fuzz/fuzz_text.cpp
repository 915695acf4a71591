// Positions and moves of Connect Four and of a game of functions as text.
#include "games/connect4/connect4.h"
#include "tests/fuzz/fuzz.h"
#include "tests/othello/othello.h"

using namespace selfplay;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const connect4::Connect4 columns;
  static const std::unique_ptr<Game> functions = othello::function_othello();
  fuzzing::Input input(bytes, size);
  const Game& game = input.below(2) == 0 ? static_cast<const Game&>(columns) : *functions;
  const std::unique_ptr<State> state = fuzzing::parse(game, input.text());
  if (!state) return 0;
  fuzzing::check_laws(*state);
  fuzzing::check_move_text(*state, input.text());
  fuzzing::check_written(*state);
  return 0;
}
