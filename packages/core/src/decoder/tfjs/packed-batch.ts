import type { TrainingBatch } from "../backend.js";
import { START_TOKEN_ID } from "../decoder-spec.js";

/**
 * A batch without its padding. Captions are sorted by falling length and laid out step by step: at step t the first `rowsOfStep[t]` captions are
 * still running, and their positions follow those of step t − 1. Padding does not exist here, so it can neither cost time nor leak into a gradient
 * or a batch statistic.
 */
export interface PackedBatch {
  /** Captions running at each step; falls from the batch size. */
  readonly rowsOfStep: readonly number[];
  /** `[batch]`: row in the batch as given, of each sorted caption. */
  readonly originalRow: Int32Array;
  /** `[batch]`: image of each sorted caption. */
  readonly imageOfCaption: Int32Array;
  /** `[positions]`: image of each position. */
  readonly imageOfPosition: Int32Array;
  /** `[positions]`: token fed at each position, `<start>` at step 0. */
  readonly inputIds: Int32Array;
  /** `[positions]` */
  readonly targetIds: Int32Array;
  /** `[positions]`: factor of each cross-entropy. */
  readonly weights: Float32Array;
}

export function packBatch(batch: TrainingBatch): PackedBatch {
  const { batchSize, timeSteps, tokenIds, lengths, tokenWeights, inputTokenIds } = batch;
  const originalRow = Int32Array.from({ length: batchSize }, (_, row) => row);
  originalRow.sort((a, b) => lengths[b]! - lengths[a]! || a - b);

  const positionCount = lengths.reduce((sum, length) => sum + length, 0);
  const rowsOfStep: number[] = [];
  const imageOfPosition = new Int32Array(positionCount);
  const inputIds = new Int32Array(positionCount);
  const targetIds = new Int32Array(positionCount);
  const weights = new Float32Array(positionCount).fill(1);
  let position = 0;
  for (let step = 0; position < positionCount; step++) {
    const first = position;
    for (const row of originalRow) {
      if (lengths[row]! <= step) break;
      const cell = row * timeSteps + step;
      imageOfPosition[position] = batch.imageOfRow[row]!;
      inputIds[position] = step === 0 ? START_TOKEN_ID : (inputTokenIds?.[cell] ?? tokenIds[cell - 1]!);
      targetIds[position] = tokenIds[cell]!;
      if (tokenWeights) weights[position] = tokenWeights[cell]!;
      position++;
    }
    rowsOfStep.push(position - first);
  }
  const imageOfCaption = originalRow.map((row) => batch.imageOfRow[row]!);
  return { rowsOfStep, originalRow, imageOfCaption, imageOfPosition, inputIds, targetIds, weights };
}
