// Requests as Python sees them, and the arrays that go with a batch.
#pragma once

#include "bindings/bindings.h"
#include "search/forest.h"

namespace selfplay {

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// A batch of a forest. Its planes live in a buffer that the next batch in the same list uses again; the
// array is the same object while the number of rows stays the same.
class Batch {
 public:
  Batch(Exclusive& owner, Forest& forest, RequestList& list)
      : owner_(&owner), forest_(&forest), list_(&list) {}

  // Calls a method while nothing else uses the trees that ask; they are what is exclusive, not a batch of
  // theirs, so that a reply may be handed to both.
  template <auto method>
  static auto guarded() {
    return [](Batch& batch) {
      const Exclusive::Use use(*batch.owner_);
      return (batch.*method)();
    };
  }

  void renew() { encoded_ = false; }
  std::size_t size() const { return list_->size(); }
  Exclusive& owner() const { return *owner_; }
  Forest& forest() const { return *forest_; }
  RequestList& list() const { return *list_; }
  py::array kinds() const;
  py::array trees() const;
  py::array counts() const;
  py::array planes();
  py::array legal() const;
  py::array nodes() const;
  py::array known() const;
  py::array fruitless() const;
  py::array needs_value() const;
  py::tuple paths() const;
  std::vector<Action> path(std::size_t index) const;

 private:
  const Node& node(const Request& request) const;

  Exclusive* owner_;
  Forest* forest_;
  RequestList* list_;
  py::array_t<float> buffer_;
  py::array_t<float> planes_;  // the rows of the buffer that this batch fills
  bool encoded_ = false;
};

// What Python holds of a forest's lists of requests: one batch for each.
class Batches {
 public:
  Batches(Exclusive& owner, Forest& forest) : owner_(&owner), forest_(&forest) {}

  Batch& of(RequestList& list) {
    for (Batch& batch : batches_) {
      if (&batch.list() != &list) continue;
      batch.renew();
      return batch;
    }
    return batches_.emplace_back(*owner_, *forest_, list);
  }

 private:
  Exclusive* owner_;
  Forest* forest_;
  std::deque<Batch> batches_;
};

struct DenseReply {
  py::array_t<float, py::array::c_style> wdl;
  py::array_t<float, py::array::c_style> logits;
};

struct ProposalReply {
  py::array_t<float, py::array::c_style> wdl;
  py::array_t<std::int64_t, py::array::c_style> offsets;
  py::array_t<std::int32_t, py::array::c_style> action;
  py::array_t<float, py::array::c_style> prior;
  py::array_t<std::int8_t, py::array::c_style> player;
  py::array_t<bool, py::array::c_style> ends;
  std::optional<py::array_t<std::int32_t, py::array::c_style>> tokens;
  std::optional<py::array_t<bool, py::array::c_style>> exact;
};

// Hand a reply to the forest that asked, which `owner` has; ValueError where it does not fit the batch, or
// another asked.
void backup_dense(const Exclusive& owner, Batch& batch, const DenseReply& reply);
void backup_proposals(const Exclusive& owner, Batch& batch, const ProposalReply& reply);

template <>
inline constexpr bool is_bound<Batch> = true;
template <>
inline constexpr bool is_bound<DenseReply> = true;
template <>
inline constexpr bool is_bound<ProposalReply> = true;
template <>
inline constexpr bool is_bound<SearchParams> = true;

py::dict stats_dict(const SearchStats& stats);

template <typename T>
py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace selfplay
