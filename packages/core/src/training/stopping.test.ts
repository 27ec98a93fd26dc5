import { describe, expect, it } from "vitest";
import { parseRecipe } from "./parse-recipe.js";
import { checkStopping, INITIAL_STOPPING_STATE, isBetter } from "./stopping.js";

/** 1-based epoch after which training stops, and why. */
function stopOf(yaml: string, values: readonly number[]) {
  const recipe = parseRecipe(yaml, "test");
  let state = INITIAL_STOPPING_STATE;
  for (const [i, value] of values.entries()) {
    const result = checkStopping(recipe, state, { devLoss: value, earlyMetricValue: value });
    state = result.state;
    if (result.stop) return { epoch: i + 1, stop: result.stop };
  }
  return undefined;
}

describe("stopping", () => {
  it("takes lower loss and higher anything else for better", () => {
    expect(isBetter("loss", 1, 2)).toBe(true);
    expect(isBetter("CIDEr-D", 1, 2)).toBe(false);
    expect(isBetter("CIDEr-D", 1, null)).toBe(true);
    expect(isBetter("loss", 1.95, 2, 0.1)).toBe(false);
  });

  it("stops early after patience epochs in a row without improvement", () => {
    const early = "earlyStopping: {metric: loss, patience: 2}";
    expect(stopOf(early, [3, 2, 2.5, 1.9, 2, 1.9, 1.8])).toEqual({ epoch: 6, stop: "early-stopping" });
    expect(stopOf("earlyStopping: {metric: CIDEr-D, patience: 2}", [0.1, 0.2, 0.3, 0.2, 0.3])).toEqual({
      epoch: 5,
      stop: "early-stopping",
    });
  });

  it("stops where the loss stays above the best by a share of what was gained", () => {
    const explode = "explodeStop: {ratio: 0.25, patience: 2}";
    // The bound is 2 + 0.25 · (4 − 2) = 2.5.
    expect(stopOf(explode, [4, 2, 2.6, 2.4, 2.6, 2.6, 2.6])).toEqual({ epoch: 7, stop: "exploding-loss" });
    expect(stopOf(explode, [4, 4, 4, 4])).toEqual({ epoch: 4, stop: "exploding-loss" });
    expect(stopOf(explode, [4, 3, 3.2, 3.2, 3.2, 3.2])).toBeUndefined();
  });

  it("goes on for ever without a rule", () => {
    expect(stopOf("epochs: 3", [1, 2, 3, 4, 5])).toBeUndefined();
  });
});
