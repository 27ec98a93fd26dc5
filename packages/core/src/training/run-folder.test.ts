import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError, RecipeError } from "../errors.js";
import type { EpochMetrics } from "./metrics-log.js";
import { parseRecipe } from "./parse-recipe.js";
import { RunFolder } from "./run-folder.js";
import { RunLock } from "./run-lock.js";

const recipe = parseRecipe("epochs: 2", "test");
const line = (epoch: number) => ({ epoch, step: epoch * 10 }) as EpochMetrics;

describe("run folder", () => {
  let parent: string;
  let directory: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "showtell-run-"));
    directory = join(parent, "run");
  });
  afterEach(() => rm(parent, { recursive: true }));

  const begin = (resume = false, other = recipe) => RunFolder.open(directory, { recipe: other, resume });

  it("writes the recipe out with every default and unlocks when closed", async () => {
    const run = await begin();
    await run.close();
    expect(await readdir(directory)).toEqual(["recipe.yaml"]);
    expect(parseRecipe(await readFile(run.paths.recipe, "utf8"), "x")).toEqual(recipe);
    expect(await readFile(run.paths.recipe, "utf8")).toContain("beta2: 0.999");
  });

  it("does not begin a new run on top of another one, nor among other files", async () => {
    await (await begin()).close();
    const again = await begin().catch((error: unknown) => error);
    expect(again).toBeInstanceOf(CheckpointError);
    expect((again as CheckpointError).hint).toContain("--resume");
    await rm(directory, { recursive: true });
    await mkdir(directory);
    await writeFile(join(directory, "thesis.doc"), "");
    await expect(begin()).rejects.toThrow(/a new or empty folder for the run folder but received "thesis.doc"/);
    await expect(begin(true)).rejects.toThrow(/the folder of a run/);
    expect(await readdir(directory)).toEqual(["thesis.doc"]);
  });

  it("says what is in the way where the folder cannot be made", async () => {
    await writeFile(directory, "");
    const error = await begin().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).hint).toContain("A file is in the way");
  });

  it("refuses an empty path", async () => {
    await expect(RunFolder.open("", { recipe, resume: false })).rejects.toThrow(/the path of a folder .* received ""/);
  });

  it("resumes a run with the same recipe only, and names the keys that differ", async () => {
    await expect(begin(true)).rejects.toThrow(/the folder of a run for --resume/);
    await (await begin()).close();
    await (await begin(true)).close();
    const other = parseRecipe("epochs: 3\nlabelSmoothing: 0.1", "test");
    const error = await begin(true, other).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RecipeError);
    expect((error as Error).message).toMatch(/other values of labelSmoothing \(0 → 0\.1\), epochs \(2 → 3\)/);
    expect(await readdir(directory)).toEqual(["recipe.yaml"]);
  });

  it("goes on from the beginning where a kill came before anything was written", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "recipe.yaml.writing"), "na");
    const run = await begin(true);
    expect(run.hasCheckpoint).toBe(false);
    await run.close();
    expect(await readdir(directory)).toEqual(["recipe.yaml"]);
  });

  it("is for one training at a time", async () => {
    const run = await begin();
    await expect(begin(true)).rejects.toThrow(/no other process uses .*process \d+/);
    await run.close();
    await (await begin(true)).close();
  });

  it("keeps the metrics of finished epochs and drops what comes after the checkpoint", async () => {
    const run = await begin();
    for (const epoch of [1, 2, 3]) await run.metrics.append(line(epoch));
    await run.metrics.truncate(2);
    expect(await readFile(run.paths.metrics, "utf8")).toBe('{"epoch":1,"step":10}\n{"epoch":2,"step":20}\n');
    await writeFile(run.paths.metrics, '{"epoch":1,"step":10}\n{"epoch":2,"st');
    await run.metrics.truncate(1);
    expect(await readFile(run.paths.metrics, "utf8")).toBe('{"epoch":1,"step":10}\n');
    await expect(run.metrics.truncate(2)).rejects.toThrow(/2 lines for .*metrics\.jsonl but received 1/);
    await run.close();
  });
});

describe("run lock", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "showtell-lock-"));
    path = join(folder, "run.lock");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const holder = (changes: object) =>
    JSON.stringify({ pid: 1, host: hostname(), processStart: null, token: "t", ...changes });

  it("takes over the lock of a process that is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => child.on("exit", resolve));
    await writeFile(path, holder({ pid: child.pid }));
    await (await RunLock.acquire(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("takes over a lock whose process id now belongs to another process", async () => {
    await writeFile(path, holder({ pid: process.pid, processStart: "12" }));
    await (await RunLock.acquire(path)).release();
  });

  it("takes over a lock that a kill left unreadable", async () => {
    await writeFile(path, "{");
    await (await RunLock.acquire(path)).release();
  });

  it("respects a living process", async () => {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
    try {
      const { processStart } = JSON.parse(await lockOf(child.pid!)) as { processStart: string | null };
      await writeFile(path, holder({ pid: child.pid, processStart }));
      await expect(RunLock.acquire(path)).rejects.toThrow(new RegExp(`process ${child.pid}`));
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("cannot know about processes of another machine, and says which file to remove", async () => {
    await writeFile(path, holder({ host: "elsewhere" }));
    const error = await RunLock.acquire(path).catch((caught: unknown) => caught);
    expect((error as CheckpointError).hint).toContain(path);
  });

  /** The start that a lock of this process would carry. */
  async function lockOf(pid: number): Promise<string> {
    const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
    return JSON.stringify({ processStart: text?.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null });
  }
});
