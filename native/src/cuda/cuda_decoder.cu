#include "cuda/cuda_decoder.h"

namespace showtell::cuda {

namespace {

class CudaDecodingState : public DecodingState {
 public:
  explicit CudaDecodingState(CudaDecoderState from) : state(std::move(from)) {}
  Index rows() const override { return state.rows; }
  Index cells() const override { return state.cells; }
  Index steps() const override { return state.steps; }
  Index bytes() const override { return state.bytes(); }
  const float* attention() const override { return state.attention.data(); }

  CudaDecoderState state;
};

CudaDecoderState& own(DecodingState& state) { return static_cast<CudaDecodingState&>(state).state; }

TrainingPrecision training_precision(DecoderPrecision precision) {
  switch (precision) {
    case DecoderPrecision::float16:
      return TrainingPrecision::float16;
    case DecoderPrecision::tf32:
      return TrainingPrecision::tf32;
    case DecoderPrecision::float32:
    case DecoderPrecision::exact:
      break;
  }
  return TrainingPrecision::float32;
}

Precision decoding_precision(DecoderPrecision precision) {
  switch (precision) {
    case DecoderPrecision::float32:
      return Precision::float32;
    case DecoderPrecision::float16:
      return Precision::float16;
    case DecoderPrecision::exact:
    case DecoderPrecision::tf32:
      break;
  }
  return Precision::exact;
}

}  // namespace

CudaDecoder::CudaDecoder(const DecoderSpec& spec, DecoderPrecision precision, const ParameterVisitor& fill)
    : Decoder(spec),
      training_(spec_, training_precision(precision), fill, kMostLogits, cudnn),
      inference_(spec_, training_.parameters(), decoding_precision(precision)) {}

std::unique_ptr<Decoder> make_decoder(const DecoderSpec& spec, DecoderPrecision precision,
                                      const ParameterVisitor& fill) {
  return std::make_unique<CudaDecoder>(spec, precision, fill);
}

Index CudaDecoder::bytes() const { return training_.bytes() + inference_.bytes(); }

std::unique_ptr<DecodingState> CudaDecoder::start_checked(const FeatureBatch& features) {
  return std::make_unique<CudaDecodingState>(inference_.start(features));
}

void CudaDecoder::step(DecodingState& state, const std::int32_t* tokens, float* logits) {
  inference_.step(own(state), tokens, logits);
}

void CudaDecoder::sample_step(DecodingState& state, const std::int32_t* tokens, const TokenDraws& draws,
                              std::int32_t* drawn) {
  inference_.sample_step(own(state), tokens, draws, drawn);
}

void CudaDecoder::gather(DecodingState& state, const std::int32_t* rows, Index count) {
  inference_.gather(own(state), rows, count);
}

GeneratedCaptions CudaDecoder::generate_checked(const FeatureBatch& features, const SearchOptions& options) {
  return inference_.generate(features, options);
}

StepWait CudaDecoder::start_step_checked(const TrainingBatch& batch, const AdamOptions& options) {
  inference_.invalidate();
  training_.start_step(batch, options);
  return [this] { return training_.finish_step(); };
}

void CudaDecoder::write_parameters(const ParameterVisitor& write) {
  training_.write_parameters(write);
  inference_.invalidate();
}

}  // namespace showtell::cuda
