/**
 * BLEU (Papineni et al. 2002) as coco-caption computes it: clipped n-gram precisions with a vanishing numerator and denominator offset
 * instead of smoothing, closest reference length (the shorter one on a tie), corpus value from summed counts.
 */
import type { Corpus, TokenizedCaption } from "../corpus.js";
import { EvaluationError, expected } from "../errors.js";
import { MAX_ORDER, type NgramTable, ngramsOf } from "../ngram-table.js";
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

/**
 * BLEU-1 to BLEU-4, in 0..1. The four share one pass over the corpus.
 * @throws EvaluationError for another order
 */
export function bleu(order: BleuOrder): Scorer {
  if (![1, 2, 3, 4].includes(order)) throw new EvaluationError(expected("1, 2, 3 or 4", "order", order));
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
  const counter = new ClippedCounter(ngramsOf(corpus));
  const width = COLUMNS.length;
  const rows = new Float64Array(corpus.size * width);
  corpus.pairs.forEach(({ candidate, references }, i) => {
    const row = rows.subarray(i * width, (i + 1) * width);
    const length = candidate.words.length;
    row[LENGTH] = length;
    row[REFERENCE_LENGTH] = closestLength(length, references);
    const correct = counter.count(candidate.words, references);
    for (let n = 1; n <= MAX_ORDER; n++) {
      row[correctColumn(n)] = correct[n]!;
      row[guessColumn(n)] = Math.max(0, length - n + 1);
    }
  });
  return rows;
}

/** The shorter one on a tie. */
function closestLength(length: number, references: readonly TokenizedCaption[]): number {
  let closest = Number.POSITIVE_INFINITY;
  for (const { words } of references) {
    const difference = Math.abs(words.length - length) - Math.abs(closest - length);
    if (difference < 0 || (difference === 0 && words.length < closest)) closest = words.length;
  }
  return closest;
}

/** Counts candidate n-grams, each clipped to its highest count in any one reference. Counts live in arrays indexed by n-gram id and are cleared after use. */
class ClippedCounter {
  readonly #table: NgramTable;
  #candidateCounts = new Int32Array(0);
  #referenceCounts = new Int32Array(0);
  #clipped = new Int32Array(0);
  #own = new Int32Array(0);
  #theirs = new Int32Array(0);

  constructor(table: NgramTable) {
    this.#table = table;
  }

  /** Matches by order: index 1 to 4. */
  count(candidate: Int32Array, references: readonly TokenizedCaption[]): Int32Array {
    this.#own = withRoom(this.#own, candidate);
    const own = this.#own;
    const size = this.#table.collect(candidate, own);
    this.#reserve();
    const candidateCounts = this.#candidateCounts;
    const clipped = this.#clipped;
    for (let k = 0; k < size; k++) candidateCounts[own[k]!]!++;
    for (const { words } of references) this.#clipTo(words, own, size);
    const correct = new Int32Array(MAX_ORDER + 1);
    for (let k = 0; k < size; k++) {
      const id = own[k]!;
      correct[this.#table.order(id)]! += clipped[id]!;
      clipped[id] = 0;
      candidateCounts[id] = 0;
    }
    return correct;
  }

  #clipTo(words: Int32Array, own: Int32Array, size: number): void {
    this.#theirs = withRoom(this.#theirs, words);
    const theirs = this.#theirs;
    const count = this.#table.collect(words, theirs);
    const referenceCounts = this.#referenceCounts;
    // Ids beyond the arrays are new with this reference, so the candidate cannot hold them.
    const known = referenceCounts.length;
    for (let k = 0; k < count; k++) if (theirs[k]! < known) referenceCounts[theirs[k]!]!++;
    for (let k = 0; k < size; k++) {
      const id = own[k]!;
      const clip = Math.min(this.#candidateCounts[id]!, referenceCounts[id]!);
      if (clip > this.#clipped[id]!) this.#clipped[id] = clip;
    }
    for (let k = 0; k < count; k++) if (theirs[k]! < known) referenceCounts[theirs[k]!] = 0;
  }

  #reserve(): void {
    if (this.#table.size <= this.#candidateCounts.length) return;
    const capacity = 2 * this.#table.size;
    this.#candidateCounts = new Int32Array(capacity);
    this.#referenceCounts = new Int32Array(capacity);
    this.#clipped = new Int32Array(capacity);
  }
}

function withRoom(buffer: Int32Array<ArrayBuffer>, words: Int32Array): Int32Array<ArrayBuffer> {
  const needed = MAX_ORDER * words.length;
  return buffer.length >= needed ? buffer : new Int32Array(2 * needed);
}
