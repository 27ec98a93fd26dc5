import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend } from "../decoder/backend.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { RecipeError } from "../errors.js";
import { toyTraining } from "../testing/toy-training.js";
import { consensusWeights } from "./consensus-weights.js";
import { parseRecipe } from "./parse-recipe.js";
import { train } from "./train.js";
import type { RewardCaptions } from "./train-options.js";

/** The captions themselves are their rewards. */
const numbers: RewardCaptions = (captions) => captions.map(({ text }) => Number(text));

describe("weights by consensus", () => {
  const weigh = (rewards: number[], temperature: number) =>
    consensusWeights(numbers, temperature)("photo", rewards.map(String));

  it("have a mean of 1 and grow with the reward", () => {
    const weights = weigh([0.2, 1.4, 0.9], 0.5);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(3, 12);
    expect(weights[1]! / weights[0]!).toBeCloseTo(Math.exp(1.2 / 0.5), 10);
    expect(weights[1]!).toBeGreaterThan(weights[2]!);
  });

  it("do not see what all captions share", () => {
    const plain = weigh([0.2, 1.4, 0.9], 0.5);
    weigh([2.2, 3.4, 2.9], 0.5).forEach((weight, i) => {
      expect(weight).toBeCloseTo(plain[i]!, 10);
    });
  });

  it("are 1 for one caption, for equal ones, and at a high temperature", () => {
    expect(weigh([0.7], 0.01)).toEqual([1]);
    expect(weigh([0.7, 0.7], 0.01)).toEqual([1, 1]);
    for (const weight of weigh([0, 1], 1000)) expect(weight).toBeCloseTo(1, 2);
  });
});

describe("training with consensusWeighting", () => {
  let backend: Backend;
  let parent: string;
  let runs = 0;
  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
    parent = await mkdtemp(join(tmpdir(), "showtell-consensus-weighting-"));
  });
  afterAll(async () => {
    await backend.dispose();
    await rm(parent, { recursive: true });
  });

  const recipe = parseRecipe(
    `
data: {minCount: 1}
decoder: {embeddingSize: 8, hiddenSize: 8}
optimizer: {learningRate: 0.05}
batching: {by: captions, batchSize: 6}
epochs: 10
decoding: {beamWidth: 1, maxLength: 12}
consensusWeighting: {temperature: 0.1}`,
    "test",
  );

  /** Every photo of the toy has a caption that ends in "today" and one that does not. */
  const shareOfToday = async (reward: RewardCaptions) => {
    const { best } = await train({
      ...toyTraining(),
      recipe,
      backend,
      runDirectory: join(parent, `run-${runs++}`),
      prepareRewards: () => reward,
      scoreCaptions: async (pairs) => ({
        "CIDEr-D": pairs.filter(({ candidate }) => candidate.includes("today")).length / pairs.length,
      }),
    });
    return best!.value;
  };

  it("learns the captions that agree", async () => {
    const today = (sign: number) => (captions: Parameters<RewardCaptions>[0]) =>
      captions.map(({ text }) => (text.includes("today") ? sign : 0));
    expect(await shareOfToday(today(1))).toBe(1);
    expect(await shareOfToday(today(-1))).toBe(0);
  });

  it("needs something that rewards captions", async () => {
    const run = { ...toyTraining(), recipe, backend, runDirectory: join(parent, "refused") };
    await expect(train({ ...run, scoreCaptions: async () => ({ "CIDEr-D": 0 }) })).rejects.toThrow(RecipeError);
  });
});
