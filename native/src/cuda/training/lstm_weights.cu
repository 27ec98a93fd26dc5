#include "cuda/training/lstm_weights.h"

namespace showtell::cuda {

namespace {

constexpr int kTile = 32, kTileRows = 8, kTileStride = kTile + 1;  // no two lanes of a warp on one bank
constexpr unsigned kBlocksPerMatrix = 32;

template <typename Real>
struct PackGates {
  const GateMatrix<Real>* matrices;
  const float* flat;
};

template <typename Real>
__global__ void __launch_bounds__(kTile* kTileRows) pack_gates_kernel(const __grid_constant__ PackGates<Real> args) {
  SHARED(float, tile, kTile* kTileStride);
  const GateMatrix<Real> matrix = args.matrices[blockIdx.y];
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int across = (matrix.units + kTile - 1) / kTile, down = (matrix.inputs + kTile - 1) / kTile;
  for (int at = static_cast<int>(blockIdx.x); at < across * down; at += static_cast<int>(gridDim.x)) {
    const int first_unit = at % across * kTile, first_input = at / across * kTile;
    for (int row = y; row < kTile; row += kTileRows) {
      const int input = first_input + row, unit = first_unit + x;
      if (input < matrix.inputs && unit < matrix.units) {
        tile[row * kTileStride + x] = args.flat[matrix.flat + Index{input} * matrix.flat_stride + unit];
      }
    }
    __syncthreads();
    for (int row = y; row < kTile; row += kTileRows) {
      const int input = first_input + x, unit = first_unit + row;
      if (input < matrix.inputs && unit < matrix.units) {
        matrix.weights[Index{unit} * matrix.stride + input] = from_float<Real>(tile[x * kTileStride + row]);
      }
    }
    __syncthreads();
  }
}

template <typename Real>
struct UnpackGates {
  const GateMatrix<Real>* matrices;
  float* flat;
};

template <typename Real>
__global__ void __launch_bounds__(kTile* kTileRows)
    unpack_gates_kernel(const __grid_constant__ UnpackGates<Real> args) {
  SHARED(float, tile, kTile* kTileStride);
  const GateMatrix<Real> matrix = args.matrices[blockIdx.y];
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int across = (matrix.units + kTile - 1) / kTile, down = (matrix.inputs + kTile - 1) / kTile;
  for (int at = static_cast<int>(blockIdx.x); at < across * down; at += static_cast<int>(gridDim.x)) {
    const int first_unit = at % across * kTile, first_input = at / across * kTile;
    for (int row = y; row < kTile; row += kTileRows) {
      const int input = first_input + x, unit = first_unit + row;
      if (input < matrix.inputs && unit < matrix.units) {
        tile[row * kTileStride + x] = to_float(matrix.gradients[Index{unit} * matrix.stride + input]);
      }
    }
    __syncthreads();
    for (int row = y; row < kTile; row += kTileRows) {
      const int input = first_input + row, unit = first_unit + x;
      if (input < matrix.inputs && unit < matrix.units) {
        args.flat[matrix.flat + Index{input} * matrix.flat_stride + unit] = tile[x * kTileStride + row];
      }
    }
    __syncthreads();
  }
}

dim3 grid_of(Index matrices) { return dim3(kBlocksPerMatrix, static_cast<unsigned>(matrices)); }

}  // namespace

template <typename Real>
void pack_gates(cudaStream_t stream, const GateMatrix<Real>* matrices, Index count, const float* flat) {
  start(pack_gates_kernel<Real>, grid_of(count), dim3(kTile, kTileRows), stream, PackGates<Real>{matrices, flat});
}
template void pack_gates(cudaStream_t, const GateMatrix<float>*, Index, const float*);
template void pack_gates(cudaStream_t, const GateMatrix<half>*, Index, const float*);

template <typename Real>
void unpack_gates(cudaStream_t stream, const GateMatrix<Real>* matrices, Index count, float* flat) {
  start(unpack_gates_kernel<Real>, grid_of(count), dim3(kTile, kTileRows), stream, UnpackGates<Real>{matrices, flat});
}
template void unpack_gates(cudaStream_t, const GateMatrix<float>*, Index, float*);
template void unpack_gates(cudaStream_t, const GateMatrix<half>*, Index, float*);

}  // namespace showtell::cuda
