/**
 * How sure a score is: bootstrap intervals, and paired tests of two systems (Koehn 2004; Riezler and Maxwell 2005).
 * Images are drawn with replacement and their statistics summed, so corpus metrics are recomputed, not averaged.
 * CIDEr keeps the document frequencies of the whole set.
 */
import { checkOptions } from "../check-options.js";
import { EvaluationError, expected } from "../errors.js";
import { SeededRandom } from "../random.js";
import { type Scores, type Statistics, sumRows } from "../scorer.js";

export interface ResamplingOptions {
  /** Number of resamples, up to MAX_SAMPLES. Default 1000. */
  readonly samples?: number;
  /** Share of resamples inside the interval. Default 0.95. */
  readonly confidence?: number;
  readonly seed?: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Comparison {
  /** First system minus second, corpus values. */
  readonly difference: number;
  /** Paired bootstrap interval of the difference. */
  readonly interval: Interval;
  /** Two-sided p of the paired permutation test: how often swapping the systems image by image gives a difference at least as large. */
  readonly pValue: number;
}

/** More change no digit that is printed, and a mistyped number would take hours. */
export const MAX_SAMPLES = 1_000_000;

const DEFAULTS = { samples: 1000, confidence: 0.95, seed: 1 };

/** Percentile bootstrap intervals of several metrics over the same resamples. */
export function bootstrapIntervals(scores: readonly Scores[], options: ResamplingOptions = {}): Interval[] {
  const { samples, confidence, seed } = resolveResampling(options);
  const images = scores[0]?.segments.length ?? 0;
  if (images === 0) return scores.map((score) => ({ low: score.corpus, high: score.corpus }));
  const tables = distinctTables(scores.map((score) => score.statistics));
  const random = new SeededRandom(seed);
  const draws = scores.map(() => new Float64Array(samples));
  const counts = new Int32Array(images);
  for (let sample = 0; sample < samples; sample++) {
    drawCounts(counts, random);
    for (const table of tables.values()) weightedSums(table, counts);
    scores.forEach((score, metric) => {
      draws[metric]![sample] = score.statistics.aggregate(tables.get(score.statistics.rows)!.sums, images);
    });
  }
  return draws.map((values) => percentiles(values, confidence));
}

/**
 * Compares two systems on the same images, metric by metric.
 * @throws EvaluationError if the two did not score the same number of images
 */
export function compareSystems(
  first: readonly Scores[],
  second: readonly Scores[],
  options: ResamplingOptions = {},
): Comparison[] {
  return first.map((a, metric) => {
    const b = second[metric];
    if (b === undefined || a.segments.length !== b.segments.length) {
      throw new EvaluationError(
        expected(`scores of the same ${a.segments.length} images`, "the other system", b?.segments.length),
      );
    }
    return comparePair(a, b, resolveResampling(options));
  });
}

function comparePair(
  first: Scores,
  second: Scores,
  { samples, confidence, seed }: Required<ResamplingOptions>,
): Comparison {
  const images = first.segments.length;
  const width = first.statistics.columns.length;
  const difference = first.corpus - second.corpus;
  const bootstrapRandom = new SeededRandom(seed);
  const swapRandom = new SeededRandom(seed ^ 0x5bd1e995);
  const a = { rows: first.statistics.rows, sums: new Float64Array(width) };
  const b = { rows: second.statistics.rows, sums: new Float64Array(width) };
  const counts = new Int32Array(images);
  const differences = new Float64Array(samples);
  let asExtreme = 0;
  for (let sample = 0; sample < samples; sample++) {
    drawCounts(counts, bootstrapRandom);
    weightedSums(a, counts);
    weightedSums(b, counts);
    differences[sample] = first.statistics.aggregate(a.sums, images) - second.statistics.aggregate(b.sums, images);
    const [one, other] = swappedSums(a.rows, b.rows, width, swapRandom);
    const swapped = first.statistics.aggregate(one, images) - second.statistics.aggregate(other, images);
    if (Math.abs(swapped) >= Math.abs(difference) - Number.EPSILON) asExtreme++;
  }
  return { difference, interval: percentiles(differences, confidence), pValue: (asExtreme + 1) / (samples + 1) };
}

interface Table {
  readonly rows: Float64Array;
  readonly sums: Float64Array;
}

/** Metrics that share their rows, such as the four BLEUs, are summed once. */
function distinctTables(statistics: readonly Statistics[]): Map<Float64Array, Table> {
  return new Map(statistics.map(({ rows, columns }) => [rows, { rows, sums: new Float64Array(columns.length) }]));
}

function drawCounts(counts: Int32Array, random: SeededRandom): void {
  counts.fill(0);
  for (let k = 0; k < counts.length; k++) counts[random.below(counts.length)]!++;
}

function weightedSums({ rows, sums }: Table, counts: Int32Array): void {
  const width = sums.length;
  sums.fill(0);
  for (let image = 0, at = 0; image < counts.length; image++, at += width) {
    const count = counts[image]!;
    if (count === 0) continue;
    for (let column = 0; column < width; column++) sums[column]! += count * rows[at + column]!;
  }
}

function swappedSums(
  a: Float64Array,
  b: Float64Array,
  width: number,
  random: SeededRandom,
): [Float64Array, Float64Array] {
  const one = new Float64Array(width);
  const other = new Float64Array(width);
  for (let at = 0; at < a.length; at += width) {
    const swap = random.below(2) === 1;
    for (let column = 0; column < width; column++) {
      one[column]! += (swap ? b : a)[at + column]!;
      other[column]! += (swap ? a : b)[at + column]!;
    }
  }
  return [one, other];
}

function percentiles(values: Float64Array, confidence: number): Interval {
  const sorted = values.slice().sort();
  const tail = (1 - confidence) / 2;
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))]!;
  return { low: at(tail), high: at(1 - tail) };
}

/** @throws EvaluationError for unknown names and impossible values */
export function resolveResampling(options: ResamplingOptions): Required<ResamplingOptions> {
  checkOptions(options, "resampling", Object.keys(DEFAULTS));
  const { samples = DEFAULTS.samples, confidence = DEFAULTS.confidence, seed = DEFAULTS.seed } = options;
  if (!Number.isInteger(samples) || samples < 1 || samples > MAX_SAMPLES)
    throw new EvaluationError(expected(`a whole number from 1 to ${MAX_SAMPLES}`, "samples", samples));
  if (!(confidence > 0 && confidence < 1))
    throw new EvaluationError(expected("a share between 0 and 1", "confidence", confidence));
  if (!Number.isInteger(seed)) throw new EvaluationError(expected("a whole number", "seed", seed));
  return { samples, confidence, seed };
}

/** Corpus value of the union of several sets, from their statistics: sums of rows and of image counts. */
export function unionScore(parts: readonly Scores[]): number {
  const [first] = parts;
  if (first === undefined) throw new EvaluationError(expected("at least one set of scores", "parts", parts));
  const sums = new Float64Array(first.statistics.columns.length);
  let images = 0;
  for (const part of parts) {
    sumRows(part.statistics).forEach((sum, column) => {
      sums[column]! += sum;
    });
    images += part.segments.length;
  }
  return first.statistics.aggregate(sums, images);
}
