/**
 * BLEU (Papineni et al. 2002) as coco-caption computes it: clipped n-gram precisions with a vanishing numerator and denominator offset
 * instead of smoothing, closest reference length (the shorter one on a tie), corpus value from summed counts.
 */
import type { Corpus } from "../corpus.js";
import { MAX_ORDER, NgramTable } from "../ngram-table.js";
import { type Scorer, type Scores, sumRows } from "../scorer.js";

export type BleuOrder = 1 | 2 | 3 | 4;

// Offsets that keep 0/0 defined and turn an order without a match into a tiny number instead of zero.
const TINY = 1e-15;
const SMALL = 1e-9;

const COLUMNS = [
  "length",
  "referenceLength",
  "correct1",
  "guess1",
  "correct2",
  "guess2",
  "correct3",
  "guess3",
  "correct4",
  "guess4",
];
const LENGTH = 0;
const REFERENCE_LENGTH = 1;
const correctColumn = (order: number) => 2 * order;
const guessColumn = (order: number) => 2 * order + 1;

/** BLEU-1 to BLEU-4, in 0..1. The four share one pass over the corpus. */
export function bleu(order: BleuOrder): Scorer {
  return { name: `BLEU-${order}`, key: `Bleu_${order}`, details: [], score: (corpus) => scoreBleu(corpus, order) };
}

function scoreBleu(corpus: Corpus, order: BleuOrder): Scores {
  const rows = corpus.derive("bleu", () => countRows(corpus));
  const width = COLUMNS.length;
  const segments = new Float64Array(corpus.size);
  for (let i = 0; i < corpus.size; i++) segments[i] = bleuOf(rows.subarray(i * width, (i + 1) * width), order);
  const aggregate = (sums: Float64Array) => bleuOf(sums, order);
  return {
    corpus: corpus.size === 0 ? 0 : aggregate(sumRows({ columns: COLUMNS, rows })),
    segments,
    statistics: { columns: COLUMNS, rows, aggregate },
  };
}

function bleuOf(counts: Float64Array, order: number): number {
  let product = 1;
  for (let n = 1; n <= order; n++) product *= (counts[correctColumn(n)]! + TINY) / (counts[guessColumn(n)]! + SMALL);
  const ratio = (counts[LENGTH]! + TINY) / (counts[REFERENCE_LENGTH]! + SMALL);
  const brevityPenalty = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  return product ** (1 / order) * brevityPenalty;
}

function countRows(corpus: Corpus): Float64Array {
  const counter = new ClippedCounter();
  const rows = new Float64Array(corpus.size * COLUMNS.length);
  corpus.pairs.forEach((pair, i) => {
    const row = rows.subarray(i * COLUMNS.length, (i + 1) * COLUMNS.length);
    const length = pair.candidate.words.length;
    row[LENGTH] = length;
    row[REFERENCE_LENGTH] = closestLength(
      length,
      pair.references.map((reference) => reference.words.length),
    );
    for (let n = 1; n <= MAX_ORDER; n++) row[guessColumn(n)] = Math.max(0, length - n + 1);
    const correct = counter.count(
      pair.candidate.words,
      pair.references.map((reference) => reference.words),
    );
    for (let n = 1; n <= MAX_ORDER; n++) row[correctColumn(n)] = correct[n]!;
  });
  return rows;
}

function closestLength(length: number, referenceLengths: readonly number[]): number {
  return referenceLengths.reduce((best, candidate) => {
    const difference = Math.abs(candidate - length) - Math.abs(best - length);
    return difference < 0 || (difference === 0 && candidate < best) ? candidate : best;
  });
}

/** Counts candidate n-grams, each clipped to its highest count in any one reference. Counts live in arrays indexed by n-gram id and are cleared after use. */
class ClippedCounter {
  readonly #table = new NgramTable();
  #candidateCounts = new Int32Array(0);
  #referenceCounts = new Int32Array(0);
  #clipped = new Int32Array(0);
  #ngrams = new Int32Array(0);

  /** Matches by order: index 1 to 4. */
  count(candidate: Int32Array, references: readonly Int32Array[]): Int32Array {
    const longest = references.reduce((length, words) => Math.max(length, words.length), candidate.length);
    if (this.#ngrams.length < 2 * MAX_ORDER * longest) this.#ngrams = new Int32Array(4 * MAX_ORDER * longest);
    const own = this.#ngrams.subarray(0, this.#table.collect(candidate, this.#ngrams));
    const room = this.#ngrams.subarray(own.length);
    this.#reserve(own);
    for (const id of own) this.#candidateCounts[id]!++;
    const known = this.#candidateCounts.length;
    for (const reference of references) {
      const count = this.#table.collect(reference, room);
      for (let i = 0; i < count; i++) if (room[i]! < known) this.#referenceCounts[room[i]!]!++;
      for (const id of own) {
        const clip = Math.min(this.#candidateCounts[id]!, this.#referenceCounts[id]!);
        if (clip > this.#clipped[id]!) this.#clipped[id] = clip;
      }
      for (let i = 0; i < count; i++) if (room[i]! < known) this.#referenceCounts[room[i]!] = 0;
    }
    const correct = new Int32Array(MAX_ORDER + 1);
    for (const id of own) {
      correct[this.#table.order(id)]! += this.#clipped[id]!;
      this.#clipped[id] = 0;
      this.#candidateCounts[id] = 0;
    }
    return correct;
  }

  #reserve(ids: Int32Array): void {
    const needed = ids.reduce((largest, id) => Math.max(largest, id + 1), 0);
    if (needed <= this.#candidateCounts.length) return;
    const capacity = 2 * needed;
    this.#candidateCounts = new Int32Array(capacity);
    this.#referenceCounts = new Int32Array(capacity);
    this.#clipped = new Int32Array(capacity);
  }
}
