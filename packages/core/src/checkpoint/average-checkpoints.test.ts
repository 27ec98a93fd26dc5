import { describe, expect, it } from "vitest";
import { type DecoderSpec, NO_DROPOUT } from "../decoder/decoder-spec.js";
import { parameterShapes } from "../decoder/parameter-shapes.js";
import { CheckpointError } from "../errors.js";
import { sizeOf } from "../tensor.js";
import { Vocabulary } from "../text/vocabulary.js";
import { averageCheckpoints } from "./average-checkpoints.js";
import type { Checkpoint } from "./checkpoint.js";
import { generationDefaultsSchema } from "./generation-defaults.js";

const vocabulary = Vocabulary.build(["a dog runs", "a dog sits"], { minCount: 1 });
const decoder: DecoderSpec = {
  vocabSize: vocabulary.size,
  featureSize: 2,
  embeddingSize: 2,
  hiddenSize: 2,
  layerCount: 1,
  imageInjection: "first-input",
  normalization: "none",
  tiedWeights: false,
  gateActivation: "sigmoid",
  attention: { heads: 1, size: 2, gridFeatureSize: 3 },
  dropout: NO_DROPOUT,
};

/** A checkpoint whose weights all have one value. */
const filled = (value: number, changes: Partial<Checkpoint> = {}): Checkpoint => ({
  decoder,
  parameters: new Map(
    parameterShapes(decoder).map(({ name, shape }) => [
      name,
      { shape, data: new Float32Array(sizeOf(shape)).fill(value) },
    ]),
  ),
  standardization: { mean: Float32Array.of(1, 2), deviation: Float32Array.of(3, 4) },
  vocabulary,
  encoder: { fingerprint: "abc", spec: {} },
  generation: generationDefaultsSchema.parse({}),
  recipe: { seed: 1 },
  scores: { split: "dev", values: { loss: 1 } },
  ...changes,
});

describe("averaged checkpoints", () => {
  it("have the mean of each weight, whatever the dropout they were trained with", () => {
    const other = filled(5, { decoder: { ...decoder, dropout: { ...NO_DROPOUT, output: 0.5 } } });
    const { parameters } = averageCheckpoints([filled(1), other, filled(3)]);
    for (const [name, { shape, data }] of parameters) {
      expect(shape).toEqual(filled(0).parameters.get(name)!.shape);
      expect(new Set(data)).toEqual(new Set([3]));
    }
  });

  it("claim neither a recipe nor scores", () => {
    const average = averageCheckpoints([filled(1), filled(2)]);
    expect(average).not.toHaveProperty("recipe");
    expect(average).not.toHaveProperty("scores");
    expect(average.standardization).toEqual(filled(0).standardization);
  });

  it.each<[string, Partial<Checkpoint>]>([
    ["decoder", { decoder: { ...decoder, attention: { heads: 2, size: 2, gridFeatureSize: 3 } } }],
    ["vocabulary", { vocabulary: Vocabulary.build(["a cat runs", "a cat sits"], { minCount: 1 }) }],
    ["encoder", { encoder: { fingerprint: "other", spec: {} } }],
    ["feature statistics", { standardization: { mean: Float32Array.of(1, 2), deviation: Float32Array.of(3, 5) } }],
  ])("must have the same %s", (what, changes) => {
    const average = () => averageCheckpoints([filled(1), filled(1), filled(1, changes)]);
    expect(average).toThrow(CheckpointError);
    expect(average).toThrow(`Expected the ${what} of the first for checkpoint 3 to average but received`);
  });

  it("are at least two", () => {
    expect(() => averageCheckpoints([filled(1)])).toThrow(/at least two/);
  });
});
