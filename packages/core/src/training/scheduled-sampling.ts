import type { BackendDecoder, TrainingBatch } from "../decoder/backend.js";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { Random } from "../random.js";
import { followCaptions } from "./follow-captions.js";
import { drawToken } from "./sample-captions.js";

const SCHEDULE_STREAM = 0x73636864;

/**
 * Scheduled sampling (Bengio et al. 2015): feeds the decoder, now and then, the word it would have written itself in place of the caption's own, so that it
 * learns to go on after its own mistakes. What it is to predict stays the caption.
 * @param batch its dropout seed also decides the draws
 * @param probability of each word after the first to be replaced by one drawn from the decoder, given what it was fed before
 * @returns the batch with `inputTokenIds`
 */
export async function mixInSamples(
  decoder: BackendDecoder,
  batch: TrainingBatch,
  probability: number,
): Promise<TrainingBatch> {
  if (probability === 0) return batch;
  const { timeSteps, tokenIds } = batch;
  const random = new Random(batch.dropoutSeed, SCHEDULE_STREAM);
  const inputTokenIds = new Int32Array(tokenIds.length);
  await followCaptions(
    { decoder, features: batch.features },
    batch,
    // What follows the last word is not fed.
    (length) => length - 1,
    ({ distribution, source, row, step }) => {
      const at = row * timeSteps + step;
      // Two draws for every word, whether or not the second is needed: the choice of words does not shift the choices after it.
      const [replaced, uniform] = [random.uniform() < probability, random.uniform()];
      const drawn = replaced ? drawToken(distribution, source, 1, uniform) : END_TOKEN_ID;
      // After <end> there is nothing to go on from.
      const fed = drawn === END_TOKEN_ID ? tokenIds[at]! : drawn;
      inputTokenIds[at + 1] = fed;
      return fed;
    },
  );
  return { ...batch, inputTokenIds };
}
