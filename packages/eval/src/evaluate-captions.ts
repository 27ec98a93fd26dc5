/** One call for the usual case: tokenise, score with every metric, say how sure the numbers are, and sign them. */
import {
  type CaptionStatistics,
  type CaptionStatisticsOptions,
  captionStatistics,
} from "./analysis/caption-statistics.js";
import {
  bootstrapIntervals,
  type Comparison,
  compareSystems,
  type Interval,
  type ResamplingOptions,
  resolveResampling,
} from "./analysis/resampling.js";
import { checkOptions } from "./check-options.js";
import { type CaptionPair, Corpus } from "./corpus.js";
import { EvaluationError, expected } from "./errors.js";
import { bleu } from "./metrics/bleu.js";
import { ciderD, plainCider } from "./metrics/cider.js";
import { corpusPhrases, meteor } from "./metrics/meteor/meteor.js";
import type { ParaphraseTable } from "./metrics/meteor/paraphrase-table.js";
import type { PhraseSet } from "./metrics/meteor/phrase-set.js";
import type { SynonymTable } from "./metrics/meteor/synonym-table.js";
import { rougeL } from "./metrics/rouge-l.js";
import type { Scorer, Scores } from "./scorer.js";
import { signatureOf } from "./signature.js";
import { ptbTokenizer } from "./tokenizers/ptb/ptb-tokenizer.js";
import { noTokenizer, type Tokenizer, withEndToken } from "./tokenizers/tokenizer.js";

/** In the order of tables. "CIDEr-plain" runs only when asked for. */
export const METRIC_NAMES = ["BLEU", "METEOR", "ROUGE-L", "CIDEr-D", "CIDEr-plain"] as const;
export type MetricName = (typeof METRIC_NAMES)[number];

const DEFAULT_METRICS: readonly MetricName[] = ["BLEU", "METEOR", "ROUGE-L", "CIDEr-D"];

export interface EvaluationOptions {
  /** Default "ptb", as coco-caption; "none" for text that is tokenised already. */
  readonly tokenizer?: "ptb" | "none" | Tokenizer;
  /** Default BLEU, METEOR, ROUGE-L and CIDEr-D. */
  readonly metrics?: readonly MetricName[];
  /** Needed for METEOR: `loadSynonyms()` of @showtell/eval/node. */
  readonly synonyms?: SynonymTable | undefined;
  /** Reads METEOR's paraphrase table for the phrases of this corpus: `(phrases) => loadParaphrases(path, phrases)`. Without it METEOR runs without paraphrases and is named so. */
  readonly paraphrases?: ((phrases: PhraseSet) => Promise<ParaphraseTable>) | undefined;
  /** Marker put behind every caption, for comparison with tables that counted it. */
  readonly endToken?: string | undefined;
  /** Bootstrap settings, or false for no intervals. */
  readonly intervals?: ResamplingOptions | false;
  /** More fields for the signature: decoding options, split and its hash. */
  readonly signature?: Readonly<Record<string, string | number>> | undefined;
  /** For novelty, vocabulary use and the share cut off. */
  readonly describe?: Omit<CaptionStatisticsOptions, "tokenizer">;
}

const OPTION_NAMES = [
  "tokenizer",
  "metrics",
  "synonyms",
  "paraphrases",
  "endToken",
  "intervals",
  "signature",
  "describe",
] as const satisfies readonly (keyof EvaluationOptions)[];

export interface Evaluation {
  /** Metric key → signature. Keys are coco-caption's: Bleu_1 … Bleu_4, METEOR (or "METEOR (no paraphrases)"), ROUGE_L, CIDEr. */
  readonly signature: Readonly<Record<string, string>>;
  /** Metric key → name for tables. */
  readonly names: Readonly<Record<string, string>>;
  /** Metric key → corpus value, unscaled. */
  readonly corpus: Readonly<Record<string, number>>;
  /** Image id → metric key → value, in corpus order. A Map, so that ids that look like numbers keep their place. */
  readonly segments: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Metric key → interval; empty when switched off. */
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly statistics: CaptionStatistics;
  /** Everything the metrics returned, for further analysis and `compareEvaluations`. */
  readonly scores: ReadonlyMap<string, Scores>;
}

/**
 * Scores candidate captions against references.
 * @param pairs one entry per image
 * @throws EvaluationError for an id given twice, an image without references, no image at all, METEOR without synonyms, or options that do not exist
 */
export async function evaluateCaptions(
  pairs: Iterable<CaptionPair> | AsyncIterable<CaptionPair>,
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  checkOptions(options, "options", OPTION_NAMES);
  if (options.intervals !== false) resolveResampling(options.intervals ?? {});
  const tokenizer = resolveTokenizer(options);
  checkMetrics(options.metrics);
  if (typeof pairs !== "object" || pairs === null || !(Symbol.iterator in pairs || Symbol.asyncIterator in pairs))
    throw new EvaluationError(expected("a list of images", "pairs", pairs));
  const corpus =
    Symbol.asyncIterator in pairs ? await Corpus.prepareStream(pairs, tokenizer) : Corpus.prepare(pairs, tokenizer);
  if (corpus.size === 0) throw new EvaluationError(expected("at least one image", "the corpus", []));
  const scorers = await resolveScorers(corpus, options);
  const scores = new Map(scorers.map((scorer) => [scorer.key, scorer.score(corpus)]));
  return {
    signature: byKey(scorers, (scorer) =>
      signatureOf(scorer, corpus, { endToken: options.endToken, extras: options.signature }),
    ),
    names: byKey(scorers, (scorer) => scorer.name),
    corpus: byKey(scorers, ({ key }) => scores.get(key)!.corpus),
    segments: new Map(
      corpus.pairs.map((pair, i) => [pair.id, byKey(scorers, ({ key }) => scores.get(key)!.segments[i]!)]),
    ),
    intervals: intervalsOf(scores, options.intervals),
    statistics: captionStatistics(corpus, { ...options.describe, tokenizer }),
    scores,
  };
}

/**
 * Tests two evaluations of the same images against each other, metric by metric.
 * @throws EvaluationError if they differ in images or metrics
 */
export function compareEvaluations(
  first: Evaluation,
  second: Evaluation,
  options: ResamplingOptions = {},
): Record<string, Comparison> {
  const keys = [...first.scores.keys()];
  const missing = keys.find((key) => !second.scores.has(key));
  if (missing !== undefined)
    throw new EvaluationError(expected(`the metric ${missing}`, "the other system", [...second.scores.keys()]));
  const ids = [...first.segments.keys()];
  const others = [...second.segments.keys()];
  const odd = ids.find((id, i) => others[i] !== id) ?? others[ids.length];
  if (odd !== undefined) {
    throw new EvaluationError(expected("the same images in the same order", "the other system", odd), {
      hint: "Score both systems against the same references.",
    });
  }
  const comparisons = compareSystems(
    [...first.scores.values()],
    keys.map((key) => second.scores.get(key)!),
    options,
  );
  return Object.fromEntries(keys.map((key, i) => [key, comparisons[i]!]));
}

function resolveTokenizer({ tokenizer = "ptb", endToken }: EvaluationOptions): Tokenizer {
  if (tokenizer !== "ptb" && tokenizer !== "none" && typeof tokenizer?.tokenize !== "function") {
    throw new EvaluationError(expected('"ptb" or "none"', "tokenizer", tokenizer));
  }
  const base = tokenizer === "ptb" ? ptbTokenizer : tokenizer === "none" ? noTokenizer : tokenizer;
  if (endToken === undefined) return base;
  if (typeof endToken !== "string" || !/^\S+$/.test(endToken))
    throw new EvaluationError(expected("one word", "endToken", endToken));
  return withEndToken(base, endToken);
}

function checkMetrics(metrics: readonly MetricName[] | undefined): void {
  if (metrics !== undefined && !Array.isArray(metrics))
    throw new EvaluationError(expected("a list of metrics", "metrics", metrics));
  const unknown = metrics?.find((name) => !METRIC_NAMES.includes(name));
  if (unknown !== undefined)
    throw new EvaluationError(expected(`one of ${METRIC_NAMES.join(", ")}`, "metrics", unknown));
}

async function resolveScorers(corpus: Corpus, options: EvaluationOptions): Promise<readonly Scorer[]> {
  const wanted = options.metrics ?? DEFAULT_METRICS;
  const scorers: Scorer[] = [];
  for (const name of METRIC_NAMES.filter((metric) => wanted.includes(metric))) {
    if (name === "BLEU") scorers.push(bleu(1), bleu(2), bleu(3), bleu(4));
    else if (name === "ROUGE-L") scorers.push(rougeL());
    else if (name === "CIDEr-D") scorers.push(ciderD());
    else if (name === "CIDEr-plain") scorers.push(plainCider());
    else scorers.push(await resolveMeteor(corpus, options));
  }
  return scorers;
}

async function resolveMeteor(corpus: Corpus, { synonyms, paraphrases }: EvaluationOptions): Promise<Scorer> {
  if (synonyms === undefined) {
    throw new EvaluationError(expected("WordNet's synonyms", "synonyms", synonyms), {
      hint: "Call loadSynonyms() of @showtell/eval/node, or leave METEOR out of metrics.",
    });
  }
  return meteor({ synonyms, paraphrases: await paraphrases?.(corpusPhrases(corpus)) });
}

function intervalsOf(
  scores: ReadonlyMap<string, Scores>,
  options: ResamplingOptions | false | undefined,
): Record<string, Interval> {
  if (options === false) return {};
  const intervals = bootstrapIntervals([...scores.values()], options);
  return Object.fromEntries([...scores.keys()].map((key, i) => [key, intervals[i]!]));
}

function byKey<T>(scorers: readonly Scorer[], value: (scorer: Scorer) => T): Record<string, T> {
  return Object.fromEntries(scorers.map((scorer) => [scorer.key, value(scorer)]));
}
