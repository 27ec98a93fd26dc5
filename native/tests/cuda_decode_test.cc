// Decoding on the CUDA device against the CPU's, on random small models. The same file runs on the emulation
// (tests/emulation) and on a device. Bounds are about ten times what was measured.
#include "decode_problem.h"

using namespace decode_problem;

TEST(single_steps_agree_with_the_cpu_for_every_kind_of_decoder) {
  unsigned seed = 100;
  for (const auto& spec : specs()) {
    Model model(spec, 3, seed += 100, kCells);
    for (const auto precision : kPrecisions) {
      for (const auto& choice : choices()) {
        CHECK_NEAR(step_difference(model, precision, choice), 0, logit_bound(precision));
      }
    }
  }
}

TEST(captions_are_those_of_the_cpu_for_every_kind_of_decoder) {
  unsigned seed = 1000;
  for (const auto& spec : specs()) {
    Model model(spec, 5, seed += 100, kCells);
    CudaInference inference = model.inference(Precision::exact);
    check_captions(model, inference, search(3, 2));
  }
}

TEST(every_search_option_means_what_it_means_on_the_cpu) {
  Model model(pooled_spec(), 4, 2000);
  CudaInference inference = model.inference(Precision::exact);
  for (const Index width : {1, 2, 3, 5, 20}) {
    for (const auto& options : option_sets(width)) check_captions(model, inference, options);
  }
}

TEST(sizes_around_those_of_the_tiles) {
  unsigned seed = 3000;
  for (const Index rows : {1, 15, 16, 17, 63, 64, 65, 127, 128, 129}) {
    Model model(pooled_spec(), rows, seed += 100);
    for (const auto& choice : choices()) {
      CudaInference inference = model.inference(Precision::exact, choice);
      check_captions(model, inference, search(1, 1, 2));
    }
  }
  for (const Index size : {31, 32, 33, 65}) {
    DecoderSpec spec = pooled_spec();
    spec.hidden_size = size;
    spec.embedding_size = 64 - size / 2;
    spec.layer_count = 2;         // depths of one and a half and of two lines of a stage
    spec.vocab_size = 95 + size;  // 126, 127, 128, 160
    Model model(spec, 2, seed += 100);
    for (const auto& choice : choices()) {
      CudaInference inference = model.inference(Precision::exact, choice);
      check_captions(model, inference, search(2, 2, 4));
    }
  }
  for (const Index vocab_size : {5, 129, 1500}) {
    DecoderSpec spec = pooled_spec();
    spec.vocab_size = vocab_size;
    spec.layer_count = 1;
    Model model(spec, 3, seed += 100);
    CudaInference inference = model.inference(Precision::exact);
    check_captions(model, inference, search(3, 3, 5));
  }
}

TEST(the_widest_beam_fills_its_lists) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  Model model(spec, 3, 4000);
  CudaInference inference = model.inference(Precision::exact);
  check_captions(model, inference, search(32, 32, 4));
  CHECK_THROWS(inference.generate(model.features, search(33, 1)), ErrorCode::option);
}

TEST(exact_ties_are_in_the_order_of_the_cpu) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.vocab_size = 120;
  // Groups of twelve equal logits: more than a list of candidates has room for, and better ones behind them.
  Model model(spec, 6, 4500, 0, 12);
  for (const auto precision : kPrecisions) {
    CudaInference inference = model.inference(precision);
    const bool rounds = precision == Precision::float16;
    for (const Index width : {1, 2, 3, 20})
      check_captions(model, inference, search(width, width, 5), rounds ? 0.1 : kScoreBound);
  }
}

TEST(equal_scores_of_one_hypothesis_are_in_the_order_of_the_tokens) {
  DecoderSpec spec = pooled_spec();
  spec.vocab_size = 120;
  Model model(spec, 2, 4600);
  for (const auto& shape : model.layout.shapes()) {
    float* values = model.values_of(shape);
    if (shape.name == "output.weight") std::fill_n(values, shape.size(), 0.0f);
    if (shape.name != "output.bias") continue;
    // Logits that rise with the token and round, four by four, to the same log-probability.
    for (Index token = 0; token < spec.vocab_size; ++token) {
      values[token] = 1e-3f * static_cast<float>(token / 4) + 1e-8f * static_cast<float>(token % 4);
    }
  }
  model.device_trainable = to_device(model.trainable);
  model.pointers = model.layout.pointers(model.device_trainable.data(), model.device_statistics.data());
  const auto captions = model.inference(Precision::float32).generate(model.features, search(20, 20, 1));
  CHECK((captions.caption_counts == std::vector<std::int32_t>{20, 20}));
  int equal = 0;
  for (std::size_t at = 1; at < captions.scores.size(); ++at) {
    if (captions.scores[at] != captions.scores[at - 1]) continue;
    ++equal;
    CHECK(captions.token_ids[at] > captions.token_ids[at - 1]);
  }
  CHECK(equal >= 20);
}

TEST(captions_in_float32_are_those_of_the_cpu_and_in_float16_nearly_so) {
  for (const auto& spec : {pooled_spec(), attention_spec()}) {
    Model model(spec, 12, 5000, kCells);
    CudaInference float32 = model.inference(Precision::float32);
    check_captions(model, float32, search(3, 1));
    const auto wanted = model.cpu->generate(model.features, search(3, 1));
    const auto actual = model.inference(Precision::float16).generate(model.features, search(3, 1));
    const Agreement agreement = compare(actual, wanted);
    CHECK(agreement.same >= agreement.captions - 2);
    CHECK_NEAR(agreement.score_difference, 0, 0.1);
  }
}

TEST(captions_do_not_depend_on_the_batch) {
  Model model(attention_spec(), 11, 6000, kCells);
  CudaInference inference = model.inference(Precision::exact);
  const auto together = inference.generate(model.features, search(2, 2));
  CHECK(inference.generate(model.features, search(2, 2)).scores == together.scores);
  CudaInference in_pieces(model.spec, model.pointers, Precision::exact, 8);  // four images at a time, three pieces
  const auto pieces = in_pieces.generate(model.features, search(2, 2));
  CHECK(pieces.token_ids == together.token_ids);
  CHECK(pieces.scores == together.scores);
  // Another tile for the whole batch than for its pieces: the same captions up to rounding.
  KernelChoice choice = KernelChoice::of_device();
  choice.few_rows = 16;
  CudaInference by_two_tiles(model.spec, model.pointers, Precision::exact, 8, choice);
  const Agreement agreement = compare(by_two_tiles.generate(model.features, search(2, 2)), together);
  CHECK(agreement.same == agreement.captions);
  CHECK_NEAR(agreement.score_difference, 0, kScoreBound);
}

TEST(words_without_a_table_of_gates) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.hidden_size = 97;
  spec.embedding_size = 4;
  spec.vocab_size = 132'000;  // times 512 gates: beyond the largest table
  Model model(spec, 1, 7000);
  CudaInference inference = model.inference(Precision::float32);
  auto state = inference.start(model.features);
  const auto wanted_state = model.cpu->start(model.features);
  plain::Floats logits(static_cast<std::size_t>(spec.vocab_size)), wanted(logits.size());
  for (const std::int32_t token : {1, 131'999}) {
    inference.step(state, &token, logits.data());
    model.cpu->step(*wanted_state, &token, wanted.data());
    CHECK_NEAR(plain::distance(logits, wanted, logits.size()), 0, logit_bound(Precision::float32));
  }
}

TEST(searches_longer_than_a_graph) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.hidden_size = 16;
  spec.embedding_size = 16;
  spec.vocab_size = 40;
  Model model(spec, 2, 8000);
  CudaInference inference = model.inference(Precision::float32);
  SearchOptions options = search(2, 1, 140);
  options.min_length = 135;
  check_captions(model, inference, options, 1e-3);
}

TEST(a_search_that_is_not_recorded_gives_the_same_captions) {
  Model model(attention_spec(), 3, 8500, kCells);
  KernelChoice choice = KernelChoice::of_device();
  CudaInference recorded = model.inference(Precision::exact, choice);
  choice.record = false;
  CudaInference queued = model.inference(Precision::exact, choice);
  for (int turn = 0; turn < 2; ++turn) {
    const auto wanted = recorded.generate(model.features, search(2, 2, 5));
    const auto actual = queued.generate(model.features, search(2, 2, 5));
    CHECK(actual.token_ids == wanted.token_ids && actual.scores == wanted.scores);
  }
}

TEST(changed_parameters_change_the_captions) {
  Model model(pooled_spec(), 2, 9000);
  CudaInference inference = model.inference(Precision::exact);
  inference.generate(model.features, search(2, 1, 4));
  Model other(pooled_spec(), 2, 9500);
  cuda::copy_to_device(model.device_trainable, other.trainable);
  inference.invalidate();
  const auto wanted = other.cpu->generate(model.features, search(2, 1, 4));
  CHECK(inference.generate(model.features, search(2, 1, 4)).token_ids == wanted.token_ids);
}

TEST(tokens_are_drawn_where_the_cumulative_distribution_passes) {
  const std::vector<double> uniforms{-1, 0, 1e-9, 0.3, 0.6, 0.999, 1 - 0x1p-53};
  const auto rows = static_cast<Index>(uniforms.size());
  std::vector<std::int32_t> same_image(uniforms.size(), 0), tokens(uniforms.size(), kStartTokenId), drawn(uniforms.size());
  for (const Index vocab_size : {5, 31, 32, 33, 129, 1000}) {
    DecoderSpec spec = pooled_spec();
    spec.vocab_size = vocab_size;
    Model model(spec, 1, 77);
    for (const Precision precision : kPrecisions) {
      CudaInference inference = model.inference(precision);
      for (const double temperature : {1.0, 0.3}) {
        auto state = inference.start(model.features), twin = inference.start(model.features);
        inference.gather(state, same_image.data(), rows);
        plain::Floats logits(static_cast<std::size_t>(vocab_size));
        inference.step(twin, tokens.data(), logits.data());
        inference.sample_step(state, tokens.data(), {uniforms.data(), temperature}, drawn.data());
        std::vector<double> up_to{0};
        double most = 0;
        for (std::size_t token = 0; token < logits.size(); ++token) {
          const bool never = token == kPadTokenId || token == kStartTokenId || token == kUnknownTokenId;
          const double weight = never ? 0 : std::exp(static_cast<double>(logits[token]) / temperature);
          up_to.push_back(up_to.back() + weight);
          most = std::fmax(most, weight);
        }
        for (std::size_t row = 0; row < uniforms.size(); ++row) {
          const auto token = static_cast<std::size_t>(drawn[row]);
          CHECK(token < logits.size());
          if (token >= logits.size()) continue;
          const double weight = up_to[token + 1] - up_to[token], room = 1e-5 * kRoom, total = up_to.back();
          CHECK(weight > 0);
          if (uniforms[row] < 0) CHECK(weight >= most * (1 - room));
          if (uniforms[row] < 0) continue;
          CHECK(up_to[token] <= total * (uniforms[row] + room));
          CHECK(up_to[token + 1] >= total * (uniforms[row] - room));
        }
      }
    }
  }
}

TEST(logits_that_are_not_finite_are_an_error) {
  Model model(pooled_spec(), 2, 10'000);
  CudaInference inference = model.inference(Precision::exact);
  model.pooled[3] = NAN;
  CHECK_THROWS(inference.generate(model.features, search(2, 1, 3)), ErrorCode::option);
  auto state = inference.start(model.features);
  const std::int32_t tokens[] = {kStartTokenId, kStartTokenId};
  const double uniforms[] = {0.5, -1};
  std::int32_t drawn[2];
  CHECK_THROWS(inference.sample_step(state, tokens, {uniforms, 1}, drawn), ErrorCode::option);
  model.pooled[3] = 0;
  check_captions(model, inference, search(2, 1, 3));
}

TEST_MAIN
