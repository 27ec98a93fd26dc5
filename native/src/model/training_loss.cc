// Output dropout, logits, loss and their gradients, a block of tokens at a time.
#include "model/training_pass.h"
#include "ops/cross_entropy.h"
#include "ops/linear.h"

namespace showtell {

namespace {

// Logits in memory at one time: as many rows as fit, so that large batches and vocabularies stay bounded.
constexpr Index kLogitFloats = Index{1} << 23;
constexpr Index kFewestLogitRows = 64;

}  // namespace

double TrainingPass::forward_loss(const float* o, const ParameterPointers* gradients, float* o_gradient) {
  const Index tokens = tokens_.token_count();
  const Index hidden = spec_.hidden_size;
  const Index size = spec_.output_size();
  const Index classes = spec_.vocab_size;
  const bool by_image = spec_.has_attention;
  const auto& captions = by_image ? order_.captions : tokens_.token_captions;
  const auto& steps = by_image ? order_.steps : tokens_.token_steps;
  const auto& targets = by_image ? order_.targets : tokens_.targets;
  const auto& weights = by_image ? order_.weights : tokens_.weights;

  output_mask_ = mask(DropoutSite::output, 0, spec_.dropout.output, tokens, captions.data(), steps.data(), hidden);
  const float* dropped = masked(o, output_mask_, tokens * hidden);
  const float* x = dropped;
  float* x_gradient = o_gradient;
  if (spec_.has_output_projection()) {
    float* projected = context_.arena.floats(tokens * size);
    linear(context_, tokens, size, hidden, dropped, parameters_.output_projection, nullptr, projected);
    x = projected;
    if (gradients != nullptr) x_gradient = context_.arena.floats(tokens * size);
  }
  // With tied weights the matrix is the embedding [classes, size], transposed where it is used.
  const bool tied = spec_.tied_weights;
  const Operand weight =
      tied ? Operand{parameters_.embedding, size, Transpose::yes} : Operand{parameters_.output_weight, classes};
  const Operand weight_back =
      tied ? Operand{parameters_.embedding, size} : Operand{parameters_.output_weight, classes, Transpose::yes};
  const double scale = 1.0 / static_cast<double>(tokens);
  const Index block = std::min(tokens, std::max(kFewestLogitRows, kLogitFloats / classes));
  float* logits = context_.arena.floats(block * classes);
  double loss = 0;
  for (Index first = 0; first < tokens; first += block) {
    const Index rows = std::min(block, tokens - first);
    const float* x_rows = x + first * size;
    fill_rows(context_, rows, classes, parameters_.output_bias, logits);
    gemm(context_, rows, classes, size, {x_rows, size}, weight, logits, classes, true);
    loss += softmax_cross_entropy(context_, rows, classes, logits, targets.data() + first, weights.data() + first,
                                  batch_.label_smoothing, gradients == nullptr ? nullptr : &scale);
    if (gradients == nullptr) continue;
    const bool add = first > 0;
    gemm(context_, rows, size, classes, {logits, classes}, weight_back, x_gradient + first * size, size);
    if (tied) {
      gemm(context_, classes, size, rows, {logits, classes, Transpose::yes}, {x_rows, size}, gradients->embedding, size,
           add);
    } else {
      gemm(context_, size, classes, rows, {x_rows, size, Transpose::yes}, {logits, classes}, gradients->output_weight,
           classes, add);
    }
    column_sums(context_, rows, classes, logits, classes, gradients->output_bias, add);
  }
  if (gradients == nullptr) return loss;
  if (spec_.has_output_projection()) {
    linear_backward(context_, tokens, size, hidden, dropped, x_gradient, gradients->output_projection, nullptr);
    gemm(context_, tokens, hidden, size, {x_gradient, size}, {parameters_.output_projection, size, Transpose::yes},
         o_gradient, hidden);
  }
  if (output_mask_ != nullptr) multiply(context_, tokens * hidden, o_gradient, output_mask_);
  return loss;
}

}  // namespace showtell
