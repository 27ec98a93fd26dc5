// What the first layer reads: word vectors and, with first-input, the projected image at step 0.
#pragma once

#include "cuda/training/dropout.h"
#include "cuda/training/input_codes.h"

namespace showtell::cuda {

/// x[row] for row = step * captions + caption.
template <typename Real>
struct Embed {
  Index rows = 0, captions = 0, columns = 0;
  const std::int32_t* words = nullptr;  // [rows] word, kImageInput, or kNoInput for padding, which becomes zeros
  const float* table = nullptr;         // [vocabulary, columns]
  const std::int32_t* image_of_caption = nullptr;
  const Real* projected = nullptr;  // [images, columns] before the bias; null without first-input
  Index projected_stride = 0;
  const float* projected_bias = nullptr;
  DropoutMask word_mask, image_mask;
  Real* out = nullptr;
  Index out_stride = 0;
};
template <typename Real>
void embed(cudaStream_t stream, const Embed<Real>& args);

}  // namespace showtell::cuda
