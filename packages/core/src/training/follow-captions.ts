import type { TrainingBatch } from "../decoder/backend.js";
import { START_TOKEN_ID } from "../decoder/decoder-spec.js";
import type { EnsembleMember } from "../generation/decoder-ensemble.js";
import { type NextTokenDistribution, normalizeLogits } from "../generation/next-token-distribution.js";

/**
 * Feeds a decoder the captions of a batch, word by word and all captions together, and shows what it expects next.
 * @param steps how many distributions to show for a caption
 * @param visit is given the distribution of step `step` (its row `source` belongs to caption `row`), and returns the word to be fed next
 */
export async function followCaptions(
  { decoder, features }: EnsembleMember,
  { imageOfRow, lengths }: Pick<TrainingBatch, "imageOfRow" | "lengths">,
  steps: (length: number) => number,
  visit: (at: {
    readonly distribution: NextTokenDistribution;
    readonly source: number;
    readonly row: number;
    readonly step: number;
  }) => number,
): Promise<void> {
  const stepsOf = Array.from(lengths, steps);
  let live = stepsOf.flatMap((count, row) => (count > 0 ? [row] : []));
  if (live.length === 0) return;
  const state = await decoder.start(features);
  try {
    const rows = Int32Array.from(live, (row) => imageOfRow[row]!);
    await decoder.gatherRows(state, rows);
    let fed = new Int32Array(live.length).fill(START_TOKEN_ID);
    for (let step = 0; live.length > 0; step++) {
      const distribution = normalizeLogits(await decoder.step(state, fed), live.length, decoder.spec.vocabSize);
      const next = live
        .map((row, source) => ({ row, source, tokenId: visit({ distribution, source, row, step }) }))
        .filter(({ row }) => stepsOf[row]! > step + 1);
      if (next.length > 0 && next.length < live.length)
        await decoder.gatherRows(
          state,
          Int32Array.from(next, ({ source }) => source),
        );
      live = next.map(({ row }) => row);
      fed = Int32Array.from(next, ({ tokenId }) => tokenId);
    }
  } finally {
    state.dispose();
  }
}
