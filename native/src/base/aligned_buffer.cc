#include "base/aligned_buffer.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace showtell {

namespace {

constexpr Index kHugePage = Index{1} << 21;

/// Smaller arrays would leave more of a huge page empty than they use.
bool takes_huge_pages(Index size) { return size * static_cast<Index>(sizeof(float)) > kHugePage / 2; }

std::align_val_t alignment_of(Index size) { return std::align_val_t(takes_huge_pages(size) ? kHugePage : kAlignment); }

}  // namespace

float* AlignedBuffer::allocate(Index size) {
  const Index bytes = round_up(size * static_cast<Index>(sizeof(float)), static_cast<Index>(alignment_of(size)));
  void* data = ::operator new(static_cast<std::size_t>(bytes), alignment_of(size));
#if defined(__linux__)
  // Advice: where it is not taken, small pages do the same more slowly.
  if (takes_huge_pages(size)) madvise(data, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);
#endif
  return static_cast<float*>(data);
}

void AlignedBuffer::release(float* data, Index size) noexcept { ::operator delete(data, alignment_of(size)); }

}  // namespace showtell
