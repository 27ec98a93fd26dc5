import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readCheckpoint } from "../checkpoint/read-checkpoint.js";
import type { Backend } from "../decoder/backend.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { RecipeError } from "../errors.js";
import { syntheticFeatures } from "../testing/synthetic-features.js";
import { toyDataset } from "../testing/toy-training.js";
import { decodeSplit } from "./decode-split.js";
import type { EpochMetrics } from "./metrics-log.js";
import { parseRecipe } from "./parse-recipe.js";
import { train } from "./train.js";
import type { ScoreCaptions, TrainingProgress, TrainOptions } from "./train-options.js";

const dataset = toyDataset({ train: 12, captionsPerImage: 2 });
const ids = dataset.images.map(({ id }) => id);
const features = syntheticFeatures(ids, { featureSize: 8, grid: { cells: 4, featureSize: 5 } });
const encoder = { fingerprint: "toy-encoder", spec: { name: "toy" } };

const SMALL = `
data: {minCount: 1}
decoder: {embeddingSize: 6, hiddenSize: 6, dropout: {output: 0.2}}
optimizer: {learningRate: 0.02, averageDecay: 0.9}
batching: {by: captions, batchSize: 6}
features: {views: [plain, mirrored]}
epochs: 3
checkpointEvery: 2
decoding: {beamWidth: 2, maxLength: 8}
`;
const recipe = parseRecipe(SMALL, "test");

/** The share of captions that name the right subject: higher is better, and cheap. */
const scoreCaptions: ScoreCaptions = async (pairs) => {
  const hits = pairs.filter(({ candidate, references }) =>
    references.some((text) => text.startsWith(candidate.slice(0, 5))),
  );
  return { subject: hits.length / pairs.length };
};

const readMetrics = async (directory: string) =>
  (await readFile(join(directory, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as EpochMetrics);

const withoutWallClock = (lines: readonly EpochMetrics[]) => lines.map(({ wallClock: _, ...rest }) => rest);

/** Bytes of every file that must not depend on when a run was stopped. */
async function weightsOf(directory: string) {
  const files = [
    "last/decoder.safetensors",
    "last/optimizer.safetensors",
    "best/decoder.safetensors",
    "best/config.json",
  ];
  return Promise.all(files.map((file) => readFile(join(directory, "checkpoints", file), "hex")));
}

describe("training", () => {
  let backend: Backend;
  let parent: string;
  let runs = 0;
  const options = (changes: Partial<TrainOptions> = {}): TrainOptions => ({
    recipe,
    dataset,
    features,
    encoder,
    backend,
    runDirectory: join(parent, `run-${runs++}`),
    ...changes,
  });
  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
  });
  afterAll(() => backend.dispose());
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "showtell-train-"));
  });
  afterEach(() => rm(parent, { recursive: true }));

  it("leaves a run folder whose best checkpoint captions by itself", async () => {
    const progress: TrainingProgress[] = [];
    const epochs: EpochMetrics[] = [];
    const result = await train(
      options({
        scoreCaptions,
        recipe: { ...recipe, selection: { metric: "subject" } },
        scoreSignature: "subject|v1",
        onProgress: (p) => progress.push(p),
        onEpoch: (e) => void epochs.push(e),
      }),
    );
    expect(result).toMatchObject({ interrupted: false, stoppedBy: "epochs", epochs: 3, steps: 12, metric: "subject" });
    const directory = join(result.lastCheckpoint, "..", "..");
    expect((await readdir(directory)).sort()).toEqual(["checkpoints", "metrics.jsonl", "recipe.yaml"]);
    expect((await readdir(join(directory, "checkpoints"))).sort()).toEqual(["best", "last"]);
    const metrics = await readMetrics(directory);
    expect(metrics).toEqual(epochs);
    expect(metrics.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 4],
      [2, 8],
      [3, 12],
    ]);
    const best = metrics.findLast((line) => line.best)!;
    expect(result.best).toEqual({ epoch: best.epoch, value: best.devScores!["subject"] });
    const checkpoint = await readCheckpoint(result.bestCheckpoint);
    expect(checkpoint.scores).toEqual({
      split: "dev",
      epoch: best.epoch,
      values: { loss: best.devLossPerToken, subject: best.devScores!["subject"] },
      signature: "subject|v1",
    });
    const decoder = await backend.createDecoder(checkpoint.decoder, checkpoint.parameters);
    const decoded = await decodeSplit(dataset, "dev", {
      models: [{ decoder, standardization: checkpoint.standardization }],
      features,
      vocabulary: checkpoint.vocabulary,
      generation: checkpoint.generation,
    });
    decoder.dispose();
    // The checkpoint's own weights and statistics give the loss that was measured while training.
    expect(decoded.lossPerToken).toBeCloseTo(best.devLossPerToken, 5);
    const score = await scoreCaptions(
      decoded.captions.map(({ image, caption }) => ({ id: image.id, candidate: caption, references: image.captions })),
    );
    expect(score["subject"]).toBe(best.devScores!["subject"]);
    expect(progress.filter(({ stage }) => stage === "training")).toHaveLength(12);
    expect(progress.at(-1)).toMatchObject({
      stage: "decoding",
      epoch: 3,
      epochs: 3,
      step: 4,
      steps: 4,
      metric: "subject",
    });
    expect(progress.at(-1)!.lossPerToken).toBeGreaterThan(0);
  });

  it("lowers dev loss", async () => {
    const run = options({ recipe: { ...recipe, epochs: 4 } });
    await train(run);
    const losses = (await readMetrics(run.runDirectory)).map(({ devLossPerToken }) => devLossPerToken);
    expect(losses[3]).toBeLessThan(losses[0]!);
  });

  it("gives the same run for the same seed and another for another", async () => {
    const [first, second, other] = [options(), options(), options({ recipe: { ...recipe, seed: 2 } })];
    for (const run of [first, second, other]) await train(run);
    expect(await weightsOf(second.runDirectory)).toEqual(await weightsOf(first.runDirectory));
    expect(await weightsOf(other.runDirectory)).not.toEqual(await weightsOf(first.runDirectory));
  });

  it.each([
    ["averages, mirrored views and captions in buckets", ""],
    ["a plateau schedule, batch normalisation and plain shuffling", "normalization"],
    ["attention over photos with all their captions", "attention"],
  ])("resumes exactly from an interruption after any step, with %s", async (_, kind) => {
    const changed = { ...recipe, epochs: 2 };
    if (kind === "attention") {
      changed.decoder = { ...recipe.decoder, attention: { heads: 2, size: 4 } };
      changed.batching = { by: "photos", photosPerBatch: 4 };
    }
    if (kind === "normalization") {
      changed.decoder = { ...recipe.decoder, normalization: "batch" };
      changed.optimizer = { ...recipe.optimizer, averageDecay: null };
      changed.batching = { by: "captions", batchSize: 6, bucketBatches: 1 };
      changed.schedule = {
        kind: "plateau",
        warmupSteps: 2,
        factor: 0.5,
        patience: 0,
        minDelta: 10,
        minLearningRate: 0,
        cooldown: 0,
      };
    }
    const whole = options({ recipe: changed, scoreCaptions, ...{} });
    changed.selection = { metric: "subject" };
    await train(whole);
    const stopped = options({ recipe: changed, scoreCaptions });
    let interruptions = 0;
    for (let resume = false; ; resume = true) {
      const controller = new AbortController();
      let steps = 0;
      const result = await train({
        ...stopped,
        resume,
        signal: controller.signal,
        onProgress: ({ stage }) => {
          if (stage !== "training") return;
          steps += 1;
          if (steps === 1 + (interruptions % 2)) controller.abort();
        },
      });
      if (!result.interrupted) break;
      interruptions += 1;
      expect(result.stoppedBy).toBeUndefined();
    }
    expect(interruptions).toBeGreaterThan(2);
    expect(await weightsOf(stopped.runDirectory)).toEqual(await weightsOf(whole.runDirectory));
    expect(withoutWallClock(await readMetrics(stopped.runDirectory))).toEqual(
      withoutWallClock(await readMetrics(whole.runDirectory)),
    );
  });

  it("goes on with the evaluation where it was interrupted in the middle of one", async () => {
    const controller = new AbortController();
    const stopped = options();
    const onProgress = ({ stage }: TrainingProgress) => stage === "dev-loss" && controller.abort();
    const interrupted = await train({ ...stopped, signal: controller.signal, onProgress });
    expect(interrupted).toMatchObject({ interrupted: true, epochs: 0, steps: 4 });
    await train({ ...stopped, resume: true });
    const whole = options();
    await train(whole);
    expect(await weightsOf(stopped.runDirectory)).toEqual(await weightsOf(whole.runDirectory));
  });

  it("stops before the first step where the signal is already given, and goes on from there", async () => {
    const run = options();
    const result = await train({ ...run, signal: AbortSignal.abort() });
    expect(result).toMatchObject({ interrupted: true, epochs: 0, steps: 0, best: undefined });
    await expect(train({ ...run, resume: true })).resolves.toMatchObject({ interrupted: false, epochs: 3 });
  });

  it("does nothing to a run that is finished", async () => {
    const run = options();
    const result = await train(run);
    const before = await weightsOf(run.runDirectory);
    await expect(train({ ...run, resume: true })).resolves.toEqual(result);
    expect(await weightsOf(run.runDirectory)).toEqual(before);
    expect(await readMetrics(run.runDirectory)).toHaveLength(3);
  });

  it("stops early, and says so again when resumed", async () => {
    const run = options({
      recipe: { ...recipe, epochs: 50, earlyStopping: { metric: "auto", patience: 2, minDelta: 100 } },
    });
    const result = await train(run);
    expect(result).toMatchObject({ stoppedBy: "early-stopping", epochs: 3 });
    await expect(train({ ...run, resume: true })).resolves.toMatchObject({ stoppedBy: "early-stopping", epochs: 3 });
  });

  it("begins no epoch after the time limit", async () => {
    const result = await train(options({ recipe: { ...recipe, timeLimitMinutes: 1e-9 } }));
    expect(result).toMatchObject({ stoppedBy: "time-limit", epochs: 1 });
  });

  it("stops at a loss that is no number and keeps the last good checkpoint", async () => {
    const run = options({
      recipe: { ...recipe, optimizer: { ...recipe.optimizer, learningRate: 10, clipNorm: null, averageDecay: null } },
    });
    const broken: Backend = {
      ...backend,
      device: backend.device,
      name: backend.name,
      supports: () => true,
      dispose: async () => undefined,
      createDecoder: async (spec, parameters) => {
        const decoder = await backend.createDecoder(spec, parameters);
        let steps = 0;
        const trainStep = decoder.trainStep.bind(decoder);
        decoder.trainStep = async (batch, update) => ({
          ...(await trainStep(batch, update)),
          ...(++steps > 3 && { lossSum: Number.NaN }),
        });
        return decoder;
      },
    };
    const error = await train({ ...run, backend: broken }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RecipeError);
    expect((error as RecipeError).message).toMatch(
      /a finite loss and gradient for training step 4 but received "loss NaN/,
    );
    expect((error as RecipeError).hint).toContain("learningRate");
    expect((await readCheckpoint(join(run.runDirectory, "checkpoints", "last"))).decoder.hiddenSize).toBe(6);
    expect(await readdir(run.runDirectory)).not.toContain("run.lock");
  });

  it("leaves images without features out, and says so", async () => {
    const notices: string[] = [];
    const partial = { ...features, has: (id: string) => id !== "train-3" && id !== "dev-0" };
    await train(
      options({ features: partial, recipe: { ...recipe, epochs: 1 }, onNotice: (text) => notices.push(text) }),
    );
    expect(notices).toEqual([
      "1 train images have no features and are left out, train-3 first.",
      "1 dev images have no features and are left out, dev-0 first.",
    ]);
  });
});
