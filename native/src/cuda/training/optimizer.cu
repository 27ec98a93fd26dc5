#include "cuda/training/optimizer.h"

#include "cuda/training/reduce.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 256;
constexpr Index kNormChunk = 4096;  // gradients that one block sums: 16 a thread, short enough for float
constexpr int kGrowthSteps = 2000;
constexpr float kMostLossScale = 16777216;

struct SumSquares {
  const float* gradients;
  Index count;
  double* sums;  // one a block
};

__global__ void __launch_bounds__(kThreads) sum_squares_kernel(const __grid_constant__ SumSquares args) {
  SHARED(double, scratch, kThreads / kWarp);
  const Index first = Index{blockIdx.x} * kNormChunk;
  float sum = 0.0f;
#pragma unroll
  for (int at = 0; at < kNormChunk / kThreads; ++at) {
    const Index place = first + at * kThreads + threadIdx.x;
    const float value = place < args.count ? args.gradients[place] : 0.0f;
    sum = fmaf(value, value, sum);
  }
  const double total = block_sum<kThreads>(static_cast<double>(sum), scratch);
  if (threadIdx.x == 0) args.sums[blockIdx.x] = total;
}

template <typename T>
__device__ double sum_array(const T* values, Index count, double* scratch) {
  double sum = 0;
  for (Index at = threadIdx.x; at < count; at += kThreads) sum += static_cast<double>(values[at]);
  return block_sum<kThreads>(sum, scratch);
}

__device__ void choose_update(const FinishStep& args, double loss_sum, double square_sum) {
  const StepInputs& in = *args.inputs;
  OptimizerState& state = *args.state;
  StepOutcome& out = *args.outcome;
  const float loss_scale = state.loss_scale;
  const double norm = sqrt(square_sum) / static_cast<double>(loss_scale);
  const bool finite = norm < static_cast<double>(INFINITY);  // not for NaN either
  out.loss_sum = loss_sum;
  out.gradient_norm = norm;
  out.loss_scale = loss_scale;
  out.applied = finite || !args.dynamic_scale;
  if (args.dynamic_scale) {
    state.steps_without_overflow = finite ? state.steps_without_overflow + 1 : 0;
    if (!finite) state.loss_scale = fmaxf(loss_scale * 0.5f, 1.0f);
    if (state.steps_without_overflow >= kGrowthSteps) {
      state.loss_scale = fminf(loss_scale * 2.0f, kMostLossScale);
      state.steps_without_overflow = 0;
    }
  }
  if (out.applied != 0) ++state.step;
  out.step = state.step;
  const bool clipped = in.clip_norm > 0 && norm > in.clip_norm;
  out.gradient_scale = static_cast<float>((clipped ? in.clip_norm / norm : 1.0) / static_cast<double>(loss_scale));
  const double step = static_cast<double>(state.step);
  out.learning_rate = in.learning_rate * static_cast<float>(1 / (1 - pow(in.beta1, step)));
  out.correction2 = static_cast<float>(1 / (1 - pow(in.beta2, step)));
  out.epsilon = in.epsilon;
  out.beta1 = static_cast<float>(in.beta1);
  out.rest1 = static_cast<float>(1 - in.beta1);
  out.beta2 = static_cast<float>(in.beta2);
  out.rest2 = static_cast<float>(1 - in.beta2);
  out.average_decay = static_cast<float>(in.average_decay);
  out.average_rest = static_cast<float>(1 - in.average_decay);
}

__global__ void __launch_bounds__(kThreads) finish_step_kernel(const __grid_constant__ FinishStep args) {
  SHARED(double, scratch, kThreads / kWarp);
  const double loss_sum = sum_array(args.losses, args.loss_count, scratch);
  const double square_sum = sum_array(args.scratch, norm_scratch(args.parameters), scratch);
  if (threadIdx.x == 0) choose_update(args, loss_sum, square_sum);
}

struct FinishEvaluation {
  const float* losses;
  Index count;
  StepOutcome* outcome;
};

__global__ void __launch_bounds__(kThreads) finish_evaluation_kernel(const __grid_constant__ FinishEvaluation args) {
  SHARED(double, scratch, kThreads / kWarp);
  const double loss_sum = sum_array(args.losses, args.count, scratch);
  if (threadIdx.x == 0) args.outcome->loss_sum = loss_sum;
}

__device__ void update_one(const StepOutcome& by, float gradient, float& parameter, float& first, float& second) {
  const float g = gradient * by.gradient_scale;
  first = fmaf(by.beta1, first, by.rest1 * g);
  second = fmaf(by.beta2, second, by.rest2 * g * g);
  parameter -= by.learning_rate * first / (sqrtf(second * by.correction2) + by.epsilon);
}

__global__ void __launch_bounds__(kThreads) adam_kernel(const __grid_constant__ AdamUpdate args) {
  const Index at = (Index{blockIdx.x} * kThreads + threadIdx.x) * 4;
  const StepOutcome& by = *args.outcome;
  if (by.applied == 0 || at >= args.count) return;
  const float4 gradient = *reinterpret_cast<const float4*>(args.gradients + at);
  float4 parameter = *reinterpret_cast<const float4*>(args.parameters + at);
  float4 first = *reinterpret_cast<const float4*>(args.first_moments + at);
  float4 second = *reinterpret_cast<const float4*>(args.second_moments + at);
  update_one(by, gradient.x, parameter.x, first.x, second.x);
  update_one(by, gradient.y, parameter.y, first.y, second.y);
  update_one(by, gradient.z, parameter.z, first.z, second.z);
  update_one(by, gradient.w, parameter.w, first.w, second.w);
  *reinterpret_cast<float4*>(args.parameters + at) = parameter;
  *reinterpret_cast<float4*>(args.first_moments + at) = first;
  *reinterpret_cast<float4*>(args.second_moments + at) = second;
  if (args.averages == nullptr) return;
  float4 average = *reinterpret_cast<const float4*>(args.averages + at);
  average.x = fmaf(by.average_decay, average.x, by.average_rest * parameter.x);
  average.y = fmaf(by.average_decay, average.y, by.average_rest * parameter.y);
  average.z = fmaf(by.average_decay, average.z, by.average_rest * parameter.z);
  average.w = fmaf(by.average_decay, average.w, by.average_rest * parameter.w);
  *reinterpret_cast<float4*>(args.averages + at) = average;
}

}  // namespace

__host__ __device__ Index norm_scratch(Index parameters) { return (parameters + kNormChunk - 1) / kNormChunk; }

void finish_step(cudaStream_t stream, const FinishStep& args) {
  start(sum_squares_kernel, dim3(static_cast<unsigned>(norm_scratch(args.parameters))), dim3(kThreads), stream,
        SumSquares{args.gradients, args.parameters, args.scratch});
  start(finish_step_kernel, dim3(1), dim3(kThreads), stream, args);
}

void finish_evaluation(cudaStream_t stream, const float* losses, Index count, StepOutcome* outcome) {
  start(finish_evaluation_kernel, dim3(1), dim3(kThreads), stream, FinishEvaluation{losses, count, outcome});
}

void adam_update(cudaStream_t stream, const AdamUpdate& args) {
  start(adam_kernel, dim3(blocks_for(args.count, kThreads * 4)), dim3(kThreads), stream, args);
}

}  // namespace showtell::cuda
