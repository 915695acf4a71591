// Runs every test, or those whose names contain one of the arguments.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string_view>

#include "tests/test.h"

namespace selfplay::testing {

namespace {

int failures = 0;

bool is_wanted(std::string_view name, int argc, char** argv) {
  return argc < 2 || std::any_of(
                         argv + 1, argv + argc,
                         [&](const char* part) { return name.find(part) != std::string_view::npos; });
}

bool passes(const Test& test) {
  const int before = failures;
  const auto start = std::chrono::steady_clock::now();
  try {
    test.run();
  } catch (const std::exception& error) {
    report(test.name, 0, std::string("throws ") + error.what());
  }
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  const bool passed = failures == before;
  std::printf("%s %s (%.0f ms)\n", passed ? "ok    " : "FAILED", test.name, elapsed.count());
  return passed;
}

}  // namespace

void report(const char* file, int line, const std::string& message) {
  ++failures;
  std::printf("%s:%d: %s\n", file, line, message.c_str());
}

}  // namespace selfplay::testing

int main(int argc, char** argv) {
  using selfplay::testing::tests;
  int run = 0, failed = 0;
  for (const selfplay::testing::Test& test : tests()) {
    if (!selfplay::testing::is_wanted(test.name, argc, argv)) continue;
    ++run;
    failed += !selfplay::testing::passes(test);
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return failed > 0 || run == 0;
}
