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
  const { SHOWTELL_CUDA: cuda = "AUTO", SHOWTELL_CUDA_ARCHITECTURES: architectures = "AUTO" } = process.env;
  const options = [`--CDSHOWTELL_CUDA=${cuda}`, `--CDSHOWTELL_CUDA_ARCHITECTURES=${architectures}`];
  // Every time, because cmake-js' own build keeps the options of the first; from nothing where the folder came from elsewhere.
  let configured = cmakeJs("configure", options);
  if (configured.status !== 0) configured = cmakeJs("reconfigure", options);
  const result = configured.status === 0 ? cmakeJs("build", [...options, "--parallel", jobs()]) : configured;
  if (result.status !== 0) process.stderr.write(result.output);
  else process.stdout.write(`native: built build/Release/showtell_native.node; ${cudaDevice(configured.output)}\n`);
  return result.status === 0;
}

function cmakeJs(command, options) {
  const program = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, command, "--directory", folder, ...options],
    {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    },
  );
  return { status, output: `${stdout ?? ""}${stderr ?? ""}` };
}

/** What CMake says of the CUDA device. */
function cudaDevice(output) {
  return output.match(/CUDA device: .*/)?.[0] ?? "CUDA device: forbidden by SHOWTELL_CUDA=OFF";
}

function jobs() {
  return process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? "2";
}
