/**
 * Captions as CIDEr sees them (Vedantam et al. 2015, section 4): sparse vectors of n-gram counts, n = 1 to 4, each weighted by how rare the n-gram is among the
 * images of a set of references; and how similar two of them are.
 */
import { MAX_ORDER, type NgramTable } from "../ngram-table.js";

export type CiderVariant = "CIDEr-D" | "CIDEr";

const SIGMA = 6;

/** A perfect match in all orders. */
export const CIDER_SCALE = 10;

/** Sparse tf-idf vector of one caption over its n-grams of all four orders. */
export interface CaptionVector {
  /** Distinct n-gram ids. */
  readonly ngrams: Int32Array;
  /** Index of the order, 0 to 3, per n-gram. */
  readonly orders: Uint8Array;
  /** tf * idf per n-gram. */
  readonly weights: Float64Array;
  /** Euclidean length per order, length 4. */
  readonly norms: Float64Array;
  /** Number of bigrams: the "length" of the reference implementation's Gaussian. */
  readonly bigrams: number;
}

export class CiderVectors {
  readonly #table: NgramTable;
  readonly #idf: Float64Array;
  /** idf of an n-gram no reference holds. */
  readonly #unseenIdf: number;
  #counts = new Int32Array(1024);
  #candidateWeights = new Float64Array(1024);
  #ngrams = new Int32Array(256);

  /** @param references word ids of each image's captions */
  constructor(references: readonly (readonly Int32Array[])[], table: NgramTable) {
    this.#table = table;
    this.#unseenIdf = Math.log(references.length);
    this.#idf = this.#inverseDocumentFrequencies(references);
  }

  of(words: Int32Array): CaptionVector {
    const table = this.#table;
    const count = this.#collect(words);
    if (table.size > this.#counts.length) this.#counts = grown(this.#counts, table.size);
    const counts = this.#counts;
    let distinct = 0;
    const found = this.#ngrams;
    for (let i = 0; i < count; i++) {
      const id = found[i]!;
      // Distinct ids move to the front of the buffer they came in; the write position never overtakes the read position.
      if (counts[id]!++ === 0) found[distinct++] = id;
    }
    const idf = this.#idf;
    const ngrams = found.slice(0, distinct);
    const orders = new Uint8Array(distinct);
    const weights = new Float64Array(distinct);
    const norms = new Float64Array(MAX_ORDER);
    for (let k = 0; k < distinct; k++) {
      const id = ngrams[k]!;
      const weight = counts[id]! * (id < idf.length ? idf[id]! : this.#unseenIdf);
      const order = table.order(id) - 1;
      counts[id] = 0;
      orders[k] = order;
      weights[k] = weight;
      norms[order]! += weight * weight;
    }
    for (let n = 0; n < MAX_ORDER; n++) norms[n] = Math.sqrt(norms[n]!);
    return { ngrams, orders, weights, norms, bigrams: Math.max(0, words.length - 1) };
  }

  /**
   * Similarity of a candidate with each of some references, 0 to 4: the sum over the orders.
   * @param into receives one value per reference
   */
  compare(
    candidate: CaptionVector,
    references: readonly CaptionVector[],
    variant: CiderVariant,
    into: Float64Array,
  ): void {
    const damped = variant === "CIDEr-D";
    if (this.#candidateWeights.length < this.#table.size)
      this.#candidateWeights = new Float64Array(2 * this.#table.size);
    const own = this.#candidateWeights;
    for (let k = 0; k < candidate.ngrams.length; k++) own[candidate.ngrams[k]!] = candidate.weights[k]!;
    for (let r = 0; r < references.length; r++) {
      const reference = references[r]!;
      const similarity = sumOfCosines(own, candidate, reference, damped);
      const difference = candidate.bigrams - reference.bigrams;
      into[r] = damped ? similarity * Math.exp(-(difference * difference) / (2 * SIGMA * SIGMA)) : similarity;
    }
    for (let k = 0; k < candidate.ngrams.length; k++) own[candidate.ngrams[k]!] = 0;
  }

  /** Forgets the n-grams of captions that no reference holds; vectors made before that are void. */
  forgetUnseen(): void {
    this.#table.forget(this.#idf.length);
  }

  #inverseDocumentFrequencies(references: readonly (readonly Int32Array[])[]): Float64Array {
    const table = this.#table;
    let frequencies = new Int32Array(1024);
    let lastImage = new Int32Array(1024);
    references.forEach((captions, image) => {
      for (const words of captions) {
        const count = this.#collect(words);
        if (table.size > frequencies.length) {
          frequencies = grown(frequencies, table.size);
          lastImage = grown(lastImage, table.size);
        }
        const found = this.#ngrams;
        for (let i = 0; i < count; i++) {
          const id = found[i]!;
          // Images count from 1 here, since 0 means "none yet".
          if (lastImage[id] === image + 1) continue;
          lastImage[id] = image + 1;
          frequencies[id]!++;
        }
      }
    });
    const idf = new Float64Array(table.size);
    for (let id = 0; id < idf.length; id++) idf[id] = this.#unseenIdf - Math.log(Math.max(1, frequencies[id]!));
    return idf;
  }

  #collect(words: Int32Array): number {
    if (this.#ngrams.length < MAX_ORDER * words.length) this.#ngrams = new Int32Array(2 * MAX_ORDER * words.length);
    return this.#table.collect(words, this.#ngrams);
  }
}

const products = new Float64Array(MAX_ORDER);

/** @param own the candidate's weights by n-gram id; with `clip`, each counts for no more than the reference's */
function sumOfCosines(own: Float64Array, candidate: CaptionVector, reference: CaptionVector, clip: boolean): number {
  products.fill(0);
  const { ngrams, orders, weights } = reference;
  for (let k = 0; k < ngrams.length; k++) {
    const ours = own[ngrams[k]!]!;
    const theirs = weights[k]!;
    products[orders[k]!]! += (clip && ours > theirs ? theirs : ours) * theirs;
  }
  let sum = 0;
  for (let n = 0; n < MAX_ORDER; n++) {
    const norm = candidate.norms[n]! * reference.norms[n]!;
    sum += norm === 0 ? products[n]! : products[n]! / norm;
  }
  return sum;
}

function grown(counts: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(needed, 2 * counts.length));
  larger.set(counts);
  return larger;
}
