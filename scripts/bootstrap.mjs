// Everything a fresh clone needs, with nothing but Node and npm: brings the pinned pnpm, installs, builds, then runs
// what was asked for. Usage: node scripts/bootstrap.mjs setup | demo | test
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const pnpmVersion = manifest.packageManager.replace("pnpm@", "");
const windows = process.platform === "win32";

const [task = "setup", ...rest] = process.argv.slice(2);
const tasks = { setup, demo, test };
if (!(task in tasks)) fail(`Expected setup, demo or test for the task but received ${JSON.stringify(task)}.`);
requireNode();
const pnpm = bringPnpm();
tasks[task]();

function setup() {
  run(pnpm, ["install", "--frozen-lockfile"]);
  run(pnpm, ["turbo", "run", "build"]);
}

function demo() {
  setup();
  run(process.execPath, [join(root, "packages/cli/bin/showtell.mjs"), "demo", ...rest]);
}

function test() {
  setup();
  run(process.execPath, [join(root, "scripts/test.mjs"), ...rest]);
}

function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 17)) {
    fail(`Expected Node 20.17 or later but received ${process.versions.node}.`);
  }
}

/**
 * The pinned pnpm: the one on the PATH if it is that version, else one installed with npm into .tools/. That one is put
 * on the PATH of what runs from here: turbo looks for a program called pnpm.
 */
function bringPnpm() {
  const onPath = spawnSync("pnpm", ["--version"], { cwd: root, encoding: "utf8", shell: windows });
  if (onPath.status === 0 && onPath.stdout.trim() === pnpmVersion) return ["pnpm"];
  const tools = join(root, ".tools");
  const entry = join(tools, "node_modules", "pnpm", "bin", "pnpm.cjs");
  const installed = join(tools, "node_modules", "pnpm", "package.json");
  if (!existsSync(installed) || JSON.parse(readFileSync(installed, "utf8")).version !== pnpmVersion) {
    console.error(`Bringing pnpm ${pnpmVersion} into .tools/`);
    run(["npm"], ["install", "--no-save", "--no-fund", "--no-audit", "--prefix", tools, `pnpm@${pnpmVersion}`]);
  }
  process.env.PATH = `${join(tools, "node_modules", ".bin")}${delimiter}${process.env.PATH}`;
  return [process.execPath, entry];
}

function run(command, args) {
  const [program, ...before] = [command].flat();
  const result = spawnSync(program, [...before, ...args], {
    cwd: root,
    stdio: "inherit",
    shell: windows && program !== process.execPath,
  });
  if (result.error) fail(`Could not start ${program}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
