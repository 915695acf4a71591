#include "bindings/search/requests.h"

#include <algorithm>

#include "core/memory.h"

namespace selfplay {

namespace {

void check(bool fits, const std::string& message) {
  if (!fits) throw py::value_error(message);
}

// Whether an array is still of the type that it had when the reply was made; Python may change it in place.
template <typename T, int flags>
bool is_intact(const py::array_t<T, flags>& array) {
  return py::isinstance<py::array_t<T, flags>>(array);
}

// An array that borrows memory from `owner` and does not give it to Python.
py::array_t<float> view_of(const py::array_t<float>& owner, const std::array<py::ssize_t, 4>& shape) {
  const py::capsule kept(new py::object(owner), [](void* held) { delete static_cast<py::object*>(held); });
  return py::array_t<float>(shape, const_cast<float*>(owner.data()), kept);
}

template <typename T, typename Field>
py::array_t<T> column(const PyRequests& requests, Field field) {
  py::array_t<T> result(static_cast<py::ssize_t>(requests.size()));
  T* out = result.mutable_data();
  for (const Request& request : requests.list()) *out++ = field(request);
  return result;
}

// Whether one request got no more moves than it asked for, at no higher cost than was set aside for them.
void check_request(PyRequests& requests, std::size_t row, std::int64_t moves, const std::int32_t* tokens) {
  Trees& trees = requests.asking();
  const Request& request = requests.list()[row];
  const Leaf& leaf = trees.leaf(request);
  const std::string name = "request " + std::to_string(row);
  check(moves <= leaf.count,
        name + " asked for " + std::to_string(leaf.count) + " moves and got " + std::to_string(moves));
  check(!tokens || *tokens >= 0, name + " cost a negative number of tokens");
  if (!trees.tree(static_cast<std::size_t>(request.tree)).tokens().budget) return;
  check(tokens, "a tree has a budget of tokens, and the reply does not say how many it spent");
  check(*tokens <= leaf.reserved,
        name + " may cost " + std::to_string(leaf.reserved) + " tokens and cost " + std::to_string(*tokens));
}

const Requests kNone;

}  // namespace

const Requests& PyRequests::list() const { return list_->number == number_ ? *list_ : kNone; }

Requests& PyRequests::to_answer(const Exclusive& owner) {
  const auto need = [](bool holds, const char* message) {
    if (!holds) throw InputError(message);
  };
  need(&owner == owner_, "these requests come from elsewhere; answer where `select` gave them");
  need(asked_ > 0, "these requests are none: `select` found nothing to ask; there is no answer to take");
  need(!answered_, "these requests have been answered already; `select` gives the next");
  need(size() > 0,
       "these requests have been forgotten since: what asked was cleared, dropped or begun anew; select "
       "again");
  return *list_;
}

py::array PyRequests::kinds() const {
  return column<std::uint8_t>(*this, [this](const Request& request) {
    return static_cast<std::uint8_t>(trees_->leaf(request).kind);
  });
}

py::array PyRequests::trees() const {
  return column<std::int32_t>(*this, [](const Request& request) { return request.tree; });
}

py::array PyRequests::counts() const {
  return column<std::int32_t>(*this, [this](const Request& request) { return trees_->leaf(request).count; });
}

const Node& PyRequests::node(const Request& request) const {
  return trees_->tree(static_cast<std::size_t>(request.tree)).node(trees_->leaf(request).node);
}

py::array PyRequests::nodes() const {
  return column<std::int64_t>(*this, [this](const Request& request) { return trees_->leaf(request).node; });
}

py::array PyRequests::known() const {
  return column<std::int32_t>(*this, [this](const Request& request) { return node(request).num_edges; });
}

py::array PyRequests::fruitless() const {
  return column<std::int32_t>(*this, [this](const Request& request) { return node(request).fruitless; });
}

py::array PyRequests::needs_value() const {
  return column<bool>(*this, [this](const Request& request) { return !trees_->leaf(request).widening; });
}

py::tuple PyRequests::paths() const {
  std::vector<std::int64_t> offsets{0};
  std::vector<Action> actions;
  for (const Request& request : list()) {
    const Tree& tree = trees_->tree(static_cast<std::size_t>(request.tree));
    const std::vector<Action> path = tree.path_actions(trees_->leaf(request));
    actions.insert(actions.end(), path.begin(), path.end());
    offsets.push_back(static_cast<std::int64_t>(actions.size()));
  }
  return py::make_tuple(to_array(offsets), to_array(actions));
}

py::array PyRequests::planes() {
  check(trees_->context().game != nullptr, "a proposed tree has no planes");
  auto& [_, memory, view] = *buffer_;
  const PlanesShape shape = trees_->context().game->planes_shape();
  const std::array<py::ssize_t, 4> wanted{static_cast<py::ssize_t>(size()), shape.planes, shape.height,
                                          shape.width};
  if (wanted[0] == 0) return py::array_t<float>(wanted);
  if (encoded_) return view;
  if (memory.ndim() != 4 || memory.shape(0) < wanted[0]) {
    check_memory("the size of this batch's planes", static_cast<double>(wanted[0]) * shape.size() / 262144);
    memory = py::array_t<float>(wanted);
  }
  const bool is_same = is_intact(view) && view.data() == memory.data() && view.ndim() == 4 &&
                       std::equal(wanted.begin(), wanted.end(), view.shape());
  if (!is_same) view = view_of(memory, wanted);
  float* data = memory.mutable_data();
  {
    const Unlocked unlocked;
    const SecondsTimer timer(trees_->context().phases.encode_s);
    trees_->encode(list(), data);
  }
  encoded_ = true;
  return view;
}

py::array PyRequests::legal() const {
  check(trees_->context().game != nullptr, "a proposed tree has no legal mask");
  py::array_t<bool> mask({static_cast<int>(size()), trees_->context().game->num_actions()});
  trees_->legal(list(), mask.mutable_data());
  return mask;
}

std::vector<Action> PyRequests::path(std::size_t index) const {
  if (index >= size())
    throw py::index_error("request " + std::to_string(index) + " of " + std::to_string(size()));
  const Request& request = list()[index];
  const Tree& tree = trees_->tree(static_cast<std::size_t>(request.tree));
  return tree.path_actions(trees_->leaf(request));
}

void backup_dense(const Exclusive& owner, PyRequests& requests, const DenseReply& reply) {
  Requests& list = requests.to_answer(owner);
  Trees& trees = requests.asking();
  const auto rows = static_cast<py::ssize_t>(requests.size());
  check(trees.context().game != nullptr, "proposed trees take a ProposalReply");
  check(is_intact(reply.wdl) && is_intact(reply.logits), "wdl or logits are no longer arrays of float32");
  check(reply.wdl.ndim() == 2 && reply.wdl.shape(0) == rows && reply.wdl.shape(1) == 3, "wdl is not [B, 3]");
  check(reply.logits.ndim() == 2 && reply.logits.shape(0) == rows &&
            reply.logits.shape(1) == trees.context().game->num_actions(),
        "logits are not [B, A]");
  const float* wdl = reply.wdl.data();
  const float* logits = reply.logits.data();
  const Unlocked unlocked;
  trees.backup(list, wdl, logits);
  requests.answered();
}

void backup_proposals(const Exclusive& owner, PyRequests& requests, const ProposalReply& reply) {
  Requests& list = requests.to_answer(owner);
  Trees& trees = requests.asking();
  const auto rows = static_cast<py::ssize_t>(requests.size());
  check(trees.context().game == nullptr, "trees of a game take a DenseReply");
  check(is_intact(reply.wdl) && is_intact(reply.offsets) && is_intact(reply.action) &&
            is_intact(reply.prior) && is_intact(reply.player) && is_intact(reply.ends) &&
            (!reply.tokens || is_intact(*reply.tokens)) && (!reply.exact || is_intact(*reply.exact)),
        "an array of the reply has another type than when it was made");
  check(reply.wdl.ndim() == 2 && reply.wdl.shape(0) == rows && reply.wdl.shape(1) == 3, "wdl is not [B, 3]");
  check(reply.offsets.ndim() == 1 && reply.offsets.shape(0) == rows + 1, "offsets are not [B + 1]");
  const std::int64_t* offsets = reply.offsets.data();
  check(offsets[0] == 0, "offsets do not start at 0");
  for (py::ssize_t i = 0; i < rows; ++i) check(offsets[i] <= offsets[i + 1], "offsets are not ascending");
  const py::ssize_t total = offsets[rows];
  check(reply.action.size() == total && reply.prior.size() == total && reply.player.size() == total &&
            reply.ends.size() == total,
        "action, prior, player and ends do not all have offsets[-1] entries");
  for (py::ssize_t i = 0; i < total; ++i) {
    check(reply.action.data()[i] >= 0, "an action id is negative");
    const int player = reply.player.data()[i];
    check(player == 0 || player == 1, "player " + std::to_string(player) + " is neither 0 nor 1");
  }
  check(!reply.tokens || reply.tokens->size() == rows, "tokens are not [B]");
  check(!reply.exact || reply.exact->size() == rows, "exact is not [B]");
  const std::int32_t* tokens = reply.tokens ? reply.tokens->data() : nullptr;
  for (py::ssize_t i = 0; i < rows; ++i) {
    const auto row = static_cast<std::size_t>(i);
    check_request(requests, row, offsets[i + 1] - offsets[i], tokens ? &tokens[i] : nullptr);
  }
  const Proposals columns{
      0, reply.action.data(), reply.prior.data(), reply.player.data(), reply.ends.data(), false, 0};
  const bool* exact = reply.exact ? reply.exact->data() : nullptr;
  const float* wdl = reply.wdl.data();
  const Unlocked unlocked;
  trees.backup(list, wdl, offsets, columns, tokens, exact);
  requests.answered();
}

py::object RequestsFactory::give(Requests& list, const py::handle& owner) {
  auto buffer = std::find_if(buffers_.begin(), buffers_.end(),
                             [&](const PlanesBuffer& known) { return known.list == &list; });
  if (buffer == buffers_.end()) {
    buffers_.push_back({&list, {}, {}});
    buffer = std::prev(buffers_.end());
  }
  py::object requests = py::cast(PyRequests(*owner_, *trees_, list, *buffer));
  py::detail::keep_alive_impl(requests, owner);
  return requests;
}

py::dict stats_dict(const SearchStats& stats) {
  py::dict result;
  result["simulations"] = stats.simulations;
  result["evaluations"] = stats.evaluations;
  result["cache_hits"] = stats.cache_hits;
  result["terminal_hits"] = stats.terminal_hits;
  result["proven_hits"] = stats.proven_hits;
  result["transpositions"] = stats.transpositions;
  result["collisions"] = stats.collisions;
  result["bad_replies"] = stats.bad_replies;
  result["capped"] = stats.capped;
  result["tokens"] = stats.tokens;
  return result;
}

}  // namespace selfplay
