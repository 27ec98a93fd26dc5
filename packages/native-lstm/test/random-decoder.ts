/** Random small decoders with features and batches, each a pure function of its seed: what side-by-side tests are run on. */
import {
  type DecoderSpec,
  END_TOKEN_ID,
  type Features,
  type NamedTensors,
  NO_DROPOUT,
  parameterShapes,
  Random,
  type SearchOptions,
  sizeOf,
  type TrainingBatch,
  UNKNOWN_TOKEN_ID,
} from "@showtell/core";

export function randomSpec(seed: number): DecoderSpec {
  const random = new Random(seed, 1);
  const pick = <T>(...values: T[]): T => values[random.integer(values.length)]!;
  const rate = () => pick(0, 0.1, 0.35, 0.5);
  const size = () => pick(1, 3, 8, 17, 40);
  const heads = pick(1, 2, 3);
  const spec: DecoderSpec = {
    vocabSize: pick(7, 23, 64, 131),
    featureSize: size(),
    embeddingSize: size(),
    hiddenSize: size(),
    layerCount: pick(1, 2, 3),
    imageInjection: pick("first-input", "initial-state"),
    normalization: pick("none", "batch", "layer"),
    tiedWeights: pick(true, false),
    gateActivation: pick("sigmoid", "sigmoid", "hardSigmoid"),
    dropout: {
      ...NO_DROPOUT,
      image: rate(),
      embedding: rate(),
      input: rate(),
      inputMask: pick("step", "sequence"),
      recurrent: rate(),
      attentionValue: rate(),
      attentionOutput: rate(),
      output: rate(),
    },
  };
  return random.uniform() < 0.5
    ? spec
    : { ...spec, attention: { heads, size: heads * pick(1, 4, 5), gridFeatureSize: size() } };
}

/** Near what training gives: matrices scaled by their inputs, variances around one. */
export function randomParameters(spec: DecoderSpec, seed: number, scale = 1): NamedTensors {
  const random = new Random(seed, 2);
  return new Map(
    parameterShapes(spec).map(({ name, shape }) => {
      const width = shape.length === 1 ? 10 : Math.sqrt(shape[0]!);
      const positive = name.endsWith("gamma") || name.endsWith("runningVariance");
      const draw = () => (positive ? 0.5 + random.uniform() : (scale * random.normal()) / width);
      return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, draw) }];
    }),
  );
}

export function randomFeatures(spec: DecoderSpec, images: number, seed: number): Features {
  const random = new Random(seed, 3);
  const draw = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
  });
  const pooled = draw(images, spec.featureSize);
  if (spec.attention === undefined) return { pooled };
  return { pooled, grid: draw(images, 1 + random.integer(6), spec.attention.gridFeatureSize) };
}

export function randomBatch(spec: DecoderSpec, seed: number): TrainingBatch {
  const random = new Random(seed, 4);
  const images = 1 + random.integer(4);
  const batchSize = images + random.integer(5);
  const timeSteps = 1 + random.integer(9);
  const lengths = Int32Array.from({ length: batchSize }, () => 1 + random.integer(timeSteps));
  lengths[random.integer(batchSize)] = timeSteps;
  const tokenIds = new Int32Array(batchSize * timeSteps);
  lengths.forEach((length, row) => {
    for (let t = 0; t < length - 1; t++) {
      tokenIds[row * timeSteps + t] = UNKNOWN_TOKEN_ID + random.integer(spec.vocabSize - UNKNOWN_TOKEN_ID);
    }
    tokenIds[row * timeSteps + length - 1] = END_TOKEN_ID;
  });
  const weights = Float32Array.from({ length: batchSize * timeSteps }, () => random.normal());
  return {
    features: randomFeatures(spec, images, seed),
    imageOfRow: Int32Array.from({ length: batchSize }, (_, row) => (row < images ? row : random.integer(images))),
    batchSize,
    timeSteps,
    tokenIds,
    lengths,
    ...(random.uniform() < 0.5 && { tokenWeights: weights }),
    labelSmoothing: random.uniform() < 0.5 ? 0 : 0.1,
    dropoutSeed: random.integer(2 ** 52),
  };
}

export function randomSearch(spec: DecoderSpec, seed: number): SearchOptions {
  const random = new Random(seed, 5);
  const pick = <T>(...values: T[]): T => values[random.integer(values.length)]!;
  const word = () => UNKNOWN_TOKEN_ID + 1 + random.integer(spec.vocabSize - UNKNOWN_TOKEN_ID - 1);
  const beamWidth = pick(1, 2, 3, 5, 20);
  const maxLength = 1 + random.integer(12);
  const forcedPrefix =
    random.uniform() < 0.3 ? Array.from({ length: random.integer(Math.min(3, maxLength)) }, word) : [];
  const words = (count: number) =>
    forcedPrefix.length > 0 || random.uniform() < 0.6 ? [] : Array.from({ length: count }, word);
  return {
    beamWidth,
    maxLength,
    minLength: pick(1, 1, 1 + random.integer(maxLength)),
    lengthPenalty: pick(0, 0.7, 1, 2, -0.5),
    lengthPenaltyFormula: pick("none", "average", "gnmt"),
    nBest: 1 + random.integer(beamWidth),
    noRepeatNgramSize: pick(0, 0, 1, 2, 3),
    bannedTokens: words(1),
    forbiddenFirstWords: words(2),
    forcedPrefix,
  };
}
