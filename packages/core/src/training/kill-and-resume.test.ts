import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { Random } from "../random.js";
import { toyTraining } from "../testing/toy-training.js";
import { train } from "./train.js";

const KILLS = 8;
const packageFolder = fileURLToPath(new URL("../../", import.meta.url));

/** Bundles the child once, so that each start of it is quick. It lies inside the package, where its dependencies are found. */
async function buildChild(outDir: string): Promise<string> {
  interface Vite {
    build(config: object): Promise<unknown>;
  }
  const vitePath = createRequire(createRequire(import.meta.url).resolve("vitest/package.json")).resolve("vite");
  const vite = (await import(pathToFileURL(vitePath).href)) as Vite;
  await vite.build({
    root: packageFolder,
    configFile: false,
    logLevel: "error",
    build: { ssr: join(packageFolder, "test", "training-child.ts"), outDir, emptyOutDir: true, target: "node20" },
  });
  return join(outDir, "training-child.js");
}

describe("a training that is killed", () => {
  let folder: string;
  let buildFolder: string;
  let child: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "showtell-kill-"));
    await mkdir(join(packageFolder, "build"), { recursive: true });
    buildFolder = await mkdtemp(join(packageFolder, "build", "training-child-"));
    child = await buildChild(buildFolder);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await rm(buildFolder, { recursive: true });
  });

  /** Runs the child and kills it a moment after its n-th line; says whether it had finished before. */
  async function runAndKill(
    directory: string,
    mode: "begin" | "resume",
    kill?: { line: number; milliseconds: number },
  ): Promise<boolean> {
    const running = spawn(process.execPath, [child, directory, mode], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    let doomed = false;
    running.stdout.on("data", (text: Buffer) => {
      output += text;
      if (!kill || doomed || output.split("\n").length <= kill.line) return;
      doomed = true;
      void setTimeout(kill.milliseconds).then(() => running.kill("SIGKILL"));
    });
    running.stderr.on("data", (text: Buffer) => {
      errors += text;
    });
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      running.on("close", (...end) => resolve(end));
    });
    if (signal !== "SIGKILL" && code !== 0) throw new Error(`The child failed: ${errors}`);
    return output.endsWith("finished\n");
  }

  const metricsOf = async (directory: string) =>
    (await readFile(join(directory, "metrics.jsonl"), "utf8"))
      .split("\n")
      .map((line) => line.replace(/"wallClock":.*/, ""));
  const weightsOf = (directory: string) =>
    Promise.all(
      ["last/decoder.safetensors", "last/optimizer.safetensors", "best/decoder.safetensors", "best/config.json"].map(
        (file) => readFile(join(directory, "checkpoints", file), "hex"),
      ),
    );

  it("ends, when resumed, with the weights and metrics of one that was left alone", async () => {
    const backend = await openTfjsBackend("cpu");
    const whole = join(folder, "whole");
    await train({ ...toyTraining(), backend, runDirectory: whole });
    await backend.dispose();

    const killed = join(folder, "killed");
    const random = new Random(Date.now());
    let kills = 0;
    let finished = await runAndKill(killed, "begin", {
      line: 1 + random.integer(4),
      milliseconds: random.uniform() * 20,
    });
    while (!finished && kills < KILLS) {
      kills += 1;
      finished = await runAndKill(killed, "resume", {
        line: 1 + random.integer(14),
        milliseconds: random.uniform() * 20,
      });
    }
    expect(kills, `seed ${random.seed}`).toBeGreaterThan(1);
    if (!finished) expect(await runAndKill(killed, "resume")).toBe(true);

    expect(await metricsOf(killed), `seed ${random.seed}`).toEqual(await metricsOf(whole));
    expect(await weightsOf(killed), `seed ${random.seed}`).toEqual(await weightsOf(whole));
    expect((await readdir(killed)).sort()).toEqual((await readdir(whole)).sort());
    expect((await readdir(join(killed, "checkpoints"))).sort()).toEqual(["best", "last"]);
  });
});
