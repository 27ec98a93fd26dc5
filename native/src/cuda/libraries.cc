#include "cuda/libraries.h"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>
#include <sstream>

namespace showtell::cuda {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void add_matches(const std::string& pattern, std::vector<std::string>& folders) {
  glob_t found = {};
  if (glob(pattern.c_str(), GLOB_ONLYDIR, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) folders.emplace_back(found.gl_pathv[i]);
  }
  globfree(&found);
}

std::vector<std::string> named_folders(const std::string& list) {
  std::vector<std::string> folders;
  std::istringstream stream(list);
  for (std::string folder; std::getline(stream, folder, ':');) {
    if (!folder.empty()) folders.push_back(folder);
  }
  return folders;
}

}  // namespace

std::vector<std::string> library_folders() {
  const std::string named = variable("SHOWTELL_CUDA_LIBRARIES");
  if (!named.empty()) return named_folders(named);
  std::vector<std::string> folders;
  for (const std::string& root : {variable("CUDA_PATH"), std::string("/usr/local/cuda")}) {
    if (root.empty()) continue;
    add_matches(root + "/lib64", folders);
    add_matches(root + "/targets/*/lib", folders);
  }
  for (const std::string& root : {variable("VIRTUAL_ENV"), variable("CONDA_PREFIX"), variable("HOME") + "/.local",
                                  std::string("/usr/local"), std::string("/usr")}) {
    if (root.empty()) continue;
    for (const char* packages : {"/lib/python3*/site-packages", "/lib/python3*/dist-packages"})
      add_matches(root + packages + "/nvidia/*/lib", folders);
  }
  return folders;
}

Library::Library(const LibraryName& name) : title_(name.title), package_(name.package) {
  std::string reason;
  const auto try_open = [&](const std::string& path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) {
      path_ = path;
      return true;
    }
    const char* text = dlerror();
    // Of a file that is there: why it cannot be used says more than that others are missing.
    if (text != nullptr && std::string(text).find("No such file") == std::string::npos) reason = text;
    return false;
  };
  const std::vector<std::string> folders = library_folders();
  for (const std::string& file : name.files) {
    for (const std::string& folder : folders) {
      if (try_open(folder + "/" + file)) return;
    }
    if (variable("SHOWTELL_CUDA_LIBRARIES").empty() && try_open(file)) return;
  }
  std::string files;
  for (const std::string& file : name.files) files += (files.empty() ? "" : " or ") + file;
  throw Error(ErrorCode::unavailable, "Expected " + name.title + " (" + files + ") but " +
                                          (reason.empty() ? "found none" : "it failed to load: " + reason) +
                                          ". Hint: pip install " + name.package +
                                          ", or name its folder in SHOWTELL_CUDA_LIBRARIES.");
}

void* Library::address(const char* symbol) const {
  void* found = dlsym(handle_, symbol);
  if (found != nullptr) return found;
  throw Error(ErrorCode::unavailable, "Expected " + title_ + " with the function " + symbol + " but " + path_ +
                                          " has none. Hint: pip install " + package_ + ".");
}

}  // namespace showtell::cuda
