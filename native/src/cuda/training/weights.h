// Weights as the matrix products read them: the parameters themselves, or half copies with padded rows.
#pragma once

#include <map>
#include <vector>

#include "cuda/runtime.h"
#include "cuda/training/rows.h"
#include "cuda/training/training_arrays.h"
#include "model/parameters.h"

namespace showtell::cuda {

template <typename Real>
class WorkingWeights;

template <>
class WorkingWeights<float> {
 public:
  WorkingWeights(const ParameterLayout&, const float*) {}
  void refresh(cudaStream_t) const {}
  Rows<const float> of(const float* parameter, Index columns) const { return {parameter, columns}; }
};

template <>
class WorkingWeights<half> {
 public:
  WorkingWeights(const ParameterLayout& layout, const float* parameters) : parameters_(parameters) {
    Index end = 0;
    for (const auto& shape : layout.shapes()) {
      if (!shape.trainable || shape.rows == 1) continue;  // vectors are read in float32
      const Index stride = row_stride<half>(shape.columns);
      tasks_.push_back({shape.offset, end, static_cast<std::int32_t>(shape.rows),
                        static_cast<std::int32_t>(shape.columns), static_cast<std::int32_t>(stride)});
      places_[shape.offset] = end;
      end += shape.rows * stride;
    }
    halves_ = DeviceBuffer<half>(end);
    device_tasks_ = DeviceBuffer<CastTask>(static_cast<Index>(tasks_.size()));
    copy_to_device(device_tasks_, tasks_);
  }
  /// Casts the parameters as they are now.
  void refresh(cudaStream_t stream) const {
    cast_matrices(stream, device_tasks_.data(), static_cast<Index>(tasks_.size()), parameters_, halves_.data());
  }
  Rows<const half> of(const float* parameter, Index columns) const {
    return {halves_.data() + places_.at(parameter - parameters_), row_stride<half>(columns)};
  }

 private:
  const float* parameters_;
  std::vector<CastTask> tasks_;
  std::map<Index, Index> places_;
  DeviceBuffer<half> halves_;
  DeviceBuffer<CastTask> device_tasks_;
};

}  // namespace showtell::cuda
