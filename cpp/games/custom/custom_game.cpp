#include "games/custom/custom_game.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "core/quote.h"
#include "core/random.h"

namespace selfplay::custom {

namespace {

constexpr int kMostActions = 1 << 20;
constexpr int kMostPlaneCells = 1 << 24;

void require(bool holds, const std::string& name, const std::string& what) {
  if (!holds) throw InputError("game '" + name + "': " + what);
}

template <typename T>
bool is_permutation_of(const std::vector<T>& table, int size) {
  std::vector<T> sorted = table;
  std::sort(sorted.begin(), sorted.end());
  if (static_cast<int>(sorted.size()) != size) return false;
  for (int i = 0; i < size; ++i) {
    if (sorted[static_cast<std::size_t>(i)] != i) return false;
  }
  return true;
}

void check_names(const Description& game) {
  require(static_cast<int>(game.action_names.size()) == game.num_actions, game.name,
          std::to_string(game.action_names.size()) + " action names for " + std::to_string(game.num_actions) +
              " actions");
  std::set<std::string> seen;
  for (const std::string& name : game.action_names) {
    require(!name.empty() && name.find_first_of(" \t\r\n") == std::string::npos, game.name,
            "action name '" + name + "' is empty or holds a space");
    require(seen.insert(name).second, game.name, "two actions are named '" + name + "'");
  }
}

void check(const Description& game) {
  const PlanesShape& shape = game.planes_shape;
  require(
      game.num_actions >= 1 && game.num_actions <= kMostActions, game.name,
      "num_actions is " + std::to_string(game.num_actions) + "; give 1 to " + std::to_string(kMostActions));
  require(std::min({shape.planes, shape.height, shape.width}) >= 1 &&
              static_cast<double>(shape.planes) * shape.height * shape.width <= kMostPlaneCells,
          game.name, "planes_shape is not three positive sizes of a sensible board");
  require(game.max_plies >= 1, game.name,
          "max_plies is " + std::to_string(game.max_plies) + "; give the longest game's plies");
  check_names(game);
  require(!game.symmetries.empty(), game.name, "there is no symmetry; the first is the identity");
  for (const Symmetry& symmetry : game.symmetries) {
    require(is_permutation_of(symmetry.cells, shape.cells()), game.name,
            "the cells of a symmetry are not a permutation of " + std::to_string(shape.cells()) + " cells");
    require(is_permutation_of(symmetry.actions, game.num_actions), game.name,
            "the actions of a symmetry are not a permutation of " + std::to_string(game.num_actions) +
                " actions");
  }
}

std::vector<std::string> words(const std::string& text, bool one_letter) {
  std::vector<std::string> result;
  bool open = false;
  for (const char letter : text) {
    if (letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n') {
      open = false;
    } else if (open && (!one_letter || (letter & 0xc0) == 0x80)) {  // or a letter of several bytes goes on
      result.back() += letter;
    } else {
      result.emplace_back(1, letter);
      open = true;
    }
  }
  return result;
}

// What can be seen of a position, turned by each symmetry in its turn.
class View {
 public:
  explicit View(const State& state)
      : game_(state.game()),
        planes_(static_cast<std::size_t>(game_.planes_shape().size())),
        actions_(static_cast<std::size_t>(game_.num_actions())) {
    state.encode(planes_.data());
    actions_.resize(static_cast<std::size_t>(state.legal_actions(actions_.data())));
    const float result = state.outcome().value_or(2.0f);
    seed_ = mix((std::uint64_t{std::bit_cast<std::uint32_t>(result)} << 1) ^
                static_cast<std::uint64_t>(state.player()));
  }

  std::uint64_t key(const Symmetry& symmetry) const {
    const auto cells = static_cast<std::size_t>(game_.planes_shape().cells());
    std::uint64_t hash = seed_;
    for (std::size_t plane = 0; plane < planes_.size(); plane += cells) {
      for (const std::int32_t cell : symmetry.cells) {
        hash = mix(hash ^ std::bit_cast<std::uint32_t>(planes_[plane + static_cast<std::size_t>(cell)]));
      }
    }
    std::uint64_t legal = 0;  // a sum, because turned actions come in another order
    for (const Action action : actions_) {
      legal += mix(static_cast<std::uint64_t>(symmetry.actions[static_cast<std::size_t>(action)]));
    }
    return mix(hash ^ legal);
  }

 private:
  const Game& game_;
  std::vector<float> planes_;
  std::vector<Action> actions_;
  std::uint64_t seed_;
};

}  // namespace

CustomGame::CustomGame(Description description) : description_(std::move(description)) {
  check(description_);
  one_letter_ = std::all_of(description_.action_names.begin(), description_.action_names.end(),
                            [](const std::string& name) { return name.size() == 1; });
}

std::unique_ptr<State> CustomGame::parse(const std::string& position) const {
  std::unique_ptr<State> state = initial();
  for (const std::string& word : words(position, one_letter_)) {
    if (state->ply() >= max_plies()) {
      throw InputError("position of " + name() + " goes on after " + std::to_string(max_plies()) + " plies");
    }
    try {
      state->play(state->parse_action(word));
    } catch (const InputError& error) {
      throw InputError("position of " + name() + ", ply " + std::to_string(state->ply() + 1) + ": " +
                       error.what());
    }
  }
  return state;
}

std::string CustomGame::position_text(const State& state) const {
  if (!is_same_game(state.game(), *this)) {
    throw InputError("a position of " + state.game().name() + " is none of " + name());
  }
  std::string result;
  for (const Action action : state.position().moves) {
    if (!one_letter_ && !result.empty()) result += ' ';
    result += action_names().at(static_cast<std::size_t>(action));
  }
  return result;
}

std::uint64_t CustomState::visible_key() const { return View(*this).key(game_->symmetries().front()); }

Canonical CustomState::lowest_visible_key() const {
  const View view(*this);
  const std::vector<Symmetry>& symmetries = game_->symmetries();
  Canonical lowest{view.key(symmetries.front()), 0};
  for (std::size_t i = 1; i < symmetries.size(); ++i) {
    const std::uint64_t key = view.key(symmetries[i]);
    if (key < lowest.key) lowest = {key, static_cast<int>(i)};
  }
  return lowest;
}

int CustomState::actions_from(const Action* actions, int count) const {
  const int most = game_->num_actions();
  bool ascends = count >= 0 && count <= most;
  for (int i = 0; ascends && i < count; ++i)
    ascends = actions[i] > (i ? actions[i - 1] : -1) && actions[i] < most;
  if (!ascends) {
    const std::string given = count < 0 || count > most ? "" : ", not ascending or out of range";
    refuse("legal_actions", std::to_string(count) + " actions" + given,
           "ascending actions from 0 to " + std::to_string(most - 1));
  }
  return count;
}

void CustomState::refuse(const char* method, const std::string& result, const std::string& expected) const {
  throw InputError("game '" + game_->name() + "': " + method + "() gives " + result + "; expected " +
                   expected);
}

std::string CustomState::action_text(Action action) const {
  return game_->action_names().at(static_cast<std::size_t>(action));
}

Action CustomState::parse_action(const std::string& text) const {
  const std::vector<std::string>& names = game_->action_names();
  const auto found = std::find(names.begin(), names.end(), text);
  const std::string move = "move " + quoted(text);
  if (found == names.end()) throw InputError(move + " is not one of " + game_->name());
  const auto action = static_cast<Action>(found - names.begin());
  if (outcome()) throw InputError(move + " comes after the end of the game");
  std::vector<Action> legal(names.size());
  const auto end = legal.begin() + legal_actions(legal.data());
  if (std::find(legal.begin(), end, action) == end) throw InputError(move + " is illegal here");
  return action;
}

}  // namespace selfplay::custom
