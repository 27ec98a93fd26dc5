// Where in the source of a kernel an operation stands, and the end of a program that did what CUDA leaves undefined.
#pragma once

#include <cstring>

namespace cuda_emulation {

/// As a default argument, the place of the call.
struct Place {
  const char* file = "";
  int line = 0;
  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
  bool operator==(const Place& other) const { return line == other.line && std::strcmp(file, other.file) == 0; }
};

/// Prints one line, with the running thread and block, and ends the process with status 99.
[[noreturn]] void fail(const Place& place, const char* format, ...) __attribute__((format(printf, 2, 3)));
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2), visibility("default")));

constexpr int kFailureStatus = 99;

}  // namespace cuda_emulation
