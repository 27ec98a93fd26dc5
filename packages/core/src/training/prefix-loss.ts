import type { BackendDecoder, LossSum } from "../decoder/backend.js";
import { END_TOKEN_ID, START_TOKEN_ID } from "../decoder/decoder-spec.js";
import { AbortedError } from "../errors.js";
import { logProbOf, type NextTokenDistribution, normalizeLogits } from "../generation/next-token-distribution.js";
import type { Vocabulary } from "../text/vocabulary.js";
import { type FeatureFeed, readFeatures } from "./assemble-batch.js";
import type { SplitCaption } from "./decode-split.js";

/** An image with what was written about it, as token ids, `<end>` last. */
export interface PrefixImage {
  readonly imageId: string;
  readonly references: readonly (readonly number[])[];
  /** The model's own caption; one that was cut has no `<end>`. */
  readonly caption: readonly number[];
}

/** Captioned images as `prefixLosses` takes them. References without a known word are left out, as they are from dev loss. */
export function toPrefixImages(captions: readonly SplitCaption[], vocabulary: Vocabulary): PrefixImage[] {
  return captions.map(({ image, generated }) => ({
    imageId: image.id,
    references: image.captions
      .map((caption) => vocabulary.encode(caption))
      .filter((tokenIds) => tokenIds.length > 0)
      .map((tokenIds) => [...tokenIds, END_TOKEN_ID]),
    caption: generated.captions[0]?.tokenIds ?? [],
  }));
}

/** Loss sums by position; index 0 is the first word. */
export type PositionLosses = readonly LossSum[];

/**
 * How well the words that people wrote are predicted, by what stands before them. Under teacher forcing that is the reference's own beginning; a model
 * that captions by itself has only its own words there. These seldom agree with the reference so far, and would not if a person had written them:
 * hence the third beginning, another reference of the same photo. What the own words cost beyond that is exposure bias (Ranzato et al. 2016, §1).
 */
export interface PrefixLosses {
  /** All tokens of all references after their own beginning: these sums add up to the split's teacher-forced loss. */
  readonly teacherForced: PositionLosses;
  /** The same reference tokens after three beginnings, where all three are long enough. Nothing for photos with a single reference. */
  readonly paired: {
    readonly teacherForced: PositionLosses;
    readonly otherReference: PositionLosses;
    readonly ownCaption: PositionLosses;
  };
}

export interface PrefixLossOptions {
  /** Images at once; default 16. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Feeds references and captions to the decoder, word by word, without dropout.
 * @throws AbortedError; what the decoder rejects with
 */
export async function prefixLosses(
  decoder: BackendDecoder,
  images: readonly PrefixImage[],
  feed: FeatureFeed,
  { batchSize = 16, signal, onProgress }: PrefixLossOptions = {},
): Promise<PrefixLosses> {
  const sums = {
    teacherForced: new PositionSums(),
    paired: {
      teacherForced: new PositionSums(),
      otherReference: new PositionSums(),
      ownCaption: new PositionSums(),
    },
  };
  for (let from = 0; from < images.length; from += batchSize) {
    if (signal?.aborted) throw new AbortedError("The evaluation was stopped.");
    const batch = images.slice(from, from + batchSize);
    await walk(decoder, batch, feed, (prefixes, position) => addPosition(sums, batch, prefixes, position));
    onProgress?.(from + batch.length);
  }
  const { teacherForced, paired } = sums;
  return {
    teacherForced: teacherForced.losses,
    paired: {
      teacherForced: paired.teacherForced.losses,
      otherReference: paired.otherReference.losses,
      ownCaption: paired.ownCaption.losses,
    },
  };
}

type Sums = {
  readonly teacherForced: PositionSums;
  readonly paired: Record<keyof PrefixLosses["paired"], PositionSums>;
};

/** −log P of the next token after a beginning of an image; `undefined` where that text is over before this position. */
type LossAfter = (image: number, text: number, tokenId: number) => number | undefined;

function addPosition(sums: Sums, images: readonly PrefixImage[], lossAfter: LossAfter, position: number): void {
  images.forEach(({ references }, image) => {
    references.forEach((reference, text) => {
      const tokenId = reference[position];
      if (tokenId === undefined) return;
      const teacherForced = lossAfter(image, text, tokenId)!;
      sums.teacherForced.add(position, teacherForced);
      if (references.length < 2) return;
      const otherReference = lossAfter(image, (text + 1) % references.length, tokenId);
      const ownCaption = lossAfter(image, references.length, tokenId);
      if (otherReference === undefined || ownCaption === undefined) return;
      sums.paired.teacherForced.add(position, teacherForced);
      sums.paired.otherReference.add(position, otherReference);
      sums.paired.ownCaption.add(position, ownCaption);
    });
  });
}

/** Steps through all texts of the images together; the rows of a text that is over are dropped. */
async function walk(
  decoder: BackendDecoder,
  images: readonly PrefixImage[],
  feed: FeatureFeed,
  visit: (lossAfter: LossAfter, position: number) => void,
): Promise<void> {
  const texts = images.flatMap(({ references, caption }, image) =>
    [...references, caption].map((tokenIds, text) => ({ image, text, tokenIds })),
  );
  const features = await readFeatures(
    feed,
    images.map(({ imageId }) => ({ imageId, view: "plain" })),
  );
  const state = await decoder.start(features);
  try {
    // Before the first word all texts of an image are one row.
    let rows = texts.map(({ image }) => image);
    let tokenIds = new Int32Array(images.length).fill(START_TOKEN_ID);
    let live = texts;
    for (let position = 0; ; position++) {
      const logits = await decoder.step(state, tokenIds);
      visit(lossesOf(normalizeLogits(logits, tokenIds.length, decoder.spec.vocabSize), live, rows), position);
      const going = live.flatMap(({ tokenIds: text }, i) => (text.length > position + 1 ? [i] : []));
      if (going.length === 0) break;
      const places = Int32Array.from(going, (i) => rows[i]!);
      await decoder.gatherRows(state, places);
      live = going.map((i) => live[i]!);
      rows = live.map((_, i) => i);
      tokenIds = Int32Array.from(live, (text) => text.tokenIds[position]!);
    }
  } finally {
    state.dispose();
  }
}

function lossesOf(
  distribution: NextTokenDistribution,
  live: readonly { readonly image: number; readonly text: number }[],
  rows: readonly number[],
): LossAfter {
  const rowOf = new Map(live.map(({ image, text }, i) => [`${image} ${text}`, rows[i]!]));
  return (image, text, tokenId) => {
    const row = rowOf.get(`${image} ${text}`);
    return row === undefined ? undefined : -logProbOf(distribution, row, tokenId);
  };
}

class PositionSums {
  readonly losses: { lossSum: number; tokenCount: number }[] = [];

  add(position: number, loss: number): void {
    while (this.losses.length <= position) this.losses.push({ lossSum: 0, tokenCount: 0 });
    const sum = this.losses[position]!;
    sum.lossSum += loss;
    sum.tokenCount += 1;
  }
}
