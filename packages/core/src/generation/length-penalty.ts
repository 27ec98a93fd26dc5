import type { SearchOptions } from "./search-options.js";

type LengthRule = Pick<SearchOptions, "lengthPenalty" | "lengthPenaltyFormula" | "minLength" | "maxLength">;

/** The score after the length penalty; `length` in tokens, `<end>` counted. */
export function normalizeScore(score: number, length: number, rule: LengthRule): number {
  return score / penalty(length, rule);
}

/**
 * The best normalised score that any finished continuation of a live hypothesis of `length` tokens can reach. Its score can only fall from here, so at best
 * all later tokens are certain, and the length is the one with the largest divisor (scores are ≤ 0): the longest for α ≥ 0, the shortest for α < 0.
 */
export function bestReachableScore(score: number, length: number, rule: LengthRule): number {
  const kindestLength = rule.lengthPenalty >= 0 ? rule.maxLength : Math.max(length + 1, rule.minLength);
  return normalizeScore(score, kindestLength, rule);
}

function penalty(length: number, { lengthPenalty, lengthPenaltyFormula }: LengthRule): number {
  switch (lengthPenaltyFormula) {
    case "none":
      return 1;
    case "average":
      return Math.max(1, length) ** lengthPenalty;
    case "gnmt":
      return ((5 + length) / 6) ** lengthPenalty;
  }
}
