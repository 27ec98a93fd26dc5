// What ptxas makes of every CUDA kernel on the architectures that differ most: registers, static shared memory, tensor-core and asynchronous-copy
// instructions, held against native/kernel-budget.json. Warnings are errors. Needs nvcc and no GPU; minutes.
//   node native/scripts/kernel-budget.mjs            checks: exit code 1 for a spill, a figure beyond the table's, a kernel that the table lacks
//   node native/scripts/kernel-budget.mjs --write    makes the table
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const native = fileURLToPath(new URL("..", import.meta.url));
const table = join(native, "kernel-budget.json");
/** The oldest, the first with asynchronous copies, the one with wgmma, the latest. */
const ARCHITECTURES = ["75", "80", "90a", "120"];
const INSTRUCTIONS = { tensor: /\b(?:mma\.sync|wgmma\.mma_async)\b/, asyncCopies: /\bcp\.async\.c[ag]\b/ };

const [flag, ...surplus] = process.argv.slice(2);
if (surplus.length > 0 || (flag !== undefined && flag !== "--write")) {
  process.stderr.write(`Expected --write or nothing but received ${process.argv.slice(2).join(" ")}.\n`);
  process.exit(2);
}
const nvcc = process.env.CUDACXX ?? "nvcc";
const release = spawnSync(nvcc, ["--version"], { encoding: "utf8" }).stdout?.match(/release (\d+\.\d+)/)?.[1];
if (release === undefined) {
  console.log("skipped: no nvcc (CUDACXX names one)");
  process.exit(0);
}
const known = spawnSync(nvcc, ["--list-gpu-code"], { encoding: "utf8" }).stdout;
const architectures = ARCHITECTURES.filter((name) => known.includes(`sm_${name.replace("a", "")}`));
const { kernels, faults } = measureAll();
if (flag === "--write") {
  writeFileSync(table, format({ nvcc: release, kernels }));
  console.log(`wrote ${Object.keys(kernels).length} kernels to ${table}`);
} else {
  faults.push(...beyondTable());
}
for (const fault of faults) console.log(fault);
console.log(`${Object.keys(kernels).length} kernels on sm_${architectures.join(", sm_")}: ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);

/** `kernels`: "file kernel<...>" → architecture → figures; `faults`: what no table allows. */
function measureAll() {
  const folder = mkdtempSync(join(tmpdir(), "showtell-budget-"));
  const found = { kernels: {}, faults: [] };
  try {
    for (const source of sources()) measure(source, folder, found);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return found;
}

function sources() {
  const list = readFileSync(join(native, "src", "cuda", "sources.cmake"), "utf8");
  return [...list.matchAll(/^\s+(\S+\.cu)$/gm)].map(([, path]) => path);
}

function measure(source, folder, { kernels, faults }) {
  const report = compile(join(native, "src", "cuda", source), folder);
  for (const line of report.match(/^.*Potential Performance Loss.*$/gm) ?? []) faults.push(`${source}: ${line}`);
  const entries = [
    ...report.matchAll(
      /Compiling entry function '(\w+)' for 'sm_(\w+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores[\s\S]*?Used (\d+) registers(.*)/g,
    ),
  ];
  const names = demangle(entries.map(([, symbol]) => symbol));
  const counts = Object.fromEntries(
    architectures.map((name) => [name, countInstructions(ptxOf(source, name, folder))]),
  );
  entries.forEach(([, symbol, architecture, stack, spilled, registers, rest], at) => {
    const name = `${source} ${names[at]}`;
    const shared = Number(rest.match(/(\d+) bytes smem/)?.[1] ?? 0);
    kernels[name] ??= {};
    kernels[name][`sm_${architecture}`] = { registers: Number(registers), shared, ...counts[architecture][symbol] };
    if (Number(stack) + Number(spilled) > 0) {
      faults.push(`${name} (sm_${architecture}): ${spilled} bytes spilled, ${stack} bytes of stack`);
    }
  });
}

/** What the compiler says; the intermediate PTX stays in `folder`. */
function compile(path, folder) {
  const targets = architectures.flatMap((name) => ["-gencode", `arch=compute_${name},code=sm_${name}`]);
  const keep = ["--keep", "--keep-dir", folder, "-fatbin", "-o", join(folder, "kernels.fatbin")];
  const options = ["-std=c++17", "-O3", `-I${join(native, "src")}`, "-Werror=all-warnings", "-Xptxas", "-v"];
  const { status, stdout, stderr } = spawnSync(nvcc, [...options, ...targets, ...keep, path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`nvcc failed on ${path}\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

function ptxOf(source, architecture, folder) {
  return readFileSync(join(folder, `${basename(source, ".cu")}.compute_${architecture}.ptx`), "utf8");
}

/** symbol → instructions of each kind in its PTX */
function countInstructions(text) {
  const counts = {};
  for (const body of text.split(/^\.visible \.entry |^\.entry /m).slice(1)) {
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

function beyondTable() {
  if (!existsSync(table)) return [`${table}: expected the table but there is none; --write makes it`];
  const expected = JSON.parse(readFileSync(table, "utf8"));
  if (expected.nvcc !== release) {
    console.log(`only spills were checked: the table is of nvcc ${expected.nvcc}, this is ${release}`);
    return [];
  }
  const found = [];
  for (const name of new Set([...Object.keys(expected.kernels), ...Object.keys(kernels)])) {
    if (kernels[name] === undefined) found.push(`${name}: is in the table and no longer in the sources`);
    else if (expected.kernels[name] === undefined) found.push(`${name}: is not in the table`);
    else found.push(...growth(name, expected.kernels[name], kernels[name]));
  }
  return found;
}

function growth(name, allowed, actual) {
  return Object.entries(actual).flatMap(([architecture, figures]) =>
    Object.entries(figures)
      .filter(([kind, figure]) => !(figure <= allowed[architecture]?.[kind]))
      .map(
        ([kind, figure]) =>
          `${name} (${architecture}): expected at most ${allowed[architecture]?.[kind]} ${kind} but received ${figure}`,
      ),
  );
}

/** JSON with one line for a kernel on an architecture. */
function format({ nvcc: version, kernels: entries }) {
  const blocks = Object.entries(entries)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, byArchitecture]) => {
      const lines = Object.entries(byArchitecture).map(
        ([architecture, figures]) =>
          `      ${JSON.stringify(architecture)}: ${JSON.stringify(figures)
            .replace(/([:,{])/g, "$1 ")
            .replace("}", " }")}`,
      );
      return `    ${JSON.stringify(name)}: {\n${lines.join(",\n")}\n    }`;
    });
  return `{\n  "nvcc": ${JSON.stringify(version)},\n  "kernels": {\n${blocks.join(",\n")}\n  }\n}\n`;
}
