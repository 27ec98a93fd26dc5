import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import type { Parameters } from "./dimension.js";
import { type Dimensions, proposeParameters, type SamplerSettings } from "./sampler.js";

const SPACE: Dimensions = {
  rate: { kind: "log", low: 1e-5, high: 1 },
  dropout: { kind: "uniform", low: 0, high: 0.9 },
  size: { kind: "int", low: 100, high: 530, step: 50 },
  width: { kind: "logInt", low: 1, high: 512, step: 1 },
  cell: { kind: "choice", values: ["a", "b", { heads: 2 }] },
};
const TPE: SamplerSettings = { name: "tpe", startupTrials: 8 };
const RANDOM: SamplerSettings = { name: "random", startupTrials: 0 };

/** Highest, 0, at rate 0.003, dropout 0.6, size 350, width 40, cell b. */
function merit({ rate, dropout, size, width, cell }: Parameters): number {
  return -(
    Math.log10((rate as number) / 0.003) ** 2 +
    4 * ((dropout as number) - 0.6) ** 2 +
    (((size as number) - 350) / 200) ** 2 +
    0.3 * Math.log2((width as number) / 40) ** 2 +
    (cell === "b" ? 0 : 1)
  );
}

function search(settings: SamplerSettings, seed: number, trials: number): Parameters[] {
  const found: Parameters[] = [];
  for (let number = 0; number < trials; number++) {
    const bestFirst = [...found].sort((a, b) => merit(b) - merit(a));
    found.push(proposeParameters(SPACE, bestFirst, new Random(seed, 0, number * 2 ** 32), settings));
  }
  return found;
}

const bestMerit = (found: readonly Parameters[]) => Math.max(...found.map(merit));
const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.each([TPE, RANDOM])("the sampler $name", (settings) => {
  it("stays within every range, on its steps and among its choices", () => {
    for (const { rate, dropout, size, width, cell } of search(settings, 3, 120)) {
      expect(rate).toBeGreaterThanOrEqual(1e-5);
      expect(rate).toBeLessThanOrEqual(1);
      expect(dropout).toBeGreaterThanOrEqual(0);
      expect(dropout).toBeLessThanOrEqual(0.9);
      // 530 is no whole number of steps from 100.
      expect([100, 150, 200, 250, 300, 350, 400, 450, 500]).toContain(size);
      expect(Number.isInteger(width)).toBe(true);
      expect(width).toBeGreaterThanOrEqual(1);
      expect(width).toBeLessThanOrEqual(512);
      expect(["a", "b", { heads: 2 }]).toContainEqual(cell);
    }
  });

  it("proposes the same for the same seed, and other values for another", () => {
    expect(search(settings, 7, 30)).toEqual(search(settings, 7, 30));
    expect(search(settings, 8, 30)).not.toEqual(search(settings, 7, 30));
  });
});

describe("random search", () => {
  it("spreads over a log range and over whole numbers evenly", () => {
    const found = SEEDS.flatMap((seed) => search(RANDOM, seed, 100));
    const share = (isIn: (parameters: Parameters) => boolean) => found.filter(isIn).length / found.length;
    expect(share(({ rate }) => (rate as number) < 10 ** -2.5)).toBeCloseTo(0.5, 1);
    for (const size of [100, 300, 500]) expect(share((found) => found["size"] === size)).toBeCloseTo(1 / 9, 1);
    expect(share(({ cell }) => cell === "a")).toBeCloseTo(1 / 3, 1);
  });
});

describe("TPE", () => {
  it("draws its first trials as random search does", () => {
    expect(search(TPE, 4, 8)).toEqual(search(RANDOM, 4, 8));
    expect(search(TPE, 4, 9)).not.toEqual(search(RANDOM, 4, 9));
  });

  it("finds, on average, better values than random search, and in half its trials as good ones", () => {
    const average = (settings: SamplerSettings, trials: number) =>
      mean(SEEDS.map((seed) => bestMerit(search(settings, seed, trials))));
    const atRandom = average(RANDOM, 60);
    expect(average(TPE, 60)).toBeGreaterThan(atRandom / 2);
    expect(average(TPE, 30)).toBeGreaterThan(atRandom);
  });

  it("goes on where a dimension can take one value only", () => {
    const single: Dimensions = { cell: { kind: "choice", values: [5] } };
    const found = Array.from({ length: 12 }, () => ({ cell: 5 }));
    expect(proposeParameters(single, found, new Random(1), TPE)).toEqual({ cell: 5 });
  });
});
