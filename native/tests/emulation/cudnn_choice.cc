// In the emulation cuDNN is what a test hands to a training: a real library would take the emulated memory for a
// device's.
#include "cuda/cudnn.h"

namespace showtell::cuda {

const Cudnn* cudnn() { return nullptr; }
std::string cudnn_absence() { return "the emulation has none of its own"; }

}  // namespace showtell::cuda
