import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readCheckpoint } from "../checkpoint/read-checkpoint.js";
import type { Backend } from "../decoder/backend.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { CheckpointError, RecipeError } from "../errors.js";
import { lastWeights, stopAndResume } from "../testing/stop-and-resume.js";
import { toyTraining } from "../testing/toy-training.js";
import type { EpochMetrics } from "./metrics-log.js";
import { parseRecipe } from "./parse-recipe.js";
import { train } from "./train.js";
import type { RewardCaptions, TrainOptions } from "./train-options.js";

const { scoreCaptions: _, ...toy } = toyTraining();
const recipe = (selfCritical: string, more = "") =>
  parseRecipe(
    `
data: {minCount: 1}
decoder: {embeddingSize: 8, hiddenSize: 8}
optimizer: {learningRate: 0.05}
batching: {by: photos, photosPerBatch: 6}
epochs: 8
checkpointEvery: 3
decoding: {beamWidth: 1, maxLength: 6}
selfCritical: ${selfCritical}
${more}`,
    "test",
  );

/** One word, and the end at once. */
const shortDogs: RewardCaptions = (captions) =>
  captions.map(({ text, ended }) => (text.split(" ").includes("dog") ? 1 : 0) + (ended ? 0.5 : 0));

describe("self-critical training", () => {
  let backend: Backend;
  let parent: string;
  let runs = 0;
  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
  });
  afterAll(() => backend.dispose());
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "showtell-self-critical-"));
  });
  afterEach(() => rm(parent, { recursive: true }));

  const options = (changes: Partial<TrainOptions>): TrainOptions => ({
    ...toy,
    backend,
    runDirectory: join(parent, `run-${runs++}`),
    prepareRewards: () => shortDogs,
    ...changes,
  });
  const metricsOf = async ({ runDirectory }: TrainOptions) =>
    (await readFile(join(runDirectory, "metrics.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as EpochMetrics);

  it.each([
    ["the mean of the other samples", "{samples: 6}"],
    ["the greedy caption", "{samples: 4, baseline: greedy}"],
  ])("raises the reward of what the decoder writes, against %s", async (_name, setting) => {
    const run = options({ recipe: recipe(setting) });
    await train(run);
    const rewards = (await metricsOf(run)).map(({ sampled }) => sampled!.reward);
    expect(rewards.at(-1)!).toBeGreaterThan(rewards[0]! + 0.4);
  });

  it("learns nothing where all captions are worth the same", async () => {
    const start = await readCheckpoint(
      (await train(options({ recipe: recipe("null", "name: start") }))).lastCheckpoint,
    );
    const run = options({
      recipe: recipe("{samples: 3}"),
      startFrom: start,
      prepareRewards: () => (all) => all.map(() => 1),
    });
    const { parameters } = await readCheckpoint((await train(run)).lastCheckpoint);
    for (const [name, { data }] of start.parameters) expect(parameters.get(name)!.data).toEqual(data);
  });

  it("makes captions longer where short ones are fined", async () => {
    const words = async (setting: string) => {
      const run = options({
        recipe: recipe(setting),
        prepareRewards: () => (all) => all.map(({ ended }) => (ended ? 0.5 : 0)),
      });
      await train(run);
      return (await metricsOf(run)).at(-1)!.sampled!.words;
    };
    expect(await words("{samples: 6, shortnessPenalty: 1}")).toBeGreaterThan(await words("{samples: 6}"));
  });

  it("goes on after a stop as if it had never been stopped", async () => {
    const setting = recipe("{samples: 3, crossEntropy: 0.5}", "features: {views: [plain, mirrored]}");
    const whole = options({ recipe: setting });
    await train(whole);
    const stopped = options({ recipe: setting });
    await stopAndResume(stopped);
    expect(await lastWeights(stopped)).toBe(await lastWeights(whole));
    const comparable = async (run: TrainOptions) => (await metricsOf(run)).map(({ wallClock: __, ...rest }) => rest);
    expect(await comparable(stopped)).toEqual(await comparable(whole));
  });

  it("needs something that rewards captions", async () => {
    const { prepareRewards: __, ...without } = options({ recipe: recipe("{}") });
    await expect(train(without)).rejects.toThrow(RecipeError);
  });

  it("refuses to start from another decoder", async () => {
    const start = await readCheckpoint((await train(options({ recipe: recipe("null") }))).lastCheckpoint);
    const other = recipe("{}", "name: other");
    const run = options({ recipe: { ...other, decoder: { ...other.decoder, hiddenSize: 9 } }, startFrom: start });
    await expect(train(run)).rejects.toThrow(CheckpointError);
    await expect(train(run)).rejects.toThrow(/hiddenSize \(9 → 8\)/);
  });
});

describe("a recipe with selfCritical", () => {
  it.each([
    ["selfCritical: {samples: 1}\nbatching: {by: photos}", /at least 2, or baseline: greedy for selfCritical.samples/],
    ["selfCritical: {}", /photos where selfCritical is on for batching.by/],
    [
      "selfCritical: {}\nbatching: {by: photos}\nconsensusWeighting: {}",
      /null where selfCritical learns none of the photos' captions for consensusWeighting/,
    ],
    ["selfCritical: {}\nbatching: {by: photos}\nlabelSmoothing: 0.1", /0 where selfCritical is on for labelSmoothing/],
  ])("is refused: %s", (yaml, message) => {
    expect(() => parseRecipe(yaml, "test")).toThrow(message);
  });
});
