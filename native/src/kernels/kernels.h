// The innermost loops, compiled once per instruction set (kernels_<isa>.cc) and chosen at run time. They know nothing
// of threads, memory or models: plain pointers in, plain pointers out. Legend: H = hidden size.
#pragma once

#include <cstdint>

namespace showtell {

using Index = std::int64_t;

/// One register tile of a matrix product: C[rows, gemm_columns] = addend + A B.
struct GemmTile {
  Index depth;
  int rows;           // at most gemm_rows
  const float* left;  // A, row-major; or packed [depth][rows] where left_stride is 0
  Index left_stride;
  const float* right;  // B: gemm_columns of each row, right_stride apart; packed they are side by side
  Index right_stride;
  const float* addend;  // null: zeros
  Index addend_stride;  // 0: one row for all
  float* c;
  Index c_stride;
  const float* soon;  // with B packed: what the tiles after this one read, to be brought near: a line of 64 bytes ...
  Index soon_lines;   // ... each ...
  Index soon_pace;    // ... so many depth steps; soon_lines * soon_pace <= depth
};

/// One panel of a transposed left-hand matrix, to be packed: to[depth, rows].
struct PackRows {
  const float* from;  // stored [depth, rows]
  Index stride;       // between rows as stored
  Index depth;
  int rows;  // at most gemm_rows
  float* to;
};

/// A right-hand matrix, to be packed: panel after panel to[depth, gemm_columns], zeros beyond the columns.
struct PackColumns {
  const float* from;  // element [0, 0]
  Index stride;       // between rows as stored
  bool transposed;    // stored [columns, depth]
  Index depth;
  Index columns;
  float* to;
};

/// One LSTM cell for one row; gate order i, f, g, o.
struct LstmCellForward {
  Index hidden;
  bool hard_sigmoid;
  float* gates;                // [4H] pre-activations in, activations out
  const float* previous_cell;  // [H] or null for zeros
  float* cell;                 // [H]
  float* tanh_cell;            // [H] or null
  float* output;               // [H]
};

/// The cell in decoding, where activations are not kept. Pre-activations are `gates` + `recurrent_gates`.
struct LstmCellStep {
  Index hidden;
  bool hard_sigmoid;
  const float* gates;            // [4H]
  const float* recurrent_gates;  // [4H] or null for zeros
  const float* previous_cell;    // [H] or null for zeros
  float* cell;                   // [H]
  float* output;                 // [H]
};

struct LstmCellBackward {
  Index hidden;
  bool hard_sigmoid;
  float* gates;                  // [4H] activations in, gradient of the pre-activations out
  const float* previous_cell;    // [H] or null for zeros
  const float* tanh_cell;        // [H]
  const float* output_gradient;  // [H]
  float* cell_gradient;          // [H] of this cell in, of the previous one out
};

struct CrossEntropyRow {
  Index classes;
  float* logits;  // in; gradient out where gradient_scale is not null
  Index target;
  double weight;
  double smoothing;
  const double* gradient_scale;  // null: loss alone
};

struct AttendHead {
  Index head_size, cells;
  const float* query;            // [head_size]
  const float* keys_transposed;  // [head_size, key_stride], columns beyond `cells` are finite
  Index key_stride;              // a multiple of kKeyStride
  const float* values;           // [cells, head_size]
  float scale;
  float* weights;  // [key_stride] scratch out
  float* context;  // [head_size] out
};
constexpr Index kKeyStride = 16;

struct AdamStep {
  float gradient_scale;
  float learning_rate;
  float beta1, rest1;  // beta and 1 - beta, each rounded from double: 1 - 0.999f is off by 1e-5
  float beta2, rest2;
  float correction1, correction2;  // 1 / (1 - beta^step)
  float epsilon;
  float average_decay, average_rest;  // used where averages are given
};

struct DropoutRow {
  std::uint32_t key_low, key_high;
  std::uint32_t row, step, stream;
  std::uint32_t threshold;
  float scale;
};

struct Kernels {
  const char* name;
  int gemm_rows;
  int gemm_columns;
  void (*gemm_tile)(const GemmTile&);
  void (*pack_left)(const PackRows&);
  void (*pack_right)(const PackColumns&);

  void (*lstm_forward)(const LstmCellForward&);
  void (*lstm_step)(const LstmCellStep&);
  void (*lstm_backward)(const LstmCellBackward&);
  void (*attend_head)(const AttendHead&);

  double (*log_sum_exp)(const float* x, Index count);
  void (*softmax)(float* x, Index count, float scale);  // softmax(scale * x) in place
  /// gradient of x from that of softmax(scale * x), in place: scale * p * (g - sum(p g))
  void (*softmax_backward)(const float* probabilities, float* gradient, Index count, float scale);
  double (*cross_entropy)(const CrossEntropyRow&);
  /// The `k` largest, largest first, lower index first among equals. Returns how many were found (values above -inf).
  int (*top_k)(const float* x, Index count, int k, float* values, std::int32_t* indices);

  void (*tanh)(float* x, Index count);
  void (*relu)(float* x, Index count);
  void (*tanh_backward)(const float* y, float* gradient, Index count);  // gradient *= 1 - y^2
  void (*relu_backward)(const float* y, float* gradient, Index count);  // gradient = 0 where y <= 0
  void (*add)(float* x, const float* y, Index count);                   // x += y
  void (*multiply)(float* x, const float* y, Index count);              // x *= y
  void (*multiply_to)(float* out, const float* x, const float* y, Index count);

  double (*sum_of_squares)(const float* x, Index count);
  void (*adam)(const AdamStep&, Index count, float* parameter, const float* gradient, float* first, float* second,
               float* average);
  void (*dropout_mask)(const DropoutRow&, float* mask, Index columns);
};

/// The best set this processor runs. SHOWTELL_ISA=scalar|avx2|avx512|neon asks for one; ignored where it cannot run.
const Kernels& kernels();
/// Every set compiled in that this processor can run, best first; null-terminated.
const Kernels* const* runnable_kernels();

namespace scalar {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
namespace neon {
extern const Kernels kKernels;
}

}  // namespace showtell
