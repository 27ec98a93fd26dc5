/** What captions look like, apart from whether they are right: length, variety, repetition, novelty. Words are those of the corpus's tokeniser. */
import type { Corpus, TokenizedCaption } from "../corpus.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

export interface CaptionStatisticsOptions {
  /** Captions the model was trained on, for novelty; tokenised here. */
  readonly trainingCaptions?: Iterable<string> | undefined;
  readonly tokenizer?: Tokenizer | undefined;
  /** Number of words the model could have used, for `vocabularyUse`. */
  readonly vocabularySize?: number | undefined;
  /** Longest caption the decoder may write, in words: captions of this length count as cut off. */
  readonly maxLength?: number | undefined;
}

export interface CaptionStatistics {
  readonly captions: number;
  /** Mean words a caption, candidate and reference. */
  readonly meanLength: number;
  readonly meanReferenceLength: number;
  /** Number of candidates by length in words; index is the length. */
  readonly lengthDistribution: readonly number[];
  /** The same of the references. */
  readonly referenceLengthDistribution: readonly number[];
  /** Different words in all candidates. */
  readonly distinctWords: number;
  /** Different words over the size of the vocabulary. */
  readonly vocabularyUse?: number;
  /** Different captions over captions. */
  readonly distinctCaptions: number;
  /** Different n-grams over n-grams of all candidates, n = 1 and 2 (Li et al. 2016). */
  readonly distinct1: number;
  readonly distinct2: number;
  /** Share of captions that say some pair of words twice. */
  readonly selfRepetition: number;
  /** Share of captions that are no training caption, word for word. */
  readonly novelty?: number;
  /** Share of captions as long as `maxLength` allows. */
  readonly cutOff?: number;
}

export function captionStatistics(corpus: Corpus, options: CaptionStatisticsOptions = {}): CaptionStatistics {
  const candidates = corpus.pairs.map((pair) => pair.candidate);
  const references = corpus.pairs.flatMap((pair) => pair.references);
  const unigrams = new Set<number>();
  const bigrams = new Set<string>();
  let wordCount = 0;
  let bigramCount = 0;
  let repeating = 0;
  for (const { words } of candidates) {
    const own = new Set<string>();
    for (let i = 0; i < words.length; i++) {
      unigrams.add(words[i]!);
      if (i > 0) own.add(`${words[i - 1]} ${words[i]}`);
    }
    const pairs = Math.max(0, words.length - 1);
    for (const bigram of own) bigrams.add(bigram);
    if (own.size < pairs) repeating++;
    wordCount += words.length;
    bigramCount += pairs;
  }
  const { vocabularySize, maxLength, trainingCaptions, tokenizer } = options;
  return {
    captions: candidates.length,
    meanLength: ratio(wordCount, candidates.length),
    meanReferenceLength: ratio(totalLength(references), references.length),
    lengthDistribution: countLengths(candidates),
    referenceLengthDistribution: countLengths(references),
    distinctWords: unigrams.size,
    ...(vocabularySize !== undefined && { vocabularyUse: ratio(unigrams.size, vocabularySize) }),
    distinctCaptions: ratio(new Set(candidates.map((caption) => caption.text)).size, candidates.length),
    distinct1: ratio(unigrams.size, wordCount),
    distinct2: ratio(bigrams.size, bigramCount),
    selfRepetition: ratio(repeating, candidates.length),
    ...(trainingCaptions !== undefined && { novelty: noveltyOf(candidates, trainingCaptions, tokenizer) }),
    ...(maxLength !== undefined && { cutOff: share(candidates, (caption) => caption.words.length >= maxLength) }),
  };
}

function noveltyOf(
  candidates: readonly TokenizedCaption[],
  training: Iterable<string>,
  tokenizer: Tokenizer | undefined,
): number {
  const known = new Set<string>();
  for (const caption of training) known.add(tokenizer === undefined ? caption : tokenizer.tokenize(caption));
  return share(candidates, (caption) => !known.has(caption.text));
}

function countLengths(captions: readonly TokenizedCaption[]): number[] {
  const counts: number[] = [];
  for (const { words } of captions) {
    while (counts.length <= words.length) counts.push(0);
    counts[words.length]!++;
  }
  return counts;
}

function totalLength(captions: readonly TokenizedCaption[]): number {
  return captions.reduce((sum, caption) => sum + caption.words.length, 0);
}

function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return ratio(items.filter(holds).length, items.length);
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
