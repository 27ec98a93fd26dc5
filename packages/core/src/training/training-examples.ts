import { imagesOf } from "../data/caption-pairs.js";
import type { Dataset, DatasetImage, Split } from "../data/dataset.js";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { DatasetError, expected } from "../errors.js";
import type { FeatureSource } from "../features/feature-source.js";
import type { Vocabulary } from "../text/vocabulary.js";

interface ExampleImage {
  readonly id: string;
  /** Token ids of each usable caption, `<end>` last. */
  readonly captions: readonly (readonly number[])[];
  /** Of each caption's loss; 1 where absent. */
  readonly weights?: readonly number[];
}

/** One split, ready to be cut into batches. */
export interface Examples {
  /** With at least one usable caption each, in dataset order. */
  readonly images: readonly ExampleImage[];
  readonly captionCount: number;
  /** Images of the split without features: unreadable when they were encoded, or not encoded at all. */
  readonly withoutFeatures: readonly string[];
  /** Captions without a known word, or with more than maxWords. */
  readonly unusedCaptions: number;
}

/** Weights of captions of one image. */
export type WeighCaptions = (imageId: string, captions: readonly string[]) => readonly number[];

/**
 * Captions of a split as token ids.
 * @param options.weighCaptions weights of an image's usable captions, given as the dataset has them
 * @throws DatasetError where nothing is left to use
 */
export function collectExamples(
  dataset: Dataset,
  split: Split,
  options: {
    features: Pick<FeatureSource, "has">;
    vocabulary: Vocabulary;
    maxWords: number;
    weighCaptions?: WeighCaptions;
  },
): Examples {
  const ofSplit = requireSplit(dataset, split);
  const present = ofSplit.filter((image) => options.features.has(image.id));
  const images: ExampleImage[] = [];
  let unusedCaptions = 0;
  for (const image of present) {
    const usable = image.captions
      .map((text) => ({ text, tokenIds: options.vocabulary.encode(text) }))
      .filter(({ tokenIds }) => tokenIds.length > 0 && tokenIds.length <= options.maxWords);
    unusedCaptions += image.captions.length - usable.length;
    if (usable.length === 0) continue;
    const texts = usable.map(({ text }) => text);
    images.push({
      id: image.id,
      captions: usable.map(({ tokenIds }) => [...tokenIds, END_TOKEN_ID]),
      ...(options.weighCaptions && { weights: options.weighCaptions(image.id, texts) }),
    });
  }
  if (images.length === 0) {
    throw new DatasetError(expected(`${split} images with features and captions`, `dataset ${dataset.name}`, "none"), {
      hint:
        present.length === 0
          ? "Encode the dataset's photos first: `showtell encode`."
          : "No caption has a word of the vocabulary: look at the dataset with `showtell doctor --data`.",
    });
  }
  return {
    images,
    captionCount: images.reduce((sum, image) => sum + image.captions.length, 0),
    withoutFeatures: ofSplit.filter((image) => !options.features.has(image.id)).map((image) => image.id),
    unusedCaptions,
  };
}

/** @throws DatasetError for a split without images */
export function requireSplit(dataset: Dataset, split: Split): readonly DatasetImage[] {
  const images = imagesOf(dataset, split);
  if (images.length === 0) {
    throw new DatasetError(expected(`images in the ${split} split`, `dataset ${dataset.name}`, "none"), {
      hint: "Training needs a train and a dev split: see docs/formats/datasets.md.",
    });
  }
  return images;
}
