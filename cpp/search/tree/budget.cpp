// Tokens of a proposed tree: set aside before moves are asked for, so that nothing is spent that it has not.
#include <algorithm>

#include "search/tree/tree.h"

namespace selfplay {

namespace {

constexpr std::int64_t kMostTokens = std::int64_t{1} << 60;

}  // namespace

void Tree::grant(TokenBudget tokens) {
  tokens_.budget = tokens && tokens_.budget ? std::min(*tokens_.budget + *tokens, kMostTokens) : tokens;
  out_of_tokens_ = false;
}

// How many of `count` moves the tokens left are sure to pay for.
int Tree::affordable(int count) const {
  if (!tokens_.budget) return count;
  const std::int64_t left = *tokens_.budget - tokens_.spent - tokens_.reserved;
  return static_cast<int>(std::min<std::int64_t>(count, left / context_->params.max_step_tokens));
}

// Sets tokens aside for as many of `count` moves as they pay for, and returns that number.
int Tree::reserve(Leaf& leaf, int count) {
  leaf.kind = RequestKind::kPropose;
  leaf.count = affordable(count);
  leaf.reserved = std::int64_t{leaf.count} * context_->params.max_step_tokens;
  tokens_.reserved += leaf.reserved;
  return leaf.count;
}

// Takes back what the answer to a request did not spend of what was set aside for it.
void Tree::settle(const Leaf& leaf, std::int64_t spent) {
  tokens_.reserved -= leaf.reserved;
  tokens_.spent += spent;
}

}  // namespace selfplay
