import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readCheckpoint } from "../checkpoint/read-checkpoint.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { syntheticFeatures } from "../testing/synthetic-features.js";
import { toyDataset } from "../testing/toy-training.js";
import { decodeSplit } from "./decode-split.js";
import { parseRecipe } from "./parse-recipe.js";
import { train } from "./train.js";

const recipes = {
  "an image vector": `
data: {minCount: 1}
decoder: {embeddingSize: 24, hiddenSize: 32}
optimizer: {learningRate: 0.02}
batching: {by: captions, batchSize: 8}
epochs: 60
checkpointEvery: null`,
  "attention over a grid": `
data: {minCount: 1}
decoder: {embeddingSize: 24, hiddenSize: 32, attention: {heads: 2, size: 16}}
optimizer: {learningRate: 0.02}
batching: {by: photos, photosPerBatch: 8}
epochs: 60
checkpointEvery: null`,
};

it.each(Object.entries(recipes))("repeats the captions of eight photos word for word, from %s", async (_, yaml) => {
  const folder = await mkdtemp(join(tmpdir(), "showtell-overfit-"));
  const backend = await openTfjsBackend("wasm");
  try {
    const dataset = toyDataset({ train: 8, captionsPerImage: 1 });
    const ids = dataset.images.map(({ id }) => id);
    const features = syntheticFeatures(ids, { featureSize: 16, grid: { cells: 4, featureSize: 8 } });
    const encoder = { fingerprint: "toy", spec: { name: "toy" } };
    const recipe = parseRecipe(yaml, "overfit");
    const result = await train({ recipe, dataset, features, encoder, backend, runDirectory: join(folder, "run") });
    const {
      decoder: spec,
      parameters,
      standardization,
      vocabulary,
      generation,
    } = await readCheckpoint(result.lastCheckpoint);
    const decoder = await backend.createDecoder(spec, parameters);
    const { captions, lossPerToken } = await decodeSplit(dataset, "train", {
      models: [{ decoder, standardization }],
      features,
      vocabulary,
      generation,
    });
    expect(captions.map(({ caption }) => caption)).toEqual(captions.map(({ image }) => image.captions[0]));
    expect(lossPerToken).toBeLessThan(0.1);
  } finally {
    await backend.dispose();
    await rm(folder, { recursive: true });
  }
});
