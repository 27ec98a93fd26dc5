// Device memory: every buffer ends at a page that cannot be touched, and none can be touched while the host runs.
#pragma once

#include <cstddef>

#include "emulation/place.h"

namespace cuda_emulation {

bool is_device_address(const void* p);
/// Ends the process unless p[0, bytes) lies within one buffer.
void check_device_span(const char* what, const void* p, std::size_t bytes);
/// Around the work of streams.
void open_device_memory();
void close_device_memory();

}  // namespace cuda_emulation
