// Requests as Python sees them, and the arrays that go with them.
#pragma once

#include "bindings/bindings.h"
#include "search/trees.h"

namespace selfplay {

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// The memory of a batch's planes, which the next batch in the same list uses again.
struct PlanesBuffer {
  const Requests* list;
  py::array_t<float> memory;
  py::array_t<float> view;  // the rows that the last batch filled
};

// A batch that trees have given out, until it is answered or forgotten; it is empty then.
class PyRequests {
 public:
  PyRequests(Exclusive& owner, Trees& trees, Requests& list, PlanesBuffer& buffer)
      : owner_(&owner),
        trees_(&trees),
        list_(&list),
        buffer_(&buffer),
        number_(list.number),
        asked_(list.size()) {}

  // Calls a method while nothing else uses the trees that ask; they are what is exclusive, not a batch of
  // theirs, so that a reply may be handed to both.
  template <auto method>
  static auto guarded() {
    return [](PyRequests& requests) {
      const Exclusive::Use use(*requests.owner_);
      return (requests.*method)();
    };
  }

  std::size_t size() const { return list().size(); }
  Exclusive& owner() const { return *owner_; }
  Trees& asking() const { return *trees_; }
  const Requests& list() const;
  // Hands the list to what answers it. InputError where `owner` is not who asked, and where nothing waits for
  // an answer any more.
  Requests& to_answer(const Exclusive& owner);
  void answered() { answered_ = true; }
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
  Trees* trees_;
  Requests* list_;
  PlanesBuffer* buffer_;
  std::uint64_t number_;  // of the list as long as it holds this batch
  std::size_t asked_;     // requests at first
  bool encoded_ = false;
  bool answered_ = false;
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

// Hand a reply to the trees that asked, which `owner` has. InputError where `owner` waits for no answer to
// the requests, ValueError where the reply does not fit it; nothing has changed then.
void backup_dense(const Exclusive& owner, PyRequests& requests, const DenseReply& reply);
void backup_proposals(const Exclusive& owner, PyRequests& requests, const ProposalReply& reply);

template <>
inline constexpr bool is_bound<PyRequests> = true;
template <>
inline constexpr bool is_bound<DenseReply> = true;
template <>
inline constexpr bool is_bound<ProposalReply> = true;
template <>
inline constexpr bool is_bound<SearchParams> = true;

// Makes what Python is given of the batches of trees.
class RequestsFactory {
 public:
  RequestsFactory(Exclusive& owner, Trees& trees) : owner_(&owner), trees_(&trees) {}

  // A batch that has just been selected; it keeps `owner` alive, the object in Python that has the trees.
  py::object give(Requests& list, const py::handle& owner);

 private:
  Exclusive* owner_;
  Trees* trees_;
  std::deque<PlanesBuffer> buffers_;
};

py::dict stats_dict(const SearchStats& stats);

template <typename T>
py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace selfplay
