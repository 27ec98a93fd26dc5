// Scratch memory of one job: handed out in order, taken back all at once, kept for the next job. No allocation once the
// largest job has run.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"

namespace showtell {

class Arena {
 public:
  /// `count` floats on a cache line; undefined contents; valid until the next reset().
  float* floats(Index count);
  float* zeros(Index count);
  /// Takes everything back. Blocks that a job had to add are joined into one.
  void reset();
  Index capacity() const;

 private:
  std::vector<AlignedBuffer> blocks_;
  Index used_ = 0;  // of the last block
};

}  // namespace showtell
