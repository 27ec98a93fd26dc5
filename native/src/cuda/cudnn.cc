#include "cuda/cudnn.h"

#include <cstdlib>
#include <optional>

namespace showtell::cuda {

namespace {

struct Search {
  std::optional<Cudnn> found;
  std::string absence;
};

Search look() {
  const char* variable = std::getenv("SHOWTELL_CUDNN");
  const std::string wish = variable == nullptr || *variable == '\0' ? "auto" : variable;
  if (wish == "none") return {std::nullopt, "SHOWTELL_CUDNN is none"};
  if (wish != "auto") throw Error(ErrorCode::option, expected("auto or none", "SHOWTELL_CUDNN", wish));
  try {
    const Cudnn library = load_cudnn();
    try_cudnn(library);
    return {library, ""};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unavailable) throw;  // a device that is full now may have room later
    return {std::nullopt, error.what()};
  }
}

const Search& search() {
  static const auto* const found = new Search(look());
  return *found;
}

}  // namespace

const Cudnn* cudnn() { return search().found ? &*search().found : nullptr; }
std::string cudnn_absence() { return search().absence; }

}  // namespace showtell::cuda
