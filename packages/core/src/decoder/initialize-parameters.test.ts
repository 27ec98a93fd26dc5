import { describe, expect, it } from "vitest";
import { type DecoderSpec, NO_DROPOUT } from "./decoder-spec.js";
import { INITIALIZATION_SCHEMES, initializeParameters } from "./initialize-parameters.js";
import { parameterShapes } from "./parameter-shapes.js";

const spec: DecoderSpec = {
  vocabSize: 200,
  featureSize: 20,
  embeddingSize: 24,
  hiddenSize: 16,
  layerCount: 2,
  imageInjection: "first-input",
  normalization: "batch",
  tiedWeights: false,
  gateActivation: "sigmoid",
  attention: { heads: 2, size: 8, gridFeatureSize: 10 },
  dropout: NO_DROPOUT,
};

describe("initial parameters", () => {
  it.each(INITIALIZATION_SCHEMES)("have the spec's names and shapes and depend on the seed alone (%s)", (scheme) => {
    const parameters = initializeParameters(spec, { seed: 1, scheme });
    expect([...parameters].map(([name, { shape }]) => [name, shape])).toEqual(
      parameterShapes(spec).map(({ name, shape }) => [name, shape]),
    );
    expect(initializeParameters(spec, { seed: 1, scheme })).toEqual(parameters);
    const other = initializeParameters(spec, { seed: 2, scheme });
    expect(other.get("output.weight")).not.toEqual(parameters.get("output.weight"));
  });

  it("open the forget gates and start normalisation as the identity", () => {
    const parameters = initializeParameters(spec, { seed: 1, scheme: "glorot" });
    const bias = parameters.get("lstm.1.bias")!.data;
    expect([...bias].map((value, i) => value === (i >= 16 && i < 32 ? 1 : 0)).every(Boolean)).toBe(true);
    expect(new Set(parameters.get("image.normalization.gamma")!.data)).toEqual(new Set([1]));
    expect(new Set(parameters.get("image.normalization.runningVariance")!.data)).toEqual(new Set([1]));
    expect(new Set(parameters.get("output.bias")!.data)).toEqual(new Set([0]));
  });

  it("make recurrent kernels orthogonal", () => {
    const { data, shape } = initializeParameters(spec, { seed: 1, scheme: "glorot" }).get("lstm.0.recurrentWeight")!;
    const row = (i: number) => data.subarray(i * shape[1]!, (i + 1) * shape[1]!);
    for (let i = 0; i < shape[0]!; i++) {
      for (let j = 0; j <= i; j++) {
        const product = row(i).reduce((sum, value, k) => sum + value * row(j)[k]!, 0);
        expect(product).toBeCloseTo(i === j ? 1 : 0, 5);
      }
    }
  });

  it("stay within the limits of their scheme and fill them", () => {
    const largest = (scheme: (typeof INITIALIZATION_SCHEMES)[number], name: string) =>
      initializeParameters(spec, { seed: 1, scheme })
        .get(name)!
        .data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [scheme, name, limit] of [
      ["glorot", "output.weight", Math.sqrt(6 / 216)],
      ["glorot", "embedding.weight", 0.05],
      ["vinyals", "embedding.weight", 0.08],
      ["vinyals", "lstm.0.inputWeight", 0.08],
    ] as const) {
      expect(largest(scheme, name)).toBeLessThanOrEqual(Math.fround(limit));
      expect(largest(scheme, name)).toBeGreaterThan(limit * 0.95);
    }
    expect(largest("glorot-normal-embedding", "embedding.weight")).toBeGreaterThan(2.5);
  });
});
