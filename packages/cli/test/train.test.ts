import { cp, mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isUserError, runCli, TINY_DATASET } from "./run-cli.js";
import { type TinyModel, trainTinyModel } from "./tiny-model.js";

let model: TinyModel;
beforeAll(async () => {
  model = await trainTinyModel();
});
afterAll(() => model.remove());

const train = (run: string, ...more: string[]) =>
  runCli([
    "train",
    "--data",
    TINY_DATASET,
    "--recipe",
    "tiny",
    "--run",
    run,
    "--store",
    model.store,
    "--quiet",
    ...more,
  ]);

describe("showtell train", () => {
  it("lowers the training loss, scores dev captions each epoch, and prints the best checkpoint", async () => {
    const run = join(model.folder, "printed");
    const { code, stdout } = await train(run, "--set", "epochs=3");
    expect(code).toBe(0);
    expect(stdout).toBe(`${join(run, "checkpoints", "best")}\n`);
    const metrics = (await readFile(join(run, "metrics.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(metrics.length).toBe(3);
    expect(metrics[2].trainLossPerToken).toBeLessThan(metrics[0].trainLossPerToken);
    expect(Object.keys(metrics[0].devScores)).toContain("CIDEr-D");
    expect((await readdir(join(run, "checkpoints"))).sort()).toEqual(["best", "last"]);
  });

  it("leaves features alone that are in the store already", async () => {
    const { code, stdout } = await runCli([
      "encode",
      "--data",
      TINY_DATASET,
      "--store",
      model.store,
      "--no-grid",
      "--views",
      "plain",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("0 encoded, 14 already there, 0 failed");
  });

  it("knows photos by what is in them: a copy is not encoded again, one with another's name is, where it is asked for", async () => {
    const folder = join(model.folder, "copy");
    await cp(join(TINY_DATASET, ".."), folder, { recursive: true });
    const [data, store] = [join(folder, "captions.jsonl"), join(folder, "store")];
    await cp(model.store, store, { recursive: true });
    const args = ["--data", data, "--store", store];
    const encode = () => runCli(["encode", ...args, "--no-grid", "--views", "plain"]);
    expect((await encode()).stdout).toContain("0 encoded, 14 already there, 0 failed");
    const photos = (await readFile(data, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [train, dev] = ["train", "dev"].map((split) => photos.find((photo) => photo.split === split).image);
    const original = await readFile(join(folder, train));
    // Bytes behind its end make it another file.
    await writeFile(join(folder, train), Buffer.concat([await readFile(join(folder, dev)), Buffer.alloc(8)]));
    await utimes(join(folder, train), 1000, 1000);
    const scores = await runCli(["evaluate", "--model", model.best, ...args, "--quiet"]);
    expect(scores.code, scores.stderr).toBe(0);
    expect((await encode()).stdout).toContain("1 encoded, 13 already there, 0 failed");
    await writeFile(join(folder, train), original);
    expect((await encode()).stdout).toContain("0 encoded, 14 already there, 0 failed");
  });

  it("goes on from a checkpoint with the captions that the model writes itself, and averages what came of it", async () => {
    const runs = ["1", "2"].map((seed) => join(model.folder, `self-critical-${seed}`));
    for (const [index, run] of runs.entries()) {
      const settings = ["selfCritical={samples: 3}", "batching={by: photos, photosPerBatch: 5}", "epochs=1"];
      const { code, stderr } = await train(run, "--start-from", model.best, "--set", ...settings, `seed=${index + 1}`);
      expect(code, stderr).toBe(0);
      const metrics = JSON.parse(await readFile(join(run, "metrics.jsonl"), "utf8"));
      expect(metrics.sampled.reward).toBeGreaterThan(0);
      expect(metrics.sampled.words).toBeGreaterThan(1);
    }
    const average = join(model.folder, "average");
    const folders = runs.map((run) => join(run, "checkpoints", "last"));
    expect((await runCli(["model", "average", average, ...folders])).stdout).toBe(`${average}\n`);
    const scores = await runCli([
      "evaluate",
      "--model",
      average,
      "--data",
      TINY_DATASET,
      "--split",
      "dev",
      "--store",
      model.store,
      "--json",
    ]);
    expect(scores.code, scores.stderr).toBe(0);
  });

  it("refuses to start from a decoder of other sizes", async () => {
    const result = await train(
      join(model.folder, "other-size"),
      "--start-from",
      model.best,
      "--set",
      "decoder.hiddenSize=65",
    );
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain("hiddenSize (65 → 64)");
  });

  it("refuses to go on with another recipe, and names the keys", async () => {
    const result = await train(model.run, "--resume", "--set", "seed=2");
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain("seed");
  });

  it.each([
    ["an unknown recipe key", ["--set", "optimizer.learningRat=0.1"], "Did you mean learningRate"],
    ["a value out of range", ["--set", "epochs=0"], "epochs in --set epochs=0"],
    ["a setting that is none", ["--set", "epochs"], "key=value"],
    ["an unknown recipe", ["--recipe", "no-such-recipe"], "tiny"],
    ["an unknown encoder", ["--encoder", "no-such-encoder"], "efficientnet-lite2"],
    ["a missing dataset", ["--data", "no-such-data.jsonl"], "no-such-data.jsonl"],
  ])("answers %s with one line, and leaves no run folder", async (_, flags, mentioned) => {
    const run = join(model.folder, "refused");
    const result = await train(run, ...flags);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain(mentioned);
    await expect(readdir(run)).rejects.toThrow("ENOENT");
  });

  it.each([
    ["a dataset without a dev split", () => ["--data", join(model.folder, "no-dev.jsonl")], "dev split"],
    ["a folder that holds a run", () => ["--run", model.run], "--resume"],
    ["a run to resume that is not there", () => ["--resume"], "folder of a run"],
  ])("refuses %s before anything is encoded", async (_, flags, mentioned) => {
    const lines = (await readFile(TINY_DATASET, "utf8")).trim().split("\n");
    await writeFile(join(model.folder, "no-dev.jsonl"), lines.filter((line) => !line.includes('"dev"')).join("\n"));
    const store = join(model.folder, "unused-store");
    const images = join(TINY_DATASET, "..");
    const result = await train(join(model.folder, "refused"), "--store", store, "--images", images, ...flags());
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain(mentioned);
    await expect(readdir(store)).rejects.toThrow("ENOENT");
  });

  it("answers an empty captions file with one line", async () => {
    const data = join(model.folder, "empty.jsonl");
    await writeFile(data, "");
    const result = await train(join(model.folder, "refused"), "--data", data);
    expect(result, result.stderr).toSatisfy(isUserError);
  });

  it("leaves out photos that are missing, names each, and trains on the others", async () => {
    const folder = join(model.folder, "missing-photo");
    await mkdir(folder, { recursive: true });
    await cp(join(TINY_DATASET, "..", "images"), join(folder, "images"), { recursive: true });
    await cp(TINY_DATASET, join(folder, "captions.jsonl"));
    await rm(join(folder, "images", "cat.jpg"));
    const result = await train(
      join(model.folder, "without-cat"),
      ...["--data", join(folder, "captions.jsonl"), "--store", join(folder, "store"), "--set", "epochs=1"],
    );
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/warning .*cat\.jpg is left out/);
    const args = ["--data", join(folder, "captions.jsonl"), "--store", join(folder, "store"), "--quiet"];
    const best = join(model.folder, "without-cat", "checkpoints", "best");
    // The photo is one of the train split: dev has all of its own.
    for (const [split, code] of [
      ["train", 3],
      ["dev", 0],
    ] as const) {
      const scores = await runCli(["evaluate", "--model", best, "--split", split, ...args]);
      expect(scores.code, scores.stderr).toBe(code);
      expect(scores.stdout).toContain("CIDEr-D");
      const report = await runCli(["report", best, "--split", split, "--output", join(folder, "page.html"), ...args]);
      expect(report.code, report.stderr).toBe(code);
    }
  });
});

describe("showtell evaluate", () => {
  it("prints scores with intervals and a signature", async () => {
    const args = [
      "evaluate",
      "--model",
      model.best,
      "--data",
      TINY_DATASET,
      "--store",
      model.store,
      "--split",
      "train",
    ];
    const { code, stdout } = await runCli(args);
    expect(code).toBe(0);
    for (const metric of ["BLEU-4", "METEOR (no paraphrases)", "ROUGE-L", "CIDEr-D"]) expect(stdout).toContain(metric);
    expect(stdout).toMatch(/CIDEr-D\|refs:\S+\|n:10\|tok:ptb-3\.4\.1\|.*beam:3/);
    const json = await runCli([...args, "--json", "--quiet"]);
    const { corpus, intervals } = JSON.parse(json.stdout);
    for (const key of Object.keys(corpus)) {
      expect(intervals[key].low).toBeLessThanOrEqual(corpus[key]);
      expect(intervals[key].high).toBeGreaterThanOrEqual(corpus[key]);
    }
  });
});

describe("what showtell evaluate refuses", () => {
  const args = () => ["evaluate", "--model", model.best, "--data", TINY_DATASET, "--store", model.store];

  it("an output it cannot write, before anything is captioned", async () => {
    const result = await runCli([...args(), "--output", join(model.folder, "nowhere", "captions.jsonl")]);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).not.toContain("captioning");
  });

  it("several captions a photo: it scores one", async () => {
    expect(await runCli([...args(), "--n-best", "2"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown option '--n-best'"),
    });
  });
});

describe("what showtell model export and average refuse", () => {
  it.each([
    ["the run of the checkpoint", () => ["export", model.best, model.run]],
    ["the checkpoint itself", () => ["export", model.best, model.best]],
    ["a place in the checkpoint", () => ["export", model.best, join(model.best, "exported")]],
    ["the folder one is in", () => ["export", model.best, "."]],
    ["no path at all", () => ["export", model.best, ""]],
    [
      "a target that was forgotten",
      () => ["average", model.best, join(model.run, "checkpoints", "last"), join(model.run, "checkpoints", "last")],
    ],
  ])("%s, with one line, and nothing is touched", async (_, args) => {
    const files = async () => (await readdir(model.run, { recursive: true })).sort();
    const before = [await files(), await readFile(join(model.best, "config.json"), "utf8")];
    const result = await runCli(["model", ...args()]);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain("Hint:");
    expect([await files(), await readFile(join(model.best, "config.json"), "utf8")]).toEqual(before);
  });
});

describe("a damaged checkpoint", () => {
  const damaged = async (name: string, change: (folder: string) => Promise<void>) => {
    const folder = join(model.folder, name);
    await cp(model.best, folder, { recursive: true });
    await change(folder);
    return runCli(["model", "inspect", folder]);
  };
  const edit = async (path: string, change: (bytes: Buffer) => Buffer | string) =>
    writeFile(path, change(await readFile(path)));

  it.each([
    ["a flipped byte", (folder: string) => edit(join(folder, "decoder.safetensors"), flipMiddleByte)],
    [
      "a file cut short",
      (folder: string) => edit(join(folder, "decoder.safetensors"), (bytes) => bytes.subarray(0, bytes.length - 100)),
    ],
    ["a missing file", (folder: string) => rm(join(folder, "decoder.safetensors"))],
    [
      "another version",
      (folder: string) =>
        edit(join(folder, "config.json"), (bytes) =>
          bytes.toString().replace('"formatVersion": 1', '"formatVersion": 99'),
        ),
    ],
    [
      "a vocabulary of another model",
      (folder: string) =>
        edit(join(folder, "vocabulary.json"), (bytes) => bytes.toString().replace("astronaut", "cosmonaut")),
    ],
  ])("with %s is one line and exit code 2", async (name, change) => {
    const result = await damaged(name.replaceAll(" ", "-"), change);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain("Hint:");
  });

  it("that is whole is described", async () => {
    const { code, stdout } = await runCli(["model", "inspect", model.best, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).decoder.hiddenSize).toBe(64);
  });
});

describe("showtell model inspect", () => {
  it("knows the captioners that ship by their names", async () => {
    const { code, stdout } = await runCli(["model", "inspect", "flickr8k-pooled", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).recipe.name).toBe("flickr8k-pooled");
  });
});

function flipMiddleByte(bytes: Buffer): Buffer {
  const middle = bytes.length >> 1;
  bytes[middle] = bytes[middle]! ^ 0x10;
  return bytes;
}
