import { describe, expect, it } from "vitest";
import { OptionError } from "../errors.js";
import { type DecoderSpec, NO_DROPOUT } from "./decoder-spec.js";
import { INITIALIZATION_SCHEMES, type InitializationScheme, initializeParameters } from "./initialize-parameters.js";
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
    const parameters = initializeParameters(spec, { seed: 1 });
    const bias = parameters.get("lstm.1.bias")!.data;
    expect([...bias]).toEqual(Array.from(bias, (_, i) => (i >= 16 && i < 32 ? 1 : 0)));
    const values = (name: string) => new Set(parameters.get(name)!.data);
    expect(values("image.normalization.gamma")).toEqual(new Set([1]));
    expect(values("image.normalization.beta")).toEqual(new Set([0]));
    expect(values("lstm.0.normalization.runningMean")).toEqual(new Set([0]));
    expect(values("lstm.0.normalization.runningVariance")).toEqual(new Set([1]));
    expect(values("output.bias")).toEqual(new Set([0]));
  });

  it("make each gate's recurrent kernel orthogonal", () => {
    const { data } = initializeParameters(spec, { seed: 1 }).get("lstm.0.recurrentWeight")!;
    for (let gate = 0; gate < 4; gate++) {
      const row = (i: number) => data.subarray(i * 64 + gate * 16, i * 64 + (gate + 1) * 16);
      for (let i = 0; i < 16; i++) {
        for (let j = 0; j <= i; j++) {
          const product = row(i).reduce((sum, value, k) => sum + value * row(j)[k]!, 0);
          expect(product).toBeCloseTo(i === j ? 1 : 0, 5);
        }
      }
    }
    expect(data.slice(0, 16)).not.toEqual(data.slice(16, 32));
  });

  it.each<[InitializationScheme, string, number]>([
    ["glorot", "output.weight", Math.sqrt(6 / 216)],
    ["glorot", "image.weight", Math.sqrt(6 / 44)],
    ["glorot", "embedding.weight", 0.05],
    ["normal-embedding", "lstm.0.inputWeight", Math.sqrt(6 / 88)],
    ["uniform", "embedding.weight", 0.08],
    ["uniform", "lstm.0.recurrentWeight", 0.08],
  ])("fill the limits of their scheme and stay within them (%s, %s)", (scheme, name, limit) => {
    const { data } = initializeParameters(spec, { seed: 1, scheme }).get(name)!;
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(limit));
    expect(largest).toBeGreaterThan(limit * 0.98);
  });

  it("draw a normal embedding with deviation 1", () => {
    const { data } = initializeParameters(spec, { seed: 1, scheme: "normal-embedding" }).get("embedding.weight")!;
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.1);
  });

  it("are refused for an unknown scheme or an impossible seed", () => {
    expect(() => initializeParameters(spec, { seed: 1, scheme: "zeros" as "glorot" })).toThrow(OptionError);
    expect(() => initializeParameters(spec, { seed: -1 })).toThrow("Expected a non-negative integer for seed");
    expect(() => initializeParameters(spec, { seed: 0.5 })).toThrow(OptionError);
  });
});
