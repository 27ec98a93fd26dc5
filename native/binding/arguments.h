// JavaScript values into native ones. Everything is checked and copied here, before a job is queued: nothing that
// JavaScript does later can reach a job. Functions throw showtell::Error, or Napi::Error where a getter of the caller's
// object throws.
#pragma once

#include <napi.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/decoder.h"

namespace showtell::binding {

/// An integer of [least, most].
Index to_index(const Napi::Value& value, const std::string& name, Index least, Index most);
double to_number(const Napi::Value& value, const std::string& name);
Napi::Object to_object(const Napi::Value& value, const std::string& name);

/// Copies of typed arrays of exactly `size` elements.
AlignedBuffer to_floats(const Napi::Value& value, const std::string& name, Index size);
std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name, Index size);
std::vector<double> to_doubles(const Napi::Value& value, const std::string& name, Index size);
/// Of any length.
std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name);

DecoderSpec to_decoder_spec(const Napi::Value& value);
SearchOptions to_search_options(const Napi::Value& value, const DecoderSpec& spec);
AdamOptions to_adam_options(const Napi::Value& value);
/// None where undefined.
std::optional<LossScale> to_loss_scale(const Napi::Value& value);

/// Owns what a FeatureBatch points to.
struct FeatureCopy {
  AlignedBuffer pooled, grid;
  Index images = 0, cells = 0;
  FeatureBatch view() const { return {pooled.data(), images, grid.data(), cells}; }
};
FeatureCopy to_features(const DecoderSpec& spec, const Napi::Value& pooled, const Napi::Value& images,
                        const Napi::Value& grid, const Napi::Value& cells);

/// Owns what a TrainingBatch points to.
struct BatchCopy {
  FeatureCopy features;
  std::vector<std::int32_t> image_of_row, token_ids, lengths, input_token_ids;
  AlignedBuffer token_weights;
  Index batch_size = 0, time_steps = 0;
  double label_smoothing = 0;
  std::uint64_t dropout_seed = 0;
  TrainingBatch view() const;
};
BatchCopy to_batch(const DecoderSpec& spec, const Napi::Value& value);

/// name -> values for the names of `layout` (the trainable ones alone where asked): no name missing, none left over.
using NamedCopies = std::map<std::string, AlignedBuffer>;
NamedCopies to_named(const ParameterLayout& layout, bool trainable_only, const Napi::Value& value,
                     const std::string& kind);
/// Writes them where a ParameterVisitor is asked to.
ParameterVisitor writer_of(const NamedCopies& copies);

}  // namespace showtell::binding
