import { expect, it } from "vitest";
import { captionPairs, countSplits, imagesOf } from "./caption-pairs.js";
import type { Dataset, DatasetImage } from "./dataset.js";

const image = (id: string, split: DatasetImage["split"], captions: string[]): DatasetImage => ({
  id,
  path: `/${id}`,
  captions,
  split,
});
const dataset: Dataset = {
  name: "d",
  format: "jsonl",
  images: [
    image("a", "train", ["1", "2"]),
    image("b", "dev", ["3"]),
    image("c", "train", []),
    image("d", "train", ["4"]),
  ],
  sha256: "",
};

it("lists every caption of a split with its image, in file order", () => {
  expect(
    captionPairs(dataset, "train").map(({ image, caption, captionIndex }) => [image.id, caption, captionIndex]),
  ).toEqual([
    ["a", "1", 0],
    ["a", "2", 1],
    ["d", "4", 0],
  ]);
  expect(captionPairs(dataset, "test")).toEqual([]);
});

it("lists the images of a split, also those without captions", () => {
  expect(imagesOf(dataset, "train").map(({ id }) => id)).toEqual(["a", "c", "d"]);
});

it("counts images and captions of each split", () => {
  expect(countSplits(dataset)).toEqual({
    train: { images: 3, captions: 3 },
    dev: { images: 1, captions: 1 },
    test: { images: 0, captions: 0 },
  });
});
