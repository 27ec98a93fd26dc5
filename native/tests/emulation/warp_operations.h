// Shuffles, votes and reductions over the lanes that a mask names.
#pragma once

#include <algorithm>

#include "emulation/groups.h"

namespace cuda_emulation {

template <typename T>
T shuffle(unsigned mask, T value, int source, const Place& place) {
  static_assert(sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 2, 4 or 8 bytes");
  struct Exchange {
    T value;
    int source;
    T out;
  } mine{value, source, value};
  if ((mask >> source & 1) == 0) fail(place, "a shuffle reads lane %d, which the mask %08x leaves out", source, mask);
  warp_collective(mask, "shuffle", place, &mine, [](void** payloads, const int* lanes, int count) CUDA_EMULATION_QUIET {
    Exchange* lane[32] = {};
    by_lane(payloads, lanes, count, lane);
    for (int i = 0; i < count; ++i) {
      auto* exchange = static_cast<Exchange*>(payloads[i]);
      exchange->out = lane[exchange->source]->value;
    }
  });
  return mine.out;
}

/// The lane at `offset` of this lane's section of `width` lanes; itself where the section ends before it.
inline int within(int offset, int width) {
  const int lane = self->lane;
  return offset < 0 || offset >= width ? lane : (lane & ~(width - 1)) + offset;
}
inline int offset_of_lane(int width) { return self->lane & (width - 1); }

enum class Reduction { ballot, add, min, max };

template <Reduction kind>
unsigned reduce(unsigned mask, unsigned value, const char* what, const Place& place) {
  struct Vote {
    unsigned value, out;
  } mine{value, 0};
  warp_collective(mask, what, place, &mine, [](void** payloads, const int* lanes, int count) CUDA_EMULATION_QUIET {
    unsigned result = kind == Reduction::min ? ~0u : 0;
    for (int i = 0; i < count; ++i) {
      const unsigned one = static_cast<Vote*>(payloads[i])->value;
      if (kind == Reduction::ballot) result |= static_cast<unsigned>(one != 0) << lanes[i];
      if (kind == Reduction::add) result += one;
      if (kind == Reduction::min) result = std::min(result, one);
      if (kind == Reduction::max) result = std::max(result, one);
    }
    for (int i = 0; i < count; ++i) static_cast<Vote*>(payloads[i])->out = result;
  });
  return mine.out;
}

}  // namespace cuda_emulation

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32,
              cuda_emulation::Place place = cuda_emulation::Place::here()) {
  return cuda_emulation::shuffle(mask, value, cuda_emulation::within(lane & (width - 1), width), place);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int distance, int width = 32,
                  cuda_emulation::Place place = cuda_emulation::Place::here()) {
  const int to = cuda_emulation::offset_of_lane(width) ^ distance;
  return cuda_emulation::shuffle(mask, value, cuda_emulation::within(to, width), place);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int distance, int width = 32,
                   cuda_emulation::Place place = cuda_emulation::Place::here()) {
  const int to = cuda_emulation::offset_of_lane(width) + distance;
  return cuda_emulation::shuffle(mask, value, cuda_emulation::within(to, width), place);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, int distance, int width = 32,
                 cuda_emulation::Place place = cuda_emulation::Place::here()) {
  const int to = cuda_emulation::offset_of_lane(width) - distance;
  return cuda_emulation::shuffle(mask, value, cuda_emulation::within(to, width), place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              cuda_emulation::Place place = cuda_emulation::Place::here()) {
  return cuda_emulation::reduce<cuda_emulation::Reduction::ballot>(mask, predicate != 0, "vote", place);
}
inline int __any_sync(unsigned mask, int predicate, cuda_emulation::Place place = cuda_emulation::Place::here()) {
  return __ballot_sync(mask, predicate, place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, cuda_emulation::Place place = cuda_emulation::Place::here()) {
  return __ballot_sync(mask, predicate, place) == __ballot_sync(mask, 1, place);
}
