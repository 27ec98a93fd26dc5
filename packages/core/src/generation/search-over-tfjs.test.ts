import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend, BackendDecoder, Features } from "../decoder/backend.js";
import { type DecoderSpec, END_TOKEN_ID, NO_DROPOUT } from "../decoder/decoder-spec.js";
import { parameterShapes } from "../decoder/parameter-shapes.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { Random } from "../random.js";
import { sizeOf, type Tensor, tensor } from "../tensor.js";
import { sliceImages } from "./decoder-ensemble.js";
import { generate } from "./generate.js";

const IMAGES = 5;
const CELLS = 6;

const pooledSpec: DecoderSpec = {
  vocabSize: 23,
  featureSize: 7,
  embeddingSize: 8,
  hiddenSize: 9,
  layerCount: 2,
  imageInjection: "first-input",
  normalization: "none",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout: NO_DROPOUT,
};

const attentionSpec: DecoderSpec = {
  ...pooledSpec,
  imageInjection: "initial-state",
  normalization: "layer",
  tiedWeights: true,
  attention: { heads: 2, size: 6, gridFeatureSize: 4 },
};

function randomTensor(shape: readonly number[], random: Random): Tensor {
  return tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
}

/** Large weights and no biases: what the photo shows then decides the words. */
function randomParameters(spec: DecoderSpec): Map<string, Tensor> {
  const random = new Random(9);
  return new Map(
    parameterShapes(spec).map(({ name, shape }) => {
      const isBias = shape.length === 1 && !name.endsWith("gamma");
      return [name, isBias ? tensor(shape, new Float32Array(sizeOf(shape))) : randomTensor(shape, random)];
    }),
  );
}

function randomFeatures(spec: DecoderSpec, seed: number): Features {
  const random = new Random(seed);
  const pooled = randomTensor([IMAGES, spec.featureSize], random);
  return {
    pooled,
    ...(spec.attention && { grid: randomTensor([IMAGES, CELLS, spec.attention.gridFeatureSize], random) }),
  };
}

/** One image of several. */
function imageOf({ pooled, grid }: Features, image: number): Features {
  return {
    pooled: sliceImages(pooled, image, image + 1),
    ...(grid && { grid: sliceImages(grid, image, image + 1) }),
  };
}

describe.each([
  ["pooled features", pooledSpec],
  ["attention over a grid", attentionSpec],
])("search over a real decoder with %s", (_, spec) => {
  let backend: Backend;
  let decoder: BackendDecoder;
  const features = randomFeatures(spec, 1);

  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
    decoder = await backend.createDecoder(spec, randomParameters(spec));
  });
  afterAll(() => backend.dispose());

  it("scores captions as teacher forcing does", async () => {
    const generated = await generate(decoder, features, { beamWidth: 4, nBest: 4, maxLength: 9, minLength: 4 });
    expect(new Set(generated.map(({ captions }) => captions[0]!.tokenIds.join(" "))).size).toBeGreaterThan(1);
    for (const [image, { captions }] of generated.entries()) {
      for (const { tokenIds, score, endedByMaxLength } of captions) {
        expect(endedByMaxLength).toBe(tokenIds.at(-1) !== END_TOKEN_ID);
        const { lossSum } = await decoder.evaluateLoss({
          features: imageOf(features, image),
          imageOfRow: Int32Array.of(0),
          batchSize: 1,
          timeSteps: tokenIds.length,
          tokenIds: Int32Array.from(tokenIds),
          lengths: Int32Array.of(tokenIds.length),
          labelSmoothing: 0,
          dropoutSeed: 0,
        });
        expect(-score).toBeCloseTo(lossSum, 4);
      }
    }
  });

  it("captions a batch as it captions each image alone", async () => {
    const options = { beamWidth: 3, nBest: 2, maxLength: 8 };
    const together = await generate(decoder, features, options);
    for (const [image, { captions }] of together.entries()) {
      const [alone] = await generate(decoder, imageOf(features, image), options);
      expect(alone!.captions.map(({ tokenIds }) => tokenIds)).toEqual(captions.map(({ tokenIds }) => tokenIds));
    }
  });

  it("is not changed by a second view that is the same, and is by another", async () => {
    const options = { beamWidth: 3, maxLength: 8 };
    const single = await generate(decoder, features, options);
    expect(await generate(decoder, [features, features], options)).toEqual(single);
    expect(await generate(decoder, [features, randomFeatures(spec, 2)], options)).not.toEqual(single);
  });

  it("says where each word looked, or that it has no attention", async () => {
    const attending = generate(decoder, features, { maxLength: 6 }, { attention: true });
    if (!spec.attention) {
      await expect(attending).rejects.toThrow("a decoder with attention");
      return;
    }
    const generated = await attending;
    for (const { captions } of generated) {
      expect(captions[0]!.attention).toHaveLength(captions[0]!.tokenIds.length);
      for (const weights of captions[0]!.attention!) {
        expect(weights).toHaveLength(CELLS);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
      }
    }
  });
});
