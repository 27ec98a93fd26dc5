import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { ParzenEstimator } from "./parzen-estimator.js";

const bounds = { lower: -2, upper: 3 };
const POINTS = [[], [1], [-2, -2, 3], [0.1, 0.2, 2.9, -1.7]].map((points) => ({ points }));

describe("a Parzen estimator", () => {
  it.each(POINTS)("on $points has a density that adds up to 1 within the bounds", ({ points }) => {
    const estimator = new ParzenEstimator(points, bounds);
    const steps = 20_000;
    const width = (bounds.upper - bounds.lower) / steps;
    let total = 0;
    for (let i = 0; i < steps; i++) total += Math.exp(estimator.logDensity(bounds.lower + (i + 0.5) * width)) * width;
    expect(total).toBeCloseTo(1, 5);
    expect(Math.exp(estimator.logMass(bounds.lower, bounds.upper))).toBeCloseTo(1, 6);
  });

  it("gives a stretch the mass that its density adds up to", () => {
    const estimator = new ParzenEstimator([0.1, 0.2, 2.9, -1.7], bounds);
    const [from, to] = [-0.3, 0.4];
    const steps = 5000;
    const width = (to - from) / steps;
    let total = 0;
    for (let i = 0; i < steps; i++) total += Math.exp(estimator.logDensity(from + (i + 0.5) * width)) * width;
    expect(Math.exp(estimator.logMass(from, to))).toBeCloseTo(total, 5);
  });

  it("draws within the bounds, as often as it says", () => {
    const estimator = new ParzenEstimator([-1.9, 1], bounds);
    const random = new Random(5);
    const draws = Array.from({ length: 20_000 }, () => estimator.sample(random));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(bounds.lower);
    expect(Math.max(...draws)).toBeLessThanOrEqual(bounds.upper);
    const below = draws.filter((x) => x < -0.5).length / draws.length;
    expect(below).toBeCloseTo(Math.exp(estimator.logMass(bounds.lower, -0.5)), 1);
  });

  it("is narrow where points lie close together and wide where they are alone", () => {
    const crowd = Array.from({ length: 60 }, (_, i) => -1.5 + i / 600);
    const estimator = new ParzenEstimator([...crowd, 2.5], bounds);
    const fall = (from: number, to: number) => Math.exp(estimator.logDensity(from) - estimator.logDensity(to));
    expect(fall(-1.45, -1)).toBeGreaterThan(5);
    expect(fall(2.5, 2)).toBeLessThan(1.5);
  });
});
