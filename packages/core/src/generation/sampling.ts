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

/** An allowed token; weights are proportional to the probabilities of being drawn. */
interface Choice {
  readonly tokenId: number;
  readonly weight: number;
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
  const kept = nucleus(topK < allowed.length ? likeliest(allowed, topK) : allowed, topP);
  const target = uniform * totalWeight(kept);
  let cumulative = 0;
  for (const { tokenId, weight } of kept) {
    cumulative += weight;
    if (target < cumulative) return tokenId;
  }
  return kept.findLast(({ weight }) => weight > 0)?.tokenId;
}

function allowedChoices(
  distribution: NextTokenDistribution,
  row: number,
  isAllowed: (tokenId: number) => boolean,
  temperature: number,
): Choice[] {
  const allowed: { tokenId: number; logProb: number }[] = [];
  let largest = Number.NEGATIVE_INFINITY;
  for (let tokenId = 0; tokenId < distribution.vocabSize; tokenId++) {
    if (!isAllowed(tokenId)) continue;
    const logProb = logProbOf(distribution, row, tokenId);
    if (logProb === Number.NEGATIVE_INFINITY) continue;
    allowed.push({ tokenId, logProb });
    if (logProb > largest) largest = logProb;
  }
  return allowed.map(({ tokenId, logProb }) => ({ tokenId, weight: Math.exp((logProb - largest) / temperature) }));
}

/** Likeliest first; of equal ones the lower id first. */
function likeliest(choices: readonly Choice[], count: number): Choice[] {
  const top = new TopCandidates(count);
  for (const { tokenId, weight } of choices) {
    if (weight >= top.cutoff) top.offer(weight, tokenId, 0);
  }
  return top.sorted().map(({ tokenId, rank }) => ({ tokenId, weight: rank }));
}

/** The fewest likeliest choices that together have the share `topP`; found in ever larger portions, as a few dozen mostly do. */
function nucleus(choices: readonly Choice[], topP: number): readonly Choice[] {
  if (topP === 1) return choices;
  const target = topP * totalWeight(choices);
  for (let count = 64; ; count *= 4) {
    const portion = likeliest(choices, count);
    let mass = 0;
    const last = portion.findIndex(({ weight }) => {
      mass += weight;
      return mass >= target;
    });
    if (last >= 0) return portion.slice(0, last + 1);
    if (count >= choices.length) return portion;
  }
}

function totalWeight(choices: readonly Choice[]): number {
  return choices.reduce((sum, { weight }) => sum + weight, 0);
}
