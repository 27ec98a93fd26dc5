// The host's side of the device: memory, streams, graphs, typed errors.
#pragma once

#include "cuda/error.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
