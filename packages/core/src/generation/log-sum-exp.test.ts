import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { logSumExp } from "./log-sum-exp.js";

function plainly(values: Float32Array): number {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

describe("logSumExp", () => {
  it("agrees with exp and log for values of all sizes", () => {
    const random = new Random(5);
    for (let round = 0; round < 200; round++) {
      const scale = 10 ** (random.integer(5) - 2);
      const values = Float32Array.from({ length: 1 + random.integer(300) }, () => scale * random.normal());
      const expected = plainly(values);
      expect(Math.abs(logSumExp(values, 0, values.length) - expected)).toBeLessThan(1e-13 * (1 + Math.abs(expected)));
    }
  });

  it("sums the part it is asked for", () => {
    const values = Float32Array.of(50, 1, 2, 3, 60);
    expect(logSumExp(values, 1, 4)).toBeCloseTo(plainly(values.slice(1, 4)), 13);
  });

  it("is exact where there is nothing to round", () => {
    expect(logSumExp(Float32Array.of(7), 0, 1)).toBe(7);
    expect(logSumExp(Float32Array.of(0, Number.NEGATIVE_INFINITY, -1e30), 0, 3)).toBe(0);
  });

  it("is not a number where there is no distribution", () => {
    expect(logSumExp(Float32Array.of(1, Number.NaN), 0, 2)).toBeNaN();
    expect(logSumExp(Float32Array.of(1, Number.POSITIVE_INFINITY), 0, 2)).toBeNaN();
    expect(logSumExp(Float32Array.of(Number.NEGATIVE_INFINITY), 0, 1)).toBeNaN();
  });
});
