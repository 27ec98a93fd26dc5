import { type FeatureStandardization, standardizePooled } from "../checkpoint/feature-standardization.js";
import type { Features, TrainingBatch } from "../decoder/backend.js";
import { PAD_TOKEN_ID } from "../decoder/decoder-spec.js";
import type { FeatureRequest, FeatureSource } from "../features/feature-source.js";
import { Random } from "../random.js";
import type { PlannedBatch } from "./plan-batches.js";

/** Where a decoder's features come from, and what is done to them on the way. */
export interface FeatureFeed {
  readonly source: FeatureSource;
  /** Whether the decoder attends over the grid. */
  readonly grid: boolean;
  readonly standardization: FeatureStandardization | undefined;
}

/** Features as the decoder takes them, in the order of the requests. */
export async function readFeatures(feed: FeatureFeed, requests: readonly FeatureRequest[]): Promise<Features> {
  const { pooled, grid } = await feed.source.read(requests, { grid: feed.grid });
  return { pooled: standardizePooled(pooled, feed.standardization), ...(feed.grid && grid && { grid }) };
}

/** Reads the features of a planned batch and lays its captions out. */
export async function assembleBatch(
  planned: PlannedBatch,
  feed: FeatureFeed,
  options: { labelSmoothing: number; dropoutSeed: number },
): Promise<TrainingBatch> {
  return {
    features: await readFeatures(feed, planned.requests),
    imageOfRow: Int32Array.from(planned.imageOfRow),
    ...layOutCaptions(planned.captions, planned.weights),
    ...options,
  };
}

/**
 * Captions one below the other, padded to the longest.
 * @param weights of each caption's tokens
 */
export function layOutCaptions(
  captions: readonly (readonly number[])[],
  weights?: readonly number[],
): Pick<TrainingBatch, "batchSize" | "timeSteps" | "tokenIds" | "lengths" | "tokenWeights"> {
  const timeSteps = captions.reduce((longest, caption) => Math.max(longest, caption.length), 0);
  const tokenIds = new Int32Array(captions.length * timeSteps).fill(PAD_TOKEN_ID);
  captions.forEach((caption, row) => {
    tokenIds.set(caption, row * timeSteps);
  });
  const lengths = Int32Array.from(captions, (caption) => caption.length);
  const layout = { batchSize: captions.length, timeSteps, tokenIds, lengths };
  if (!weights) return layout;
  const tokenWeights = new Float32Array(tokenIds.length);
  weights.forEach((weight, row) => {
    tokenWeights.fill(weight, row * timeSteps, (row + 1) * timeSteps);
  });
  return { ...layout, tokenWeights };
}

const DROPOUT_STREAM = 0x64726f70;

/** Key of the dropout masks of one update: a pure function of the recipe's seed and the update's number. */
export function dropoutSeedAt(seed: number, step: number): number {
  return Math.floor(new Random(seed, DROPOUT_STREAM, step).uniform() * Number.MAX_SAFE_INTEGER);
}

/**
 * Calls `make` for the items in order, `ahead` calls before the results are asked for, so that reading overlaps with arithmetic.
 * An error comes out where its item would have.
 */
export async function* makeAhead<Item, Result>(
  items: Iterable<Item>,
  ahead: number,
  make: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const pending: Promise<Result>[] = [];
  try {
    for (const item of items) {
      const result = make(item);
      // Somebody else's await reports it; without this, a consumer that leaves early would make it an unhandled rejection.
      result.catch(() => undefined);
      pending.push(result);
      if (pending.length > ahead) yield await pending.shift()!;
    }
    while (pending.length > 0) yield await pending.shift()!;
  } finally {
    // Reads that were begun must end before the caller may close their source.
    await Promise.allSettled(pending);
  }
}
