// All checks of an installed and built tree: types, lint, unit and conformance tests, the command itself, C++ tests.
// Counts come from the runners' own reports; the last line is "N passed, N failed, N skipped".
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = mkdtempSync(join(tmpdir(), "showtell-test-"));
const totals = { passed: 0, failed: 0, skipped: 0 };

try {
  check("types", "tsc", ["-p", "tsconfig.json"]);
  check("lint", "biome", ["check", "."]);
  check("unused exports and dependencies", "knip", []);
  vitest();
  ctest();
  kernelBudget();
} finally {
  rmSync(reports, { recursive: true, force: true });
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

function check(title, binary, args) {
  console.log(`\n== ${title}`);
  record(start(binary, args).status === 0);
}

function vitest() {
  console.log("\n== unit, conformance and command tests");
  const report = join(reports, "vitest.json");
  const { status } = start("vitest", ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`]);
  if (!existsSync(report)) return record(false);
  const result = JSON.parse(readFileSync(report, "utf8"));
  totals.passed += result.numPassedTests;
  totals.failed += result.numFailedTests;
  totals.skipped += result.numPendingTests + result.numTodoTests;
  // A file that fails to load, or an unhandled rejection, has no test of its own to fail.
  if (status !== 0 && result.numFailedTests === 0) totals.failed += 1;
}

/** C++ unit tests: built apart from the addon, so that the addon that ships carries none of them. */
function ctest() {
  console.log("\n== C++ tests");
  const build = join(root, "native", "build", "tests");
  const missing = ["cmake", "ctest"].find((tool) => spawnSync(tool, ["--version"]).status !== 0);
  if (missing) {
    const required = process.env.SHOWTELL_REQUIRE_NATIVE === "1";
    console.log(`${required ? "failed" : "skipped"}: ${missing} is not installed`);
    if (required) totals.failed += 1;
    else totals.skipped += 1;
    return;
  }
  // The CUDA device is tested on its emulation.
  const options = ["-DSHOWTELL_TESTS=ON", "-DSHOWTELL_CUDA=OFF", "-DCMAKE_BUILD_TYPE=Release"];
  const configured = tool("cmake", ["-S", "native", "-B", build, ...options]);
  if (!configured || !tool("cmake", ["--build", build, "--config", "Release", "--parallel", "2"])) return record(false);
  const report = join(reports, "ctest.xml");
  const passed = tool("ctest", ["--test-dir", build, "-C", "Release", "--output-on-failure", "--output-junit", report]);
  if (!existsSync(report)) return record(false);
  const suite = readFileSync(report, "utf8").match(/<testsuite\b[^>]*>/)?.[0] ?? "";
  const count = (name) => Number(suite.match(new RegExp(`\\b${name}="(\\d+)"`))?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped") + count("disabled");
  totals.failed += failed;
  totals.skipped += skipped;
  totals.passed += count("tests") - failed - skipped;
  if (!passed && failed === 0) totals.failed += 1;
}

/** What nvcc makes of the CUDA kernels: minutes, so only where the CUDA device is insisted on. */
function kernelBudget() {
  console.log("\n== CUDA kernels");
  const { SHOWTELL_CUDA: cuda } = process.env;
  if (cuda === "ON") return record(tool("node", ["native/scripts/kernel-budget.mjs"]));
  console.log("skipped: SHOWTELL_CUDA is not ON");
  totals.skipped += 1;
}

function tool(name, args) {
  return spawnSync(name, args, { cwd: root, stdio: "inherit" }).status === 0;
}

function start(binary, args) {
  const windows = process.platform === "win32";
  return spawnSync(join(root, "node_modules", ".bin", windows ? `${binary}.cmd` : binary), args, {
    cwd: root,
    stdio: "inherit",
    shell: windows,
  });
}

function record(passed) {
  if (passed) totals.passed += 1;
  else totals.failed += 1;
}
