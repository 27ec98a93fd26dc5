#include "cuda/training/activation.h"

namespace showtell::cuda {

namespace {

template <typename Real>
__global__ void __launch_bounds__(256) activate_kernel(const __grid_constant__ Activate<Real> args) {
  const int row = element_row(), column = element_column();
  if (row >= args.rows || column >= args.columns) return;
  float factors[4];
  mask_factors(args.mask, row, column, factors);
#pragma unroll
  for (int at = 0; at < kColumnsPerThread; ++at) {
    if (column + at >= args.columns) break;
    const Index place = row * args.stride + column + at;
    float value = to_float(args.x[place]);
    if (args.bias != nullptr) value += args.bias[column + at];
    if (args.activation == Activation::tanh) value = tanhf(value);
    if (args.activation == Activation::relu) value = fmaxf(value, 0.0f);
    if (args.plain != nullptr) args.plain[place] = from_float<Real>(value);
    args.out[place] = from_float<Real>(value * factors[at]);
  }
}

template <typename Real>
__global__ void __launch_bounds__(256) activate_backward_kernel(const __grid_constant__ ActivateBackward<Real> args) {
  const int row = element_row(), column = element_column();
  if (row >= args.rows || column >= args.columns) return;
  float factors[4];
  mask_factors(args.mask, row, column, factors);
#pragma unroll
  for (int at = 0; at < kColumnsPerThread; ++at) {
    if (column + at >= args.columns) break;
    const Index place = row * args.stride + column + at;
    float slope = factors[at];
    if (args.activation != Activation::identity) {
      const float y = to_float(args.y[place]);
      if (args.activation == Activation::tanh) slope *= 1.0f - y * y;
      if (args.activation == Activation::relu && !(y > 0.0f)) slope = 0.0f;
    }
    args.d[place] = from_float<Real>(to_float(args.d[place]) * slope);
  }
}

}  // namespace

template <typename Real>
void activate(cudaStream_t stream, const Activate<Real>& args) {
  start(activate_kernel<Real>, element_grid(args.rows, args.columns), element_block(), stream, args);
}
template void activate(cudaStream_t, const Activate<float>&);
template void activate(cudaStream_t, const Activate<half>&);

template <typename Real>
void activate_backward(cudaStream_t stream, const ActivateBackward<Real>& args) {
  start(activate_backward_kernel<Real>, element_grid(args.rows, args.columns), element_block(), stream, args);
}
template void activate_backward(cudaStream_t, const ActivateBackward<float>&);
template void activate_backward(cudaStream_t, const ActivateBackward<half>&);

}  // namespace showtell::cuda
