// A test harness of one page.
//
//   TEST(connect4_perft) { CHECK_EQ(perft(*Connect4().initial(), 1), 7u); }
//
// A failed CHECK names the file, the line and both values; the test goes on, the run ends with code 1.
#pragma once

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace selfplay::testing {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

// Counts the failure and prints it.
void report(const char* file, int line, const std::string& message);

struct Registration {
  Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

template <typename A, typename B>
void check_equal(const A& actual, const B& expected, const char* text, const char* file, int line) {
  if (actual == expected) return;
  std::ostringstream message;
  message << text << "\n  is       " << actual << "\n  expected " << expected;
  report(file, line, message.str());
}

inline void check_near(double actual, double expected, double tolerance, const char* text, const char* file,
                       int line) {
  if (std::abs(actual - expected) <= tolerance) return;
  std::ostringstream message;
  message << text << "\n  is       " << actual << "\n  expected " << expected << " +- " << tolerance;
  report(file, line, message.str());
}

}  // namespace selfplay::testing

#define TEST(name)                                                                         \
  static void test_##name();                                                               \
  static const ::selfplay::testing::Registration registration_##name(#name, &test_##name); \
  static void test_##name()

#define CHECK(condition) \
  if (!(condition)) ::selfplay::testing::report(__FILE__, __LINE__, #condition)
#define CHECK_EQ(actual, expected) \
  ::selfplay::testing::check_equal(actual, expected, #actual, __FILE__, __LINE__)
#define CHECK_NEAR(actual, expected, tolerance) \
  ::selfplay::testing::check_near(actual, expected, tolerance, #actual, __FILE__, __LINE__)
// The message of the exception must contain `part`, so that another error does not pass for this one.
#define CHECK_THROWS(expression, type, part)                                               \
  try {                                                                                    \
    static_cast<void>(expression);                                                         \
    ::selfplay::testing::report(__FILE__, __LINE__, #expression " does not throw");        \
  } catch (const type& error) {                                                            \
    const std::string text = error.what();                                                 \
    if (text.find(part) == std::string::npos)                                              \
      ::selfplay::testing::report(__FILE__, __LINE__, #expression " says '" + text + "'"); \
  }
