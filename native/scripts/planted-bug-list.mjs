// The bugs of planted-bugs.mjs. `from` occurs once in `file` of src/cuda; `case` is the test that must fail; `sanitizer` the build that it takes where
// no schedule of the plain emulation can show the bug.

const STEPS = "single_steps_agree_with_the_cpu_for_every_kind_of_decoder";
const CAPTIONS = "captions_are_those_of_the_cpu_for_every_kind_of_decoder";
const SIZES = "sizes_around_those_of_the_tiles";
const TIES = "exact_ties_are_in_the_order_of_the_cpu";

const mma = "decode/mma_tile.h";
const fewRows = "decode/few_rows_tile.h";
const warpgroup = "decode/warpgroup_tile.h";
const product = "decode/product.h";
const attention = "decode/attention_step.cu";
const candidates = "decode/candidates.cu";
const beam = "decode/beam_step.cu";

export const DECODING = [
  { name: "no wait for asynchronous copies", case: STEPS, file: mma, from: "cp_async_wait<kStages - 2>();", to: "" },
  {
    name: "a wait for one group too few",
    case: STEPS,
    file: mma,
    from: "cp_async_wait<kStages - 2>();",
    to: "cp_async_wait<kStages - 1>();",
  },
  { name: "no barrier between copy and product", case: STEPS, file: mma, from: "__syncthreads();", to: "" },
  { name: "a row behind the last one is read", case: STEPS, file: mma, from: "rows - 1);", to: "rows);" },
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
    from: "int warp = 0;",
    to: "int warp = 1;",
  },
  {
    name: "registers of mma in the wrong order",
    case: STEPS,
    file: fewRows,
    from: "{a[0].x, a[1].x, a[0].y, a[1].y}",
    to: "{a[0].x, a[0].y, a[1].x, a[1].y}",
  },
  { name: "no fence between copies and wgmma", case: STEPS, file: warpgroup, from: "fence_proxy_async();", to: "" },
  {
    name: "a stage is filled while wgmma reads it",
    case: STEPS,
    file: warpgroup,
    from: "wgmma_wait<0>();  // the stage",
    to: "// the stage",
  },
  {
    name: "no wait for wgmma before its sums are used",
    case: STEPS,
    file: warpgroup,
    from: "wgmma_wait<0>();\n    return true;",
    to: "return true;",
  },
  {
    name: "the end of a depth is not filled with zeros",
    case: SIZES,
    file: warpgroup,
    from: "column < product_.depth() ? 16 : 0;",
    to: "16;",
  },
  {
    name: "shared memory one stage short",
    case: STEPS,
    file: warpgroup,
    from: "kSharedBytes = kStages * kStageBytes;",
    to: "kSharedBytes = (kStages - 1) * kStageBytes;",
  },
  {
    name: "much shared memory without asking for it",
    case: STEPS,
    file: product,
    from: "if (Tile::kSharedBytes > kSharedBytesEverywhere) {",
    to: "if (false) {",
  },
  {
    name: "rows are read before the kernel that wrote them has ended",
    case: CAPTIONS,
    sanitizer: "thread",
    file: product,
    from: "begin_after_predecessor();\n    const int rows = product.rows();",
    to: "const int rows = product.rows();\n    begin_after_predecessor();",
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
    from: "load_queries();\n    __syncthreads();",
    to: "load_queries();",
  },
  {
    name: "scores are read before they are there",
    case: CAPTIONS,
    file: attention,
    from: "normalize();\n    __syncthreads();",
    to: "normalize();",
  },
  {
    name: "a butterfly that starts at 8",
    case: CAPTIONS,
    file: attention,
    from: "for (int distance = 16; distance > 0; distance >>= 1) sums[row]",
    to: "for (int distance = 8; distance > 0; distance >>= 1) sums[row]",
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
    name: "the last range of logits is skipped",
    case: SIZES,
    file: candidates,
    from: "first_range < range_count(columns);",
    to: "first_range + 32 < range_count(columns);",
  },
  {
    name: "ties between hypotheses in the wrong order",
    case: TIES,
    file: beam,
    from: "a.token < b.token : a.beam < b.beam",
    to: "a.token < b.token : a.beam > b.beam",
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
    from: "kImagesPerBlock * kMostLookedAt)",
    to: "kImagesPerBlock)",
  },
  {
    // The shuffles before it hold the lanes back in every schedule, but they do not order memory.
    name: "a lane writes what others may still read",
    case: CAPTIONS,
    sanitizer: "thread",
    file: beam,
    from: "__syncwarp();  // all lanes have read",
    to: "// all lanes have read",
  },
];

const GOLDENS = "ten_steps_equal_those_of_the_cpu_for_every_golden_and_schedule";
const OPTIONS = "sizes_beyond_one_tile_with_every_option_equal_the_cpu";
const HALVES = "tf32_and_float16_stay_near_the_cpu";
const OVERFLOW = "an_overflow_skips_the_update_and_halves_the_loss_scale";

const optimizer = "training/optimizer.cu";
const reduce = "training/reduce.h";

export const TRAINING = [
  {
    name: "a block's sum without a barrier",
    case: GOLDENS,
    file: reduce,
    from: "__syncthreads();\n  T total",
    to: "T total",
  },
  {
    name: "a block's sum without its last warp",
    case: OPTIONS,
    file: reduce,
    from: "warp < Threads / kWarp; ++warp) total",
    to: "warp + 1 < Threads / kWarp; ++warp) total",
  },
  {
    name: "a product of tiles without a barrier",
    case: OPTIONS,
    file: "training/attention.cu",
    from: "__syncthreads();\n#pragma unroll\n      for (int depth",
    to: "#pragma unroll\n      for (int depth",
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
    from: "for (int at = begin; at < end; ++at) {",
    to: "for (int at = begin; at < end - (end > begin + 1); ++at) {",
  },
  {
    name: "the slope of a closed gate",
    case: GOLDENS,
    file: "training/lstm_cell.cu",
    from: "d * squashed * gate_slope(output,",
    to: "d * squashed * gate_slope(input,",
  },
  {
    name: "the target's logit is overwritten while it is read",
    case: OPTIONS,
    file: "training/cross_entropy.cu",
    from: "__syncthreads();  // the target",
    to: "// the target",
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
    from: "out.applied = finite || !args.dynamic_scale;",
    to: "out.applied = 1;",
  },
  {
    name: "a step begins before its batch is on the device",
    case: OPTIONS,
    file: "training/cuda_training.cu",
    from: "slot.uploaded.make_wait(compute_);",
    to: "",
  },
];
