#include "core/random.h"

#include <array>
#include <set>

#include "tests/test.h"

namespace selfplay {

namespace {

struct Moments {
  double mean;
  double variance;
};

template <typename Draw>
Moments moments(int count, Draw draw) {
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / count;
  return {mean, squares / count - mean * mean};
}

constexpr int kDraws = 200'000;

}  // namespace

TEST(random_mix_is_splitmix64) {
  // The first outputs of SplitMix64 seeded with 0, as published with its reference code.
  CHECK_EQ(mix(0), 0xe220a8397b1dcdafULL);
  CHECK_EQ(mix(0x9e3779b97f4a7c15ULL), 0x6e789e6aa1b965f4ULL);
  CHECK_EQ(mix(2 * 0x9e3779b97f4a7c15ULL), 0x06c45d188009454fULL);
}

TEST(random_streams_repeat_and_differ) {
  Random a(7), b(7), c(8);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t x = a.next();
    CHECK_EQ(x, b.next());
    CHECK(x != c.next());
    seen.insert(x);
  }
  CHECK_EQ(seen.size(), 1000u);
}

TEST(random_derived_seeds_name_their_path) {
  CHECK_EQ(derive_seed(1, {2, 3}), derive_seed(1, {2, 3}));
  CHECK(derive_seed(1, {2, 3}) != derive_seed(1, {3, 2}));
  CHECK(derive_seed(1, {2}) != derive_seed(2, {2}));
  CHECK(derive_seed(1, {2}) != derive_seed(1, {2, 0}));
  CHECK_EQ(derive_seed(1, {2, 3}), derive_seed(derive_seed(1, {2}), {3}));
}

TEST(random_below_is_even) {
  Random random(11);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  // Five standard deviations of a binomial count: sqrt(70000 * 1/7 * 6/7) = 92.6.
  for (const int count : counts) CHECK_NEAR(count, 10'000, 463);
  for (int i = 0; i < 100; ++i) CHECK_EQ(random.below(1), 0u);
}

TEST(random_uniform_stays_in_its_interval) {
  Random random(12);
  double low = 1, high = 0;
  const Moments found = moments(kDraws, [&] {
    const double x = random.uniform();
    low = std::min(low, x);
    high = std::max(high, x);
    return x;
  });
  CHECK(low >= 0 && low < 0.001);
  CHECK(high < 1 && high > 0.999);
  CHECK_NEAR(found.mean, 0.5, 0.004);
  CHECK_NEAR(found.variance, 1.0 / 12, 0.001);
}

TEST(random_normal_has_its_moments) {
  Random random(13);
  double cubes = 0;
  const Moments found = moments(kDraws, [&] {
    const double x = random.normal();
    cubes += x * x * x;
    return x;
  });
  CHECK_NEAR(found.mean, 0, 0.012);
  CHECK_NEAR(found.variance, 1, 0.016);
  CHECK_NEAR(cubes / kDraws, 0, 0.045);
}

TEST(random_gamma_has_its_moments) {
  for (const double shape : {0.05, 0.3, 1.0, 1.4, 10.0}) {
    Random random(14);
    const Moments found = moments(kDraws, [&] { return random.gamma(shape); });
    // Mean and variance of Gamma(shape, 1) are its shape; the variance of the variance is
    // (mu4 - var^2) / n with mu4 = 3 shape^2 + 6 shape.
    CHECK_NEAR(found.mean, shape, 5 * std::sqrt(shape / kDraws));
    CHECK_NEAR(found.variance, shape, 5 * std::sqrt((2 * shape * shape + 6 * shape) / kDraws));
  }
}

}  // namespace selfplay
