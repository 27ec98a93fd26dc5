import type { BackendDecoder, TrainingBatch } from "../decoder/backend.js";
import { END_TOKEN_ID, START_TOKEN_ID } from "../decoder/decoder-spec.js";
import { normalizeLogits } from "../generation/next-token-distribution.js";
import { Random } from "../random.js";
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
  const { batchSize, timeSteps, tokenIds, lengths } = batch;
  const random = new Random(batch.dropoutSeed, SCHEDULE_STREAM);
  const inputTokenIds = new Int32Array(tokenIds.length);
  const state = await decoder.start(batch.features);
  try {
    let live = Array.from({ length: batchSize }, (_, row) => row);
    let fed = new Int32Array(batchSize).fill(START_TOKEN_ID);
    await decoder.gatherRows(state, batch.imageOfRow);
    for (let step = 1; step < timeSteps; step++) {
      const distribution = normalizeLogits(await decoder.step(state, fed), live.length, decoder.spec.vocabSize);
      const next: { row: number; source: number }[] = [];
      live.forEach((row, source) => {
        if (lengths[row]! <= step) return;
        const at = row * timeSteps + step;
        // Two draws for every word, whether or not the second is needed: the choice of words does not shift the choices after it.
        const [replaced, uniform] = [random.uniform() < probability, random.uniform()];
        const drawn = replaced ? drawToken(distribution, source, 1, uniform) : END_TOKEN_ID;
        // After <end> there is nothing to go on from.
        inputTokenIds[at] = drawn === END_TOKEN_ID ? tokenIds[at - 1]! : drawn;
        next.push({ row, source });
      });
      if (next.length === 0) break;
      if (next.length < live.length)
        await decoder.gatherRows(
          state,
          Int32Array.from(next, ({ source }) => source),
        );
      live = next.map(({ row }) => row);
      fed = Int32Array.from(live, (row) => inputTokenIds[row * timeSteps + step]!);
    }
  } finally {
    state.dispose();
  }
  return { ...batch, inputTokenIds };
}
