import { describe, expect, it } from "vitest";
import { type PrunerSettings, shouldPrune } from "./median-pruner.js";

const settings: PrunerSettings = { name: "median", warmupTrials: 3, warmupEpochs: 1 };
// Means up to epoch 1, 2, 3: 1 2 3, 2 3 4, 4 3 2.
const finished = [
  [1, 3, 5],
  [2, 4, 6],
  [4, 2, 0],
];

describe("the median stopping rule", () => {
  it.each([
    [[1.9], true],
    [[2], false],
    [[2, 0], true],
    [[2.9, 2.9], true],
    [[3, 0], false],
    [[0, 0, 3], false],
    [[0, 0, 2.9], true],
  ])("for values %j says %s: the best so far against the median of the others' means", (scores, pruned) => {
    expect(shouldPrune(scores, finished, settings)).toBe(pruned);
  });

  it("takes the middle of the two middle means of an even number of trials", () => {
    expect(shouldPrune([2.9], [...finished, [6]], settings)).toBe(true);
    expect(shouldPrune([3], [...finished, [6]], settings)).toBe(false);
  });

  it("counts a trial that stopped early with all its epochs", () => {
    expect(shouldPrune([2.4, 2.4, 2.4], [[1], [2.5], [9]], settings)).toBe(true);
  });

  it("waits for its warm-up, in trials and in epochs", () => {
    expect(shouldPrune([0], finished.slice(1), settings)).toBe(false);
    expect(shouldPrune([0, 0], finished, { ...settings, warmupEpochs: 3 })).toBe(false);
    expect(shouldPrune([0, 0, 0], finished, { ...settings, warmupEpochs: 3 })).toBe(true);
  });

  it("prunes nothing when it is off", () => {
    expect(shouldPrune([0], finished, { ...settings, name: "none" })).toBe(false);
  });
});
