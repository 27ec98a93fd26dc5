// What gpu_benchmark measures: decoders, photos and captions of the sizes that the speed goals of docs/native.md name,
// random, for us and for the peers alike (bench/peers/gpu.py).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/decoder.h"

namespace gpu_check {

using namespace showtell;
using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

constexpr Index kMaxLength = 20;
/// Captions of the first photos of a case are compared before anything is timed.
constexpr Index kPhotosCompared = 64;

struct Model {
  std::string name;
  DecoderSpec spec;
  std::map<std::string, Floats> parameters;
  Floats pooled, grid;  // [photos, feature_size], [photos, cells, grid_feature_size]
  Index cells = 0;

  ParameterVisitor fill() const;
  FeatureBatch photos(Index count) const;
};

/// What a call should take at most, in one precision.
using Goals = std::map<std::string, double>;  // precision -> milliseconds

struct DecodeCase {
  std::string name;
  const Model* model;
  Index photos, beam_width;
  std::vector<std::string> precisions;
  Goals goals;
};

/// Captions of one batch; the photos are the model's first.
struct Captions {
  Ints image_of_row, tokens, lengths;
  Index steps = 0;
  TrainingBatch batch(const Model& model) const;
};

struct TrainCase {
  std::string name;
  const Model* model;
  std::vector<Captions> batches;  // one, or an epoch's
  std::vector<std::string> precisions;
  Goals goals;
};

struct Workload {
  /// `tiny`: sizes for a test of the program, on which no time means anything.
  explicit Workload(bool tiny);
  Workload(const Workload&) = delete;

  /// For the peers: workload.json and arrays.bin, in the format of bench/peers/protocol.py.
  void write(const std::string& folder) const;

  Model lstm, recipe, attention;
  std::vector<DecodeCase> decode;
  std::vector<TrainCase> train;
  TrainCase epoch;
};

}  // namespace gpu_check
