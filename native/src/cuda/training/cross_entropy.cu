#include "cuda/training/cross_entropy.h"

#include "cuda/training/reduce.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 256;

/// One block a row. The row is read three times; the later ones are served by the cache.
template <typename Real>
__global__ void __launch_bounds__(kThreads) cross_entropy_kernel(const __grid_constant__ CrossEntropy<Real> args) {
  SHARED(float, scratch, kThreads / kWarp);
  const Index row = blockIdx.x;
  const int classes = static_cast<int>(args.classes), target = args.targets[row], first = static_cast<int>(threadIdx.x);
  Real* logits = args.logits + row * args.stride;
  if (target < 0) {  // the whole block
    if (first == 0) args.losses[row] = 0.0f;
    for (int at = first; args.gradient && at < classes; at += kThreads) logits[at] = from_float<Real>(0.0f);
    return;
  }
  const float smoothing = args.inputs->label_smoothing;
  float most = -INFINITY;
  for (int at = first; at < classes; at += kThreads) most = fmaxf(most, to_float(logits[at]) + args.bias[at]);
  most = block_maximum<kThreads>(most, scratch);
  float total = 0.0f, above = 0.0f;  // sum of exponentials, sum of x - most
  for (int at = first; at < classes; at += kThreads) {
    const float x = to_float(logits[at]) + args.bias[at] - most;
    total += expf(x);
    above += x;
  }
  total = block_sum<kThreads>(total, scratch);
  above = block_sum<kThreads>(above, scratch);
  const float weight = args.weights[row], share = smoothing / static_cast<float>(classes);
  if (first == 0) {
    const float x = to_float(logits[target]) + args.bias[target] - most;
    args.losses[row] = weight * (logf(total) - (1.0f - smoothing) * x - share * above);
  }
  if (!args.gradient) return;
  __syncthreads();  // the target's logit is read above and overwritten below
  const float factor = weight * args.state->loss_scale / static_cast<float>(args.inputs->tokens);
  const float by = factor / total, less = factor * share, least = factor * (1.0f - smoothing);
  for (int at = first; at < classes; at += kThreads) {
    const float e = expf(to_float(logits[at]) + args.bias[at] - most);
    logits[at] = from_float<Real>(e * by - less - (at == target ? least : 0.0f));
  }
}

}  // namespace

template <typename Real>
void softmax_cross_entropy(cudaStream_t stream, const CrossEntropy<Real>& args) {
  start(cross_entropy_kernel<Real>, dim3(static_cast<unsigned>(args.rows)), dim3(kThreads), stream, args);
}
template void softmax_cross_entropy(cudaStream_t, const CrossEntropy<float>&);
template void softmax_cross_entropy(cudaStream_t, const CrossEntropy<half>&);

}  // namespace showtell::cuda
