/**
 * The one idea of this package: a scorer is a name and a function from a corpus to scores.
 * Every score also carries its sufficient statistics, one row per image, and the function that turns summed rows into the corpus value;
 * unions, bootstrap intervals and significance tests follow from these two without knowing the metric.
 */
import type { Corpus } from "./corpus.js";

export interface Scorer {
  /** The name in tables: "BLEU-4", "CIDEr-D", "METEOR (no paraphrases)". */
  readonly name: string;
  /** The key in JSON, coco-caption's where it has one: "Bleu_4", "CIDEr", "METEOR (no paraphrases)". */
  readonly key: string;
  /** What the signature must say beyond name and tokeniser, such as METEOR's Eval-ID. */
  readonly details: readonly string[];
  score(corpus: Corpus): Scores;
}

export interface Scores {
  /** Unscaled: BLEU, ROUGE-L, METEOR in 0..1, CIDEr in 0..10. */
  readonly corpus: number;
  /** One value per image, in corpus order. */
  readonly segments: Float64Array;
  readonly statistics: Statistics;
}

export interface Statistics {
  /** What the columns count. */
  readonly columns: readonly string[];
  /** `[images, columns.length]`, row by row. */
  readonly rows: Float64Array;
  /** The corpus value from column sums over `images` rows. */
  aggregate(sums: Float64Array, images: number): number;
}

/** Column sums over all rows: what `aggregate` takes for the whole corpus. */
export function sumRows(statistics: Pick<Statistics, "columns" | "rows">): Float64Array {
  const width = statistics.columns.length;
  const sums = new Float64Array(width);
  for (let i = 0; i < statistics.rows.length; i++) sums[i % width]! += statistics.rows[i]!;
  return sums;
}

/** Scores whose corpus value is the mean of the segment values (ROUGE-L, CIDEr). */
export function meanScores(segments: Float64Array): Scores {
  const aggregate = (sums: Float64Array, images: number) => (images === 0 ? 0 : sums[0]! / images);
  const statistics: Statistics = { columns: ["score"], rows: segments, aggregate };
  return { corpus: aggregate(sumRows(statistics), segments.length), segments, statistics };
}
