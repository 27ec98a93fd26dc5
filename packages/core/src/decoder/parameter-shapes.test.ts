import { describe, expect, it } from "vitest";
import { sizeOf } from "../tensor.js";
import { type DecoderSpec, NO_DROPOUT } from "./decoder-spec.js";
import { parameterShapes } from "./parameter-shapes.js";

/** The reference system's decoder: three normalised LSTM layers of 300 behind Inception v3. */
const reference: DecoderSpec = {
  vocabSize: 2536,
  featureSize: 2048,
  embeddingSize: 300,
  hiddenSize: 300,
  layerCount: 3,
  imageInjection: "first-input",
  normalization: "batch",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout: NO_DROPOUT,
};

function countParameters(spec: DecoderSpec, trainable = true): number {
  const shapes = parameterShapes(spec).filter((parameter) => parameter.trainable === trainable);
  return shapes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

describe("parameter shapes", () => {
  it("add up to the reference system's 4 308 332 trainable values and 5 896 statistics", () => {
    expect(countParameters(reference)).toBe(4_308_332);
    expect(countParameters(reference, false)).toBe(5_896);
  });

  it("have no output matrix where the embedding serves as one, and a projection only between different sizes", () => {
    const names = (spec: DecoderSpec) => parameterShapes(spec).map(({ name }) => name);
    expect(names(reference)).toContain("output.weight");
    expect(names({ ...reference, tiedWeights: true })).not.toContain("output.weight");
    expect(names({ ...reference, tiedWeights: true })).not.toContain("output.projection.weight");
    expect(names({ ...reference, tiedWeights: true, hiddenSize: 512 })).toContain("output.projection.weight");
  });

  it("give every layer its own start where the image is the initial state", () => {
    const shapes = parameterShapes({ ...reference, imageInjection: "initial-state" });
    expect(shapes.find(({ name }) => name === "image.hidden.weight")?.shape).toEqual([2048, 900]);
    expect(shapes.some(({ name }) => name === "image.weight")).toBe(false);
  });
});
