#include "cuda/cudnn.h"
#include "cuda/libraries.h"

namespace showtell::cuda {

namespace {
constexpr std::size_t kOldestVersion = 90000;  // from here on lengths on the device may be left out
}

Cudnn load_cudnn() {
  const Library library({"cuDNN", {"libcudnn.so.9"}, "nvidia-cudnn-cu13"});
  Cudnn api;
  library.find("cudnnGetVersion", api.get_version);
  api.path = library.path();
  if (api.get_version() < kOldestVersion) {
    throw Error(ErrorCode::unavailable, "Expected cuDNN 9 or newer but " + api.path + " is version " + version_of(api) +
                                            ". Hint: pip install nvidia-cudnn-cu13.");
  }
  library.find("cudnnCreate", api.create);
  library.find("cudnnDestroy", api.destroy);
  library.find("cudnnSetStream", api.set_stream);
  library.find("cudnnAdvVersionCheck", api.check_rnn_version);
  library.find("cudnnGetErrorString", api.error_string);
  library.find("cudnnCreateTensorDescriptor", api.tensor_create);
  library.find("cudnnDestroyTensorDescriptor", api.tensor_destroy);
  library.find("cudnnSetTensorNdDescriptor", api.tensor_set);
  library.find("cudnnGetTensorNdDescriptor", api.tensor_get);
  library.find("cudnnCreateDropoutDescriptor", api.dropout_create);
  library.find("cudnnDestroyDropoutDescriptor", api.dropout_destroy);
  library.find("cudnnSetDropoutDescriptor", api.dropout_set);
  library.find("cudnnCreateRNNDescriptor", api.rnn_create);
  library.find("cudnnDestroyRNNDescriptor", api.rnn_destroy);
  library.find("cudnnSetRNNDescriptor_v8", api.rnn_set);
  library.find("cudnnCreateRNNDataDescriptor", api.data_create);
  library.find("cudnnDestroyRNNDataDescriptor", api.data_destroy);
  library.find("cudnnSetRNNDataDescriptor", api.data_set);
  library.find("cudnnGetRNNTempSpaceSizes", api.temporary_space);
  library.find("cudnnGetRNNWeightSpaceSize", api.weight_space);
  library.find("cudnnGetRNNWeightParams", api.find_weights);
  library.find("cudnnRNNForward", api.forward);
  library.find("cudnnRNNBackwardData_v8", api.backward_data);
  library.find("cudnnRNNBackwardWeights_v8", api.backward_weights);
  // The RNN functions lie in a library of their own, which libcudnn opens when they are first called.
  const CudnnStatus status = api.check_rnn_version();
  if (status != CudnnStatus::success) {
    throw Error(ErrorCode::unavailable, "Expected cuDNN with its part libcudnn_adv but " + api.path + " answers " +
                                            api.error_string(status) + ". Hint: pip install nvidia-cudnn-cu13.");
  }
  return api;
}

std::string version_of(const Cudnn& library) {
  const std::size_t number = library.get_version();
  if (number < 10000) return std::to_string(number / 1000) + "." + std::to_string(number / 100 % 10);  // up to 8.9
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

}  // namespace showtell::cuda
