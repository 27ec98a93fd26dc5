import { expected, ShapeError, ShowtellError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { logSumExp } from "./log-sum-exp.js";

/**
 * Distribution over the next token, for each row. Only the few log-probabilities that matter are ever finished (`logProbOf`); for the others it is enough
 * that they are not above `values[row · vocabSize + tokenId] − normalizers[row]`.
 */
export interface NextTokenDistribution {
  readonly vocabSize: number;
  /** `[rows, vocabSize]` logits; of an ensemble, the largest log-probability that a member gives. */
  readonly values: Float32Array;
  /** `[rows]` log Z, in float64; of an ensemble, 0. */
  readonly normalizers: Float64Array;
  /** Of an ensemble: their probabilities are averaged. */
  readonly members?: readonly NextTokenDistribution[];
}

/** log P(token), rounded to float32 as every backend has it. */
export function logProbOf(distribution: NextTokenDistribution, row: number, tokenId: number): number {
  const { members, values, normalizers, vocabSize } = distribution;
  if (members === undefined) return Math.fround(values[row * vocabSize + tokenId]! - normalizers[row]!);
  return Math.fround(logMeanExp(members.map((member) => logProbOf(member, row, tokenId))));
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

/** The ensemble's distribution: the mean of its members' probabilities, token by token. A mean of equals is exactly the one. */
export function averageProbabilities(members: readonly NextTokenDistribution[]): NextTokenDistribution {
  const first = members[0]!;
  if (members.length === 1) return first;
  const { vocabSize } = first;
  const rows = first.normalizers.length;
  const values = new Float32Array(first.values.length).fill(Number.NEGATIVE_INFINITY);
  for (const member of members) {
    for (let row = 0; row < rows; row++) {
      const normalizer = member.normalizers[row]!;
      for (let index = row * vocabSize; index < (row + 1) * vocabSize; index++) {
        const logProb = Math.fround(member.values[index]! - normalizer);
        if (logProb > values[index]!) values[index] = logProb;
      }
    }
  }
  return { vocabSize, values, normalizers: new Float64Array(rows), members };
}

/** At most the largest of them: the mean of the probabilities cannot be above all. */
function logMeanExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0);
  return largest + Math.log(sum / values.length);
}
