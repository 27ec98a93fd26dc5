// NVIDIA's libraries, opened at run time: the addon loads on every machine and says what is missing.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace showtell::cuda {

/// What is looked for, best first.
struct LibraryName {
  std::string title;               // "cuBLASLt"
  std::vector<std::string> files;  // "libcublasLt.so.13", ...
  std::string package;             // of pip, for the hint
};

/// Folders beside the loader's own, in this order: SHOWTELL_CUDA_LIBRARIES (folders with colons between them), then,
/// unless that is set, the toolkit's and those of pip's wheels.
std::vector<std::string> library_folders();

class Library {
 public:
  /// Throws an unavailable error that names the library, what was tried and how to get it. Stays open for ever.
  explicit Library(const LibraryName& name);

  /// Throws an unavailable error where the library has no such symbol.
  template <typename Function>
  void find(const char* symbol, Function& out) const {
    out = reinterpret_cast<Function>(address(symbol));
  }
  const std::string& path() const { return path_; }

 private:
  void* address(const char* symbol) const;

  std::string title_, package_, path_;
  void* handle_ = nullptr;
};

}  // namespace showtell::cuda
