// The tree in memory. A node is a 48-byte header; its edges are four arrays side by side, padded to
// eight lanes, so that one pass of vector instructions scores eight of them:
//
//   header | prior[c] | visits[c] | q[c] | link[c] | action[c], where nodes are shared
//
// Everything is addressed by the number of 16-byte units from the start of the tree's arena.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/game.h"

namespace selfplay {

using NodeRef = std::uint32_t;  // unit offset of a header; 0 means none

inline constexpr int kMostEdges = 65528;                      // of a node: `capacity` has 16 bits
inline constexpr double kMostArenaBytes = 16.0 * (1u << 31);  // what links below kActionBit reach

inline constexpr float kNever = -std::numeric_limits<float>::infinity();

enum class NodeStatus : std::uint8_t {
  kUnvisited,
  kUnjudged,  // proposed trees: the path ends here and its verdict has not been asked for
  kWaiting,   // its evaluation is in flight
  kExpanded,
  kWidening,  // expanded, and a request for more moves is in flight
  kEnded,     // the game is over here
};

struct Node {
  NodeRef edges;         // unit offset of the edge arrays; 0 before there are any
  std::uint32_t visits;  // descents through here that have been backed up
  std::uint32_t in_flight;
  Action action;        // of the edge that leads here; where nodes are shared, that led here first
  float q;              // mean value for the player to move here
  float draw;           // mean probability of a draw
  float visited_prior;  // sum of the priors of edges visited at least once
  float raw_win;        // the evaluation of this position, for its player to move
  float raw_draw;
  // Proposed trees: what the priors summed to before normalisation. Games: mean of the squared values, and
  // where the node is proven how many plies its proof takes to the end.
  union {
    float prior_weight;
    float squared_value;
    std::uint32_t plies;
  };
  std::uint16_t num_edges;
  std::uint16_t capacity;  // lanes in each edge array
  std::uint8_t player;
  NodeStatus status;
  bool proven;  // q is the game-theoretic value
  union {
    std::uint8_t fruitless;  // proposed trees: proposals in a row that brought nothing new
    bool restricted;         // games: some legal moves are left out
  };
};
static_assert(sizeof(Node) == 48);

// A proven node's probability of a draw follows from its value, which is 1, 0 or -1 in most games.
inline float proven_draw(float value) { return 1.0f - std::abs(value); }

// 1 where a child's value is in the same player's view as its parent's, else -1.
inline float sign(const Node& parent, const Node& child) {
  return parent.player == child.player ? 1.0f : -1.0f;
}

// Links above this bit hold the action of an edge whose end has no node yet.
inline constexpr std::uint32_t kActionBit = 0x80000000U;

struct Edges {
  float* prior;           // kNever in padding lanes
  std::uint32_t* visits;  // handed out, waiting ones included
  float* q;               // mean value for the player at the node; kNever once proven lost
  std::uint32_t* link;    // kActionBit | action, or the NodeRef of the child
  Action* action;         // only in an arena of shared nodes, which more than one action may lead to
};

// Grows by doubling, frees all at once. References survive growth, pointers do not.
class NodeArena {
 public:
  explicit NodeArena(bool shares_nodes = false) : edge_bytes_(bytes_an_edge(shares_nodes)) {}
  NodeArena(const NodeArena&) = delete;
  NodeArena& operator=(const NodeArena&) = delete;
  NodeArena(NodeArena&& other) noexcept { swap(other); }
  NodeArena& operator=(NodeArena&& other) noexcept {
    swap(other);
    return *this;
  }
  ~NodeArena() { std::free(units_); }

  void swap(NodeArena& other) noexcept {
    std::swap(units_, other.units_);
    std::swap(used_, other.used_);
    std::swap(capacity_, other.capacity_);
    std::swap(edge_bytes_, other.edge_bytes_);
    std::swap(nodes_, other.nodes_);
  }

  Node& node(NodeRef ref) { return *reinterpret_cast<Node*>(units_ + ref); }
  const Node& node(NodeRef ref) const { return *reinterpret_cast<const Node*>(units_ + ref); }

  Edges edges(const Node& node) const {
    char* start = reinterpret_cast<char*>(units_ + node.edges);
    const std::size_t lane = std::size_t{node.capacity} * 4;
    return {reinterpret_cast<float*>(start), reinterpret_cast<std::uint32_t*>(start + lane),
            reinterpret_cast<float*>(start + 2 * lane), reinterpret_cast<std::uint32_t*>(start + 3 * lane),
            reinterpret_cast<Action*>(start + 4 * lane)};
  }

  static int padded(int num_edges) { return (num_edges + 7) & ~7; }
  std::size_t node_bytes(int num_edges) const {
    return sizeof(Node) + std::size_t(padded(num_edges)) * edge_bytes_;
  }

  // A zeroed header followed by room for `num_edges` edges; no edges: the header alone.
  NodeRef add_node(int num_edges) {
    const NodeRef ref = allocate(node_bytes(num_edges) / 16);
    ++nodes_;
    Node& created = node(ref);
    created = Node{};
    if (num_edges > 0) {
      created.edges = ref + sizeof(Node) / 16;
      clear_edges(created, num_edges);
    }
    return ref;
  }

  // Moves the edges of `ref`, their actions apart, to a block with room for at least `num_edges`.
  void grow_edges(NodeRef ref, int num_edges) {
    const NodeRef block = allocate(std::size_t(padded(num_edges)) * edge_bytes_ / 16);
    Node& grown = node(ref);
    const Edges old = edges(grown);
    const int kept = grown.num_edges;
    grown.edges = block;
    clear_edges(grown, num_edges);
    grown.num_edges = static_cast<std::uint16_t>(kept);
    const Edges fresh = edges(grown);
    if (kept == 0) return;
    const std::size_t bytes = std::size_t(kept) * 4;
    std::memcpy(fresh.prior, old.prior, bytes);
    std::memcpy(fresh.visits, old.visits, bytes);
    std::memcpy(fresh.q, old.q, bytes);
    std::memcpy(fresh.link, old.link, bytes);
  }

  void reset() {
    used_ = 1;
    nodes_ = 0;
  }
  void reset(bool shares_nodes) {
    reset();
    edge_bytes_ = bytes_an_edge(shares_nodes);
  }
  // Gives the memory back where it is more than a small tree's.
  void trim() {
    if (capacity_ * sizeof(Unit) <= kKeptBytes) return;
    std::free(std::exchange(units_, nullptr));
    capacity_ = 0;
    reset();
  }
  std::size_t bytes() const { return std::size_t{used_} * 16; }
  std::size_t nodes() const { return nodes_; }
  void prefetch(NodeRef ref) const {
    const char* address = reinterpret_cast<const char*>(units_ + ref);
    __builtin_prefetch(address);
    __builtin_prefetch(address + 64);
    __builtin_prefetch(address + 128);
  }

 private:
  struct alignas(16) Unit {
    std::byte bytes[16];
  };

  static constexpr std::size_t kKeptBytes = std::size_t{64} << 20;
  static std::size_t bytes_an_edge(bool shares_nodes) { return shares_nodes ? 20 : 16; }

  void clear_edges(Node& owner, int num_edges) {
    owner.num_edges = static_cast<std::uint16_t>(num_edges);
    owner.capacity = static_cast<std::uint16_t>(padded(num_edges));
    const Edges cleared = edges(owner);
    for (int i = 0; i < owner.capacity; ++i) {
      cleared.prior[i] = kNever;
      cleared.visits[i] = 0;
      cleared.q[i] = 0;
      cleared.link[i] = 0;
    }
  }

  NodeRef allocate(std::size_t units) {
    if (used_ + units > capacity_) {
      std::size_t wanted = capacity_ ? capacity_ * 2 : 1024;
      while (wanted < used_ + units) wanted *= 2;
      void* moved = std::realloc(units_, wanted * sizeof(Unit));
      if (!moved) throw std::bad_alloc();
      units_ = static_cast<Unit*>(moved);
      capacity_ = wanted;
    }
    const NodeRef ref = static_cast<NodeRef>(used_);
    used_ += units;
    return ref;
  }

  Unit* units_ = nullptr;
  std::size_t used_ = 1;
  std::size_t capacity_ = 0;
  std::size_t edge_bytes_;
  std::size_t nodes_ = 0;
};

}  // namespace selfplay
