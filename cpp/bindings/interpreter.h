// The interpreter's lock, given up and taken so that threads may outlive the interpreter. Python ends a
// daemon thread that asks for the lock of an interpreter that is gone, and where that happens within C++ it
// ends the process with an error; such threads stand still instead.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>

namespace selfplay {

// Makes the threads wait from when Python's `atexit` handlers run.
void hold_threads_at_exit();

// A thread's stay in Python; it does not begin once the process ends.
class Stay {
 public:
  Stay();
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  ~Stay();
};

// Has the lock as long as it lives.
class Locked {
 public:
  Locked() = default;

 private:
  Stay stay_;
  pybind11::gil_scoped_acquire lock_;
};

// Gives the lock up as long as it lives.
class Unlocked {
 public:
  Unlocked() { released_.emplace(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;
  ~Unlocked() {
    const Stay stay;
    released_.reset();
  }

 private:
  std::optional<pybind11::gil_scoped_release> released_;
};

}  // namespace selfplay
