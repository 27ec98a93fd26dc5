import type { BackendDecoder, LossSum } from "../decoder/backend.js";
import { AbortedError } from "../errors.js";
import { assembleBatch, type FeatureFeed, makeAhead } from "./assemble-batch.js";
import type { PlannedBatch } from "./plan-batches.js";

/** Batches read before their turn: enough to hide the store, few enough for grids. */
export const BATCHES_AHEAD = 2;

/** Loss of a decoder over planned batches, teacher-forced, without dropout or smoothing. @throws AbortedError */
export async function splitLoss(
  decoder: BackendDecoder,
  batches: readonly PlannedBatch[],
  feed: FeatureFeed,
  signal?: AbortSignal,
): Promise<LossSum> {
  let lossSum = 0;
  let tokenCount = 0;
  const assemble = (planned: PlannedBatch) => assembleBatch(planned, feed, { labelSmoothing: 0, dropoutSeed: 0 });
  for await (const batch of makeAhead(batches, BATCHES_AHEAD, assemble)) {
    if (signal?.aborted) throw new AbortedError("The evaluation was stopped.");
    const sum = await decoder.evaluateLoss(batch);
    lossSum += sum.lossSum;
    tokenCount += sum.tokenCount;
  }
  return { lossSum, tokenCount };
}
