import type { Recipe, ScoreCaptions } from "@showtell/core";
import { bleu, Corpus, ciderD, ptbTokenizer, rougeL } from "@showtell/eval";
import { beamFields } from "./decoding-fields.js";

const SCORERS = [ciderD(), bleu(4), rougeL()];

/** What training can choose its best epoch by, besides `loss`. */
export const CAPTION_METRICS: readonly string[] = SCORERS.map(({ name }) => name);

/** Scores of dev captions for the seam in training: quick ones, exact ones, by the names of tables. Unscaled, as coco-caption prints them. */
export const scoreCaptions: ScoreCaptions = async (pairs) => {
  const corpus = Corpus.prepare(pairs, ptbTokenizer);
  return Object.fromEntries(SCORERS.map((scorer) => [scorer.name, scorer.score(corpus).corpus]));
};

/** What decides these scores besides the captions; the number of images and references is the dev split's. */
export function scoreSignature(decoding: Recipe["decoding"]): string {
  const { beam, lp } = beamFields(decoding);
  return `tok:${ptbTokenizer.name}|case:${ptbTokenizer.letterCase}|end:no|df:references|beam:${beam}|lp:${lp}`;
}
