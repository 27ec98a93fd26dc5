// Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication": depth blocks whose B panel stays in
// the first cache, row blocks of A in the second. Each thread owns a rectangle of C and shares nothing.
#include "ops/blas.h"
#include "ops/gemm.h"

namespace showtell {

namespace {

constexpr Index kDepthBlock = 320;    // 20 kB of B panel at 16 columns
constexpr Index kRowBlock = 96;       // 120 kB of A; a multiple of every kernel's rows
constexpr Index kColumnBlock = 1536;  // 2 MB of B; a multiple of every kernel's columns
constexpr Index kSameSets = 256;      // floats between lines that share a quarter of the first cache's sets or less
constexpr Index kMostTile = 12 * 48;
constexpr Index kFewestTileRows = 4;
constexpr Index kColumnTilesOfThread = 16;  // with so many, one more or less leaves no thread idle for long
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

/// Rows cut into panels of nearly equal height, so that none is nearly empty.
class RowPanels {
 public:
  RowPanels(Index rows, Index most) : count_((rows + most - 1) / most) {
    for (Index panel = 0; panel <= count_; ++panel) begins_[panel] = static_cast<int>(rows * panel / count_);
  }
  Index count() const { return count_; }
  Index rows() const { return begins_[count_]; }
  Index begin(Index panel) const { return begins_[panel]; }
  int height(Index panel) const { return begins_[panel + 1] - begins_[panel]; }

 private:
  Index count_;
  int begins_[kRowBlock / kFewestTileRows + 1];
};

/// Rows of a transposed A lie across memory: packed, the kernel reads them in order. Rows of an A as it is are in
/// order.
const float* pack_left(const Kernels& kernels, const Operand& a, Index row, Index depth_start, Index depth,
                       const RowPanels& panels) {
  float* const packed = scratch(0, panels.rows() * depth);
  for (Index panel = 0; panel < panels.count(); ++panel) {
    const Index from = panels.begin(panel);
    kernels.pack_left(
        {element(a, row + from, depth_start), a.stride, depth, panels.height(panel), packed + from * depth});
  }
  return packed;
}

PackColumns columns_of(const Operand& b, Index depth_start, Index depth, Index column, Index columns, float* to) {
  return {element(b, depth_start, column), b.stride, b.transpose == Transpose::yes, depth, columns, to};
}

void add_edge(const GemmTile& tile, const float* addend, Index columns, float* to, Index stride) {
  for (Index i = 0; i < tile.rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      const float sum = tile.c[i * tile.c_stride + j];
      to[i * stride + j] = addend == nullptr ? sum : addend[i * tile.addend_stride + j] + sum;
    }
  }
}

/// With one block of rows each element of B is read a few times only: packing would cost more than it brings, unless
/// the rows of B fall onto the same few sets of the caches.
bool is_read_in_place(Index m, const Operand& b) {
  return b.transpose == Transpose::no && m <= kRowBlock && b.stride % kSameSets != 0;
}

/// Columns of B as the kernel reads them.
struct Panel {
  const float* data;
  Index stride;  // between depth steps
};

/// C[m, columns first ... last) from a packed depth block, where panel(j) is the B panel of column j in the block.
template <typename PanelOf>
void multiply_block(const Kernels& kernels, Index m, Operand a, Index depth_start, Index depth, Index first, Index last,
                    const PanelOf& panel_of, Addend addend, float* c, Index c_stride) {
  const Index width = kernels.gemm_columns;
  const bool packs = a.transpose == Transpose::yes;
  alignas(kAlignment) float edge[kMostTile];
  GemmTile tile{};
  tile.depth = depth;
  for (Index row = 0; row < m; row += kRowBlock) {
    const RowPanels panels(std::min(kRowBlock, m - row), kernels.gemm_rows);
    const float* const left =
        packs ? pack_left(kernels, a, row, depth_start, depth, panels) : element(a, row, depth_start);
    tile.left_stride = packs ? 0 : a.stride;
    // Each panel of rows brings its share of the next B panel: fetched at once, it would wait for memory.
    const Index share = std::min(depth, (depth * width / kAlignedFloats + panels.count() - 1) / panels.count());
    tile.soon_pace = share > 0 ? depth / share : 0;
    for (Index column = first; column < last; column += width) {
      const Index columns = std::min(width, last - column);
      const Panel right = panel_of(column);
      tile.right = right.data;
      tile.right_stride = right.stride;
      const float* soon = column + width < last && right.stride == width ? panel_of(column + width).data : nullptr;
      for (Index panel = 0; panel < panels.count(); ++panel) {
        const Index from = panels.begin(panel);
        const Index at = row + from;
        float* const to = c + at * c_stride + column;
        const float* added = addend.data == nullptr ? nullptr : addend.data + at * addend.stride + column;
        tile.rows = panels.height(panel);
        tile.left = left + from * (packs ? depth : a.stride);
        tile.addend_stride = addend.stride;
        if (soon != nullptr) tile.soon = soon + panel * share * kAlignedFloats;
        tile.soon_lines = soon == nullptr ? 0 : share;
        const bool whole = columns == width;
        tile.addend = whole ? added : nullptr;
        tile.c = whole ? to : edge;
        tile.c_stride = whole ? c_stride : width;
        kernels.gemm_tile(tile);
        if (!whole) add_edge(tile, added, columns, to, c_stride);
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
  const Index unpacked = is_read_in_place(m, b) ? n / width * width : 0;
  for (Index block = 0; block < n; block += kColumnBlock) {
    const Index end = std::min(n, block + kColumnBlock);
    const Index packed = std::min(end, std::max(block, unpacked));
    for (Index depth_start = 0; depth_start < k; depth_start += step) {
      const Index depth = std::min(step, k - depth_start);
      float* right = scratch(1, round_up(end - packed, width) * depth);
      kernels.pack_right(columns_of(b, depth_start, depth, packed, end - packed, right));
      const auto panel_of = [&](Index column) {
        return column < packed ? Panel{element(b, depth_start, column), b.stride}
                               : Panel{right + (column - packed) * depth, width};
      };
      multiply_block(kernels, m, a, depth_start, depth, block, end, panel_of,
                     accumulate || depth_start > 0 ? Addend{c, c_stride} : Addend{}, c, c_stride);
    }
  }
}

void gemm(CpuContext& context, Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride,
          bool accumulate) {
  if (m == 0 || n == 0) return;
  const Blas* blas = Blas::active();
  // Our kernel packs all columns that a thread has: threads with columns of their own pack nothing twice.
  const bool many_columns =
      blas == nullptr && n >= kColumnTilesOfThread * context.kernels.gemm_columns * context.pool.size();
  split_rectangle(context, m, n, k, m > n && !many_columns, [&](Index row, Index rows, Index column, Index columns) {
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
      const Index column = begin * panel_columns_;
      context.kernels.pack_right(columns_of(b, depth_start, depth, column, std::min(n, end * panel_columns_) - column,
                                            const_cast<float*>(panel(begin, depth_start, depth))));
    }
  });
}

const float* PackedMatrix::panel(Index column_panel, Index depth_start, Index depth) const {
  return data_.data() + depth_start * round_up(n_, panel_columns_) + column_panel * panel_columns_ * depth;
}

namespace {

void multiply_packed(const Kernels& kernels, Index m, Operand a, const PackedMatrix& b, Index first, Index last,
                     Addend addend, float* c, Index c_stride) {
  const Index k = b.rows();
  const Index step = depth_block(k);
  for (Index depth_start = 0; depth_start < k; depth_start += step) {
    const Index depth = std::min(step, k - depth_start);
    multiply_block(
        kernels, m, a, depth_start, depth, first, last,
        [&](Index column) {
          return Panel{b.panel(column / kernels.gemm_columns, depth_start, depth), kernels.gemm_columns};
        },
        depth_start == 0 ? addend : Addend{c, c_stride}, c, c_stride);
  }
}

}  // namespace

void gemm(CpuContext& context, Index m, Operand a, const PackedMatrix& b, Addend addend, float* c, Index c_stride) {
  if (m == 0) return;
  split_rectangle(
      context, m, b.columns(), b.rows(), m >= 4 * kRowBlock, [&](Index row, Index rows, Index column, Index columns) {
        const Addend own{addend.data == nullptr ? nullptr : addend.data + row * addend.stride, addend.stride};
        multiply_packed(context.kernels, rows, rows_from(a, row), b, column, column + columns, own, c + row * c_stride,
                        c_stride);
      });
}

void gemm_single(const Kernels& kernels, Index m, Operand a, const PackedMatrix& b, Addend addend, float* c,
                 Index c_stride) {
  multiply_packed(kernels, m, a, b, 0, b.columns(), addend, c, c_stride);
}

}  // namespace showtell
