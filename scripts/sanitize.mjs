// `pnpm sanitize [address|thread]`: the C++ tests, then the addon under wrong arguments, once with AddressSanitizer and UndefinedBehaviorSanitizer and once
// with ThreadSanitizer. Builds into native/build/address and native/build/thread; ends with exit code 1 at the first finding.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = join(root, "native");
const cmakeJs = createRequire(join(native, "package.json")).resolve("cmake-js/bin/cmake-js");
const SANITIZERS = {
  // Node itself leaves memory to the end of the process; the C++ tests are searched for leaks.
  address: { runtime: "libasan.so", nodeOptions: { ASAN_OPTIONS: "detect_leaks=0" } },
  thread: {
    runtime: "libtsan.so",
    nodeOptions: { TSAN_OPTIONS: `suppressions=${join(native, "tests", "thread-sanitizer-node.supp")}` },
  },
};
/** More than most machines' cores, so that loops are divided everywhere. */
const environment = { SHOWTELL_THREADS: "4" };

const [only, ...surplus] = process.argv.slice(2);
if (surplus.length > 0 || (only !== undefined && !Object.hasOwn(SANITIZERS, only))) {
  const received = process.argv.slice(2).join(" ");
  process.stderr.write(`Expected address, thread or nothing for the sanitizer but received ${received}.\n`);
  process.exit(2);
}
for (const [name, sanitizer] of Object.entries(SANITIZERS)) {
  if (only === undefined || only === name) check(name, sanitizer);
}

function check(name, { runtime, nodeOptions }) {
  const build = join(native, "build", name);
  const options = [
    `--CDSHOWTELL_SANITIZE=${name}`,
    "--CDSHOWTELL_TESTS=ON",
    "--CDSHOWTELL_CUDA=OFF",
    "--parallel",
    "2",
  ];
  console.log(`\n== ${name}: building`);
  run(process.execPath, [cmakeJs, "compile", "--directory", native, "--out", build, "--log-level", "warn", ...options]);
  console.log(`\n== ${name}: C++ tests`);
  // The emulated CUDA device has its own checks: some of its tests stray on purpose, and its kernels would take very long here.
  run("ctest", ["--test-dir", build, "--output-on-failure", "--exclude-regex", "^(cuda|emulation)_"]);
  console.log(`\n== ${name}: the addon under wrong arguments`);
  const library = findRuntime(runtime);
  if (library === undefined) return console.log(`skipped: the compiler names no ${runtime} that Node could start with`);
  const script = join(root, "packages", "native-lstm", "test", "fuzz-binding.mjs");
  const addon = join(build, "Release", "showtell_native.node");
  run(process.execPath, ["--expose-gc", script, addon], { LD_PRELOAD: library, ...nodeOptions });
  console.log("");
}

/** The sanitizer's library must come into the process before the addon that needs it. */
function findRuntime(library) {
  if (process.platform !== "linux") return undefined;
  const { CXX = "c++" } = process.env;
  const { stdout } = spawnSync(CXX, [`-print-file-name=${library}`], { encoding: "utf8" });
  const path = stdout?.trim() ?? "";
  return isAbsolute(path) ? path : undefined;
}

function run(program, args, more = {}) {
  const env = { ...process.env, ...environment, ...more };
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: "inherit", env });
  if (status === 0) return;
  process.stderr.write(`${error?.message ?? `${program} ended with exit code ${status}`}\n`);
  process.exit(1);
}
