// What ptxas makes of every CUDA kernel: registers, spills, tensor-core and asynchronous-copy instructions, held against native/kernel-budget.json. Needs nvcc
// and no GPU.
//   node native/scripts/kernel-budget.mjs            checks: exit code 1 for a spill, a stack frame or a figure that is not the table's
//   node native/scripts/kernel-budget.mjs --write    makes the table
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

const native = fileURLToPath(new URL("..", import.meta.url));
const table = join(native, "kernel-budget.json");
/** The oldest with asynchronous copies, and the fastest. */
const ARCHITECTURES = ["sm_80", "sm_90a"];
const INSTRUCTIONS = { tensor: /\b(?:mma\.sync|wgmma\.mma_async)\b/, asyncCopies: /\bcp\.async\.c[ag]\b/ };

const [flag, ...surplus] = process.argv.slice(2);
if (surplus.length > 0 || (flag !== undefined && flag !== "--write")) {
  process.stderr.write(`Expected --write or nothing but received ${process.argv.slice(2).join(" ")}.\n`);
  process.exit(2);
}
const nvcc = process.env.CUDACXX ?? "nvcc";
const version = spawnSync(nvcc, ["--version"], { encoding: "utf8" }).stdout?.match(/release (\d+\.\d+)/)?.[1];
if (version === undefined) {
  console.log("skipped: no nvcc (CUDACXX names one)");
  process.exit(0);
}
const measured = { nvcc: version, kernels: await measureAll() };
if (flag === "--write") {
  writeFileSync(table, `${JSON.stringify(measured, undefined, 2)}\n`);
  console.log(`wrote ${Object.keys(measured.kernels).length} kernels to ${table}`);
}
const faults = [...spills(measured.kernels), ...(flag === "--write" ? [] : differences(measured))];
for (const fault of faults) console.log(fault);
console.log(`${Object.keys(measured.kernels).length} kernels, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);

/** "file kernel<...> (architecture)" → figures */
async function measureAll() {
  const folder = mkdtempSync(join(tmpdir(), "showtell-budget-"));
  try {
    const kernels = {};
    for (const source of sources()) {
      for (const architecture of ARCHITECTURES) {
        const found = await measure(source, architecture, folder);
        for (const [name, figures] of Object.entries(found)) {
          kernels[`${basename(source)} ${name} (${architecture})`] = figures;
        }
      }
    }
    return Object.fromEntries(Object.entries(kernels).sort(([a], [b]) => (a < b ? -1 : 1)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sources() {
  const list = readFileSync(join(native, "src", "cuda", "sources.cmake"), "utf8");
  return [...list.matchAll(/^\s+(\S+\.cu)$/gm)].map(([, path]) => join(native, "src", "cuda", path));
}

async function measure(source, architecture, folder) {
  const common = ["-std=c++17", "-O3", `-arch=${architecture}`, `-I${join(native, "src")}`];
  const ptx = join(folder, "kernels.ptx");
  await run(nvcc, [...common, "-ptx", source, "-o", ptx]);
  const report = await run(nvcc, [...common, "-Xptxas", "-v", "-cubin", source, "-o", join(folder, "kernels.cubin")]);
  const counts = countInstructions(readFileSync(ptx, "utf8"));
  const entries = [
    ...report.matchAll(
      /Compiling entry function '(\w+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores[\s\S]*?Used (\d+) registers/g,
    ),
  ];
  const names = demangle(entries.map(([, symbol]) => symbol));
  return Object.fromEntries(
    entries.map(([, symbol, stack, spilled, registers], at) => [
      names[at],
      { registers: Number(registers), stack: Number(stack), spilled: Number(spilled), ...counts[symbol] },
    ]),
  );
}

/** symbol → instructions of each kind in its PTX */
function countInstructions(text) {
  const counts = {};
  for (const body of text.split(/^\.visible \.entry /m).slice(1)) {
    const symbol = body.match(/^\w+/)[0];
    const lines = body.split("\n");
    counts[symbol] = Object.fromEntries(
      Object.entries(INSTRUCTIONS).map(([kind, pattern]) => [kind, lines.filter((line) => pattern.test(line)).length]),
    );
  }
  return counts;
}

/** Names without namespaces and parameters. */
function demangle(symbols) {
  const { stdout } = spawnSync("c++filt", symbols, { encoding: "utf8" });
  return (stdout ?? symbols.join("\n"))
    .trim()
    .split("\n")
    .map((name) =>
      name
        .replace(/^void /, "")
        .replace(/\((?:showtell::[\w:]*::)?(\w+)\)(\d+)/g, "$2")
        .replace(/\(anonymous namespace\)::|showtell::cuda::/g, "")
        .replace(/\(.*$/, ""),
    );
}

function spills(kernels) {
  return Object.entries(kernels)
    .filter(([, { spilled, stack }]) => spilled > 0 || stack > 0)
    .map(([name, { spilled, stack }]) => `${name}: ${spilled} bytes spilled, ${stack} bytes of stack`);
}

function differences({ nvcc: release, kernels }) {
  if (!existsSync(table)) {
    console.log("only spills were checked: there is no table yet, --write makes it");
    return [];
  }
  const expected = JSON.parse(readFileSync(table, "utf8"));
  if (expected.nvcc !== release) {
    console.log(`only spills were checked: the table is of nvcc ${expected.nvcc}, this is ${release}`);
    return [];
  }
  const names = new Set([...Object.keys(expected.kernels), ...Object.keys(kernels)]);
  return [...names]
    .filter((name) => !isDeepStrictEqual(expected.kernels[name], kernels[name]))
    .map(
      (name) =>
        `${name}: expected ${JSON.stringify(expected.kernels[name])} but received ${JSON.stringify(kernels[name])}`,
    );
}

function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${program} ${args.join(" ")}\n${text}`)),
    );
  });
}
