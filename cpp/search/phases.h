// Where the seconds of one caller go inside the core.
#pragma once

#include <chrono>
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace selfplay {

// Of a clock that is cheap to read, in units that only their ratios are read from.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

struct Phases {
  double rules_s = 0;   // the game's rules within the way down; from the share found in the batches sampled
  double record_s = 0;  // moves chosen, played and written down; games begun and ended
  double encode_s = 0;  // planes

  bool sampling = false;  // whether the rules are being timed
  std::uint64_t rules_ticks = 0, rules_calls = 0;
  double rules_sum = 0, all_sum = 0;  // ticks of the batches sampled, older ones count less and less
  std::uint64_t batches = 0;
};

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

// Around every call of a game's rules on the way down; nothing but a branch where the batch is no sample.
class RulesTimer {
 public:
  explicit RulesTimer(Phases& phases) : phases_(phases) {
    if (phases.sampling) [[unlikely]]
      start_ = ticks();
  }
  RulesTimer(const RulesTimer&) = delete;
  RulesTimer& operator=(const RulesTimer&) = delete;
  ~RulesTimer() {
    if (!phases_.sampling) [[likely]]
      return;
    phases_.rules_ticks += ticks() - start_;
    ++phases_.rules_calls;
  }

 private:
  Phases& phases_;
  std::uint64_t start_ = 0;
};

// Around the collecting of one batch: samples the first ones and one in kEvery, and charges the rules their
// share of all.
class WalkTimer {
 public:
  explicit WalkTimer(Phases& phases) : phases_(phases) {
    phases_.sampling = phases_.batches < kFirst || phases_.batches % kEvery == 0;
    ++phases_.batches;
    phases_.rules_ticks = phases_.rules_calls = 0;
    start_ticks_ = ticks();
  }
  WalkTimer(const WalkTimer&) = delete;
  WalkTimer& operator=(const WalkTimer&) = delete;
  ~WalkTimer() {
    if (phases_.sampling) count(ticks() - start_ticks_);
    phases_.sampling = false;
    if (phases_.all_sum > 0) phases_.rules_s += phases_.rules_sum / phases_.all_sum * seconds_since(start_);
  }

 private:
  static constexpr std::uint64_t kFirst = 16;   // batches of a pool: the first ones are at the root alone
  static constexpr std::uint64_t kEvery = 127;  // a prime: moves often come in step with powers of two

  // Reading the clock takes time, too: once inside of what it measures, once beside it.
  void count(std::uint64_t all) const {
    const std::uint64_t reads = phases_.rules_calls * read_ticks();
    const bool is_sound = phases_.rules_ticks > reads && all > 2 * reads;
    constexpr double kKept = 0.8;
    phases_.rules_sum = kKept * phases_.rules_sum + (is_sound ? double(phases_.rules_ticks - reads) : 0);
    phases_.all_sum = kKept * phases_.all_sum + (is_sound ? double(all - 2 * reads) : double(all));
  }

  static std::uint64_t read_ticks() {
    static const std::uint64_t cost = [] {
      constexpr std::uint64_t kReads = 1000;
      const std::uint64_t start = ticks();
      std::uint64_t last = start;
      for (std::uint64_t i = 0; i < kReads; ++i) last = ticks();
      return (last - start) / kReads;
    }();
    return cost;
  }

  Phases& phases_;
  Instant start_ = now();
  std::uint64_t start_ticks_;
};

}  // namespace selfplay
