#include "games/chess/chess.h"

#include <algorithm>
#include <cassert>
#include <sstream>
#include <utility>

#include "core/quote.h"
#include "core/random.h"
#include "games/chess/board/movegen.h"
#include "games/chess/encoding/planes.h"
#include "games/chess/notation/epd.h"
#include "games/chess/notation/move_text.h"

namespace selfplay::chess {

namespace {

// Planes and key know the clock in steps, so that ways to a position that differ by a few moves share
// one evaluation.
constexpr int kClockStep = 8;

constexpr int kShortestCycle = 4;  // plies

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool is_number(const std::string& word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The words up to the first move, which follows six fields of a FEN or the word "moves".
std::size_t count_start_words(const std::vector<std::string>& words, Variant variant) {
  if (words.empty() || words[0] == "moves") return 0;
  if (words[0].find('/') != std::string::npos) {
    const std::size_t most = std::min<std::size_t>(words.size(), 6);
    return static_cast<std::size_t>(std::find(words.begin(), words.begin() + most, "moves") - words.begin());
  }
  return variant == Variant::kChess960 && is_number(words[0]) ? 1 : 0;
}

Setup read_start(const std::vector<std::string>& words, std::size_t count, const Options& options) {
  if (count == 0) return start_setup(options.variant, options.start);
  if (words[0].find('/') == std::string::npos) {
    if (words[0].size() > 3 || std::stoi(words[0]) >= kChess960Starts) {
      throw InputError("position " + quoted(words[0]) + " is not a start number from 0 to 959");
    }
    return start_setup(options.variant, std::stoi(words[0]));
  }
  std::string fen = words[0];
  for (std::size_t i = 1; i < count; ++i) fen += " " + words[i];
  return parse_fen(fen, options.variant);
}

void require_option(const char* name, int value, int least, int most) {
  if (value >= least && value <= most) return;
  throw InputError(std::string("option ") + name + "=" + std::to_string(value) + " is not from " +
                   std::to_string(least) + " to " + std::to_string(most));
}

Symmetry identity(int cells, int actions) {
  Symmetry symmetry;
  for (int cell = 0; cell < cells; ++cell) symmetry.cells.push_back(cell);
  for (Action action = 0; action < actions; ++action) symmetry.actions.push_back(action);
  return symmetry;
}

}  // namespace

Draws parse_draws(const std::string& text) {
  if (text == "threefold") return Draws::kThreefold;
  if (text == "fide") return Draws::kFide;
  throw InputError("option draws=" + quoted(text) + " is neither threefold nor fide");
}

ChessState::ChessState(const Chess& game, const Setup& setup, std::string start)
    : game_(&game), board_(setup.board), move_number_(setup.move_number), start_(std::move(start)) {
  keys_.push_back(board_.key);
  drawn_ = is_draw();
}

const Game& ChessState::game() const { return *game_; }

int ChessState::legal_actions(Action* out) const {
  return drawn_ ? 0 : game_->index().legal_actions(board_, out);
}

void ChessState::play(Action action) {
  assert(!drawn_ && action >= 0 && action < game_->num_actions());
  const Board next = after(board_, game_->index().move(action));
  const int history = game_->options().history;
  if (history > 0) {
    std::copy_backward(previous_, previous_ + history - 1, previous_ + history);
    previous_[0] = board_;
    previous_count_ = std::min(previous_count_ + 1, history);
  }
  if (next.clock == 0 || std::popcount(next.castling) != std::popcount(board_.castling)) keys_.clear();
  move_number_ += board_.black;
  board_ = next;
  keys_.push_back(board_.key);
  actions_.push_back(static_cast<std::uint16_t>(action));
  repetitions_ = count_repetitions();
  drawn_ = is_draw();
}

int ChessState::count_repetitions() const {
  int found = 0;
  const int last = static_cast<int>(keys_.size()) - 1;
  for (int i = last - kShortestCycle; i >= 0; i -= 2) {
    found += keys_[static_cast<std::size_t>(i)] == board_.key ? 1 : 0;
  }
  return found;
}

// Mate goes before every draw.
bool ChessState::is_draw() const {
  const bool ended = repetitions_ + 1 >= game_->occurrences_to_draw() ||
                     board_.clock >= game_->clock_to_draw() || ply() >= game_->max_plies() || is_dead(board_);
  return ended && !(in_check(board_) && count_legal_moves(board_) == 0);
}

std::optional<float> ChessState::outcome() const {
  if (drawn_) return 0.0f;
  if (count_legal_moves(board_) > 0) return std::nullopt;
  return in_check(board_) ? -1.0f : 0.0f;
}

int ChessState::clock_step() const {
  return std::min<int>(board_.clock, game_->clock_to_draw()) / kClockStep * kClockStep;
}

void ChessState::encode(float* planes) const {
  PlanesInput input;
  input.board = &board_;
  input.previous = previous_;
  input.previous_count = previous_count_;
  input.history = game_->options().history;
  input.marks_rooks = game_->options().variant == Variant::kChess960;
  input.repetition = static_cast<float>(repetitions_) / static_cast<float>(game_->occurrences_to_draw() - 1);
  input.clock = static_cast<float>(clock_step()) / static_cast<float>(game_->clock_to_draw());
  write_planes(input, planes);
}

std::uint64_t ChessState::key() const {
  std::uint64_t key = mix(static_cast<std::uint64_t>(clock_step() << 16 | repetitions_ << 8 |
                                                     previous_count_ << 1 | (drawn_ ? 1 : 0)));
  for (int i = 0; i < previous_count_; ++i) key = mix(key ^ previous_[i].key);
  return mix(key ^ board_.key);
}

Position ChessState::position() const {
  return {start_, std::vector<Action>(actions_.begin(), actions_.end())};
}

std::string ChessState::text() const {
  const Board white = board_.black ? passed(board_) : board_;
  std::string drawing;
  for (int rank = white.size - 1; rank >= 0; --rank) {
    drawing += static_cast<char>('1' + rank);
    for (int file = 0; file < white.size; ++file) {
      const int square = square_at(file, rank);
      const bool taken = ((white.own | white.theirs) >> square & 1) != 0;
      const char letter = "PNBRQK"[white.piece_at(square)];
      drawing += ' ';
      drawing += !taken ? '.' : (white.own >> square & 1) ? letter : static_cast<char>(letter - 'A' + 'a');
    }
    drawing += '\n';
  }
  for (int file = 0; file < white.size; ++file) {
    drawing += std::string(file ? " " : "  ") + static_cast<char>('a' + file);
  }
  return drawing + "\n" + fen() + "\n";
}

std::string ChessState::action_text(Action action) const {
  return uci_text(board_, game_->index().move(action), game_->options().variant == Variant::kChess960);
}

Action ChessState::parse_action(const std::string& text) const {
  if (outcome()) throw InputError("move " + quoted(text) + " comes after the end of the game");
  return game_->index().action(parse_move(board_, text));
}

std::string ChessState::fen(CastlingLetters letters) const {
  return fen_text({board_, move_number_}, letters);
}

std::string ChessState::san(Action action) const { return san_text(board_, game_->index().move(action)); }

Chess::Chess(const Options& options)
    : options_(options), index_(options.variant == Variant::kGardner ? 5 : 8) {
  const bool numbered = options.variant == Variant::kChess960;
  require_option("start", options.start, numbered ? 0 : kUsualStart,
                 numbered ? kChess960Starts - 1 : kUsualStart);
  require_option("history", options.history, 0, kMaxHistory);
  require_option("max_plies", options.max_plies, 0, longest_game());
  max_plies_ = options.max_plies > 0 ? options.max_plies : longest_game();
  start_ = start_setup(options.variant, options.start);
  symmetries_.push_back(identity(size() * size(), num_actions()));
}

std::string Chess::name() const {
  constexpr const char* kNames[] = {"chess", "chess960", "gardner"};
  std::string options;
  const auto add = [&](const std::string& option) { options += (options.empty() ? ":" : ",") + option; };
  if (options_.draws == Draws::kFide) add("draws=fide");
  if (options_.start != kUsualStart) add("start=" + std::to_string(options_.start));
  if (options_.history != Options{}.history) add("history=" + std::to_string(options_.history));
  if (options_.max_plies != 0) add("max_plies=" + std::to_string(options_.max_plies));
  return kNames[static_cast<int>(options_.variant)] + options;
}

PlanesShape Chess::planes_shape() const { return {count_planes(size(), options_.history), size(), size()}; }

int Chess::longest_game() const {
  const int pawn_moves = 2 * size() * (size() - 2), captures = 4 * size() - 2;
  return clock_to_draw() * (pawn_moves + captures + 1);
}

std::unique_ptr<State> Chess::initial() const { return std::make_unique<ChessState>(*this, start_, ""); }

std::unique_ptr<State> Chess::parse(const std::string& position) const {
  const std::vector<std::string> words = words_of(fen_of_epd(position).value_or(position));
  std::size_t next = count_start_words(words, options_.variant);
  const Setup setup = read_start(words, next, options_);
  const std::string fen = fen_text(setup);
  auto state = std::make_unique<ChessState>(*this, setup, fen == fen_text(start_) ? "" : fen);
  if (next < words.size() && words[next] == "moves") ++next;
  for (; next < words.size(); ++next) {
    try {
      state->play(state->parse_action(words[next]));
    } catch (const InputError& error) {
      throw InputError("position " + quoted(position) + ", ply " + std::to_string(state->ply() + 1) + ": " +
                       error.what());
    }
  }
  return state;
}

}  // namespace selfplay::chess
