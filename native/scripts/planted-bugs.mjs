// Tests of the CUDA tests: plants bugs in a copy of native/ and expects the emulated tests to fail. Every bug is a branch that an environment variable takes,
// so that one build has them all. By hand, minutes.
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
const VARIABLE = "SHOWTELL_PLANTED_BUG";
const NONE = -1;
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
const build = join(folder, "build");
let missed = 0;
try {
  copySources();
  chosen.forEach(plant);
  must("cmake", ["-S", copy, "-B", build, "-DSHOWTELL_TESTS=ON", "-DSHOWTELL_CUDA=OFF", "-DCMAKE_BUILD_TYPE=Release"]);
  for (const target of new Set(chosen.map(({ test }) => test.target))) {
    must("cmake", ["--build", build, "--parallel", "2", "--target", target]);
  }
  const cases = new Map(chosen.map((bug) => [bug.case, bug]));
  for (const bug of cases.values()) {
    const failure = firstFailure(bug, NONE);
    if (failure !== undefined) throw new Error(`Expected ${bug.case} to pass without a bug but it failed: ${failure}`);
  }
  chosen.forEach(check);
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
  const language = join(copy, "tests", "emulation", "language.h");
  const variable = `#include <cstdlib>\ninline const int planted_bug = std::atoi(std::getenv("${VARIABLE}"));\n`;
  writeFileSync(language, `${readFileSync(language, "utf8")}${variable}`);
}

/** `from` becomes a choice between itself and `to`: of two statements where it ends with a semicolon, else of two expressions. */
function plant({ file, at, from, to }, number) {
  const path = join(copy, "src", "cuda", file);
  const source = readFileSync(path, "utf8");
  const place = at ?? from;
  const count = source.split(place).length - 1;
  if (count !== 1) throw new Error(`Expected "${place}" once in ${file} but it is there ${count} times.`);
  const isStatement = /;(?:\s*\/\/.*)?$/.test(from);
  const planted = isStatement
    ? `if (planted_bug == ${number}) {\n${to}\n} else {\n${from}\n}`
    : `(planted_bug == ${number} ? (${to}) : (${from}))`;
  writeFileSync(
    path,
    source.replace(place, () => place.replace(from, () => planted)),
  );
}

function check(bug, number) {
  const notice = firstFailure(bug, number);
  if (notice === undefined) missed += 1;
  console.log(notice === undefined ? `NOT NOTICED  ${bug.name}` : `noticed  ${bug.name}: ${notice}`);
}

/** What the first schedule says that fails; undefined where all pass. */
function firstFailure({ test, case: name }, number) {
  for (const schedule of test.schedules) {
    const { status, stdout, stderr } = spawnSync(join(build, test.program), [name], {
      encoding: "utf8",
      env: { ...process.env, CUDA_EMULATION: schedule, [VARIABLE]: String(number) },
      maxBuffer: 1 << 26,
    });
    if (status === 0) continue;
    const line = `${stderr}\n${stdout}`.split("\n").find((text) => /cuda emulation:|^ {2}\S.*: |FAILED/.test(text));
    return `${(line ?? `status ${status}`).trim()}${schedule === "" ? "" : ` (${schedule})`}`;
  }
  return undefined;
}

function must(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(error?.message ?? `${program} ${args.join(" ")}\n${stdout}${stderr}`);
}
