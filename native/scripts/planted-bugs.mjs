// Tests of the CUDA tests: plants one bug at a time in a copy of native/, builds the emulated test that should fail and expects it to. By hand, minutes.
//   node native/scripts/planted-bugs.mjs [part of a bug's name]
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DECODING, TRAINING } from "./planted-bug-list.mjs";

const native = fileURLToPath(new URL("..", import.meta.url));
const TESTS = {
  decoding: {
    target: "cuda_decode_test",
    program: join("tests", "emulation", "cuda_decode_test"),
    schedules: ["forward late", "backward late", "random seed=1", "random seed=2 blocks=3"],
  },
  // These tests choose their schedules themselves.
  training: { target: "cuda_training_test", program: join("tests", "cuda_training_test"), schedules: [""] },
};
const BUGS = [
  ...DECODING.map((bug) => ({ ...bug, test: TESTS.decoding })),
  ...TRAINING.map((bug) => ({ ...bug, test: TESTS.training })),
];

const [wanted = "", ...surplus] = process.argv.slice(2);
const chosen = BUGS.filter(({ name }) => name.includes(wanted));
if (surplus.length > 0 || chosen.length === 0) {
  process.stderr.write(`Expected part of a bug's name but received ${process.argv.slice(2).join(" ")}.\n`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "showtell-planted-"));
const copy = join(folder, "native");
let missed = 0;
try {
  copySources();
  for (const sanitizer of new Set(chosen.map((bug) => bug.sanitizer))) checkAll(sanitizer);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} noticed`);
process.exit(missed > 0 ? 1 : 0);

function copySources() {
  const skipped = new Set(["build", "node_modules"]);
  cpSync(native, copy, {
    recursive: true,
    filter: (path) => !(skipped.has(basename(path)) && dirname(path) === dirname(join(native, "x"))),
  });
  const goldens = join("fixtures", "golden", "decoder");
  cpSync(join(native, "..", goldens), join(folder, goldens), { recursive: true });
}

/** The bugs that a build with this sanitizer (undefined: none) is to notice. */
function checkAll(sanitizer) {
  const build = join(folder, sanitizer ?? "plain");
  const options = ["-DSHOWTELL_TESTS=ON", "-DCMAKE_BUILD_TYPE=Release", `-DSHOWTELL_SANITIZE=${sanitizer ?? ""}`];
  must("cmake", ["-S", copy, "-B", build, ...options]);
  const bugs = chosen.filter((bug) => bug.sanitizer === sanitizer);
  const clean = new Map(bugs.map((bug) => [`${bug.test.target} ${bug.case}`, bug]));
  for (const bug of clean.values()) {
    const failure = firstFailure(bug, build);
    if (failure !== undefined) throw new Error(`Expected the tests to pass without a bug but they failed: ${failure}`);
  }
  for (const bug of bugs) check(bug, build);
}

function check(bug, build) {
  const path = join(copy, "src", "cuda", bug.file);
  const source = readFileSync(path, "utf8");
  const places = source.split(bug.from).length - 1;
  if (places !== 1) throw new Error(`Expected "${bug.from}" once in ${bug.file} but it is there ${places} times.`);
  writeFileSync(
    path,
    source.replace(bug.from, () => bug.to),
  );
  const notice = firstFailure(bug, build);
  if (notice === undefined) missed += 1;
  console.log(notice === undefined ? `NOT NOTICED  ${bug.name}` : `noticed  ${bug.name}: ${notice}`);
  writeFileSync(path, source);
}

/** What the first schedule says that fails; undefined where all pass. */
function firstFailure({ test, case: name }, build) {
  must("cmake", ["--build", build, "--parallel", "2", "--target", test.target]);
  for (const schedule of test.schedules) {
    const { status, stdout, stderr } = spawnSync(join(build, test.program), [name], {
      encoding: "utf8",
      env: { ...process.env, CUDA_EMULATION: schedule, TSAN_OPTIONS: "halt_on_error=1" },
      timeout: 600_000,
      maxBuffer: 1 << 26,
    });
    if (status === 0) continue;
    const lines = `${stderr}\n${stdout}`.split("\n");
    const line = lines.find((text) => /cuda emulation:|WARNING: ThreadSanitizer|^ {2}\S+:\d+: |FAILED/.test(text));
    return `${(line ?? `status ${status}`).trim()}${schedule === "" ? "" : ` (${schedule})`}`;
  }
  return undefined;
}

function must(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(error?.message ?? `${program} ${args.join(" ")}\n${stdout}${stderr}`);
}
