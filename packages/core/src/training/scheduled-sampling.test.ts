import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend, BackendDecoder, TrainingBatch } from "../decoder/backend.js";
import { NO_DROPOUT } from "../decoder/decoder-spec.js";
import { initializeParameters } from "../decoder/initialize-parameters.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { layOutCaptions } from "./assemble-batch.js";
import { mixInSamples } from "./scheduled-sampling.js";

const spec = {
  vocabSize: 20,
  featureSize: 3,
  embeddingSize: 4,
  hiddenSize: 5,
  layerCount: 1,
  imageInjection: "first-input",
  normalization: "none",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout: NO_DROPOUT,
} as const;

/** 40 captions of 2 to 8 words about two images. */
const captions = Array.from({ length: 40 }, (_, row) => [
  ...Array.from({ length: 2 + (row % 7) }, (_, i) => 4 + ((row + i) % 16)),
  2,
]);
const batch: TrainingBatch = {
  features: { pooled: { shape: [2, 3], data: Float32Array.of(1, 0, -1, 0, 2, 1) } },
  imageOfRow: Int32Array.from(captions, (_, row) => row % 2),
  ...layOutCaptions(captions),
  labelSmoothing: 0,
  dropoutSeed: 11,
};

/** Input words after the first, and how many of them are not the caption's own. */
function countReplaced({ inputTokenIds, tokenIds, lengths, timeSteps }: TrainingBatch) {
  let inputs = 0;
  let replaced = 0;
  lengths.forEach((length, row) => {
    for (let step = 1; step < length; step++) {
      inputs++;
      if (inputTokenIds![row * timeSteps + step] !== tokenIds[row * timeSteps + step - 1]) replaced++;
    }
  });
  return { inputs, replaced };
}

describe("scheduled sampling", () => {
  let backend: Backend;
  let decoder: BackendDecoder;
  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
    decoder = await backend.createDecoder(spec, initializeParameters(spec, { seed: 1, scheme: "glorot" }));
  });
  afterAll(() => backend.dispose());

  it("replaces about the share of words that it is told to, and never by a special token", async () => {
    const mixed = await mixInSamples(decoder, batch, 0.5);
    const { inputs, replaced } = countReplaced(mixed);
    // One draw in sixteen or so gives the caption's own word, or <end>.
    expect(replaced / inputs).toBeGreaterThan(0.33);
    expect(replaced / inputs).toBeLessThan(0.57);
    const words = mixed.inputTokenIds!.filter(
      (_, at) => at % batch.timeSteps > 0 && at % batch.timeSteps < batch.lengths[Math.floor(at / batch.timeSteps)]!,
    );
    expect(Math.min(...words)).toBeGreaterThanOrEqual(4);
    expect(mixed.tokenIds).toBe(batch.tokenIds);
  });

  it("is a function of the batch's seed", async () => {
    const once = await mixInSamples(decoder, batch, 0.5);
    expect((await mixInSamples(decoder, batch, 0.5)).inputTokenIds).toEqual(once.inputTokenIds);
    const other = await mixInSamples(decoder, { ...batch, dropoutSeed: 12 }, 0.5);
    expect(other.inputTokenIds).not.toEqual(once.inputTokenIds);
  });

  it("leaves the batch alone at probability 0", async () => {
    expect(await mixInSamples(decoder, batch, 0)).toBe(batch);
  });

  it("changes what is learnt, not what is to be predicted", async () => {
    const plain = await decoder.evaluateLoss(batch);
    const mixed = await decoder.evaluateLoss(await mixInSamples(decoder, batch, 1));
    expect(mixed.tokenCount).toBe(plain.tokenCount);
    expect(mixed.lossSum).not.toBe(plain.lossSum);
  });
});
