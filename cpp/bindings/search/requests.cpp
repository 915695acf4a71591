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
py::array_t<T> column(const Batch& batch, Field field) {
  py::array_t<T> result(static_cast<py::ssize_t>(batch.size()));
  T* out = result.mutable_data();
  for (const Request& request : batch.list()) *out++ = field(request);
  return result;
}

// Whether one request got no more moves than it asked for, at no higher cost than was set aside for them.
void check_request(Batch& batch, std::size_t row, std::int64_t moves, const std::int32_t* tokens) {
  Forest& forest = batch.forest();
  const Request& request = batch.list()[row];
  const Leaf& leaf = forest.leaf(request);
  const std::string name = "request " + std::to_string(row);
  check(moves <= leaf.count,
        name + " asked for " + std::to_string(leaf.count) + " moves and got " + std::to_string(moves));
  check(!tokens || *tokens >= 0, name + " cost a negative number of tokens");
  if (!forest.tree(static_cast<std::size_t>(request.tree)).tokens().budget) return;
  check(tokens, "a tree has a budget of tokens, and the reply does not say how many it spent");
  check(*tokens <= leaf.reserved,
        name + " may cost " + std::to_string(leaf.reserved) + " tokens and cost " + std::to_string(*tokens));
}

const RequestList kNone;

}  // namespace

const RequestList& Batch::list() const { return list_->number == number_ ? *list_ : kNone; }

RequestList& Batch::to_answer(const Exclusive& owner) {
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

py::array Batch::kinds() const {
  return column<std::uint8_t>(*this, [this](const Request& request) {
    return static_cast<std::uint8_t>(forest_->leaf(request).kind);
  });
}

py::array Batch::trees() const {
  return column<std::int32_t>(*this, [](const Request& request) { return request.tree; });
}

py::array Batch::counts() const {
  return column<std::int32_t>(*this, [this](const Request& request) { return forest_->leaf(request).count; });
}

const Node& Batch::node(const Request& request) const {
  return forest_->tree(static_cast<std::size_t>(request.tree)).node(forest_->leaf(request).node);
}

py::array Batch::nodes() const {
  return column<std::int64_t>(*this, [this](const Request& request) { return forest_->leaf(request).node; });
}

py::array Batch::known() const {
  return column<std::int32_t>(*this, [this](const Request& request) { return node(request).num_edges; });
}

py::array Batch::fruitless() const {
  return column<std::int32_t>(*this, [this](const Request& request) { return node(request).fruitless; });
}

py::array Batch::needs_value() const {
  return column<bool>(*this, [this](const Request& request) { return !forest_->leaf(request).widening; });
}

py::tuple Batch::paths() const {
  std::vector<std::int64_t> offsets{0};
  std::vector<Action> actions;
  for (const Request& request : list()) {
    const Tree& tree = forest_->tree(static_cast<std::size_t>(request.tree));
    const std::vector<Action> path = tree.path_actions(forest_->leaf(request));
    actions.insert(actions.end(), path.begin(), path.end());
    offsets.push_back(static_cast<std::int64_t>(actions.size()));
  }
  return py::make_tuple(to_array(offsets), to_array(actions));
}

py::array Batch::planes() {
  check(forest_->context().game != nullptr, "a proposed tree has no planes");
  auto& [_, memory, view] = *buffer_;
  const PlanesShape shape = forest_->context().game->planes_shape();
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
    const SecondsTimer timer(forest_->context().phases.encode_s);
    forest_->encode(list(), data);
  }
  encoded_ = true;
  return view;
}

py::array Batch::legal() const {
  check(forest_->context().game != nullptr, "a proposed tree has no legal mask");
  py::array_t<bool> mask({static_cast<int>(size()), forest_->context().game->num_actions()});
  forest_->legal(list(), mask.mutable_data());
  return mask;
}

std::vector<Action> Batch::path(std::size_t index) const {
  if (index >= size())
    throw py::index_error("request " + std::to_string(index) + " of " + std::to_string(size()));
  const Request& request = list()[index];
  const Tree& tree = forest_->tree(static_cast<std::size_t>(request.tree));
  return tree.path_actions(forest_->leaf(request));
}

void backup_dense(const Exclusive& owner, Batch& batch, const DenseReply& reply) {
  RequestList& list = batch.to_answer(owner);
  Forest& forest = batch.forest();
  const auto rows = static_cast<py::ssize_t>(batch.size());
  check(forest.context().game != nullptr, "proposed trees take a ProposalReply");
  check(is_intact(reply.wdl) && is_intact(reply.logits), "wdl or logits are no longer arrays of float32");
  check(reply.wdl.ndim() == 2 && reply.wdl.shape(0) == rows && reply.wdl.shape(1) == 3, "wdl is not [B, 3]");
  check(reply.logits.ndim() == 2 && reply.logits.shape(0) == rows &&
            reply.logits.shape(1) == forest.context().game->num_actions(),
        "logits are not [B, A]");
  const float* wdl = reply.wdl.data();
  const float* logits = reply.logits.data();
  const Unlocked unlocked;
  forest.backup(list, wdl, logits);
  batch.answered();
}

void backup_proposals(const Exclusive& owner, Batch& batch, const ProposalReply& reply) {
  RequestList& list = batch.to_answer(owner);
  Forest& forest = batch.forest();
  const auto rows = static_cast<py::ssize_t>(batch.size());
  check(forest.context().game == nullptr, "trees of a game take a DenseReply");
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
    check_request(batch, row, offsets[i + 1] - offsets[i], tokens ? &tokens[i] : nullptr);
  }
  const Proposals columns{
      0, reply.action.data(), reply.prior.data(), reply.player.data(), reply.ends.data(), false, 0};
  const bool* exact = reply.exact ? reply.exact->data() : nullptr;
  const float* wdl = reply.wdl.data();
  const Unlocked unlocked;
  forest.backup(list, wdl, offsets, columns, tokens, exact);
  batch.answered();
}

py::object Batches::give(RequestList& list, const py::handle& owner) {
  auto buffer = std::find_if(buffers_.begin(), buffers_.end(),
                             [&](const PlanesBuffer& known) { return known.list == &list; });
  if (buffer == buffers_.end()) {
    buffers_.push_back({&list, {}, {}});
    buffer = std::prev(buffers_.end());
  }
  py::object batch = py::cast(Batch(*owner_, *forest_, list, *buffer));
  py::detail::keep_alive_impl(batch, owner);
  return batch;
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
