// Builds native/build/Release/showtell_native.node. Without cmake or a C++ compiler it says so in one line and succeeds: Showtell
// then runs on TensorFlow.js. SHOWTELL_REQUIRE_NATIVE=1 makes that an error.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const required = process.env.SHOWTELL_REQUIRE_NATIVE === "1";

const missing = missingTool();
if (missing) {
  process.stderr.write(`native: not built, ${missing} is missing; captions will be made by TensorFlow.js.\n`);
  process.exit(required ? 1 : 0);
}
process.exit(runCmakeJs() ? 0 : 1);

/** The first tool that a build needs and this machine lacks. */
function missingTool() {
  if (!runs(process.env.CMAKE_COMMAND ?? "cmake", ["--version"])) return "cmake";
  const compilers = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  if (!compilers.some((compiler) => runs(compiler, ["--version"]))) return "a C++ compiler";
  return undefined;
}

function runs(command, parameters) {
  return spawnSync(command, parameters, { stdio: "ignore" }).status === 0;
}

/** Quiet where it succeeds: the whole output only when something failed. */
function runCmakeJs() {
  const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
  const { SHOWTELL_CUDA: cuda = "AUTO" } = process.env;
  const options = ["--parallel", jobs(), `--CDSHOWTELL_CUDA=${cuda}`];
  const result = spawnSync(process.execPath, [cmakeJs, "compile", "--directory", folder, ...options], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`;
  if (result.status !== 0) process.stderr.write(output);
  else process.stdout.write(`native: built build/Release/showtell_native.node; ${cudaDevice(output)}\n`);
  return result.status === 0;
}

/** What CMake says of the CUDA device. */
function cudaDevice(output) {
  return output.match(/CUDA device: .*/)?.[0] ?? "CUDA device: forbidden by SHOWTELL_CUDA=OFF";
}

function jobs() {
  return process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? "2";
}
