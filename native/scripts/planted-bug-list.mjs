// The bugs of planted-bugs.mjs. `from`, a statement or an expression, becomes `to`; it stands once in `file` of src/cuda, or once in `at`, which does.
// `case` is the test that must fail.
//
// Two bugs are not here because no schedule shows them, only the thread sanitizer: a missing __syncwarp in beam_step.cu (the shuffles around it hold the
// lanes back, although they order no memory), and a row read before begin_after_predecessor (the emulation runs one kernel after the other).

const STEPS = "single_steps_agree_with_the_cpu_for_every_kind_of_decoder";
const CAPTIONS = "captions_are_those_of_the_cpu_for_every_kind_of_decoder";
const DRAWS = "tokens_are_drawn_where_the_cumulative_distribution_passes";
const EQUALS = "equal_scores_of_one_hypothesis_are_in_the_order_of_the_tokens";
const TIES = "exact_ties_are_in_the_order_of_the_cpu";

const mma = "decode/mma_tile.h";
const fewRows = "decode/few_rows_tile.h";
const warpgroup = "decode/warpgroup_tile.h";
const product = "decode/product.h";
const attention = "decode/attention_step.cu";
const candidates = "decode/candidates.cu";
const beam = "decode/beam_step.cu";
const draws = "decode/token_draws.cu";

export const DECODING = [
  {
    name: "a draw that forgets the words before",
    case: DRAWS,
    file: draws,
    from: "before + sum_up_to_lane(own, lane)",
    to: "sum_up_to_lane(own, lane)",
  },
  {
    name: "a draw that takes in lanes from the other end",
    case: DRAWS,
    file: draws,
    from: "lane >= distance",
    to: "lane > 0",
  },
  {
    name: "a draw of what is never written",
    case: DRAWS,
    file: draws,
    from: "token >= drawing.columns || !may_be_written(token)",
    to: "token >= drawing.columns",
  },
  { name: "no wait for asynchronous copies", case: STEPS, file: mma, from: "cp_async_wait<kStages - 2>();", to: "" },
  {
    name: "a wait for one group too few",
    case: STEPS,
    file: mma,
    from: "cp_async_wait<kStages - 2>();",
    to: "cp_async_wait<kStages - 1>();",
  },
  { name: "no barrier between copy and product", case: STEPS, file: mma, from: "__syncthreads();", to: "" },
  { name: "a row behind the last one is read", case: STEPS, file: mma, from: "rows - 1", to: "rows" },
  {
    name: "the parents of rows are ignored",
    case: STEPS,
    file: mma,
    from: "rows_of_input != nullptr ? rows_of_input[row] : row",
    to: "row",
  },
  {
    name: "a swizzle on one side alone",
    case: STEPS,
    file: mma,
    from: "to + offset(kRows + line, chunk_)",
    to: "to + (kRows + line) * kLineBytes + (chunk_ << 4)",
  },
  {
    name: "parts of a depth are added before they are there",
    case: STEPS,
    file: fewRows,
    from: "__syncthreads();",
    to: "",
  },
  {
    name: "a warp's part of the depth is forgotten",
    case: STEPS,
    file: fewRows,
    from: "out.at(0, pair, 0) += other.x;",
    to: "if (warp > 0) out.at(0, pair, 0) += other.x;",
  },
  {
    name: "registers of mma in the wrong order",
    case: STEPS,
    file: fewRows,
    from: "mma_m16n8k16(sums.sums[0][pair], first, b.x, b.y);",
    to: "mma_m16n8k16(sums.sums[0][pair], first, b.y, b.x);",
  },
  { name: "no fence between copies and wgmma", case: STEPS, file: warpgroup, from: "fence_proxy_async();", to: "" },
  {
    name: "a stage is filled while wgmma reads it",
    case: STEPS,
    file: warpgroup,
    at: "wgmma_wait<0>();  // the stage",
    from: "wgmma_wait<0>();",
    to: "",
  },
  {
    name: "no wait for wgmma before its sums are used",
    case: STEPS,
    file: warpgroup,
    at: "wgmma_wait<0>();\n    return true;",
    from: "wgmma_wait<0>();",
    to: "",
  },
  {
    name: "the end of a depth is not filled with zeros",
    case: STEPS,
    file: warpgroup,
    from: "column < product_.depth() ? 16 : 0",
    to: "16",
  },
  {
    name: "half of the shared memory that a tile needs",
    case: STEPS,
    file: product,
    from: "stream.launch(kernel, grid, dim3(Tile::kThreads), Tile::kSharedBytes, argument)",
    to: "stream.launch(kernel, grid, dim3(Tile::kThreads), Tile::kSharedBytes / 2, argument)",
  },
  {
    name: "much shared memory without asking for it",
    case: STEPS,
    file: product,
    from: "Tile::kSharedBytes > kSharedBytesEverywhere",
    to: "false",
  },
  {
    name: "no wait for the kernel before",
    case: CAPTIONS,
    file: attention,
    from: "begin_after_predecessor();",
    to: "allow_successor();",
  },
  {
    name: "queries are read before they are there",
    case: CAPTIONS,
    file: attention,
    at: "load_queries();\n    __syncthreads();",
    from: "__syncthreads();",
    to: "",
  },
  {
    name: "scores are read before they are there",
    case: CAPTIONS,
    file: attention,
    at: "normalize();\n    __syncthreads();",
    from: "__syncthreads();",
    to: "",
  },
  {
    name: "a butterfly that starts at 8",
    case: CAPTIONS,
    file: attention,
    at: "int distance = 16; distance > 0; distance >>= 1) sums[row]",
    from: "16",
    to: "8",
  },
  {
    name: "a list that forgets its ties",
    case: TIES,
    file: candidates,
    from: "values_[slot] >= value",
    to: "values_[slot] > value",
  },
  {
    name: "a shuffle in a divergent branch",
    case: TIES,
    file: candidates,
    from: "if (lane_ == 0) *count = count_;",
    to: "if (lane_ == 0) *count = __shfl_sync(~0u, count_, 0);",
  },
  {
    name: "the last ranges of logits are skipped",
    case: CAPTIONS,
    file: candidates,
    from: "first_range < range_count(columns)",
    to: "first_range + 32 < range_count(columns)",
  },
  {
    name: "ties between hypotheses in the wrong order",
    case: TIES,
    file: beam,
    from: "a.beam < b.beam",
    to: "a.beam > b.beam",
  },
  {
    name: "equal scores in the order of the logits",
    case: EQUALS,
    file: beam,
    from: "score(equals_end_) == score(equals_begin_)",
    to: "false",
  },
  {
    name: "a list that is not moved on",
    case: TIES,
    file: beam,
    from: "lane_ == best.beam",
    to: "lane_ == best.beam + 1",
  },
  {
    name: "a mask of half a warp",
    case: TIES,
    file: beam,
    from: "__shfl_xor_sync(~0u, best.score, distance)",
    to: "__shfl_xor_sync(0xffffu, best.score, distance)",
  },
  {
    name: "a shared array one entry short",
    case: TIES,
    file: beam,
    at: "candidates, kImagesPerBlock * kMostLookedAt)",
    from: "kImagesPerBlock * kMostLookedAt",
    to: "kImagesPerBlock",
  },
];

const GOLDENS = "ten_steps_equal_those_of_the_cpu_for_every_golden_and_schedule";
const OPTIONS = "sizes_beyond_one_tile_with_every_option_equal_the_cpu";
const HALVES = "tf32_and_float16_stay_near_the_cpu";
const EVALUATION = "an_evaluation_may_be_the_first_thing_done";
const OVERFLOW = "an_overflow_skips_the_update_and_halves_the_loss_scale";

const optimizer = "training/optimizer.cu";
const reduce = "training/reduce.h";

export const TRAINING = [
  {
    name: "parts of a batch whose means are taken for one",
    case: OPTIONS,
    file: "training/batch_statistics.cu",
    from: "apart * apart",
    to: "0",
  },
  {
    name: "padding that counts in the statistics",
    case: OPTIONS,
    file: "training/batch_statistics.cu",
    from: "is_real(matrix.real, row)",
    to: "true",
  },
  {
    name: "a block's sum without a barrier",
    case: GOLDENS,
    file: reduce,
    at: "__syncthreads();\n  T total",
    from: "__syncthreads();",
    to: "",
  },
  {
    name: "a block's sum without its last warp",
    case: OPTIONS,
    file: reduce,
    at: "warp < Threads / kWarp; ++warp) total",
    from: "warp < Threads / kWarp",
    to: "warp + 1 < Threads / kWarp",
  },
  {
    name: "a product of tiles without a barrier",
    case: OPTIONS,
    file: "training/attention.cu",
    at: "__syncthreads();\n#pragma unroll\n      for (int depth",
    from: "__syncthreads();",
    to: "",
  },
  {
    name: "another dropout mask than the CPU's",
    case: OPTIONS,
    file: "training/dropout.h",
    from: "key1 += 0xbb67ae85u;",
    to: "key1 += 0xbb67ae84u;",
  },
  {
    name: "the last of a word's gradients is forgotten",
    case: GOLDENS,
    file: "training/rows.cu",
    at: "for (int at = begin; at < end; ++at) {",
    from: "at < end",
    to: "at + 1 < end || at == begin",
  },
  {
    name: "the slope of another gate",
    case: GOLDENS,
    file: "training/lstm_cell.cu",
    from: "gate_slope(output, args.hard_sigmoid)",
    to: "gate_slope(input, args.hard_sigmoid)",
  },
  {
    name: "the target's logit is overwritten while it is read",
    case: OPTIONS,
    file: "training/cross_entropy.cu",
    at: "__syncthreads();  // the target",
    from: "__syncthreads();",
    to: "",
  },
  {
    name: "Adam without bias correction",
    case: GOLDENS,
    file: optimizer,
    from: "in.learning_rate * static_cast<float>(1 / (1 - pow(in.beta1, step)))",
    to: "in.learning_rate",
  },
  {
    name: "a norm that keeps the loss scale",
    case: HALVES,
    file: optimizer,
    from: "sqrt(square_sum) / static_cast<double>(loss_scale)",
    to: "sqrt(square_sum)",
  },
  {
    name: "an overflow that leaves the loss scale",
    case: OVERFLOW,
    file: optimizer,
    from: "loss_scale * 0.5f",
    to: "loss_scale",
  },
  {
    name: "an update in spite of an overflow",
    case: OVERFLOW,
    file: optimizer,
    from: "finite || !args.dynamic_scale",
    to: "true",
  },
  {
    name: "products that count on boundaries that nothing promises",
    case: GOLDENS,
    file: "gemm.cc",
    from: "return address & (~address + 1);",
    to: "return 256;",
  },
  {
    name: "a table on the device is read before its copy is there",
    case: EVALUATION,
    file: "memory.h",
    from: 'check(cudaStreamSynchronize(nullptr), "copying to the device");',
    to: "",
  },
  {
    name: "a step begins before its batch is on the device",
    case: OPTIONS,
    file: "training/cuda_training.cu",
    from: "slot.uploaded.make_wait(compute_);",
    to: "",
  },
];
