import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import type { GeneratedCaption } from "./search-options.js";

const MAX_ORDER = 4;
const LENGTH_SIGMA = 6;
/**
 * Candidates count with this power of their probability. At 1 the few likeliest, shortest ones decide alone; at 0 the whole tail of the beam has as much to
 * say as its best. Measured on Flickr8k's dev split: docs/generation.md.
 */
const EVIDENCE_POWER = 0.25;

/** n-gram → how often, times what its words tell. */
interface OrderVector {
  readonly weights: ReadonlyMap<string, number>;
  readonly norm: number;
}

interface CaptionVectors {
  readonly orders: readonly OrderVector[];
  readonly length: number;
}

/**
 * Orders a photo's captions by consensus: first the one that is, in expectation, most similar to what else the model would say (minimum Bayes risk: Kumar &
 * Byrne 2004, §2; consensus captions: Devlin et al. 2015). Similarity is CIDEr-D's (Vedantam et al. 2015, §3): clipped cosine of 1- to 4-gram vectors and a
 * Gaussian of the difference in length, here 0 to 1, with n-grams weighted by their words' mean information in the training captions.
 * @param captions of one photo, with scores of one search
 * @param tokenCounts `[vocabSize]` occurrences in the training captions; absent, all words weigh the same
 * @returns the same captions, each with its `consensus`; of equal ones the earlier first
 */
export function orderByConsensus(
  captions: readonly GeneratedCaption[],
  tokenCounts?: readonly number[],
): GeneratedCaption[] {
  const informationOf = informationIn(tokenCounts);
  const vectors = captions.map(({ tokenIds }) => vectorsOf(tokenIds, informationOf));
  const best = Math.max(...captions.map(({ score }) => score));
  const evidence = captions.map(({ score }) => Math.exp(EVIDENCE_POWER * (score - best)));
  const total = evidence.reduce((sum, weight) => sum + weight, 0);
  return captions
    .map((caption, i) => ({
      ...caption,
      consensus: vectors.reduce((sum, other, j) => sum + evidence[j]! * similarity(vectors[i]!, other), 0) / total,
    }))
    .sort((a, b) => b.consensus - a.consensus);
}

/** Nats that a word tells: −log of its share of all words. */
function informationIn(tokenCounts: readonly number[] | undefined): (tokenId: number) => number {
  if (!tokenCounts) return () => 1;
  const total = tokenCounts.reduce((sum, count) => sum + count, 0);
  return (tokenId) => Math.log(total / Math.max(1, tokenCounts[tokenId]!));
}

function vectorsOf(tokenIds: readonly number[], informationOf: (tokenId: number) => number): CaptionVectors {
  const words = tokenIds.filter((tokenId) => tokenId !== END_TOKEN_ID);
  const orders = Array.from({ length: MAX_ORDER }, (_, i) => {
    const order = i + 1;
    const weights = new Map<string, number>();
    for (let from = 0; from + order <= words.length; from++) {
      const ngram = words.slice(from, from + order);
      const key = ngram.join(" ");
      const information = ngram.reduce((sum, tokenId) => sum + informationOf(tokenId), 0) / order;
      weights.set(key, (weights.get(key) ?? 0) + information);
    }
    return { weights, norm: Math.hypot(...weights.values()) };
  });
  return { orders, length: words.length };
}

/** Of a candidate to what stands for the truth, 0 to 1. */
function similarity(candidate: CaptionVectors, truth: CaptionVectors): number {
  const difference = candidate.length - truth.length;
  const closeness = Math.exp(-(difference * difference) / (2 * LENGTH_SIGMA * LENGTH_SIGMA));
  const cosines = candidate.orders.map((order, i) => clippedCosine(order, truth.orders[i]!));
  return (closeness * cosines.reduce((sum, cosine) => sum + cosine, 0)) / MAX_ORDER;
}

function clippedCosine(candidate: OrderVector, truth: OrderVector): number {
  let product = 0;
  for (const [ngram, weight] of truth.weights) product += Math.min(candidate.weights.get(ngram) ?? 0, weight) * weight;
  return product === 0 ? 0 : product / (candidate.norm * truth.norm);
}
