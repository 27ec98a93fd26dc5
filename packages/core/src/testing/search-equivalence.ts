import type { BackendDecoder, Features } from "../decoder/backend.js";
import { expected, OptionError } from "../errors.js";
import { type GenerationOptions, resolveGenerationOptions } from "../generation/generation-options.js";
import type { Generated, GeneratedCaption } from "../generation/search-options.js";
import { searchOverSteps } from "../generation/search-over-steps.js";

export interface SearchEquivalenceReport {
  readonly images: number;
  /** Images whose captions are the same words in the same order, with the same figures up to the tolerance. */
  readonly identical: number;
  /** Images where other words were found that score the same up to the tolerance: ties that rounding broke another way. */
  readonly nearTies: number;
  /** Everything else: faults. */
  readonly differences: readonly SearchDifference[];
}

export interface SearchDifference {
  readonly image: number;
  readonly reason: string;
  /** Of core's search over the decoder's steps. */
  readonly expected: readonly GeneratedCaption[];
  /** Of the decoder's own search. */
  readonly actual: readonly GeneratedCaption[];
}

/**
 * Holds a decoder's own search to core's search over the same decoder's steps, image by image.
 * @param tolerance of scores and log-probabilities, in nats
 * @throws OptionError if the decoder does not search by itself with these options
 */
export async function searchEquivalence(
  decoder: BackendDecoder,
  features: Features,
  options: GenerationOptions,
  tolerance = 1e-5,
): Promise<SearchEquivalenceReport> {
  const resolved = resolveGenerationOptions(options, decoder.spec.vocabSize);
  const supported = decoder.supportsSearch?.(resolved.search);
  if (!decoder.generate || supported !== true) {
    throw new OptionError(
      expected("a decoder with a search of its own", "searchEquivalence", supported ?? "one without"),
    );
  }
  const wanted = await searchOverSteps([{ decoder, features }], resolved);
  const found = await decoder.generate(features, resolved.search);
  return compareSearches(wanted, found, tolerance);
}

/** Compares two searches of the same images: of two backends, or of two ways through one. */
export function compareSearches(
  wanted: readonly Generated[],
  found: readonly Generated[],
  tolerance = 1e-5,
): SearchEquivalenceReport {
  const differences: SearchDifference[] = [];
  let [identical, nearTies] = [0, 0];
  for (let image = 0; image < Math.max(wanted.length, found.length); image++) {
    const expectedCaptions = wanted[image]?.captions ?? [];
    const actual = found[image]?.captions ?? [];
    const reason = findDifference(expectedCaptions, actual, tolerance);
    if (reason !== undefined) differences.push({ image, reason, expected: expectedCaptions, actual });
    else if (expectedCaptions.every((caption, rank) => sameWords(caption, actual[rank]!))) identical += 1;
    else nearTies += 1;
  }
  return { images: wanted.length, identical, nearTies, differences };
}

function findDifference(
  wanted: readonly GeneratedCaption[],
  found: readonly GeneratedCaption[],
  tolerance: number,
): string | undefined {
  if (wanted.length !== found.length) return `${found.length} captions instead of ${wanted.length}`;
  // Written so that NaN is a difference.
  const isClose = (a: number, b: number) => Math.abs(a - b) <= tolerance;
  for (const [rank, one] of wanted.entries()) {
    const other = found[rank]!;
    const place = `caption ${rank + 1}`;
    if (!isClose(one.normalizedScore, other.normalizedScore)) {
      return `${place}: normalizedScore ${other.normalizedScore} instead of ${one.normalizedScore}`;
    }
    if (other.logProbs.length !== other.tokenIds.length) return `${place}: not one log-probability per token`;
    const sum = other.logProbs.reduce((total, logProb) => total + logProb, 0);
    if (!isClose(sum, other.score)) return `${place}: score ${other.score} is not the sum of logProbs, ${sum}`;
    if (!sameWords(one, other)) continue;
    if (one.endedByMaxLength !== other.endedByMaxLength) return `${place}: endedByMaxLength ${other.endedByMaxLength}`;
    const position = one.logProbs.findIndex((logProb, index) => !isClose(logProb, other.logProbs[index]!));
    if (position >= 0) {
      return `${place}: logProbs[${position}] ${other.logProbs[position]} instead of ${one.logProbs[position]}`;
    }
  }
  return undefined;
}

function sameWords(one: GeneratedCaption, other: GeneratedCaption): boolean {
  return (
    one.tokenIds.length === other.tokenIds.length && one.tokenIds.every((id, index) => id === other.tokenIds[index])
  );
}
