// The speed of the CUDA device.
//   gpu_benchmark device               says which device is used and with which versions; fails where there is none
//   gpu_benchmark workload DIR         writes what peers are to compute (bench/peers/gpu.py, which writes
//   DIR/peers.json) gpu_benchmark measure DIR          measures and writes DIR/benchmarks.json and DIR/benchmarks.md
//   beside the peers' figures
// --tiny after it: sizes for a test of the program.
#include <cstdio>
#include <cstring>

#include "cuda/cublaslt.h"
#include "cuda/cudnn.h"
#include "cuda/device.h"
#include "report.h"

using namespace gpu_check;

namespace {

/// "NVIDIA H100, compute capability 9.0, CUDA driver 13.0, runtime 13.0, cuBLASLt 13.1.0, cuDNN 9.28.1"
std::string device_text() {
  const cuda::DeviceDescription device = cuda::describe_device();
  std::string text = device.text() + ", runtime " + cuda::version_text(device.runtime_version);
  try {
    text += ", cuBLASLt " + cuda::version_of(cuda::cublaslt());
  } catch (const Error&) {
    text += ", no cuBLASLt";  // decoding does without; training says what is missing
  }
  const cuda::Cudnn* cudnn = cuda::cudnn();
  text += cudnn == nullptr ? ", no cuDNN" : ", cuDNN " + cuda::version_of(*cudnn);
  return text;
}

bool all_agree(const std::vector<Measured>& rows) {
  bool agree = true;
  for (const Measured& row : rows) {
    if (row.agrees) continue;
    std::printf("FAILED %s, %s: %s\n", row.name.c_str(), row.precision.c_str(), row.agreement.c_str());
    agree = false;
  }
  return agree;
}

int measure(const std::string& folder, bool tiny) {
  const Workload workload(tiny);
  const Patience patience = tiny ? Patience{1, 1, 2, 0} : Patience{};
  Results results;
  results.device = device_text();
  // Written after every part: what was measured outlives what comes after it.
  results.decode = measure_decoding(workload, patience);
  write_report(results, folder);
  results.train = measure_training(workload, patience);
  write_report(results, folder);
  results.epoch = measure_epoch(workload, patience);
  write_report(results, folder);
  int disagreeing = 0;
  for (const auto* rows : {&results.decode, &results.train, &results.epoch}) disagreeing += all_agree(*rows) ? 0 : 1;
  return disagreeing == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "", folder = argc > 2 ? argv[2] : "";
  const bool tiny = argc == 4 && std::strcmp(argv[3], "--tiny") == 0;
  if (command == "device" && argc == 2) {
    std::printf("%s\n", device_text().c_str());
    return 0;
  }
  if (argc == 3 || tiny) {
    if (command == "workload") return Workload(tiny).write(folder), 0;
    if (command == "measure") return measure(folder, tiny);
  }
  std::fprintf(stderr, "Expected device, workload DIR [--tiny] or measure DIR [--tiny].\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
