// CUDA on the CPU, for tests: a .cu file compiled by the host compiler (g++ -x c++ -DCUDA_EMULATION) finds here what
// nvcc and cuda_runtime.h give it otherwise. One fibre per CUDA thread; a thread runs until it meets a barrier, a warp
// operation or its end. The order of threads, the moment at which asynchronous copies land and the order of independent
// stream work are knobs (schedule.h), so that a missing barrier or wait shows as a wrong result. Memory starts as 0xFF
// bytes (NaN). Whatever CUDA leaves undefined ends the process with one line that names the place, the thread and the
// block.
//
// One host thread only. __activemask and spinning on a flag are not offered: their meaning is luck on the device, too.
#pragma once

#include "emulation/arithmetic.h"
#include "emulation/asynchronous.h"
#include "emulation/atomics.h"
#include "emulation/groups.h"
#include "emulation/half_precision.h"
#include "emulation/language.h"
#include "emulation/place.h"
#include "emulation/runtime_api.h"
#include "emulation/schedule.h"
#include "emulation/warp_operations.h"
