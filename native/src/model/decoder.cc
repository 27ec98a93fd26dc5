#include "model/decoder.h"

namespace showtell {

namespace {

const DecoderSpec& checked(const DecoderSpec& spec) {
  check_spec(spec);
  return spec;
}

}  // namespace

Decoder::Decoder(const DecoderSpec& spec) : spec_(checked(spec)), layout_(spec_) {}

void Decoder::check_features(const FeatureBatch& features) const {
  if (features.images < 1) throw Error(ErrorCode::shape, expected("at least one image", "pooled features", "none"));
  if (spec_.has_attention != (features.grid != nullptr)) {
    throw Error(ErrorCode::shape,
                expected(spec_.has_attention ? "a grid of cells for each image" : "none (no attention)",
                         "grid features", spec_.has_attention ? "none" : "some"));
  }
}

std::unique_ptr<DecodingState> Decoder::start(const FeatureBatch& features) {
  check_features(features);
  return start_checked(features);
}

GeneratedCaptions Decoder::generate(const FeatureBatch& features, const SearchOptions& options) {
  check_features(features);
  return generate_checked(features, options);
}

StepResult Decoder::train_step(const TrainingBatch& batch, const AdamOptions& options) {
  return start_step(batch, options)();
}

StepWait Decoder::start_step(const TrainingBatch& batch, const AdamOptions& options) {
  check_features(batch.features);
  check_batch(spec_, batch);
  return start_step_checked(batch, options);
}

LossSum Decoder::evaluate_loss(const TrainingBatch& batch) {
  check_features(batch.features);
  check_batch(spec_, batch);
  return evaluate_checked(batch);
}

}  // namespace showtell
