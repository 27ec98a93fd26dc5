/**
 * Tries a .node file in a child process before this process loads it: a binary built for another processor or a broken driver kills the child,
 * not the user's program. A passed probe is remembered in the user's cache folder, so that only the first process after a build pays for it.
 */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { cpus, homedir, hostname, release } from "node:os";
import { join } from "node:path";

const PROBE_TIMEOUT_MS = 30_000;
const STDERR_LIMIT = 400;

/** Loads the file, asks both devices, and runs one caption through a tiny decoder: illegal instructions show only when code runs. */
const PROBE_SCRIPT = `
const addon = require(process.argv[1]);
const ask = (device) => { try { addon.deviceInfo(device); } catch {} };
ask("cuda"); ask("cpu");
const spec = { vocabSize: 5, featureSize: 1, embeddingSize: 1, hiddenSize: 1, layerCount: 1, imageInjection: "first-input", normalization: "none",
  tiedWeights: false, gateActivation: "sigmoid", dropout: { image: 0, embedding: 0, input: 0, inputMask: "step", recurrent: 0, attentionValue: 0,
  attentionOutput: 0, output: 0 } };
const sizes = { "image.weight": 1, "image.bias": 1, "embedding.weight": 5, "lstm.0.inputWeight": 4, "lstm.0.recurrentWeight": 4, "lstm.0.bias": 4,
  "output.weight": 5, "output.bias": 5 };
const parameters = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, new Float32Array(size)]));
const decoder = new addon.Decoder(spec, parameters, { device: "cpu", precision: "float32" });
decoder.start(new Float32Array(1), 1, undefined, 0)
  .then((state) => decoder.step(state, Int32Array.of(1)))
  .then((logits) => { if (logits.length !== 5) throw new Error("5 logits expected, " + logits.length + " received"); process.stdout.write("passed"); })
  .catch((error) => { process.stderr.write(String(error && error.message)); process.exitCode = 1; });
`;

/**
 * @param cacheDirectory where passed probes are remembered
 * @returns `undefined` when the file can be loaded, else the reason why not
 */
export async function probeBinding(path: string, cacheDirectory = userCacheDirectory()): Promise<string | undefined> {
  let record: string;
  try {
    record = join(cacheDirectory, `native-probe-${await probeKey(path)}`);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (await exists(record)) return undefined;
  const reason = await runProbe(path);
  if (reason === undefined) await remember(record, path);
  return reason;
}

function runProbe(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // execArgv of a test runner or debugger must not reach the child; the environment decides which BLAS and driver it finds.
    execFile(process.execPath, ["-e", PROBE_SCRIPT, path], { timeout: PROBE_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null && stdout === "passed") return resolve(undefined);
      const detail = firstSentence(stderr);
      if (error?.killed)
        return resolve(`did not answer within ${PROBE_TIMEOUT_MS / 1000} s when tried in a child process`);
      if (error?.signal)
        return resolve(`crashed with ${error.signal} when tried in a child process${detail && `: ${detail}`}`);
      resolve(`failed when tried in a child process: ${detail || `exit code ${error?.code ?? 0}`}`);
    });
  });
}

/** The line of Node's report of an uncaught error that says what happened, or the start of whatever was printed. */
function firstSentence(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return (lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0] ?? "").trim().slice(0, STDERR_LIMIT);
}

/** Whatever can change the verdict: the file, Node, the machine and the variables that choose libraries. */
async function probeKey(path: string): Promise<string> {
  const { mtimeMs, size } = await stat(path);
  const variables = Object.entries(process.env).filter(([name]) => /^(SHOWTELL_|LD_|DYLD_|CUDA_)/.test(name));
  const machine = [hostname(), release(), cpus()[0]?.model, process.platform, process.arch];
  const parts = [path, mtimeMs, size, process.version, process.versions.modules, machine, variables.sort()];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** A cache folder that cannot be written costs 50 ms a process, nothing else. */
async function remember(record: string, path: string): Promise<void> {
  const temporary = `${record}.${randomUUID()}`;
  try {
    await mkdir(join(record, ".."), { recursive: true });
    await writeFile(temporary, `${path}\n`);
    await rename(temporary, record);
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}

function userCacheDirectory(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, "showtell");
  if (process.platform === "win32" && LOCALAPPDATA) return join(LOCALAPPDATA, "showtell", "cache");
  return join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache", "showtell");
}
