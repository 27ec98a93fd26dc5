// What every CPU op is given. Ops are overloaded on their context: another device brings its own context and its own
// definitions of the same names in <op>_<device> files.
#pragma once

#include "base/arena.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace showtell {

struct CpuContext {
  ThreadPool& pool = ThreadPool::shared();
  const Kernels& kernels = showtell::kernels();
  Arena arena;
};

}  // namespace showtell
