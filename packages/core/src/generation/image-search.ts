import type { Tensor } from "../tensor.js";
import type { Hypothesis } from "./hypothesis.js";
import type { NextTokenDistribution } from "./next-token-distribution.js";
import type { GeneratedCaption } from "./search-options.js";

/** The search of one image: beam search or sampling. It sees its live hypotheses' rows only; which other images share the batch does not matter. */
export interface ImageSearch {
  /** Hypotheses that need another step; empty when the search is over. */
  readonly live: readonly Hypothesis[];
  /**
   * One time step. The new live hypotheses keep the row of the one they extend.
   * @param attention `[rows, cells]` of this step, where it was asked for
   */
  advance(distribution: NextTokenDistribution, attention: Tensor | undefined): void;
  /** Best first; once the search is over. */
  captions(): GeneratedCaption[];
}

/** A copy, so that a kept caption does not keep the whole step's tensor. */
export function attentionOf(hypothesis: Hypothesis, attention: Tensor | undefined): Float32Array | undefined {
  if (attention === undefined) return undefined;
  const cells = attention.shape[1]!;
  return attention.data.slice(hypothesis.row * cells, (hypothesis.row + 1) * cells);
}
