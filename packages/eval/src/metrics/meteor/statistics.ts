/** METEOR's 23 sufficient statistics of a segment or a corpus, and the score they give. */
import type { Lexicon } from "./lexicon.js";
import type { Match } from "./match.js";
import { MATCHERS, PARAMETERS, SCORE_WEIGHTS } from "./parameters.js";

/** In the order METEOR's program prints them. */
export const METEOR_COLUMNS: readonly string[] = [
  "candidateLength",
  "referenceLength",
  "candidateFunctionWords",
  "referenceFunctionWords",
  ...MATCHERS.flatMap((matcher) => [
    `${matcher}CandidateContent`,
    `${matcher}ReferenceContent`,
    `${matcher}CandidateFunction`,
    `${matcher}ReferenceFunction`,
  ]),
  "chunks",
  "candidateMatched",
  "referenceMatched",
];

const MATCHER_COLUMNS = 4;
const CHUNKS = 20;
const CANDIDATE_MATCHED = 21;
const REFERENCE_MATCHED = 22;

export function alignmentStatistics(
  candidate: Int32Array,
  reference: Int32Array,
  matches: readonly Match[],
  lexicon: Lexicon,
): Float64Array {
  const row = new Float64Array(METEOR_COLUMNS.length);
  row[0] = candidate.length;
  row[1] = reference.length;
  row[2] = countFunctionWords(candidate, 0, candidate.length, lexicon);
  row[3] = countFunctionWords(reference, 0, reference.length, lexicon);
  let candidateEnd = -1;
  let referenceEnd = -1;
  for (const match of matches) {
    const column = MATCHER_COLUMNS * (match.matcher + 1);
    const candidateFunction = countFunctionWords(candidate, match.candidateStart, match.candidateLength, lexicon);
    const referenceFunction = countFunctionWords(reference, match.referenceStart, match.referenceLength, lexicon);
    row[column]! += match.candidateLength - candidateFunction;
    row[column + 1]! += match.referenceLength - referenceFunction;
    row[column + 2]! += candidateFunction;
    row[column + 3]! += referenceFunction;
    row[CANDIDATE_MATCHED]! += match.candidateLength;
    row[REFERENCE_MATCHED]! += match.referenceLength;
    if (match.candidateStart !== candidateEnd || match.referenceStart !== referenceEnd) row[CHUNKS]!++;
    candidateEnd = match.candidateStart + match.candidateLength;
    referenceEnd = match.referenceStart + match.referenceLength;
  }
  return row;
}

/**
 * Adds a segment to corpus sums. A segment that matches wholly in one chunk adds no chunk: without this the penalty of a perfect corpus would not vanish.
 */
export function corpusRow(row: Float64Array): Float64Array {
  if (!isPerfect(row)) return row;
  const copy = row.slice();
  copy[CHUNKS] = 0;
  return copy;
}

/** Fmean times (1 - fragmentation penalty), in 0..1. */
export function meteorScore(row: ArrayLike<number>): number {
  const { alpha, beta, gamma, delta } = PARAMETERS;
  let candidateMatches = 0;
  let referenceMatches = 0;
  SCORE_WEIGHTS.forEach((weight, matcher) => {
    const column = MATCHER_COLUMNS * (matcher + 1);
    candidateMatches += weight * weighted(row[column]!, row[column + 2]!, delta);
    referenceMatches += weight * weighted(row[column + 1]!, row[column + 3]!, delta);
  });
  const precision = candidateMatches / weighted(row[0]! - row[2]!, row[2]!, delta);
  const recall = referenceMatches / weighted(row[1]! - row[3]!, row[3]!, delta);
  const mean = 1 / ((1 - alpha) / precision + alpha / recall);
  const fragmentation = isPerfect(row) ? 0 : row[CHUNKS]! / ((row[CANDIDATE_MATCHED]! + row[REFERENCE_MATCHED]!) / 2);
  const score = mean * (1 - gamma * fragmentation ** beta);
  return Number.isNaN(score) ? 0 : score;
}

function isPerfect(row: ArrayLike<number>): boolean {
  return row[CHUNKS]! <= 1 && row[CANDIDATE_MATCHED] === row[0] && row[REFERENCE_MATCHED] === row[1];
}

function weighted(content: number, functionWords: number, delta: number): number {
  return delta * content + (1 - delta) * functionWords;
}

function countFunctionWords(words: Int32Array, start: number, length: number, lexicon: Lexicon): number {
  let count = 0;
  for (let k = start; k < start + length; k++) if (lexicon.isFunctionWord(words[k]!)) count++;
  return count;
}
