// The workload as the peers read it.
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "workload.h"

namespace gpu_check {

namespace {

class ArrayFile {
 public:
  explicit ArrayFile(const std::string& path) : file_(path, std::ios::binary) {}

  template <typename T>
  void add(const std::string& name, const std::vector<Index>& shape, const T* values) {
    Index size = 1;
    index_ << (offset_ > 0 ? ",\n" : "") << '"' << name << R"(": {"dtype": ")"
           << (std::is_same_v<T, float> ? "float32" : "int32") << R"(", "shape": [)";
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      index_ << (axis > 0 ? ", " : "") << shape[axis];
      size *= shape[axis];
    }
    index_ << R"(], "offset": )" << offset_ << '}';
    const Index bytes = size * static_cast<Index>(sizeof(T));
    file_.write(reinterpret_cast<const char*>(values), bytes);
    offset_ += bytes;
  }

  /// The index of names. Throws where not everything could be written.
  std::string finish() {
    file_.close();
    if (!file_) throw std::runtime_error("The arrays of the workload could not be written: is the disk full?");
    return "{" + index_.str() + "}";
  }

 private:
  std::ofstream file_;
  std::ostringstream index_;
  Index offset_ = 0;
};

std::string spec_json(const DecoderSpec& spec) {
  std::ostringstream out;
  const auto& rates = spec.dropout;
  out << R"({"vocabSize": )" << spec.vocab_size << R"(, "featureSize": )" << spec.feature_size
      << R"(, "embeddingSize": )" << spec.embedding_size << R"(, "hiddenSize": )" << spec.hidden_size
      << R"(, "layerCount": )" << spec.layer_count << R"(, "imageInjection": "first-input", "normalization": ")"
      << (spec.normalization == Normalization::batch ? "batch" : "none") << R"(", "tiedWeights": false)"
      << R"(, "dropout": {"image": )" << rates.image << R"(, "embedding": )" << rates.embedding << R"(, "input": )"
      << rates.input << R"(, "recurrent": )" << rates.recurrent << R"(, "attentionValue": )" << rates.attention_value
      << R"(, "attentionOutput": )" << rates.attention_output << R"(, "output": )" << rates.output
      << R"(, "inputMask": ")" << (rates.input_mask_per_sequence ? "sequence" : "step") << "\"}";
  if (spec.has_attention) {
    out << R"(, "attention": {"heads": )" << spec.attention_heads << R"(, "size": )" << spec.attention_size
        << R"(, "gridFeatureSize": )" << spec.grid_feature_size << '}';
  }
  out << '}';
  return out.str();
}

void add_photos(ArrayFile& arrays, const std::string& prefix, const Model& model, Index count) {
  arrays.add(prefix + "/pooled", {count, model.spec.feature_size}, model.pooled.data());
  if (model.cells > 0)
    arrays.add(prefix + "/grid", {count, model.cells, model.spec.grid_feature_size}, model.grid.data());
}

}  // namespace

void Workload::write(const std::string& folder) const {
  ArrayFile arrays(folder + "/arrays.bin");
  for (const Model* model : {&lstm, &recipe, &attention}) {
    const ParameterLayout layout(model->spec);
    for (const auto& shape : layout.shapes()) {
      const auto axes =
          shape.rows == 1 ? std::vector<Index>{shape.columns} : std::vector<Index>{shape.rows, shape.columns};
      arrays.add(model->name + "/parameters/" + shape.name, axes, model->parameters.at(shape.name).data());
    }
    add_photos(arrays, model->name + "/photos", *model,
               static_cast<Index>(model->pooled.size()) / model->spec.feature_size);
  }
  std::ostringstream cases;
  cases << R"({"decode": [)";
  for (const auto& one : decode) {
    cases << (&one == decode.data() ? "" : ",\n") << R"({"name": ")" << one.name << R"(", "model": ")"
          << one.model->name << R"(", "photos": )" << one.photos << R"(, "beamWidth": )" << one.beam_width
          << R"(, "maxLength": )" << kMaxLength << R"(, "compared": )" << kPhotosCompared << R"(, "spec": )"
          << spec_json(one.model->spec) << '}';
  }
  cases << R"(], "train": [)";
  for (const auto& one : train) {
    const Captions& captions = one.batches.front();
    const auto size = static_cast<Index>(captions.lengths.size());
    arrays.add(one.name + "/batch/tokenIds", {size, captions.steps}, captions.tokens.data());
    arrays.add(one.name + "/batch/lengths", {size}, captions.lengths.data());
    arrays.add(one.name + "/batch/imageOfRow", {size}, captions.image_of_row.data());
    add_photos(arrays, one.name + "/batch", *one.model, captions.image_of_row.back() + 1);
    cases << (&one == train.data() ? "" : ",\n") << R"({"name": ")" << one.name << R"(", "model": ")" << one.model->name
          << R"(", "spec": )" << spec_json(one.model->spec) << '}';
  }
  cases << R"(], "arrays": )" << arrays.finish() << "}\n";
  std::ofstream description(folder + "/workload.json");
  description << cases.str();
  description.close();
  if (!description) throw std::runtime_error("Expected a folder that can be written but received " + folder + ".");
}

}  // namespace gpu_check
