import { expected, ShapeError, ShowtellError } from "../errors.js";
import type { Tensor } from "../tensor.js";

/** Distribution over the next token, for each row. */
export interface NextTokenDistribution {
  readonly vocabSize: number;
  /** `[rows, vocabSize]` logits, or log-probabilities with normalizers of 0. */
  readonly values: Float32Array;
  /** `[rows]` log Z, in float64. */
  readonly normalizers: Float64Array;
}

/** log P(token), rounded to float32 as every backend has it. */
export function logProbOf(distribution: NextTokenDistribution, row: number, tokenId: number): number {
  return Math.fround(distribution.values[row * distribution.vocabSize + tokenId]! - distribution.normalizers[row]!);
}

/**
 * Log-softmax that is finished where it is read: only the few candidates that matter are ever normalised.
 * @param logits `[rows, vocabSize]`
 * @throws ShowtellError if a row holds NaN or +∞, or nothing but −∞.
 */
export function normalizeLogits(logits: Tensor, rows: number, vocabSize: number): NextTokenDistribution {
  if (logits.shape[0] !== rows || logits.shape[1] !== vocabSize || logits.data.length !== rows * vocabSize) {
    throw new ShapeError(expected(`shape [${rows}, ${vocabSize}]`, "the logits of a step", logits.shape));
  }
  const normalizers = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    normalizers[row] = logSumExp(logits.data, row * vocabSize, (row + 1) * vocabSize);
    if (!Number.isFinite(normalizers[row])) {
      throw new ShowtellError(expected("finite logits", "the next token", "NaN or infinity"), {
        hint: "The decoder's parameters or the image features are damaged.",
      });
    }
  }
  return { vocabSize, values: logits.data, normalizers };
}

function logSumExp(values: Float32Array, begin: number, end: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let index = begin; index < end; index++) {
    if (values[index]! > largest) largest = values[index]!;
  }
  let sum = 0;
  for (let index = begin; index < end; index++) sum += Math.exp(values[index]! - largest);
  return largest + Math.log(sum);
}

/** The ensemble's distribution: the mean of its members' probabilities, token by token. A mean of equals is exactly the one. */
export function averageProbabilities(members: readonly NextTokenDistribution[]): NextTokenDistribution {
  const first = members[0]!;
  if (members.length === 1) return first;
  const { vocabSize } = first;
  const rows = first.normalizers.length;
  const values = new Float32Array(first.values.length);
  const logProbs = new Float64Array(members.length);
  for (let row = 0; row < rows; row++) {
    for (let tokenId = 0; tokenId < vocabSize; tokenId++) {
      for (let index = 0; index < members.length; index++) logProbs[index] = logProbOf(members[index]!, row, tokenId);
      values[row * vocabSize + tokenId] = logMeanExp(logProbs);
    }
  }
  return { vocabSize, values, normalizers: new Float64Array(rows) };
}

function logMeanExp(values: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) largest = Math.max(largest, value);
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum / values.length);
}
