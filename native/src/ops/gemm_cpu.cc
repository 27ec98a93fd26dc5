// Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication": depth blocks whose B panel stays in
// the first cache, row blocks of A in the second. Each thread owns a rectangle of C and shares nothing.
#include "ops/blas.h"
#include "ops/gemm.h"

namespace showtell {

namespace {

constexpr Index kDepthBlock = 320;    // 20 kB of B panel at 16 columns
constexpr Index kRowBlock = 96;       // 120 kB of A; a multiple of every kernel's rows
constexpr Index kColumnBlock = 1536;  // 2 MB of B; a multiple of every kernel's columns
constexpr Index kMostTile = 12 * 48;
// Below this many multiplications a thread costs more than it brings.
constexpr Index kWorkPerThread = 300'000;

/// Depth is cut into equal blocks; the cut depends on k alone so that packed and unpacked products agree bit for bit.
Index depth_block(Index k) {
  const Index blocks = (k + kDepthBlock - 1) / kDepthBlock;
  return blocks <= 1 ? k : round_up((k + blocks - 1) / blocks, 4);
}

float* scratch(int which, Index size) {
  thread_local AlignedBuffer buffers[2];
  buffers[which].reserve(size);
  return buffers[which].data();
}

const float* element(const Operand& matrix, Index row, Index column) {
  return matrix.transpose == Transpose::no ? matrix.data + row * matrix.stride + column
                                           : matrix.data + column * matrix.stride + row;
}

/// Rows of one panel: `m` rows cut into panels of nearly equal height, so that none is nearly empty.
struct RowPanels {
  Index count, m;
  RowPanels(Index rows, Index most) : count((rows + most - 1) / most), m(rows) {}
  Index begin(Index panel) const { return m * panel / count; }
};

void pack_left(const Operand& a, Index row, Index depth_start, Index depth, const RowPanels& panels, float* out) {
  for (Index panel = 0; panel < panels.count; ++panel) {
    const Index from = panels.begin(panel);
    const Index height = panels.begin(panel + 1) - from;
    const float* source = element(a, row + from, depth_start);
    if (a.transpose == Transpose::yes) {
      for (Index k = 0; k < depth; ++k) {
        for (Index i = 0; i < height; ++i) out[k * height + i] = source[k * a.stride + i];
      }
    } else {
      for (Index i = 0; i < height; ++i) {
        for (Index k = 0; k < depth; ++k) out[k * height + i] = source[i * a.stride + k];
      }
    }
    out += height * depth;
  }
}

/// Columns beyond the matrix are zeros.
void pack_right_panel(const Operand& b, Index depth_start, Index depth, Index column, Index columns, Index width,
                      float* out) {
  const float* source = element(b, depth_start, column);
  if (b.transpose == Transpose::no) {
    for (Index k = 0; k < depth; ++k) {
      for (Index j = 0; j < columns; ++j) out[k * width + j] = source[k * b.stride + j];
      for (Index j = columns; j < width; ++j) out[k * width + j] = 0.0f;
    }
    return;
  }
  for (Index j = 0; j < columns; ++j) {
    for (Index k = 0; k < depth; ++k) out[k * width + j] = source[j * b.stride + k];
  }
  for (Index j = columns; j < width; ++j) {
    for (Index k = 0; k < depth; ++k) out[k * width + j] = 0.0f;
  }
}

/// C[m, columns first ... last) from a packed depth block, where panel(j) is the j-th B panel of the block.
template <typename PanelOf>
void multiply_block(const Kernels& kernels, Index m, Operand a, Index depth_start, Index depth, Index first, Index last,
                    const PanelOf& panel_of, float* c, Index c_stride, bool accumulate) {
  const Index width = kernels.gemm_columns;
  float* left = scratch(0, kRowBlock * depth);
  alignas(kAlignment) float edge[kMostTile];
  for (Index row = 0; row < m; row += kRowBlock) {
    const Index rows = std::min(kRowBlock, m - row);
    const RowPanels panels(rows, kernels.gemm_rows);
    pack_left(a, row, depth_start, depth, panels, left);
    for (Index column = first; column < last; column += width) {
      const float* right = panel_of(column);
      const Index columns = std::min(width, last - column);
      const float* left_panel = left;
      for (Index panel = 0; panel < panels.count; ++panel) {
        const Index from = panels.begin(panel);
        const int height = static_cast<int>(panels.begin(panel + 1) - from);
        float* to = c + (row + from) * c_stride + column;
        if (columns == width) {
          kernels.gemm_tile(depth, left_panel, right, to, c_stride, height, accumulate);
        } else {
          kernels.gemm_tile(depth, left_panel, right, edge, width, height, false);
          for (Index i = 0; i < height; ++i) {
            for (Index j = 0; j < columns; ++j) {
              to[i * c_stride + j] = accumulate ? to[i * c_stride + j] + edge[i * width + j] : edge[i * width + j];
            }
          }
        }
        left_panel += height * depth;
      }
    }
  }
}

void clear(Index m, Index n, float* c, Index c_stride) {
  for (Index row = 0; row < m; ++row) std::memset(c + row * c_stride, 0, static_cast<std::size_t>(n) * sizeof(float));
}

Operand rows_from(const Operand& a, Index row) { return {element(a, row, 0), a.stride, a.transpose}; }
Operand columns_from(const Operand& b, Index column) { return {element(b, 0, column), b.stride, b.transpose}; }

int useful_parts(const CpuContext& context, Index m, Index n, Index k) {
  const Index most = std::max<Index>(1, m * n * k / kWorkPerThread);
  return static_cast<int>(std::min<Index>(context.pool.size(), most));
}

/// body(row, rows, column, columns) for each thread's rectangle of C; cuts fall on multiples of the kernel's tile.
template <typename Body>
void split_rectangle(CpuContext& context, Index m, Index n, Index k, bool by_rows, const Body& body) {
  const int parts = useful_parts(context, m, n, k);
  if (parts == 1) return body(Index{0}, m, Index{0}, n);
  const Index tile = by_rows ? context.kernels.gemm_rows : context.kernels.gemm_columns;
  const Index size = by_rows ? m : n;
  const Index tiles = (size + tile - 1) / tile;
  context.pool.run(parts, [&](int part) {
    const Index begin = std::min(size, tiles * part / parts * tile);
    const Index end = std::min(size, tiles * (part + 1) / parts * tile);
    if (begin == end) return;
    if (by_rows)
      body(begin, end - begin, Index{0}, n);
    else
      body(Index{0}, m, begin, end - begin);
  });
}

}  // namespace

void gemm_single(const Kernels& kernels, Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride,
                 bool accumulate) {
  if (k == 0 && !accumulate) clear(m, n, c, c_stride);
  const Index width = kernels.gemm_columns;
  const Index step = depth_block(k);
  for (Index block = 0; block < n; block += kColumnBlock) {
    const Index end = std::min(n, block + kColumnBlock);
    for (Index depth_start = 0; depth_start < k; depth_start += step) {
      const Index depth = std::min(step, k - depth_start);
      float* right = scratch(1, round_up(end - block, width) * depth);
      for (Index column = block; column < end; column += width) {
        pack_right_panel(b, depth_start, depth, column, std::min(width, end - column), width,
                         right + (column - block) * depth);
      }
      multiply_block(
          kernels, m, a, depth_start, depth, block, end, [&](Index column) { return right + (column - block) * depth; },
          c, c_stride, accumulate || depth_start > 0);
    }
  }
}

void gemm(CpuContext& context, Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride,
          bool accumulate) {
  if (m == 0 || n == 0) return;
  const Blas* blas = Blas::active();
  split_rectangle(context, m, n, k, m > n, [&](Index row, Index rows, Index column, Index columns) {
    const Operand left = rows_from(a, row);
    const Operand right = columns_from(b, column);
    float* to = c + row * c_stride + column;
    if (blas != nullptr && k > 0)
      blas->sgemm(rows, columns, k, left, right, to, c_stride, accumulate);
    else
      gemm_single(context.kernels, rows, columns, k, left, right, to, c_stride, accumulate);
  });
}

void PackedMatrix::pack(CpuContext& context, Index k, Index n, Operand b) {
  panel_columns_ = context.kernels.gemm_columns;
  data_.reserve(k * round_up(n, panel_columns_));
  k_ = k;
  n_ = n;
  const Index step = depth_block(k);
  const Index panels = round_up(n, panel_columns_) / panel_columns_;
  context.pool.split(panels, 16, [&](Index begin, Index end) {
    for (Index depth_start = 0; depth_start < k; depth_start += step) {
      const Index depth = std::min(step, k - depth_start);
      for (Index panel = begin; panel < end; ++panel) {
        const Index column = panel * panel_columns_;
        pack_right_panel(b, depth_start, depth, column, std::min(panel_columns_, n - column), panel_columns_,
                         const_cast<float*>(this->panel(panel, depth_start, depth)));
      }
    }
  });
}

const float* PackedMatrix::panel(Index column_panel, Index depth_start, Index depth) const {
  return data_.data() + depth_start * round_up(n_, panel_columns_) + column_panel * panel_columns_ * depth;
}

namespace {

void multiply_packed(const Kernels& kernels, Index m, Operand a, const PackedMatrix& b, Index first, Index last,
                     float* c, Index c_stride, bool accumulate) {
  const Index k = b.rows();
  const Index step = depth_block(k);
  for (Index block = first; block < last; block += kColumnBlock) {
    const Index end = std::min(last, block + kColumnBlock);
    for (Index depth_start = 0; depth_start < k; depth_start += step) {
      const Index depth = std::min(step, k - depth_start);
      multiply_block(
          kernels, m, a, depth_start, depth, block, end,
          [&](Index column) { return b.panel(column / kernels.gemm_columns, depth_start, depth); }, c, c_stride,
          accumulate || depth_start > 0);
    }
  }
}

}  // namespace

void gemm(CpuContext& context, Index m, Operand a, const PackedMatrix& b, float* c, Index c_stride, bool accumulate) {
  if (m == 0) return;
  split_rectangle(context, m, b.columns(), b.rows(), m >= 4 * kRowBlock,
                  [&](Index row, Index rows, Index column, Index columns) {
                    multiply_packed(context.kernels, rows, rows_from(a, row), b, column, column + columns,
                                    c + row * c_stride, c_stride, accumulate);
                  });
}

void gemm_single(const Kernels& kernels, Index m, Operand a, const PackedMatrix& b, float* c, Index c_stride,
                 bool accumulate) {
  multiply_packed(kernels, m, a, b, 0, b.columns(), c, c_stride, accumulate);
}

}  // namespace showtell
