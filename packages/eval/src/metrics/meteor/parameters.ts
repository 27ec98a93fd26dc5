/** METEOR 1.5's English "rank" task, which coco-caption runs (Denkowski and Lavie 2014). */
export const PARAMETERS = { alpha: 0.85, beta: 0.2, gamma: 0.6, delta: 0.75 } as const;

/** Matchers in the order they run; the index is the matcher's number everywhere below. */
export const MATCHERS = ["exact", "stem", "synonym", "paraphrase"] as const;
export type Matcher = (typeof MATCHERS)[number];

/** Share of a match that counts in precision and recall. */
export const SCORE_WEIGHTS = [1, 0.6, 0.8, 0.6] as const;

/** Share of a match in the search for an alignment: other numbers than in the score. */
export const SEARCH_WEIGHTS = [1, 0.5, 0.5, 0.5] as const;

export const BEAM_WIDTH = 40;

/** The identification METEOR's own program prints, so that a reader can tell which matchers ran. */
export function evalId(matchers: readonly Matcher[]): string {
  const short = matchers.map((matcher) => matcher.slice(0, 2)).join("_");
  const weights = matchers.map((matcher) => SCORE_WEIGHTS[MATCHERS.indexOf(matcher)]!.toFixed(1)).join("_");
  const { alpha, beta, gamma, delta } = PARAMETERS;
  return `meteor-1.5-wo-en-norm-${alpha}_${beta}_${gamma}_${delta}-${short}-${weights}`;
}
