/** Caption metrics equal to coco-caption's, without Java and Python. Runs in Node and in a browser; files are read by @showtell/eval/node. */
export {
  type CaptionStatistics,
  type CaptionStatisticsOptions,
  captionStatistics,
} from "./analysis/caption-statistics.js";
export { type Consensus, chooseByConsensus, DocumentFrequencies, type WeightedCaption } from "./analysis/consensus.js";
export { type HumanAgreement, humanAgreement } from "./analysis/human-agreement.js";
export { CaptionSet, type NearestCaption } from "./analysis/nearest-caption.js";
export {
  bootstrapIntervals,
  type Comparison,
  compareSystems,
  type Interval,
  MAX_SAMPLES,
  type ResamplingOptions,
  unionScore,
} from "./analysis/resampling.js";
export { type CaptionPair, Corpus, type TokenizedCaption, type TokenizedPair } from "./corpus.js";
export { EvaluationError } from "./errors.js";
export {
  compareEvaluations,
  type Evaluation,
  type EvaluationOptions,
  evaluateCaptions,
  METRIC_NAMES,
  type MetricName,
} from "./evaluate-captions.js";
export { type BleuOrder, bleu } from "./metrics/bleu.js";
export { ciderD, type PreparedCider, plainCider, prepareCider } from "./metrics/cider.js";
export type { CiderVariant } from "./metrics/cider-vectors.js";
export { corpusPhrases, type MeteorOptions, meteor } from "./metrics/meteor/meteor.js";
export type { Matcher } from "./metrics/meteor/parameters.js";
export { ParaphraseTable } from "./metrics/meteor/paraphrase-table.js";
export type { PhraseSet } from "./metrics/meteor/phrase-set.js";
export { SynonymTable } from "./metrics/meteor/synonym-table.js";
export { rougeL } from "./metrics/rouge-l.js";
export type { CaptionList } from "./read/caption-list.js";
export { mergeReferences, type PairingOptions, pairCaptions } from "./read/pair-captions.js";
export { parseCaptions } from "./read/parse-captions.js";
export type { Scorer, Scores, Statistics } from "./scorer.js";
export { signatureOf } from "./signature.js";
export { normalizeForMeteor } from "./tokenizers/meteor-normalizer.js";
export { dropPunctuation, ptbTokenizer, ptbTokens } from "./tokenizers/ptb/ptb-tokenizer.js";
export { noTokenizer, type Tokenizer, withEndToken } from "./tokenizers/tokenizer.js";
