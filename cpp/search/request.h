// The seam between search and evaluator: what a tree asks and what it is told.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/game.h"
#include "search/node.h"

namespace selfplay {

enum class RequestKind : std::uint8_t {
  kEvaluate,  // priors and value of a position
  kPropose,   // moves of a proposed node, and its value on the first visit
  kValue,     // value of an ended proposed node
};

struct PathStep {
  NodeRef node;
  std::uint32_t edge;
};

// The end of one descent. A tree keeps as many as may be in flight and uses them again and again.
struct Leaf {
  RequestKind kind = RequestKind::kEvaluate;
  bool widening = false;    // asks for more moves of a node that has some; backs up nothing
  bool turned = false;      // `canonical` has been worked out
  bool taken_over = false;  // the descent ended at a node that others have searched
  NodeRef node = 0;
  int count = 0;              // moves asked for
  std::int64_t reserved = 0;  // tokens set aside for them
  Canonical canonical{0, 0};
  std::vector<PathStep> path;
  std::unique_ptr<State> state;  // the position at the leaf; none in proposed trees
};

// Probabilities for the player to move.
struct Wdl {
  float win;
  float draw;
  float loss;
};

// How far an answer may be from probabilities: a softmax in bf16 sums to 1 within 0.01.
inline constexpr float kProbabilityError = 0.02f;

// Whether these are probabilities, up to rounding: none below 0, their sum 1. So none is far above 1, and
// no infinity and no NaN passes.
inline bool is_usable(const Wdl& wdl) {
  return wdl.win >= -kProbabilityError && wdl.draw >= -kProbabilityError && wdl.loss >= -kProbabilityError &&
         std::abs(wdl.win + wdl.draw + wdl.loss - 1) <= kProbabilityError;
}

// Usable ones without what rounding has put below 0 or above 1, so that no value leaves -1 to 1; a loss is
// what a win and a draw leave.
inline Wdl without_rounding(const Wdl& wdl) {
  const float win = std::clamp(wdl.win, 0.0f, 1.0f);
  const float draw = std::clamp(wdl.draw, 0.0f, 1 - win);
  return {win, draw, 1 - win - draw};
}

// One request's part of a ragged reply.
struct Proposals {
  int count;
  const Action* action;
  const float* prior;
  const std::int8_t* player;
  const bool* ends;
  bool exact;           // the verdict cannot err: it may prove
  std::int64_t tokens;  // spent
};

}  // namespace selfplay
