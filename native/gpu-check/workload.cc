#include "workload.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

namespace gpu_check {

namespace {

struct Sizes {
  Index vocabulary, features, hidden, cells, heads;
  Index photos, many_photos, attention_photos;
  Index steps, shortest;
  float end_bias;
};
/// Captions never end before their time: every search takes all of its steps.
constexpr Sizes kReal = {2536, 2048, 300, 81, 8, 1024, 10'000, 256, 16, 9, -10};
constexpr Sizes kTiny = {120, 16, 24, 4, 2, 6, 9, 3, 5, 2, 1};

Floats normal(Index count, std::mt19937& random, float deviation, float mean = 0) {
  std::normal_distribution<float> draw(mean, deviation);
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) value = draw(random);
  return values;
}

bool ends_in(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Wide enough that captions differ from photo to photo and words are seldom near ties, as bench/src/workload.ts has
/// it.
Floats draw_parameter(const ParameterShape& shape, std::mt19937& random) {
  const bool scale = ends_in(shape.name, "gamma") || ends_in(shape.name, "runningVariance");
  if (scale) return normal(shape.size(), random, 0.05f, 1);
  if (shape.rows == 1) return normal(shape.size(), random, 0.05f);
  const float width = shape.name == "output.weight" ? 6 : shape.name.compare(0, 4, "lstm") == 0 ? 1.5f : 1;
  const bool is_embedding = shape.name == "embedding.weight";
  return normal(shape.size(), random, is_embedding ? 1 : width / std::sqrt(static_cast<float>(shape.rows)));
}

void make_model(Model& model, const std::string& name, const DecoderSpec& spec, Index photos, const Sizes& sizes) {
  std::mt19937 random(1);
  model.name = name;
  model.spec = spec;
  const ParameterLayout layout(spec);
  for (const auto& shape : layout.shapes()) model.parameters[shape.name] = draw_parameter(shape, random);
  model.parameters["output.bias"][kEndTokenId] += sizes.end_bias;
  model.pooled = normal(photos * spec.feature_size, random, 1);
  if (!spec.has_attention) return;
  model.cells = sizes.cells;
  model.grid = normal(photos * sizes.cells * spec.grid_feature_size, random, 1);
}

/// Random words behind one another, `<end>` last.
Captions make_captions(const Model& model, const Ints& lengths, Index captions_per_photo, std::mt19937& random) {
  Captions captions;
  captions.lengths = lengths;
  captions.steps = *std::max_element(lengths.begin(), lengths.end());
  const auto words = static_cast<std::uint32_t>(model.spec.vocab_size - kUnknownTokenId - 1);
  for (std::size_t row = 0; row < lengths.size(); ++row) {
    captions.image_of_row.push_back(static_cast<std::int32_t>(static_cast<Index>(row) / captions_per_photo));
    for (Index step = 0; step < captions.steps; ++step) {
      const auto word = static_cast<std::int32_t>(random() % words) + kUnknownTokenId + 1;
      captions.tokens.push_back(step < lengths[row] - 1 ? word : step == lengths[row] - 1 ? kEndTokenId : kPadTokenId);
    }
  }
  return captions;
}

Captions uniform_captions(const Model& model, Index count, Index captions_per_photo, const Sizes& sizes) {
  std::mt19937 random(2);
  Ints lengths;
  const auto spread = static_cast<std::uint32_t>(sizes.steps - sizes.shortest + 1);
  for (Index row = 0; row < count; ++row)
    lengths.push_back(static_cast<std::int32_t>(sizes.shortest + static_cast<Index>(random() % spread)));
  lengths.back() = static_cast<std::int32_t>(sizes.steps);
  return make_captions(model, lengths, captions_per_photo, random);
}

/// Flickr8k's training captions by their lengths: 11.8 words with <end>, deviation 3.6; sorted within 50 batches.
std::vector<Captions> epoch_captions(const Model& model, Index count, Index batch_size) {
  constexpr Index kBucketBatches = 50;
  std::mt19937 random(3);
  std::normal_distribution<double> draw(11.8, 3.6);
  Ints lengths;
  for (Index row = 0; row < count; ++row)
    lengths.push_back(static_cast<std::int32_t>(std::clamp(std::lround(draw(random)), 4L, 24L)));
  std::vector<Captions> batches;
  for (Index start = 0; start < count; start += batch_size * kBucketBatches) {
    const Index bucket_end = std::min(count, start + batch_size * kBucketBatches);
    std::sort(lengths.begin() + start, lengths.begin() + bucket_end);
    for (Index first = start; first < bucket_end; first += batch_size) {
      const Index end = std::min(bucket_end, first + batch_size);
      batches.push_back(make_captions(model, {lengths.begin() + first, lengths.begin() + end}, 1, random));
    }
  }
  std::shuffle(batches.begin(), batches.end(), random);
  return batches;
}

}  // namespace

ParameterVisitor Model::fill() const {
  return [this](const ParameterShape& shape, float* values) {
    const Floats& own = parameters.at(shape.name);
    std::copy(own.begin(), own.end(), values);
  };
}

FeatureBatch Model::photos(Index count) const {
  return {pooled.data(), count, grid.empty() ? nullptr : grid.data(), cells};
}

TrainingBatch Captions::batch(const Model& model) const {
  TrainingBatch batch;
  batch.features = model.photos(image_of_row.back() + 1);
  batch.image_of_row = image_of_row.data();
  batch.batch_size = static_cast<Index>(lengths.size());
  batch.time_steps = steps;
  batch.token_ids = tokens.data();
  batch.lengths = lengths.data();
  return batch;
}

Workload::Workload(bool tiny) {
  const Sizes& sizes = tiny ? kTiny : kReal;
  DecoderSpec spec;
  spec.vocab_size = sizes.vocabulary;
  spec.feature_size = sizes.features;
  spec.embedding_size = spec.hidden_size = sizes.hidden;
  spec.layer_count = 3;
  spec.dropout.input = 0.22;
  make_model(lstm, "LSTM 3 x 300", spec, sizes.many_photos, sizes);
  spec.normalization = Normalization::batch;
  spec.dropout.input_mask_per_sequence = true;
  spec.dropout.recurrent = 0.22;
  make_model(recipe, "reference recipe", spec, sizes.photos, sizes);
  spec = lstm.spec;
  spec.layer_count = 1;
  spec.hidden_size = tiny ? sizes.hidden : 512;
  spec.has_attention = true;
  spec.attention_heads = sizes.heads;
  spec.attention_size = spec.hidden_size;
  spec.grid_feature_size = spec.feature_size = tiny ? sizes.features : 1280;
  spec.dropout = {};
  spec.dropout.output = 0.5;
  make_model(attention, "attention", spec, sizes.attention_photos, sizes);

  // Thousands of captions a second on one H100 are the goals; here as milliseconds of a call.
  const Index photos = sizes.photos;
  const auto rate = [](Index captions, double thousands) { return static_cast<double>(captions) / thousands; };
  const std::vector<std::string> both = {"float16", "exact"};
  decode = {
      {"greedy", &lstm, photos, 1, both, {{"float16", rate(photos, 1100)}}},
      {"beam 3",
       &lstm,
       photos,
       3,
       {"float16", "exact", "float32"},
       {{"float16", rate(photos, 700)}, {"exact", rate(photos, 300)}}},
      {"beam 3", &lstm, sizes.many_photos, 3, both, {{"float16", rate(sizes.many_photos, 850)}}},
      {"beam 20", &lstm, photos, 20, both, {{"float16", rate(photos, 60)}}},
      {"beam 3", &lstm, 1, 3, both, {{"float16", 0.6}}},
      {"beam 3", &lstm, tiny ? 2 : 32, 3, both, {}},
      {"attention, beam 3", &attention, sizes.attention_photos, 3, both, {}},
  };
  for (auto& one : decode) one.name += ", " + std::to_string(one.photos) + (one.photos == 1 ? " photo" : " photos");

  const std::vector<std::string> all = {"float32", "tf32", "float16"};
  const auto training = [&](const std::string& name, const Model& model, Index size, Index per_photo,
                            const Goals& goals) {
    train.push_back({name, &model, {uniform_captions(model, size, per_photo, sizes)}, all, goals});
  };
  training("batch 32", lstm, tiny ? 3 : 32, 1, {{"float32", 1.3}, {"float16", 0.7}});
  training("batch 256", lstm, tiny ? 4 : 256, 1, {{"tf32", 1.7}, {"float16", 1.1}});
  training("batch 1024", lstm, tiny ? 6 : 1024, 1, {{"float32", 9.3}, {"tf32", 3.5}, {"float16", 2.4}});
  training("reference recipe, batch 256", recipe, tiny ? 4 : 256, 1, {});
  training("attention, 16 photos x 5", attention, tiny ? 6 : 80, tiny ? 2 : 5, {});
  epoch = {"an epoch of 30 000 captions, batch 256",
           &lstm,
           epoch_captions(lstm, tiny ? 12 : 30'000, tiny ? 4 : 256),
           {"tf32", "float16"},
           {{"tf32", 300}, {"float16", 300}}};
}

}  // namespace gpu_check
