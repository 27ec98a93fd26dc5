import { describe, expect, it } from "vitest";
import { standardizePooled } from "../checkpoint/feature-standardization.js";
import { FeatureStoreError } from "../errors.js";
import { Random } from "../random.js";
import { syntheticFeatures } from "../testing/synthetic-features.js";
import { measureStandardization } from "./measure-standardization.js";

const ids = Array.from({ length: 300 }, (_, i) => `image-${i}`);

describe("feature standardization", () => {
  it("brings every dimension to mean 0 and deviation 1", async () => {
    const source = syntheticFeatures(ids, { featureSize: 5, scale: 30, offset: 1000 });
    const standardization = await measureStandardization(source, ids);
    const requests = ids.map((imageId) => ({ imageId, view: "plain" as const }));
    const { data } = standardizePooled((await source.read(requests, { grid: false })).pooled, standardization);
    for (let i = 0; i < 5; i++) {
      const values = ids.map((_, row) => data[row * 5 + i]!);
      const mean = values.reduce((a, b) => a + b, 0) / ids.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / ids.length;
      expect(mean).toBeCloseTo(0, 4);
      expect(variance).toBeCloseTo(1, 4);
    }
  });

  it("does not blow up a dimension that never moves", async () => {
    const random = new Random(1);
    const rows = new Map(ids.map((id) => [id, Float32Array.of(7, random.normal())]));
    const standardization = await measureStandardization(syntheticFeatures(ids, { featureSize: 2, rows }), ids);
    expect(standardization.deviation[0]).toBeGreaterThan(0);
    const { data } = standardizePooled({ shape: [1, 2], data: Float32Array.of(7, 0) }, standardization);
    expect(data[0]).toBe(0);
  });

  it("refuses features that are not numbers", async () => {
    const rows = new Map([["a", Float32Array.of(1, Number.NaN)]]);
    await expect(measureStandardization(syntheticFeatures(["a"], { featureSize: 2, rows }), ["a"])).rejects.toThrow(
      FeatureStoreError,
    );
  });

  it("refuses features of another size", () => {
    const standardization = { mean: new Float32Array(3), deviation: new Float32Array(3).fill(1) };
    expect(() => standardizePooled({ shape: [1, 2], data: new Float32Array(2) }, standardization)).toThrow(
      /shape \[images, 3\]/,
    );
  });
});
