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
import { type CaptionVector, CIDER_SCALE, type CiderVariant, CiderVectors } from "./cider-vectors.js";

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

class CiderIndex {
  readonly #vectors: CiderVectors;
  readonly #references: readonly (readonly CaptionVector[])[];
  #similarities = new Float64Array(8);

  constructor(references: readonly (readonly Int32Array[])[], table: NgramTable) {
    this.#vectors = new CiderVectors(references, table);
    this.#references = references.map((captions) => captions.map((words) => this.#vectors.of(words)));
  }

  score(image: number, candidate: Int32Array, variant: CiderVariant): number {
    const references = this.#references[image]!;
    if (this.#similarities.length < references.length) this.#similarities = new Float64Array(references.length);
    this.#vectors.compare(this.#vectors.of(candidate), references, variant, this.#similarities);
    this.#vectors.forgetUnseen();
    let total = 0;
    for (let r = 0; r < references.length; r++) total += this.#similarities[r]!;
    return (CIDER_SCALE * total) / MAX_ORDER / references.length;
  }
}
