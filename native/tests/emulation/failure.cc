#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "emulation/block.h"

namespace cuda_emulation {

namespace {

[[noreturn]] void end(const Place* place, const char* format, va_list values) {
  std::fprintf(stderr, "cuda emulation: ");
  if (place != nullptr) std::fprintf(stderr, "%s:%d: ", place->file, place->line);
  std::vfprintf(stderr, format, values);
  if (self != nullptr) {
    const uint3 &t = self->thread, &b = self->block_index;
    std::fprintf(stderr, " [thread %u,%u,%u of block %u,%u,%u; grid %u,%u,%u]", t.x, t.y, t.z, b.x, b.y, b.z, gridDim.x,
                 gridDim.y, gridDim.z);
  }
  std::fprintf(stderr, "\n");
  std::fflush(nullptr);
  std::_Exit(kFailureStatus);
}

}  // namespace

void fail(const Place& place, const char* format, ...) {
  va_list values;
  va_start(values, format);
  end(&place, format, values);
}

void fail(const char* format, ...) {
  va_list values;
  va_start(values, format);
  end(nullptr, format, values);
}

}  // namespace cuda_emulation
