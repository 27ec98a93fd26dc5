import type { ScoreCaptions } from "@showtell/core";
import { bleu, Corpus, ciderD, ptbTokenizer, rougeL } from "@showtell/eval";

const SCORERS = [ciderD(), bleu(4), rougeL()];

/** Scores of dev captions for the seam in training: quick ones, exact ones, by the names of tables. Unscaled, as coco-caption prints them. */
export const scoreCaptions: ScoreCaptions = async (pairs) => {
  const corpus = Corpus.prepare(pairs, ptbTokenizer);
  return Object.fromEntries(SCORERS.map((scorer) => [scorer.name, scorer.score(corpus).corpus]));
};
