import type { Dataset, DatasetImage, Split } from "./dataset.js";

/** One training example. */
export interface ImageCaption {
  readonly image: DatasetImage;
  /** As written, untokenised. */
  readonly caption: string;
  /** Which of the image's captions, from 0. */
  readonly captionIndex: number;
}

export interface SplitCounts {
  readonly images: number;
  readonly captions: number;
}

/** The images of a split, in file order. */
export function imagesOf(dataset: Dataset, split: Split): DatasetImage[] {
  return dataset.images.filter((image) => image.split === split);
}

/** Every (image, caption) pair of a split: images in file order, the captions of an image together. */
export function captionPairs(dataset: Dataset, split: Split): ImageCaption[] {
  return imagesOf(dataset, split).flatMap((image) =>
    image.captions.map((caption, captionIndex) => ({ image, caption, captionIndex })),
  );
}

/** Images and captions of each split. */
export function countSplits(dataset: Dataset): Record<Split, SplitCounts> {
  const counts = {
    train: { images: 0, captions: 0 },
    dev: { images: 0, captions: 0 },
    test: { images: 0, captions: 0 },
  };
  for (const { split, captions } of dataset.images) {
    counts[split].images += 1;
    counts[split].captions += captions.length;
  }
  return counts;
}
