// The one exception type of the native code. Messages are sentences for the user; the code decides the JavaScript error
// class.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace showtell {

using Index = std::int64_t;

enum class ErrorCode { shape, option, disposed, unavailable, memory };

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// The name that JavaScript sees as `error.code`.
inline const char* name_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::shape:
      return "shape";
    case ErrorCode::option:
      return "option";
    case ErrorCode::disposed:
      return "disposed";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::memory:
      return "memory";
  }
  return "option";
}

/// `Expected <what> for <name> but received <actual>.`
inline std::string expected(const std::string& what, const std::string& name, const std::string& actual) {
  return "Expected " + what + " for " + name + " but received " + actual + ".";
}

/// What every search and draw throws where a row of logits holds NaN or infinity.
inline Error logits_not_finite() {
  return {ErrorCode::option, expected("finite logits", "the next token", "NaN or infinity")};
}

}  // namespace showtell
