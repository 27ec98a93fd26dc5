// A test runner in one header: TEST(name) { CHECK(...); CHECK_NEAR(actual, wanted, tolerance); }. Any failure makes the
// process exit 1 after all tests have run. A test's name may be given as an argument.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*body)();
};
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
inline int& failures() {
  static int count = 0;
  return count;
}
struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};
inline void fail(const char* file, int line, const char* text) {
  ++failures();
  std::printf("  %s:%d: %s\n", file, line, text);
}
inline void near(const char* file, int line, const char* text, double actual, double wanted, double tolerance) {
  if (std::fabs(actual - wanted) <= tolerance) return;
  ++failures();
  std::printf("  %s:%d: %s is %.9g, not %.9g (off by %.3g, allowed %.3g)\n", file, line, text, actual, wanted,
              std::fabs(actual - wanted), tolerance);
}

inline int run(int argc, char** argv) {
  int failed_tests = 0;
  for (const auto& test : tests()) {
    if (argc > 1 && std::strcmp(argv[1], test.name) != 0) continue;
    const int before = failures();
    try {
      test.body();
    } catch (const std::exception& error) {
      fail(test.name, 0, error.what());
    }
    const bool passed = failures() == before;
    std::printf("%s %s\n", passed ? "ok    " : "FAILED", test.name);
    if (!passed) ++failed_tests;
  }
  return failed_tests == 0 ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                                          \
  static void test_##name();                                                \
  static const check::Registration registration_##name(#name, test_##name); \
  static void test_##name()
#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition); \
  } while (false)
#define CHECK_NEAR(actual, wanted, tolerance) check::near(__FILE__, __LINE__, #actual, actual, wanted, tolerance)
#define CHECK_THROWS(statement, wanted_code)                                          \
  do {                                                                                \
    bool thrown = false;                                                              \
    try {                                                                             \
      statement;                                                                      \
    } catch (const showtell::Error& error) {                                          \
      thrown = error.code() == wanted_code;                                           \
    }                                                                                 \
    if (!thrown) check::fail(__FILE__, __LINE__, #statement " throws " #wanted_code); \
  } while (false)
#define TEST_MAIN \
  int main(int argc, char** argv) { return check::run(argc, argv); }
