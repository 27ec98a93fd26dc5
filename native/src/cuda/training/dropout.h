// Dropout masks drawn from counters where they are used, never stored: Philox4x32-10 (Salmon et al. 2011), bit for bit
// packages/core/src/decoder/dropout-mask.ts.
#pragma once

#include "cuda/training/element.h"
#include "cuda/training/step.h"

namespace showtell::cuda {

/// How a matrix row's place becomes the row and step of its mask.
enum class MaskPlace : std::int32_t {
  time_major,  // place = step * period + row
  sequence,    // the same, one mask for all steps
  cell_major,  // place = row * period + step
};

/// One mask over a matrix. No dropout where `scale` is 0.
struct DropoutMask {
  const StepInputs* inputs = nullptr;  // the seed
  std::uint32_t stream = 0, threshold = 0;
  float scale = 0;
  MaskPlace place = MaskPlace::time_major;
  std::int32_t period = 1;
  const std::int32_t* places = nullptr;  // place of each matrix row; null: the row itself
};

/// The four words that decide over columns 4 * group ... 4 * group + 3.
inline __device__ void draw_words(const DropoutMask& mask, int matrix_row, int group, std::uint32_t (&words)[4]) {
  const int place = mask.places == nullptr ? matrix_row : mask.places[matrix_row];
  const int quotient = place / mask.period, rest = place % mask.period;
  std::uint32_t row = static_cast<std::uint32_t>(rest), step = static_cast<std::uint32_t>(quotient);
  if (mask.place == MaskPlace::sequence) step = 0;
  if (mask.place == MaskPlace::cell_major) {
    row = static_cast<std::uint32_t>(quotient);
    step = static_cast<std::uint32_t>(rest);
  }
  std::uint32_t c0 = static_cast<std::uint32_t>(group), c1 = row, c2 = step, c3 = mask.stream;
  std::uint32_t key0 = mask.inputs->seed_low, key1 = mask.inputs->seed_high;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xd2511f53u} * c0;
    const std::uint64_t product1 = std::uint64_t{0xcd9e8d57u} * c2;
    c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ key0;
    c1 = static_cast<std::uint32_t>(product1);
    c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ key1;
    c3 = static_cast<std::uint32_t>(product0);
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/// Factors of columns column ... column + 3, column a multiple of 4.
inline __device__ void mask_factors(const DropoutMask& mask, int row, int column, float (&factors)[4]) {
  if (mask.scale == 0.0f) {
    factors[0] = factors[1] = factors[2] = factors[3] = 1.0f;
    return;
  }
  std::uint32_t words[4];
  draw_words(mask, row, column / 4, words);
#pragma unroll
  for (int at = 0; at < 4; ++at) factors[at] = words[at] >= mask.threshold ? mask.scale : 0.0f;
}

inline __device__ float mask_factor(const DropoutMask& mask, int row, int column) {
  if (mask.scale == 0.0f) return 1.0f;
  std::uint32_t words[4];
  draw_words(mask, row, column / 4, words);
  const int at = column % 4;  // an index into registers would go through local memory
  const std::uint32_t word = at == 0 ? words[0] : at == 1 ? words[1] : at == 2 ? words[2] : words[3];
  return word >= mask.threshold ? mask.scale : 0.0f;
}

}  // namespace showtell::cuda
