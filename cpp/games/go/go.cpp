#include "games/go/go.h"

#include <sstream>

#include "core/quote.h"

namespace selfplay::go {

namespace {

constexpr int kLongestGame = 65535;

int longest_game(const GoOptions& options, int points) {
  if (options.max_plies < 0 || options.max_plies > kLongestGame) {
    throw InputError("max_plies " + std::to_string(options.max_plies) +
                     ": give 1 to 65535, or 0 for the usual");
  }
  return options.max_plies > 0 ? options.max_plies : 3 * points + 20;
}

int checked_resumptions(int resumptions) {
  if (resumptions >= 0 && resumptions <= kLongestGame) return resumptions;
  throw InputError("resumptions " + std::to_string(resumptions) + ": give 0 to 65535");
}

}  // namespace

Go::Go(const GoOptions& options)
    : geometry_(options.columns, options.rows),
      rules_(options.rules),
      max_plies_(longest_game(options, geometry_.points)),
      resumptions_(checked_resumptions(options.resumptions)) {
  if (options.handicap.empty()) return;
  start_ = handicap_start(geometry_, options.handicap);
  GoState(*this, start_);  // which throws where the stones have no liberty
}

std::string Go::name() const {
  std::string text = "go:size=" + std::to_string(geometry_.columns);
  if (geometry_.rows != geometry_.columns) text.append("x").append(std::to_string(geometry_.rows));
  text += rules_options(rules_);
  if (max_plies_ != 3 * geometry_.points + 20) text.append(",max_plies=").append(std::to_string(max_plies_));
  if (resumptions_ > 0) text.append(",resumptions=").append(std::to_string(resumptions_));
  char mark = '=';
  if (start_.is_handicap) text += ",handicap";
  start_.stones[kBlack].for_each([&](int point) {
    text.append(1, mark).append(point_text(geometry_, point));
    mark = '+';
  });
  return text;
}

std::string Go::start_name(const Start& start) const {
  const std::string text = start_text(geometry_, start);
  return text == "turn:B;" && !start_.is_handicap ? "" : text;
}

std::unique_ptr<State> Go::parse(const std::string& position) const {
  const std::size_t semicolon = position.find(';');
  const bool has_start = semicolon != std::string::npos;
  int ply = 0;
  try {
    auto state = std::make_unique<GoState>(
        *this, has_start ? parse_start(geometry_, position.substr(0, semicolon)) : start_);
    std::istringstream moves(has_start ? position.substr(semicolon + 1) : position);
    for (std::string move; moves >> move;) {
      ++ply;
      state->play(state->parse_action(move));
    }
    return state;
  } catch (const InputError& error) {
    const std::string where = ply > 0 ? ", ply " + std::to_string(ply) : "";
    throw InputError("position " + quoted(position) + where + ": " + error.what());
  }
}

}  // namespace selfplay::go
