import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { Random } from "../random.js";
import type { Tensor } from "../tensor.js";
import type { Sampling } from "./generation-options.js";
import { Hypothesis } from "./hypothesis.js";
import { attentionOf, type ImageSearch } from "./image-search.js";
import { logProbOf, type NextTokenDistribution } from "./next-token-distribution.js";
import type { GeneratedCaption, SearchOptions } from "./search-options.js";
import type { TokenRules } from "./token-rules.js";
import { TopCandidates } from "./top-candidates.js";

/**
 * Draws one caption of one image, token by token: bans first, then temperature, then top-k, then top-p on what is left, renormalised. The caption's
 * log-probabilities stay the model's own.
 */
export class SamplingSearch implements ImageSearch {
  live: Hypothesis[];
  private last: Hypothesis;
  private readonly search: SearchOptions;
  private readonly rules: TokenRules;
  private readonly sampling: Sampling;
  private readonly random: Random;

  /**
   * @param stream keeps the images of one seed apart
   * @param row where the image's state lies before the first step
   */
  constructor(search: SearchOptions, rules: TokenRules, sampling: Sampling, stream: number, row: number) {
    this.search = search;
    this.rules = rules;
    this.sampling = sampling;
    this.random = new Random(sampling.seed, stream);
    this.last = Hypothesis.empty(row);
    this.live = [this.last];
  }

  advance(distribution: NextTokenDistribution, attention: Tensor | undefined): void {
    const hypothesis = this.live[0];
    if (hypothesis === undefined) return;
    const isAllowed = this.rules.after(hypothesis);
    const tokenId = drawToken(distribution, hypothesis.row, isAllowed, this.sampling, this.random.uniform());
    if (tokenId === undefined) {
      this.live = [];
      return;
    }
    const logProb = logProbOf(distribution, hypothesis.row, tokenId);
    this.last = hypothesis.extend(tokenId, logProb, attentionOf(hypothesis, attention));
    const isOver = tokenId === END_TOKEN_ID || this.last.length === this.search.maxLength;
    this.live = isOver ? [] : [this.last];
  }

  captions(): GeneratedCaption[] {
    return [this.last.toCaption(this.search, this.last.tokenId !== END_TOKEN_ID)];
  }
}

/** Allowed tokens side by side with weights that are proportional to the probabilities of being drawn. */
interface Choices {
  readonly tokenIds: Int32Array;
  readonly weights: Float64Array;
}

/** The token at `uniform` (0 ≤ u < 1) of the cumulative distribution; `undefined` if none is allowed. */
function drawToken(
  distribution: NextTokenDistribution,
  row: number,
  isAllowed: (tokenId: number) => boolean,
  { temperature, topK, topP }: Sampling,
  uniform: number,
): number | undefined {
  const allowed = allowedChoices(distribution, row, isAllowed, temperature);
  const isCut = topK < allowed.weights.length;
  const { tokenIds, weights } = nucleus(isCut ? likeliest(allowed, topK) : allowed, topP);
  const target = uniform * totalWeight(weights);
  let cumulative = 0;
  const drawn = weights.findIndex((weight) => {
    cumulative += weight;
    return target < cumulative;
  });
  return drawn >= 0 ? tokenIds[drawn] : tokenIds[weights.findLastIndex((weight) => weight > 0)];
}

function allowedChoices(
  distribution: NextTokenDistribution,
  row: number,
  isAllowed: (tokenId: number) => boolean,
  temperature: number,
): Choices {
  const { vocabSize } = distribution;
  const tokenIds = new Int32Array(vocabSize);
  const weights = new Float64Array(vocabSize);
  let count = 0;
  let largest = Number.NEGATIVE_INFINITY;
  for (let tokenId = 0; tokenId < vocabSize; tokenId++) {
    if (!isAllowed(tokenId)) continue;
    const logProb = logProbOf(distribution, row, tokenId);
    if (logProb === Number.NEGATIVE_INFINITY) continue;
    tokenIds[count] = tokenId;
    weights[count] = logProb;
    count += 1;
    if (logProb > largest) largest = logProb;
  }
  for (let index = 0; index < count; index++) weights[index] = Math.exp((weights[index]! - largest) / temperature);
  return { tokenIds: tokenIds.subarray(0, count), weights: weights.subarray(0, count) };
}

/** Likeliest first; of equal ones the lower id first. */
function likeliest({ tokenIds, weights }: Choices, count: number): Choices {
  const top = new TopCandidates(count);
  for (let index = 0; index < weights.length; index++) {
    if (weights[index]! >= top.cutoff) top.offer(weights[index]!, tokenIds[index]!, 0);
  }
  const kept = top.sorted();
  return {
    tokenIds: Int32Array.from(kept, ({ tokenId }) => tokenId),
    weights: Float64Array.from(kept, ({ rank }) => rank),
  };
}

/** The fewest likeliest choices that together have the share `topP`; found in ever larger portions, as a few dozen mostly do. */
function nucleus(choices: Choices, topP: number): Choices {
  if (topP === 1) return choices;
  const target = topP * totalWeight(choices.weights);
  for (let count = 64; ; count *= 8) {
    const portion = likeliest(choices, count);
    let mass = 0;
    const last = portion.weights.findIndex((weight) => {
      mass += weight;
      return mass >= target;
    });
    if (last >= 0) {
      return { tokenIds: portion.tokenIds.subarray(0, last + 1), weights: portion.weights.subarray(0, last + 1) };
    }
    if (count >= choices.weights.length) return portion;
  }
}

function totalWeight(weights: Float64Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}
