# The CUDA device's sources, built by nvcc (src/cuda/CMakeLists.txt) and by the host compiler for the emulation
# (tests/emulation/CMakeLists.txt). Paths from src/cuda.
set(SHOWTELL_CUDA_SOURCES
  error.cc
)
