// One search tree: descends to leaves, takes their evaluations, and knows what the root has learnt.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/random.h"
#include "search/cache.h"
#include "search/gumbel.h"
#include "search/node.h"
#include "search/params.h"
#include "search/phases.h"
#include "search/request.h"
#include "search/restriction.h"
#include "search/tree/dump.h"
#include "search/tree/positions.h"

namespace selfplay {

struct SearchStats {
  std::uint64_t simulations = 0;
  std::uint64_t evaluations = 0;  // answers taken from an evaluator
  std::uint64_t cache_hits = 0;
  std::uint64_t terminal_hits = 0;   // descents that ended the game
  std::uint64_t proven_hits = 0;     // descents that ended at a node already proven
  std::uint64_t transpositions = 0;  // descents that took over the value of a node searched before
  std::uint64_t collisions = 0;      // descents that met a waiting leaf
  std::uint64_t bad_replies = 0;     // no probabilities: taken as equal priors and a draw
  std::uint64_t capped = 0;          // searches cut short by max_tree_mb
  std::uint64_t tokens = 0;          // spent on proposals
};

// What one search at a root did, from the move before it on.
struct SearchTally {
  std::uint32_t evaluations = 0;
  std::uint32_t cache_hits = 0;
  std::uint32_t terminal_hits = 0;
  std::uint32_t proven_hits = 0;
  std::uint32_t transpositions = 0;
  std::uint32_t reused_visits = 0;  // of the root when the search began
  std::uint32_t max_depth = 0;      // plies below the root
  std::uint64_t total_depth = 0;    // over all simulations
};

// What is shared by the trees of one caller.
struct SearchContext {
  const Game* game;  // null: proposed trees
  SearchParams params;
  EvaluationCache cache;
  SearchStats stats;
  std::vector<Action> scratch;  // legal actions of one node
  NodeArena spare;              // where a subtree is copied to when a move is played
  HalvingTable halving;
  std::vector<float> logits;  // of one node's edges
  Phases phases{};
};

// Seeds the noise of one root; nothing: its priors stay as the evaluator gave them.
using NoiseSeed = std::optional<std::uint64_t>;

// Tokens that a proposed tree may spend; nothing: without limit.
using TokenBudget = std::optional<std::int64_t>;

struct TokenAccount {
  TokenBudget budget;
  std::int64_t spent = 0;
  std::int64_t reserved = 0;  // by requests in flight
};

inline constexpr int kNotProven = 2;

// One root edge, for the root's player.
struct RootEdge {
  Action action;
  std::uint32_t visits;
  float prior;
  float raw_prior;             // without noise and temperature
  float q = NAN;               // NaN where unvisited
  float draw = NAN;            // probability, likewise
  float error = NAN;           // standard error of q, likewise
  std::uint32_t answered = 0;  // visits without those in flight
  int plies = -1;              // of the proof, to the end of the game, this move counted; -1 without
  int proof = kNotProven;      // sign of the proven value
  float target = 0;            // policy target
  float rating = 0;            // the highest is the move to play
};

// Nodes that have had most visits, by their paths from the root, and the share of its visits that is each
// one's own rather than that of others among them.
struct VisitedNodes {
  std::vector<std::int64_t> offsets{0};
  std::vector<Action> actions;
  std::vector<double> visits;
};

class Tree {
 public:
  // A tree of a game, rooted at `state`.
  Tree(SearchContext& context, std::unique_ptr<State> state, NoiseSeed noise_seed,
       std::vector<Restriction> restrictions = {});
  // A proposed tree. Its root never has noise.
  Tree(SearchContext& context, int player, TokenBudget tokens);

  enum class Step { kDown, kDone, kWaits, kIdle };
  // Takes the descent under way one level further, or starts the next: kDown there is more to walk,
  // kDone a simulation was completed on the spot, kWaits `leaf()` asks for an answer, kIdle there is
  // nothing to do before an answer comes, or at all.
  Step step(const Effort& effort);
  // Whether a descent is under way.
  bool descending() const { return at_ != 0; }
  // The leaf that the last kWaits was about.
  int last_leaf() const { return current_; }
  Leaf& leaf(int index) { return leaves_[static_cast<std::size_t>(index)]; }

  // Asks for the memory that answering a leaf takes.
  void prefetch_answer(int leaf) const;
  void answer(int leaf, const float* wdl, const float* logits);
  void answer(int leaf, const Wdl& wdl, const Proposals& proposals);

  // Whether `simulations` new visits are done, tokens or memory are used up, or more would be pointless.
  bool finished(std::uint32_t simulations) const;
  std::uint32_t new_visits() const { return new_visits_; }
  const SearchTally& tally() const { return tally_; }
  bool waiting() const { return waiting_ > 0; }

  bool has_root() const { return root_ != 0 && root().visits > 0; }
  const Node& root() const { return arena_.node(root_); }
  const State& root_state() const { return *root_state_; }
  std::vector<RootEdge> root_edges() const;
  // From the root by its best move, or by `first`; the moves that prove what is proven.
  std::vector<Action> principal_variation(int max_plies, Action first = -1) const;
  // Visits of each move of a line from the root; 0 where the tree has it not.
  std::vector<std::int64_t> line_visits(const std::vector<Action>& line) const;
  VisitedNodes most_visited(std::size_t most) const;
  TreeDump dump() const;
  // By the rule: most visits (most prior before any) or the best lower confidence bound, or what sequential
  // halving leaves over; the lowest action on ties. Keeps a proven result.
  Action best_action() const;

  // Plays `action` at the root.
  void advance(Action action, NoiseSeed noise_seed);
  // Starts over at another position.
  void reset(const State& state, NoiseSeed noise_seed);
  // Begins another search of the same root, from what there is.
  void renew();
  // Forgets every node; the root position stays.
  void drop();
  // Takes back the visits that wait for an answer, which will not come.
  void abandon();
  // Gives all its memory back. It is no tree any more.
  void vacate();
  bool vacant() const { return is_vacant_; }
  bool has_restrictions() const { return !restrictions_.empty(); }
  std::size_t num_nodes() const { return arena_.nodes(); }
  std::size_t bytes() const { return arena_.bytes() + positions_.bytes(); }
  std::vector<Action> path_actions(const Leaf& leaf) const;
  const Node& node(NodeRef ref) const { return arena_.node(ref); }
  bool has_root_edge(Action action) const { return root_ && child_of_root(action); }
  const TokenAccount& tokens() const { return tokens_; }
  // Lets a proposed tree spend more; nothing: without limit.
  void grant(TokenBudget tokens);

 private:
  void start_root();
  Step begin(int leaves);
  Step visit_child(Leaf& leaf, NodeRef parent, int edge);
  Step visit_position(Leaf& leaf, NodeRef parent, int edge);
  Step visit_new(Leaf& leaf, NodeRef parent, int edge, NodeRef child);
  Step open_leaf(Leaf& leaf, NodeRef ref);
  Step look_up(Leaf& leaf, NodeRef ref);
  Step visit_proposed(Leaf& leaf, NodeRef ref);
  Step ask(Leaf& leaf, NodeRef ref);
  int affordable(int count) const;
  int reserve(Leaf& leaf, int count);
  void settle(const Leaf& leaf, std::int64_t spent);
  bool can_widen(const Node& node) const;
  bool is_barren() const;
  NodeRef add_game_node(const State& state, Action action, std::size_t depth);
  int permitted(const State& state, int depth, Action* actions, int count) const;
  NodeRef add_won_node(const State& state, Action action);
  bool fits(std::size_t bytes);
  Step give_up(Leaf& leaf);
  void expand(NodeRef ref, int symmetry, const float* wdl, const float* logits);
  void add_proposals(NodeRef ref, const Proposals& proposals);
  int add_proposal(NodeRef ref, const Proposals& proposals, int index);
  void sum_visited_prior(Node& node);
  void complete(Leaf& leaf);
  void complete_known(Leaf& leaf, NodeRef ref);
  void backup(Leaf& leaf);
  void backup_graph(Leaf& leaf);
  void refresh(Node& node);
  void prove(Node& node, const Edges& edges);
  std::uint32_t plies_of_proof(const Node& node, const Edges& edges) const;
  bool is_exhausted() const;
  NodeRef next_in_line(const Node& node, Action& action) const;
  bool is_gumbel() const { return context_->params.rule >= Rule::kGumbel; }
  bool is_choice_certain(std::uint32_t simulations) const;
  int choose_edge(NodeRef ref, const Node& node, const Edges& edges, std::uint32_t simulations);
  int halving_edge(const Node& node, const Edges& edges, std::uint32_t simulations);
  int forced_edge(const Node& node, const Edges& edges) const;
  // Visits of a root edge in the present search, those handed out included.
  std::uint32_t fresh_visits(const Edges& edges, int edge) const;
  float forced_visits(float prior) const;
  std::vector<float> pruned_visits(const std::vector<RootEdge>& edges) const;
  void tell_child(RootEdge& edge, const Node& child) const;
  void rate_by_visits(std::vector<RootEdge>& result, const std::vector<bool>& allowed) const;
  void rate_by_bound(std::vector<RootEdge>& result, const std::vector<bool>& allowed) const;
  void rate_by_gumbel(std::vector<RootEdge>& result, const std::vector<bool>& allowed) const;
  void shape_root();
  void draw_gumbels(int count);
  std::vector<double> noise_alphas(const Node& node, const Edges& edges) const;
  void add_noise(const Node& node, const Edges& edges);
  NodeRef copy_subtree(NodeRef from, NodeArena& to);
  NodeRef copy_node(const Node& source, NodeArena& to) const;
  void keep_positions(const std::unordered_map<NodeRef, NodeRef>& copies);
  NodeRef child_of_root(Action action) const;
  // Nodes are shared where what they are does not depend on the path to them.
  bool is_graph() const { return context_->params.transpositions && restrictions_.empty(); }
  Action action_of(const Edges& edges, int edge) const {
    if (is_graph()) return edges.action[edge];
    const std::uint32_t link = edges.link[edge];
    return link & kActionBit ? static_cast<Action>(link & ~kActionBit) : arena_.node(link).action;
  }
  void release(Leaf& leaf);

  SearchContext* context_;
  std::vector<Restriction> restrictions_;
  NodeArena arena_;
  PositionTable positions_;  // of shared nodes
  NodeRef root_ = 0;
  NodeRef at_ = 0;   // where the descent under way stands; 0: none
  int current_ = 0;  // leaf of the descent under way
  int waiting_ = 0;
  std::uint32_t new_visits_ = 0;
  SearchTally tally_;
  bool capped_ = false;
  bool is_vacant_ = false;
  double most_bytes_ = std::numeric_limits<double>::infinity();  // by the step under way
  int proposed_player_ = 0;  // of a proposed tree's root, and whether the path ends there
  bool proposed_ends_ = false;
  TokenAccount tokens_;
  bool out_of_tokens_ = false;
  NoiseSeed noise_seed_;
  std::unique_ptr<State> root_state_;
  std::vector<Leaf> leaves_;
  std::vector<bool> busy_;
  std::vector<float> raw_priors_;             // of the root, before noise and temperature
  std::vector<float> gumbels_;                // noise of the root's edges, zeros without a seed
  std::vector<std::uint32_t> reused_visits_;  // of the root's edges when the search began
  int first_edges_ = 0;                       // of the root when the search began; later ones are late
  std::uint32_t root_evaluations_ = 0;        // simulations of this search that evaluated the root: 0 or 1
};

}  // namespace selfplay
