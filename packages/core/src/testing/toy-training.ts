import { sha256Of } from "../checkpoint/safetensors.js";
import type { Dataset, DatasetImage } from "../data/dataset.js";
import { Random } from "../random.js";
import { parseRecipe } from "../training/parse-recipe.js";
import type { TrainOptions } from "../training/train-options.js";
import { syntheticFeatures } from "./synthetic-features.js";

const SUBJECTS = ["a dog", "a cat", "two birds", "a small child", "the old man", "a red car", "some boats", "a tree"];
const VERBS = ["runs", "sits", "waits", "stands", "sleeps", "plays", "lies", "turns"];
const PLACES = [
  "on the beach",
  "in the snow",
  "near a house",
  "under the bridge",
  "by the river",
  "in a field",
  "at night",
  "behind the wall",
];

/**
 * A dataset of invented captions: `train` images and a third as many for dev, each with `captionsPerImage` captions. No two training images share a caption.
 */
export function toyDataset(options: { readonly train: number; readonly captionsPerImage: number }): Dataset {
  const random = new Random(77);
  const caption = (image: number, turn: number) => {
    const place = PLACES[(image + Math.floor(image / PLACES.length) + turn) % PLACES.length]!;
    return `${SUBJECTS[image % SUBJECTS.length]!} ${VERBS[(image + turn * 3) % VERBS.length]!} ${place}${turn % 2 ? " today" : ""}`;
  };
  const image = (index: number, split: DatasetImage["split"]): DatasetImage => ({
    id: `${split}-${index}`,
    path: `/nowhere/${split}-${index}.jpg`,
    captions: Array.from({ length: options.captionsPerImage }, (_, turn) =>
      caption(split === "train" ? index : random.integer(64), turn),
    ),
    split,
  });
  const images = [
    ...Array.from({ length: options.train }, (_, i) => image(i, "train")),
    ...Array.from({ length: Math.max(1, Math.floor(options.train / 3)) }, (_, i) => image(i, "dev")),
  ];
  return { name: "toy", format: "jsonl", images, sha256: sha256Of(JSON.stringify(images)) };
}

const RECIPE = `
data: {minCount: 1}
decoder: {embeddingSize: 8, hiddenSize: 8, dropout: {output: 0.2}}
optimizer: {learningRate: 0.02, averageDecay: 0.9}
schedule: {kind: cosine, warmupSteps: 3}
batching: {by: captions, batchSize: 4, bucketBatches: 2}
features: {views: [plain, mirrored]}
epochs: 3
checkpointEvery: 3
selection: {metric: subject}
decoding: {beamWidth: 2, maxLength: 8}
`;

/** Everything `train` needs but a backend and a folder: a few seconds of work that uses most of what a recipe can say. */
export function toyTraining(): Omit<TrainOptions, "backend" | "runDirectory"> {
  const dataset = toyDataset({ train: 12, captionsPerImage: 2 });
  const features = syntheticFeatures(
    dataset.images.map(({ id }) => id),
    { featureSize: 8 },
  );
  return {
    recipe: parseRecipe(RECIPE, "toy"),
    dataset,
    features,
    encoder: { fingerprint: "toy-encoder", spec: { name: "toy" } },
    // The share of captions that begin like one of their references.
    scoreCaptions: async (pairs) => {
      const hits = pairs.filter(({ candidate, references }) =>
        references.some((text) => text.startsWith(candidate.slice(0, 5))),
      );
      return { subject: hits.length / pairs.length };
    },
  };
}
