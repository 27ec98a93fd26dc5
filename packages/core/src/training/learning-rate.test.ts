import { describe, expect, it } from "vitest";
import { afterEpoch, INITIAL_LEARNING_RATE_STATE, learningRateAt } from "./learning-rate.js";
import { parseRecipe } from "./parse-recipe.js";

const recipe = (schedule: string) => parseRecipe(`optimizer: {learningRate: 0.1}\nschedule: ${schedule}`, "test");

/** Learning rate during each epoch, for these dev losses. */
function ratesFor(schedule: string, losses: readonly number[]): number[] {
  const plateau = recipe(schedule);
  let state = INITIAL_LEARNING_RATE_STATE;
  return losses.map((loss) => {
    const rate = learningRateAt(plateau, state, 0, 100);
    state = afterEpoch(plateau, state, loss);
    return rate;
  });
}

describe("learning rate", () => {
  it("warms up in a straight line and then stays", () => {
    const constant = recipe("{kind: constant, warmupSteps: 4}");
    const rates = [0, 1, 2, 3, 4, 50].map((step) => learningRateAt(constant, INITIAL_LEARNING_RATE_STATE, step, 100));
    [0.025, 0.05, 0.075, 0.1, 0.1, 0.1].forEach((rate, i) => {
      expect(rates[i]).toBeCloseTo(rate, 12);
    });
  });

  it("falls along half a cosine to its final value", () => {
    const cosine = recipe("{kind: cosine, warmupSteps: 10, finalLearningRate: 0.02}");
    const at = (step: number) => learningRateAt(cosine, INITIAL_LEARNING_RATE_STATE, step, 110);
    expect(at(10)).toBeCloseTo(0.1, 12);
    expect(at(60)).toBeCloseTo(0.06, 12);
    expect(at(35)).toBeCloseTo(0.02 + 0.08 * 0.5 * (1 + Math.SQRT1_2), 12);
    expect(at(110)).toBeCloseTo(0.02, 12);
  });

  it("counts plateaus as Keras 2.0.4 does: first cut at the (patience + 1)-th bad epoch, each later one after patience more", () => {
    const rates = ratesFor("{kind: plateau, factor: 0.5, patience: 2, minDelta: 0.1}", [1, 1, 1, 1, 1, 1, 1, 1]);
    // Epoch 1 improves on nothing; 2, 3 and 4 are bad.
    expect(rates).toEqual([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025]);
  });

  it("takes an improvement of no more than minDelta for none", () => {
    const schedule = "{kind: plateau, factor: 0.5, patience: 1, minDelta: 0.1}";
    expect(ratesFor(schedule, [1, 0.95, 0.92, 1])).toEqual([0.1, 0.1, 0.1, 0.05]);
    expect(ratesFor(schedule, [1, 0.85, 0.7, 1])).toEqual([0.1, 0.1, 0.1, 0.1]);
  });

  it("waits for the cooldown and never goes below its floor", () => {
    const cooled = ratesFor("{kind: plateau, factor: 0.1, patience: 0, cooldown: 2}", [1, 1, 1, 1, 1]);
    [0.1, 0.1, 0.01, 0.01, 0.001].forEach((rate, i) => {
      expect(cooled[i]).toBeCloseTo(rate, 12);
    });
    const floored = ratesFor("{kind: plateau, factor: 0.1, patience: 0, minLearningRate: 0.03}", [1, 1, 1, 1]);
    expect(floored.at(-1)).toBeCloseTo(0.03, 12);
  });
});
