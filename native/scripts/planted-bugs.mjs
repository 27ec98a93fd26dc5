// A missing __syncwarp (beam_step.cu) was not noticed by these runs: the shuffles before it stop the other lanes anyway; that is the thread sanitizer's.
// Tests of the CUDA tests: plants one bug at a time in a copy of native/, builds the emulated tests and expects them to fail. By hand, a minute or two a bug.
//   node native/scripts/planted-bugs.mjs [part of a bug's name]
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const native = fileURLToPath(new URL("..", import.meta.url));
const SCHEDULES = ["forward late", "backward late", "random seed=1", "random seed=2 blocks=3"];
const product = "decode/tile_product.h";
const attention = "decode/attention_step.cu";
const candidates = "decode/candidates.cu";
const beam = "decode/beam_step.cu";

/** Each text occurs in its file of src/cuda exactly as given. */
const BUGS = [
  { name: "no wait for asynchronous copies", file: product, from: "cp_async_wait<kStages - 2>();", to: "" },
  {
    name: "a wait for one group too few",
    file: product,
    from: "cp_async_wait<kStages - 2>();",
    to: "cp_async_wait<kStages - 1>();",
  },
  { name: "no barrier between copy and product", file: product, from: "__syncthreads();", to: "" },
  { name: "a row behind the last one is read", file: product, from: "rows - 1);", to: "rows);" },
  {
    name: "the parents of rows are ignored",
    file: product,
    from: "rows_of_input != nullptr ? rows_of_input[row] : row",
    to: "row",
  },
  {
    name: "a swizzle on one side alone",
    file: product,
    from: "to + offset(kTileRows + line, chunk_)",
    to: "to + (kTileRows + line) * kLineBytes + (chunk_ << 4)",
  },
  {
    name: "queries are read before they are there",
    file: attention,
    from: "load_queries();\n    __syncthreads();",
    to: "load_queries();",
  },
  {
    name: "scores are read before they are there",
    file: attention,
    from: "normalize();\n    __syncthreads();",
    to: "normalize();",
  },
  { name: "a butterfly that starts at 8", file: attention, from: "distance = 16;", to: "distance = 8;" },
  {
    name: "a list that forgets its ties",
    file: candidates,
    from: "values_[slot] >= value",
    to: "values_[slot] > value",
  },
  {
    name: "a shuffle in a divergent branch",
    file: candidates,
    from: "if (lane_ == 0) *count = count_;",
    to: "if (lane_ == 0) *count = __shfl_sync(~0u, count_, 0);",
  },
  {
    name: "a mask of half a warp",
    file: beam,
    from: "__shfl_xor_sync(~0u, best.score, distance)",
    to: "__shfl_xor_sync(0xffffu, best.score, distance)",
  },
  {
    name: "a shared array one entry short",
    file: beam,
    from: "kImagesPerBlock * kMostLookedAt)",
    to: "kImagesPerBlock)",
  },
];

const [wanted = "", ...surplus] = process.argv.slice(2);
const chosen = BUGS.filter(({ name }) => name.includes(wanted));
if (surplus.length > 0 || chosen.length === 0) {
  process.stderr.write(`Expected part of a bug's name but received ${process.argv.slice(2).join(" ")}.\n`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "showtell-planted-"));
let missed = 0;
try {
  const copy = join(folder, "native");
  const skipped = new Set(["build", "node_modules"]);
  cpSync(native, copy, {
    recursive: true,
    filter: (path) => !(skipped.has(basename(path)) && dirname(path) === dirname(join(native, "x"))),
  });
  cpSync(join(native, "..", "fixtures", "golden", "decoder"), join(folder, "fixtures", "golden", "decoder"), {
    recursive: true,
  });
  must("cmake", ["-S", copy, "-B", join(folder, "build"), "-DSHOWTELL_TESTS=ON", "-DCMAKE_BUILD_TYPE=Release"]);
  const clean = firstFailure();
  if (clean !== undefined) throw new Error(`Expected the tests to pass without a bug but they failed: ${clean}`);
  for (const bug of chosen) {
    const path = join(copy, "src", "cuda", bug.file);
    const source = readFileSync(path, "utf8");
    if (!source.includes(bug.from)) throw new Error(`Expected "${bug.from}" in ${bug.file} but it is not there.`);
    writeFileSync(path, source.replace(bug.from, bug.to));
    const notice = firstFailure();
    if (notice === undefined) missed += 1;
    console.log(
      `${notice === undefined ? "NOT NOTICED" : "noticed"}  ${bug.name}${notice === undefined ? "" : `: ${notice}`}`,
    );
    writeFileSync(path, source);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} noticed`);
process.exit(missed > 0 ? 1 : 0);

/** What the first schedule says that fails; undefined where all pass. */
function firstFailure() {
  must("cmake", ["--build", join(folder, "build"), "--parallel", "2", "--target", "cuda_decode_test"]);
  for (const schedule of SCHEDULES) {
    const test = join(folder, "build", "tests", "emulation", "cuda_decode_test");
    const { status, stdout, stderr } = spawnSync(test, {
      encoding: "utf8",
      env: { ...process.env, CUDA_EMULATION: schedule },
    });
    if (status === 0) continue;
    const lines = `${stderr}\n${stdout}`.split("\n").filter((line) => /cuda emulation:|FAILED/.test(line));
    return `${lines[0] ?? `status ${status}`} (${schedule})`;
  }
  return undefined;
}

function must(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(error?.message ?? `${program} ${args.join(" ")}\n${stdout}${stderr}`);
}
