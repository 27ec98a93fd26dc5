// Random decoders and batches for comparing devices: sizes that are no multiples of anything, every option on request.
#pragma once

#include <map>
#include <string>

#include "model/decoder.h"
#include "plain.h"

namespace training_problem {

using namespace showtell;

using Values = std::map<std::string, plain::Floats>;

inline ParameterVisitor into(Values& values) {
  return [&values](const ParameterShape& shape, float* from) { values[shape.name].assign(from, from + shape.size()); };
}
inline ParameterVisitor from(const Values& values) {
  return [&values](const ParameterShape& shape, float* to) {
    std::copy(values.at(shape.name).begin(), values.at(shape.name).end(), to);
  };
}

/// Owns what the TrainingBatch points to.
struct Problem {
  DecoderSpec spec;
  AdamOptions update;
  Values parameters;
  plain::Floats pooled, grid, weights;
  std::vector<std::int32_t> image_of_row, tokens, inputs, lengths;
  TrainingBatch batch;

  Problem(const DecoderSpec& spec_, Index images, Index cells, Index captions, Index steps, unsigned seed)
      : spec(spec_) {
    unsigned next = seed;
    const ParameterLayout layout(spec);
    for (const auto& shape : layout.shapes()) {
      const bool about_one =
          shape.name.find("gamma") != std::string::npos || shape.name.find("runningVariance") != std::string::npos;
      parameters[shape.name] = plain::random(shape.size(), ++next, about_one ? 0.7f : -0.3f, about_one ? 1.3f : 0.3f);
    }
    pooled = plain::random(images * spec.feature_size, ++next);
    batch.features = {pooled.data(), images, nullptr, 0};
    if (spec.has_attention) {
      grid = plain::random(images * cells * spec.grid_feature_size, ++next);
      batch.features.grid = grid.data();
      batch.features.cells = cells;
    }
    std::mt19937 generator(seed);
    const auto draw = [&](Index below) {
      return static_cast<std::int32_t>(generator() % static_cast<unsigned>(below));
    };
    for (Index caption = 0; caption < captions; ++caption) {
      image_of_row.push_back(draw(images));
      lengths.push_back(1 + draw(steps));
    }
    lengths.back() = static_cast<std::int32_t>(steps);
    for (Index at = 0; at < captions * steps; ++at) {
      tokens.push_back(draw(spec.vocab_size));
      inputs.push_back(draw(spec.vocab_size));
    }
    weights = plain::random(captions * steps, ++next, 0, 2);
    batch.image_of_row = image_of_row.data();
    batch.batch_size = captions;
    batch.time_steps = steps;
    batch.token_ids = tokens.data();
    batch.lengths = lengths.data();
    batch.dropout_seed = 0x123456789abcull + seed;
    update.learning_rate = 1e-3;
    update.epsilon = 1e-6;
  }
  Problem(const Problem&) = delete;
};

/// Every kind of dropout.
inline DropoutRates all_dropout(bool per_sequence) { return {0.2, 0.15, 0.25, 0.1, 0.3, 0.2, 0.4, per_sequence}; }

}  // namespace training_problem
