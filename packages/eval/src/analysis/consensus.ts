/**
 * Choosing a caption by consensus: of several candidates for one photo the one that would score best, in expectation, if the truth were one of them. This is
 * minimum-Bayes-risk decoding (Kumar and Byrne 2004, section 2) with CIDEr-D as the gain; with equal weights the consensus caption of Devlin et al. 2015.
 */
import { wordIds } from "../corpus.js";
import { EvaluationError, expected } from "../errors.js";
import { Interner } from "../interner.js";
import { CIDER_SCALE, CiderVectors } from "../metrics/cider-vectors.js";
import { MAX_ORDER, NgramTable } from "../ngram-table.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

/** How rare each n-gram is among the images of a set of references, usually those of training: what tells a telling word from a common one. */
export class DocumentFrequencies {
  /** @internal */
  readonly vectors: CiderVectors;
  readonly #vocabulary: Interner;
  readonly #tokenizer: Tokenizer;

  private constructor(vectors: CiderVectors, vocabulary: Interner, tokenizer: Tokenizer) {
    this.vectors = vectors;
    this.#vocabulary = vocabulary;
    this.#tokenizer = tokenizer;
  }

  /**
   * Counts once; the result serves any number of choices.
   * @param references captions of each image
   * @param tokenizer for references and candidates
   * @throws EvaluationError for fewer than two images, which make every n-gram equally common
   */
  static of(references: readonly (readonly string[])[], tokenizer: Tokenizer): DocumentFrequencies {
    if (references.length < 2) throw new EvaluationError(expected("at least two images", "references", references));
    const vocabulary = new Interner();
    const words = references.map((captions) =>
      captions.map((caption) => wordIds(tokenizer.tokenize(caption), vocabulary)),
    );
    return new DocumentFrequencies(new CiderVectors(words, new NgramTable()), vocabulary, tokenizer);
  }

  /** @internal */
  words(caption: string): Int32Array {
    return wordIds(this.#tokenizer.tokenize(caption), this.#vocabulary);
  }
}

export interface WeightedCaption {
  readonly caption: string;
  /** Probability, up to a factor common to all candidates of the photo. Default 1, as for samples of a model. */
  readonly weight?: number | undefined;
}

export interface Consensus {
  /** Of the candidate with the highest expected score; the first of equals. */
  readonly index: number;
  /** Expected CIDEr-D of each candidate against all of them, itself included, by weight; 0..10. */
  readonly expected: Float64Array;
}

/**
 * @param candidates of one photo; the same caption may occur several times
 * @throws EvaluationError for no candidate, a negative or infinite weight, or weights that are all 0
 */
export function chooseByConsensus(candidates: readonly WeightedCaption[], frequencies: DocumentFrequencies): Consensus {
  const weights = normalizedWeights(candidates);
  const { vectors } = frequencies;
  const all = candidates.map(({ caption }) => vectors.of(frequencies.words(caption)));
  const similarities = new Float64Array(all.length);
  const gains = new Float64Array(all.length);
  let index = 0;
  for (let i = 0; i < all.length; i++) {
    vectors.compare(all[i]!, all, "CIDEr-D", similarities);
    let sum = 0;
    for (let j = 0; j < all.length; j++) sum += weights[j]! * similarities[j]!;
    gains[i] = (CIDER_SCALE * sum) / MAX_ORDER;
    if (gains[i]! > gains[index]!) index = i;
  }
  vectors.forgetUnseen();
  return { index, expected: gains };
}

function normalizedWeights(candidates: readonly WeightedCaption[]): Float64Array {
  if (candidates.length === 0) throw new EvaluationError(expected("at least one caption", "candidates", candidates));
  const weights = Float64Array.from(candidates, ({ weight = 1 }) => {
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new EvaluationError(expected("a number of at least 0", "weight", weight), {
        hint: "Weights are probabilities; for a log-probability give Math.exp of it.",
      });
    return weight;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) throw new EvaluationError(expected("a weight above 0", "candidates", 0));
  return weights.map((weight) => weight / total);
}
