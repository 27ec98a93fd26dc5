#include "cuda/training/embedding.h"

namespace showtell::cuda {

namespace {

template <typename Real>
__global__ void __launch_bounds__(256) embed_kernel(const __grid_constant__ Embed<Real> args) {
  const int row = element_row(), column = element_column();
  if (row >= args.rows || column >= args.columns) return;
  const int word = args.words[row];
  float factors[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (word >= 0) mask_factors(args.word_mask, row, column, factors);
  if (word == kImageInput) mask_factors(args.image_mask, row, column, factors);
  const int image = word == kImageInput ? args.image_of_caption[row % args.captions] : 0;
#pragma unroll
  for (int at = 0; at < kColumnsPerThread; ++at) {
    if (column + at >= args.columns) break;
    float value = 0.0f;
    if (word >= 0) value = args.table[word * args.columns + column + at];
    if (word == kImageInput) {
      value = to_float(args.projected[image * args.projected_stride + column + at]) + args.projected_bias[column + at];
    }
    args.out[row * args.out_stride + column + at] = from_float<Real>(value * factors[at]);
  }
}

}  // namespace

template <typename Real>
void embed(cudaStream_t stream, const Embed<Real>& args) {
  start(embed_kernel<Real>, element_grid(args.rows, args.columns), element_block(), stream, args);
}
template void embed(cudaStream_t, const Embed<float>&);
template void embed(cudaStream_t, const Embed<half>&);

}  // namespace showtell::cuda
