/** How people score by the same measure: each reference in turn against the remaining ones, averaged. An upper mark no model has to reach, with one reference fewer. */
import { type CaptionPair, Corpus } from "../corpus.js";
import { EvaluationError, expected } from "../errors.js";
import type { Scorer } from "../scorer.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

export interface HumanAgreement {
  /** Metric key → mean over the held-out references. */
  readonly mean: Readonly<Record<string, number>>;
  /** One entry per held-out reference position. */
  readonly rounds: readonly Readonly<Record<string, number>>[];
}

/**
 * @param references captions of each image; rounds run up to the smallest number of captions
 * @throws EvaluationError if an image has fewer than two
 */
export function humanAgreement(
  references: Iterable<{ readonly id: string; readonly references: readonly string[] }>,
  scorers: readonly Scorer[],
  tokenizer: Tokenizer,
): HumanAgreement {
  const images = [...references];
  const fewest = images.reduce((least, image) => Math.min(least, image.references.length), Number.POSITIVE_INFINITY);
  if (!(fewest >= 2 && fewest < Number.POSITIVE_INFINITY)) {
    const poor = images.find((image) => image.references.length === fewest);
    throw new EvaluationError(expected("at least two captions for every image", "references", poor?.id ?? []));
  }
  const rounds = Array.from({ length: fewest }, (_, held) => {
    const corpus = Corpus.prepare(
      images.map((image) => holdOut(image, held)),
      tokenizer,
    );
    return Object.fromEntries(scorers.map((scorer) => [scorer.key, scorer.score(corpus).corpus]));
  });
  const mean = Object.fromEntries(
    scorers.map(({ key }) => [key, rounds.reduce((sum, round) => sum + round[key]!, 0) / rounds.length]),
  );
  return { mean, rounds };
}

function holdOut(image: { readonly id: string; readonly references: readonly string[] }, held: number): CaptionPair {
  return {
    id: image.id,
    candidate: image.references[held]!,
    references: image.references.filter((_, k) => k !== held),
  };
}
