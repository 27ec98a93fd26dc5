import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CliResult, isUserError, runCli, TINY_DATASET } from "./run-cli.js";
import { type TinyModel, trainTinyModel } from "./tiny-model.js";

let model: TinyModel;
beforeAll(async () => {
  model = await trainTinyModel(["epochs=1"]);
});
afterAll(() => model.remove());

interface Leaderboard {
  readonly trials: readonly {
    trial: number;
    state: string;
    value: number;
    values: number[];
    parameters: Record<string, unknown>;
  }[];
}

const studyFile = (name: string) => join(model.folder, `${name}.sqlite`);
const tuneArgs = (study: string, ...more: string[]) => [
  ...["tune", "--space", "tiny", "--data", TINY_DATASET, "--store", model.store, "--study", studyFile(study)],
  ...more,
];
const tune = (study: string, ...more: string[]) => runCli(tuneArgs(study, ...more));

/** Sends the signal when so many trials have begun, and a little later, in the middle of one. */
function tuneUntil(args: string[], trial: number, signal: NodeJS.Signals, milliseconds: number): Promise<CliResult> {
  return runCli(args, {
    onStart: (child) => {
      let text = "";
      let sent = false;
      child.stderr?.on("data", (chunk: string) => {
        text += chunk;
        if (sent || !text.includes(`trial ${trial}: `)) return;
        sent = true;
        setTimeout(() => child.kill(signal), milliseconds);
      });
    },
  });
}

/** Everything but the times. */
async function resultsOf(study: string, ...more: string[]): Promise<Leaderboard> {
  const { stdout } = await runCli(["leaderboard", studyFile(study), "--json", ...more]);
  const timeless = (key: string, value: unknown) =>
    ["seconds", "startedAt", "endedAt"].includes(key) ? undefined : value;
  return JSON.parse(stdout, timeless) as Leaderboard;
}

describe("showtell tune", () => {
  it("survives two kills in a study of 20 trials, with the leaderboard of one that was left alone", async () => {
    const alone = await tune("alone", "--trials", "20", "--quiet");
    expect(alone.code, alone.stderr).toBe(0);

    const args = tuneArgs("killed", "--trials", "20");
    expect((await tuneUntil(args, 3, "SIGKILL", 90)).code).toBeNull();
    expect((await tuneUntil(args, 12, "SIGKILL", 30)).code).toBeNull();
    const last = await runCli(args);
    expect(last.code, last.stderr).toBe(0);
    expect(last.stderr).toMatch(/Going on with a study of 1\d trials/);

    const results = await resultsOf("alone");
    expect(await resultsOf("killed")).toEqual(results);
    expect(results.trials).toHaveLength(20);
    expect(new Set(results.trials.map(({ state }) => state))).toEqual(new Set(["complete", "pruned"]));
    const values = results.trials.map(({ value }) => value);
    expect(values).toEqual([...values].sort((a, b) => b - a));
  });

  it("with two trials at a time gives, killed or not, the same results", async () => {
    const options = ["--trials", "8", "--parallel", "2"];
    const env = { SHOWTELL_THREADS: "2" };
    await runCli(tuneArgs("pair", ...options), { env });
    await tuneUntil(tuneArgs("killed-pair", ...options), 4, "SIGKILL", 60);
    const last = await runCli(tuneArgs("killed-pair", ...options), { env });
    expect(last.code, last.stderr).toBe(0);
    expect(await resultsOf("killed-pair")).toEqual(await resultsOf("pair"));
  });

  it("after Ctrl-C exits with 130, and the same command goes on to the results of a study that was left alone", async () => {
    const args = tuneArgs("interrupted", "--trials", "4");
    const { code, stderr } = await tuneUntil(args, 2, "SIGINT", 30);
    expect(code, stderr).toBe(130);
    expect(stderr).toContain("goes on from there");
    expect((await runCli(args)).code).toBe(0);
    const { trials } = await resultsOf("alone");
    expect((await resultsOf("interrupted")).trials).toEqual(trials.filter(({ trial }) => trial < 4));
  });

  it("goes on to more trials, but not with other settings", async () => {
    const more = await tune("interrupted", "--trials", "5", "--json");
    expect((JSON.parse(more.stdout) as Leaderboard).trials).toHaveLength(5);
    const other = await tune("interrupted", "--seed", "2");
    expect(other, other.stderr).toSatisfy(isUserError);
    expect(other.stderr).toContain("seed (1 → 2)");
  });

  it("keeps the best trial's checkpoint alone, and its recipe trains to the score on the leaderboard", async () => {
    const recipe = join(model.folder, "best.yaml");
    const [best] = (await resultsOf("alone", "--best-recipe", recipe)).trials;
    expect(await readdir(`${studyFile("alone")}.trials`)).toEqual([String(best!.trial).padStart(4, "0")]);

    const run = join(model.folder, "best-run");
    await runCli(["train", "--data", TINY_DATASET, "--store", model.store, "--recipe", recipe, "--run", run]);
    const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).devScores["CIDEr-D"])).toEqual(best!.values);
  });

  it("lets a trial whose values do not go together fail, and goes on", async () => {
    const space = join(model.folder, "uneven.yaml");
    await writeFile(
      space,
      "recipe: tiny\nset: { epochs: 1, decoder.attention: { heads: 2, size: 8 } }\n" +
        "search:\n  decoder.attention.heads: { choice: [2, 4] }\n  decoder.attention.size: { int: [8, 12] }\n",
    );
    const { code, stdout } = await tune("uneven", "--space", space, "--trials", "4", "--seed", "2", "--json");
    expect(code).toBe(0);
    const failed = JSON.parse(stdout).trials.filter(({ state }: { state: string }) => state === "failed");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0].error).toContain("a multiple of heads");
  });

  it.each([
    ["an unknown key", "optimizer.learningRat: { log: [0.001, 0.01] }", "Did you mean learningRate"],
    ["a value that the recipe refuses", "decoder.dropout.output: { uniform: [0, 1.5] }", "space.yaml:2"],
    ["a key in vain", "optimizer: { choice: [{}] }\n  optimizer.learningRate: { log: [0.001, 0.01] }", "space.yaml:3"],
    ["an unknown kind of range", "optimizer.learningRate: { lgo: [0.001, 0.01] }", "Did you mean log?"],
  ])("answers %s with one line, before anything runs", async (_, dimension, mentioned) => {
    const space = join(model.folder, "space.yaml");
    await writeFile(space, `search:\n  ${dimension}\nrecipe: tiny\n`);
    const result = await tune("refused", "--space", space);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain(mentioned);
    expect((await readdir(model.folder)).filter((name) => name.startsWith("refused"))).toEqual([]);
  });

  it.each([
    ["a space that is not there", ["--space", "no-such-space"], "reference-fine"],
    ["more trials at a time than threads", ["--parallel", "1000"], "one for each thread"],
    ["GPUs for a backend without", ["--gpus", "0,1", "--backend", "tfjs"], "native-cuda"],
    ["a recipe that could not be written in the end", ["--best-recipe", "/nonexist/best.yaml"], "/nonexist/best.yaml"],
    ["a study without a name", ["--study", ""], "the name of a file for --study"],
    ["a study in a file", ["--study", `${TINY_DATASET}/study.sqlite`], "A file is in the way"],
    ["GPUs that no GPU is called", ["--gpus", "x"], '"x"'],
    ["startup trials at random", ["--sampler", "random", "--startup-trials", "3"], "--startup-trials"],
    ["warm-up without pruning", ["--pruner", "none", "--warmup-trials", "2"], "--warmup-trials"],
    ["a dataset that is not there", ["--data", "no-such-data.jsonl"], "no-such-data.jsonl"],
  ])("answers %s with one line", async (_, flags, mentioned) => {
    const result = await tune("refused", ...flags);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain(mentioned);
  });

  it("leaves no study behind that it could not begin", async () => {
    await writeFile(`${studyFile("unbegun")}.trials`, "in the way");
    const result = await tune("unbegun");
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(await readdir(model.folder)).not.toContain("unbegun.sqlite");
  });

  it("leaves a file alone that is no study", async () => {
    await writeFile(studyFile("text"), "something else entirely, and longer than a header of SQLite could ever be");
    const before = await readFile(studyFile("text"));
    const result = await tune("text");
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(await readdir(model.folder)).not.toContain("text.sqlite.trials");
    expect(await readFile(studyFile("text"))).toEqual(before);
  });
});

describe("showtell leaderboard", () => {
  it("answers a study that is not there with one line, and makes none", async () => {
    const result = await runCli(["leaderboard", studyFile("missing")]);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(await readdir(model.folder)).not.toContain("missing.sqlite");
  });
});
