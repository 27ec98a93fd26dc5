/**
 * CIDEr (Vedantam et al. 2015). "CIDEr-D" is what coco-caption prints under the key CIDEr: tf-idf n-gram vectors, reference counts clip the
 * candidate's, a Gaussian punishes length differences, times 10. Plain CIDEr has neither clipping nor Gaussian.
 * Document frequencies come from the references of the evaluated images: one image alone always scores 0.
 */
import { type Corpus, wordIds } from "../corpus.js";
import { EvaluationError, expected } from "../errors.js";
import { Interner } from "../interner.js";
import { MAX_ORDER, NgramTable, ngramsOf } from "../ngram-table.js";
import { meanScores, type Scorer } from "../scorer.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

export type CiderVariant = "CIDEr-D" | "CIDEr";

const SIGMA = 6;
const SCALE = 10;

/** The standard: what tables call CIDEr. In 0..10. */
export function ciderD(): Scorer {
  return ciderScorer("CIDEr-D", "CIDEr");
}

/** The undamped original, for comparison with work that used it. In 0..10. */
export function plainCider(): Scorer {
  return ciderScorer("CIDEr", "CIDEr_plain");
}

function ciderScorer(variant: CiderVariant, key: string): Scorer {
  const name = variant === "CIDEr" ? "CIDEr (plain)" : variant;
  return {
    name,
    key,
    details: ["df:references"],
    score: (corpus) => {
      const index = corpus.derive("cider", () => indexOf(corpus));
      return meanScores(
        Float64Array.from(corpus.pairs, (pair, image) => index.score(image, pair.candidate.words, variant)),
      );
    },
  };
}

function indexOf(corpus: Corpus): CiderIndex {
  return new CiderIndex(
    corpus.pairs.map((pair) => pair.references.map((reference) => reference.words)),
    ngramsOf(corpus),
  );
}

/** CIDEr against references prepared once; `score` may be called any number of times. */
export interface PreparedCider {
  /** Number of images. */
  readonly size: number;
  /**
   * @param candidates one caption per image, in the order of the references
   * @param images where candidates stand for only some images (or several for one): the image index of each candidate
   * @returns one score per candidate, 0..10
   */
  score(candidates: readonly string[], images?: ArrayLike<number>): Float64Array;
}

/**
 * Prepares references for repeated scoring, as self-critical training needs it: reference vectors and document frequencies are built once.
 * @param references captions of each image
 * @param tokenizer for references and candidates
 */
export function prepareCider(
  references: readonly (readonly string[])[],
  tokenizer: Tokenizer,
  variant: CiderVariant = "CIDEr-D",
): PreparedCider {
  const vocabulary = new Interner();
  const tokenize = (caption: string) => wordIds(tokenizer.tokenize(caption), vocabulary);
  const index = new CiderIndex(
    references.map((captions) => captions.map(tokenize)),
    new NgramTable(),
  );
  return {
    size: references.length,
    score(candidates, images) {
      if (images === undefined ? candidates.length !== references.length : candidates.length !== images.length) {
        throw new EvaluationError(
          expected(`${images?.length ?? references.length} captions`, "candidates", candidates.length),
        );
      }
      return Float64Array.from(candidates, (caption, i) => {
        const image = images === undefined ? i : images[i]!;
        if (!(image >= 0 && image < references.length && Number.isInteger(image))) {
          throw new EvaluationError(expected(`an index below ${references.length}`, "images", image));
        }
        return index.score(image, tokenize(caption), variant);
      });
    },
  };
}

/** Sparse tf-idf vector of one caption over its n-grams of all four orders. */
interface CaptionVector {
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

class CiderIndex {
  readonly #table: NgramTable;
  readonly #idf: Float64Array;
  /** idf of an n-gram no reference holds. */
  readonly #unseenIdf: number;
  readonly #references: readonly (readonly CaptionVector[])[];
  #counts = new Int32Array(1024);
  #candidateWeights = new Float64Array(1024);
  #ngrams = new Int32Array(256);
  readonly #products = new Float64Array(MAX_ORDER);

  constructor(references: readonly (readonly Int32Array[])[], table: NgramTable) {
    this.#table = table;
    this.#unseenIdf = Math.log(references.length);
    this.#idf = this.#inverseDocumentFrequencies(references);
    this.#references = references.map((captions) => captions.map((words) => this.#vector(words)));
  }

  score(image: number, candidate: Int32Array, variant: CiderVariant): number {
    const vector = this.#vector(candidate);
    const clip = variant === "CIDEr-D";
    const references = this.#references[image]!;
    for (let k = 0; k < vector.ngrams.length; k++) this.#candidateWeights[vector.ngrams[k]!] = vector.weights[k]!;
    const known = this.#candidateWeights;
    const products = this.#products;
    let total = 0;
    for (const reference of references) {
      products.fill(0);
      for (let k = 0; k < reference.ngrams.length; k++) {
        const own = known[reference.ngrams[k]!]!;
        const theirs = reference.weights[k]!;
        products[reference.orders[k]!]! += (clip && own > theirs ? theirs : own) * theirs;
      }
      let similarity = 0;
      for (let n = 0; n < MAX_ORDER; n++) {
        const norm = vector.norms[n]! * reference.norms[n]!;
        similarity += norm === 0 ? products[n]! : products[n]! / norm;
      }
      const difference = vector.bigrams - reference.bigrams;
      total += clip ? similarity * Math.exp(-(difference * difference) / (2 * SIGMA * SIGMA)) : similarity;
    }
    for (let k = 0; k < vector.ngrams.length; k++) known[vector.ngrams[k]!] = 0;
    this.#table.forget(this.#idf.length);
    return (SCALE * total) / MAX_ORDER / references.length;
  }

  #inverseDocumentFrequencies(references: readonly (readonly Int32Array[])[]): Float64Array {
    let frequencies = new Int32Array(1024);
    let lastImage = new Int32Array(1024).fill(-1);
    references.forEach((captions, image) => {
      for (const words of captions) {
        const count = this.#collect(words);
        if (this.#table.size > frequencies.length) {
          frequencies = grown(frequencies, this.#table.size);
          const older = lastImage;
          lastImage = new Int32Array(frequencies.length).fill(-1);
          lastImage.set(older);
        }
        for (let i = 0; i < count; i++) {
          const id = this.#ngrams[i]!;
          if (lastImage[id] === image) continue;
          lastImage[id] = image;
          frequencies[id]!++;
        }
      }
    });
    const idf = new Float64Array(this.#table.size);
    for (let id = 0; id < idf.length; id++) idf[id] = this.#unseenIdf - Math.log(Math.max(1, frequencies[id]!));
    return idf;
  }

  #vector(words: Int32Array): CaptionVector {
    const count = this.#collect(words);
    if (this.#table.size > this.#counts.length) {
      this.#counts = grown(this.#counts, this.#table.size);
      this.#candidateWeights = new Float64Array(this.#counts.length);
    }
    let distinct = 0;
    const found = this.#ngrams;
    for (let i = 0; i < count; i++) {
      const id = found[i]!;
      // Distinct ids move to the front of the buffer they came in; the write position never overtakes the read position.
      if (this.#counts[id]!++ === 0) found[distinct++] = id;
    }
    const ngrams = found.slice(0, distinct);
    const orders = new Uint8Array(distinct);
    const weights = new Float64Array(distinct);
    const norms = new Float64Array(MAX_ORDER);
    for (let k = 0; k < distinct; k++) {
      const id = ngrams[k]!;
      const weight = this.#counts[id]! * (id < this.#idf.length ? this.#idf[id]! : this.#unseenIdf);
      const order = this.#table.order(id) - 1;
      this.#counts[id] = 0;
      orders[k] = order;
      weights[k] = weight;
      norms[order]! += weight * weight;
    }
    for (let n = 0; n < MAX_ORDER; n++) norms[n] = Math.sqrt(norms[n]!);
    return { ngrams, orders, weights, norms, bigrams: Math.max(0, words.length - 1) };
  }

  #collect(words: Int32Array): number {
    if (this.#ngrams.length < MAX_ORDER * words.length) this.#ngrams = new Int32Array(2 * MAX_ORDER * words.length);
    return this.#table.collect(words, this.#ngrams);
  }
}

function grown(counts: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(needed, 2 * counts.length));
  larger.set(counts);
  return larger;
}
