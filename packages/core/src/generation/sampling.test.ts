import { describe, expect, it } from "vitest";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { generate } from "./generate.js";
import type { GenerationOptions } from "./generation-options.js";

const VOCAB_SIZE = 10;
const WORDS = [4, 5, 6, 7, 8, 9];
/** Of <end> and the six words; the other specials are likelier than all of them, and banned. */
const LOGITS = [3, 3, -0.5, 3, 1.2, 0.9, 0.1, -0.4, -1, -2];

/** First words of many captions of one token: their frequencies must follow the distribution. */
async function drawFirstTokens(options: GenerationOptions, count = 6000): Promise<Map<number, number>> {
  const decoder = new TableDecoder({ vocabSize: VOCAB_SIZE, logits: () => LOGITS });
  const images = Array.from({ length: count }, () => 0);
  const generated = await generate(decoder, tableFeatures(images), { maxLength: 1, ...options });
  const counts = new Map<number, number>();
  for (const { captions } of generated) {
    const tokenId = captions[0]!.tokenIds[0]!;
    counts.set(tokenId, (counts.get(tokenId) ?? 0) + 1);
  }
  return counts;
}

function expectDistribution(counts: Map<number, number>, weights: Map<number, number>): void {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const drawn = [...counts.values()].reduce((sum, count) => sum + count, 0);
  expect([...counts.keys()].filter((tokenId) => !weights.has(tokenId))).toEqual([]);
  let chiSquare = 0;
  for (const [tokenId, weight] of weights) {
    const expectedCount = (drawn * weight) / total;
    chiSquare += ((counts.get(tokenId) ?? 0) - expectedCount) ** 2 / expectedCount;
  }
  // 99.9th percentile of chi-square with 6 degrees of freedom; fewer degrees lie below it.
  expect(chiSquare).toBeLessThan(22.46);
}

const weightsOf = (tokenIds: number[], temperature = 1) =>
  new Map(tokenIds.map((tokenId) => [tokenId, Math.exp(LOGITS[tokenId]! / temperature)]));

describe("sampling", () => {
  it("draws tokens as often as the model says, bans taken away", async () => {
    expectDistribution(await drawFirstTokens({ temperature: 1 }), weightsOf([END_TOKEN_ID, ...WORDS]));
  });

  it("flattens and sharpens with the temperature", async () => {
    expectDistribution(await drawFirstTokens({ temperature: 2.5 }), weightsOf([END_TOKEN_ID, ...WORDS], 2.5));
    expectDistribution(await drawFirstTokens({ temperature: 0.6 }), weightsOf([END_TOKEN_ID, ...WORDS], 0.6));
  });

  it("draws from the k likeliest", async () => {
    expectDistribution(await drawFirstTokens({ topK: 3 }), weightsOf([4, 5, 6]));
    expectDistribution(await drawFirstTokens({ topK: 1000 }), weightsOf([END_TOKEN_ID, ...WORDS]));
  });

  it("draws from the smallest set that has the probability", async () => {
    // Shares: 4 → 0.386, 5 → 0.286, 6 → 0.128, 7 → 0.078, <end> → 0.070, 8 → 0.043, 9 → 0.016.
    expectDistribution(await drawFirstTokens({ topP: 0.6 }), weightsOf([4, 5]));
    expectDistribution(await drawFirstTokens({ topP: 0.85 }), weightsOf([4, 5, 6, 7]));
    expectDistribution(await drawFirstTokens({ topP: 0.6, topK: 3 }), weightsOf([4, 5]));
    expectDistribution(await drawFirstTokens({ topP: 1e-9 }), weightsOf([4]));
  });

  it("finds a nucleus larger than one portion", async () => {
    const vocabSize = 1000;
    const decoder = new TableDecoder({ vocabSize, logits: () => new Float32Array(vocabSize) });
    const images = new Array<number>(600).fill(0);
    const generated = await generate(decoder, tableFeatures(images), { maxLength: 1, topP: 0.5 });
    const largest = Math.max(...generated.map(({ captions }) => captions[0]!.tokenIds[0]!));
    // 997 allowed tokens, all alike: ids 2, 4, 5, … up to half of them.
    expect(largest).toBeGreaterThan(450);
    expect(largest).toBeLessThanOrEqual(501);
  });

  const table = new TableDecoder({
    vocabSize: VOCAB_SIZE,
    logits: (prefix) =>
      LOGITS.map((_, tokenId) => 2 * Math.sin(tokenId * 2.1 + 1.3 * prefix.length + (prefix.at(-1) ?? 0))),
  });

  it("is repeated by its seed and changed by another", async () => {
    const draw = (seed: number) => generate(table, tableFeatures([0, 1, 2, 3, 4, 5]), { temperature: 1.5, seed });
    expect(await draw(7)).toEqual(await draw(7));
    expect(await draw(7)).not.toEqual(await draw(8));
  });

  it("draws differently for equal images", async () => {
    const generated = await generate(table, tableFeatures([0, 0, 0, 0, 0, 0]), { temperature: 2 });
    expect(new Set(generated.map(({ captions }) => captions[0]!.tokenIds.join(" "))).size).toBeGreaterThan(3);
  });

  it("is greedy search as the temperature goes to zero", async () => {
    const greedy = await generate(table, tableFeatures([0, 1]), { beamWidth: 1 });
    expect(await generate(table, tableFeatures([0, 1]), { temperature: 1e-6 })).toEqual(greedy);
    expect(await generate(table, tableFeatures([0, 1]), { topK: 1 })).toEqual(greedy);
  });

  it("keeps to lengths, bans, forced words and repetition rules, and reports the model's own log-probabilities", async () => {
    const options = {
      temperature: 3,
      minLength: 4,
      maxLength: 6,
      bannedTokens: [5],
      forcedPrefix: [6, 7],
      noRepeatNgramSize: 1,
    };
    const generated = await generate(table, tableFeatures(new Array<number>(200).fill(0)), options);
    for (const { captions } of generated) {
      const { tokenIds, logProbs, score, endedByMaxLength } = captions[0]!;
      expect(captions).toHaveLength(1);
      expect(tokenIds.slice(0, 2)).toEqual([6, 7]);
      expect(tokenIds).not.toContain(5);
      expect(new Set(tokenIds).size).toBe(tokenIds.length);
      expect(tokenIds.length).toBeGreaterThanOrEqual(4);
      expect(endedByMaxLength).toBe(tokenIds.at(-1) !== END_TOKEN_ID);
      const exponentials = LOGITS.map((_, tokenId) => Math.exp(2 * Math.sin(tokenId * 2.1)));
      const firstProbability = exponentials[6]! / exponentials.reduce((sum, value) => sum + value, 0);
      expect(logProbs[0]).toBeCloseTo(Math.log(firstProbability), 5);
      expect(logProbs.reduce((sum, logProb) => sum + logProb, 0)).toBe(score);
    }
  });
});
