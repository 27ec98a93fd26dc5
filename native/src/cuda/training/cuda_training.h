// Training on the device: forward, backward, clipping, Adam and the moving average of the parameters, recorded into one
// graph for each bucket of batch sizes. The counterpart of Decoder's training methods (model/decoder.h), with the same
// meaning of every option.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "cuda/runtime.h"
#include "cuda/training/batch_lists.h"
#include "cuda/training/step_recorder.h"
#include "model/decoder.h"

namespace showtell::cuda {

/// Logits in memory at one time, so that large batches and vocabularies stay bounded.
constexpr Index kMostLogits = Index{1} << 26;

class CudaTraining {
 public:
  /// `fill` is called once for each parameter with memory to write. float16 keeps parameters, moments and gradients in
  /// float32, everything between them in half, and skips the update of a step whose scaled gradients overflow. The LSTM
  /// runs on what `find_cudnn` returns, where that is given and can express the spec; it is asked at the first step or
  /// evaluation, so that a decoder that never trains holds no library's handles and workspaces.
  CudaTraining(const DecoderSpec& spec, TrainingPrecision precision, const ParameterVisitor& fill,
               Index most_logits = kMostLogits, CudnnFinder find_cudnn = nullptr);
  CudaTraining(const CudaTraining&) = delete;
  CudaTraining& operator=(const CudaTraining&) = delete;
  ~CudaTraining();

  /// Throws shape and option errors, and memory errors of the device.
  StepResult train_step(const TrainingBatch& batch, const AdamOptions& options);
  /// The same in two halves, so that the next batch can be prepared meanwhile: at most two steps may be in flight, and
  /// a batch must stay where it is until its step is finished. finish_step answers in the order of the starts; another
  /// thread may start the next step while one waits in it.
  void start_step(const TrainingBatch& batch, const AdamOptions& options);
  StepResult finish_step();
  /// With no step in flight.
  LossSum evaluate_loss(const TrainingBatch& batch);

  /// Where the parameters lie on the device, laid out as model/parameters.h says. What reads them must be ordered after
  /// the last finish_step.
  const ParameterPointers& parameters() const { return pointers_; }

  // As Decoder has them; with no step in flight.
  void read_parameters(const ParameterVisitor& read);
  void write_parameters(const ParameterVisitor& write);
  void read_gradients(const ParameterVisitor& read);
  void read_averages(const ParameterVisitor& read);
  Index optimizer_step() const { return last_outcome_.step; }
  /// Of updates made: a first step that overflows makes none.
  bool has_moments() const { return first_moments_.size() > 0 && last_outcome_.step > 0; }
  bool has_averages() const { return averages_.size() > 0; }
  void visit_optimizer(Decoder::OptimizerArray array, const ParameterVisitor& read);
  void write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                       const ParameterVisitor* averages);

  /// Steps whose update was skipped because a float16 gradient overflowed. Their gradient norm is given as 0.
  Index skipped_steps() const { return skipped_steps_; }
  /// In float16; elsewhere the scale is 1.
  bool scales_loss() const { return precision_ == TrainingPrecision::float16; }
  /// Of the next step; the factor doubles after 2000 steps without an overflow. With no step in flight.
  LossScale loss_scale() const;
  void set_loss_scale(const LossScale& scale);
  bool uses_cudnn() { return recorder().uses_cudnn(); }
  /// Why a step is queued kernel by kernel in place of a graph; empty where none is.
  const std::string& recording_refusal() const { return recording_refusal_; }
  /// On the device, of everything.
  Index bytes() const;

 private:
  /// A batch on its way: two, so that one is uploaded while the other is worked on.
  struct Slot {
    PinnedBuffer<char> staging;
    DeviceBuffer<char> lists;
    DeviceBuffer<float> pooled, grid;
    DeviceBuffer<StepOutcome> outcome;
    PinnedBuffer<StepOutcome> result{1};
    Index tokens = 0;
    Event uploaded, done;
  };
  struct GraphKey {
    BatchShape shape;
    int slot;
    bool training, averaging;
    bool operator<(const GraphKey& other) const;
  };
  struct RecordedStep {
    bool met_before = false, refused = false;
    Graph graph;
  };

  const StepRecorder& recorder();
  void start(const TrainingBatch& batch, const AdamOptions* options);
  void prepare_optimizer(bool averaging);
  void upload_batch(Slot& slot, const TrainingBatch& batch, const BatchShape& shape, const AdamOptions* options);
  void run_graph(const GraphKey& key);
  void forget_graphs();
  AlignedBuffer download(const DeviceBuffer<float>& from) const;
  void visit(const DeviceBuffer<float>& trainable, bool with_statistics, const ParameterVisitor& visitor, float factor);
  DeviceBuffer<float>& optimizer_array(Decoder::OptimizerArray array);

  const DecoderSpec spec_;
  const ParameterLayout layout_;
  const TrainingPrecision precision_;
  Stream compute_, upload_;
  DeviceBuffer<float> parameters_, statistics_, gradients_, first_moments_, second_moments_, averages_;
  DeviceBuffer<OptimizerState> state_;
  DeviceBuffer<char> workspace_;
  const ParameterPointers pointers_;
  ParameterPointers gradient_pointers_;
  const Index most_logits_;
  const CudnnFinder find_cudnn_;
  std::unique_ptr<const StepRecorder> recorder_;
  Slot slots_[2];
  int next_slot_ = 0, in_flight_ = 0;
  std::mutex steps_;  // held by starts and by all of a finish but its wait
  std::map<GraphKey, RecordedStep> graphs_;
  std::string recording_refusal_;
  std::vector<std::int32_t> word_counts_;
  StepOutcome last_outcome_;
  Index skipped_steps_ = 0;
};

}  // namespace showtell::cuda
