import { sha256Of } from "../checkpoint/safetensors.js";
import type { Dataset, DatasetImage } from "../data/dataset.js";
import { Random } from "../random.js";

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
