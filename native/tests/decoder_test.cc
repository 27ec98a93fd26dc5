// What a decoder refuses, and what padding and memory must not do.
#include "check.h"
#include "golden.h"

using namespace golden;

TEST(padding_changes_nothing) {
  const Golden golden(path_of("attention-dropout"));
  const auto train = [&](const TrainingBatch& batch) {
    const auto decoder = golden.decoder();
    const double loss = decoder->train_step(batch, golden.update).loss_sum;
    plain::Floats gradients{static_cast<float>(loss)};
    decoder->read_gradients([&](const ParameterShape& shape, float* values) {
      gradients.insert(gradients.end(), values, values + shape.size());
    });
    return gradients;
  };
  const TrainingBatch& batch = golden.batch;
  const Index wider = batch.time_steps + 3;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(batch.batch_size * wider), 9);  // any word as padding
  plain::Floats weights(tokens.size(), 5.0f);
  for (Index row = 0; row < batch.batch_size; ++row) {
    for (Index step = 0; step < batch.lengths[row]; ++step) {
      const auto to = static_cast<std::size_t>(row * wider + step);
      tokens[to] = batch.token_ids[row * batch.time_steps + step];
      weights[to] = batch.token_weights[row * batch.time_steps + step];
    }
  }
  TrainingBatch padded = batch;
  padded.time_steps = wider;
  padded.token_ids = tokens.data();
  padded.token_weights = weights.data();
  CHECK(train(padded) == train(batch));
}

TEST(memory_stops_growing_after_the_first_steps) {
  const Golden golden(path_of("attention"));
  const auto decoder = golden.decoder();
  decoder->train_step(golden.batch, golden.update);
  decoder->train_step(golden.batch, golden.update);
  decoder->generate(golden.batch.features, SearchOptions());
  const Index bytes = decoder->bytes();
  for (int step = 0; step < 50; ++step) {
    decoder->train_step(golden.batch, golden.update);
    decoder->generate(golden.batch.features, SearchOptions());
  }
  CHECK(decoder->bytes() == bytes);
}

TEST(impossible_specs_and_batches_are_errors) {
  const Golden golden(path_of("attention"));
  DecoderSpec spec = golden.spec;
  spec.attention_heads = 4;  // does not divide 6
  CHECK_THROWS(make_decoder(spec, [](const ParameterShape&, float*) {}), ErrorCode::option);
  spec = golden.spec;
  spec.vocab_size = 4;
  CHECK_THROWS(make_decoder(spec, [](const ParameterShape&, float*) {}), ErrorCode::option);

  const auto decoder = golden.decoder();
  const auto train = [&](const auto& change) {
    TrainingBatch batch = golden.batch;
    change(batch);
    decoder->train_step(batch, golden.update);
  };
  std::vector<std::int32_t> wrong(64, 1000);
  CHECK_THROWS(train([&](TrainingBatch& batch) { batch.token_ids = wrong.data(); }), ErrorCode::shape);
  CHECK_THROWS(train([&](TrainingBatch& batch) { batch.lengths = wrong.data(); }), ErrorCode::shape);
  CHECK_THROWS(train([&](TrainingBatch& batch) { batch.image_of_row = wrong.data(); }), ErrorCode::shape);
  CHECK_THROWS(train([&](TrainingBatch& batch) { batch.label_smoothing = 1; }), ErrorCode::option);
  CHECK_THROWS(train([&](TrainingBatch& batch) { batch.features.grid = nullptr; }), ErrorCode::shape);
  CHECK_THROWS(decoder->read_gradients([](const ParameterShape&, float*) {}), ErrorCode::option);
  CHECK_THROWS(decoder->read_averages([](const ParameterShape&, float*) {}), ErrorCode::option);
}

TEST_MAIN
