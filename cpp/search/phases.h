// Where the seconds of one caller go inside the core.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace selfplay {

using Instant = std::chrono::steady_clock::time_point;
inline Instant now() { return std::chrono::steady_clock::now(); }
inline double seconds_since(Instant start) { return std::chrono::duration<double>(now() - start).count(); }

// Adds the seconds of its own life.
class SecondsTimer {
 public:
  explicit SecondsTimer(double& sum) : sum_(sum) {}
  SecondsTimer(const SecondsTimer&) = delete;
  SecondsTimer& operator=(const SecondsTimer&) = delete;
  ~SecondsTimer() { sum_ += seconds_since(start_); }

 private:
  double& sum_;
  Instant start_ = now();
};

// The rules of a game take too little time a call for a clock, and are mixed into the way down: of some
// batches they are done once more on their own, and that share is charged of all.
class Phases {
 public:
  double rules_s = 0;   // the game's rules within the way down
  double record_s = 0;  // moves chosen, played and written down; games begun and ended
  double encode_s = 0;  // planes

  // Whether the rules of the batch just collected are to be timed.
  bool samples() { return batches_ < kFirst ? ++batches_ : batches_++ % kEvery == 0; }

  // What a sample found: the rules of a batch, of all the seconds that it took. Older samples fade.
  void add_sample(double rules, double all) {
    constexpr double kKept = 0.8;
    rules_ = kKept * rules_ + std::min(rules, all);
    all_ = kKept * all_ + all;
  }

  // A batch was collected in so many seconds.
  void add_walk(double seconds) {
    if (all_ > 0) rules_s += rules_ / all_ * seconds;
  }

 private:
  static constexpr std::uint64_t kFirst = 16;   // batches of a pool: the first ones are at the root alone
  static constexpr std::uint64_t kEvery = 127;  // a prime: moves often come in step with powers of two

  std::uint64_t batches_ = 0;
  double rules_ = 0, all_ = 0;
};

}  // namespace selfplay
