# The CUDA device's sources, built by nvcc (src/cuda/CMakeLists.txt) and by the host compiler for the emulation
# (tests/emulation/CMakeLists.txt). Paths from src/cuda.
set(SHOWTELL_CUDA_SOURCES
  device.cc
  error.cc
  gemm.cc
  libraries.cc
  load_cublaslt.cc
)
# What the emulation has a stand-in for.
set(SHOWTELL_CUDA_DEVICE_SOURCES
  cublaslt.cc
)
