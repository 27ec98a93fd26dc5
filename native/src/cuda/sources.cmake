# The CUDA device's sources, built by nvcc (src/cuda/CMakeLists.txt) and by the host compiler for the emulation
# (tests/emulation/CMakeLists.txt). Paths from src/cuda.
set(SHOWTELL_CUDA_SOURCES
  decode/affine.cu
  decode/attention_step.cu
  decode/beam_step.cu
  decode/candidates.cu
  decode/captions.cu
  decode/cuda_inference.cu
  decode/decoder_network.cu
  decode/decoder_weights.cu
  decode/device_search.cu
  decode/logits.cu
  decode/lstm_layer.cu
  decode/rows.cu
  decode/search_memory.cu
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
