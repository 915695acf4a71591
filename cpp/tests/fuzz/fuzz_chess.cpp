// Chess, Chess960 and Gardner's chess: positions and moves as text, then a game by the bytes that are left,
// with the slow move generator as the judge at every ply.
#include "games/chess/chess.h"
#include "games/chess/notation/move_text.h"
#include "tests/chess/oracle.h"
#include "tests/fuzz/fuzz.h"

using namespace selfplay;
using namespace selfplay::chess;

namespace {

constexpr int kMostPlies = 10;  // the judge is slow

Chess make_game(Variant variant, Draws draws) {
  Options options;
  options.variant = variant;
  options.draws = draws;
  return Chess(options);
}

void check_fens(const Chess& game, const ChessState& state) {
  for (const CastlingLetters letters : {CastlingLetters::kXFen, CastlingLetters::kShredder}) {
    const std::string fen = state.fen(letters);
    const Setup setup = parse_fen(fen, game.options().variant);
    REQUIRE(fen_text(setup, letters) == fen);
    REQUIRE(setup.board.key == state.board().key);
  }
}

void check_moves(const ChessState& state) {
  const Oracle oracle(state.fen(CastlingLetters::kShredder));
  MoveList list;
  legal_moves(state.board(), list);
  std::vector<std::string> texts;
  for (const Move move : list) {
    texts.push_back(uci_text(state.board(), move, true));
    REQUIRE(parse_move(state.board(), san_text(state.board(), move)) == move);
  }
  std::sort(texts.begin(), texts.end());
  REQUIRE(texts == oracle.moves());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Chess games[] = {make_game(Variant::kStandard, Draws::kThreefold),
                                make_game(Variant::kChess960, Draws::kFide),
                                make_game(Variant::kGardner, Draws::kThreefold)};
  fuzzing::Input input(bytes, size);
  const Chess& game = games[input.below(3)];
  const std::unique_ptr<State> state = fuzzing::parse(game, input.text());
  if (!state) return 0;
  const auto& position = static_cast<const ChessState&>(*state);
  fuzzing::check_move_text(*state, input.text());
  fuzzing::check_written(*state);
  for (int ply = 0; ply < kMostPlies; ++ply) {
    fuzzing::check_laws(*state);
    check_moves(position);
    const std::vector<Action> actions = fuzzing::legal(*state);
    if (actions.empty() || input.done()) break;
    state->play(actions[static_cast<std::size_t>(input.below(static_cast<int>(actions.size())))]);
    check_fens(game, position);
  }
  fuzzing::check_written(*state);
  return 0;
}
